"""Float and int8 evaluation of pictures from files, against a plain loop: `throughput.py [KIT]`
(`../shared/eval` unless given; nothing without it).

- 2,000 CIFAR-10 pictures (ResNet8) and 800 of 96 x 96 (MobileNetV1 x0.25), as PNG and as JPEG.
- The peer, as everybody writes it: for each of the two models, one picture after the other opened
  and resized by Pillow, given to one interpreter with one thread, the largest score compared.
- Ours: from the folder to the outputs of both models on all samples, kept in a new store. As the
  peer's imports are done before its clock starts, so are those of our children, which the step
  `evaluate` starts ahead. Both in turn; the ratio is the median of the rounds'. The accuracies must
  be equal.
- process: both from nothing: the peer's script, and the step `evaluate` in a child of its own with
  all its figures, intervals and tests.
- memory: the largest resident size of any process of an evaluation of 1,000 and of 50,000 generated
  samples of 32 x 32 x 3, in an `.npz` of uint8 and in one of float32.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from edgekiln.child import run_step
from edgekiln.core.accuracy import AccuracyReport, EvalInputs
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.files import fingerprint
from edgekiln.core.fusion import FusionResult
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, EvalPlan, FusionPlan
from edgekiln.executor import executor
from edgekiln.pipeline.data.source import write_samples
from edgekiln.pipeline.evaluate import metrics
from edgekiln.pipeline.evaluate.answers import ANSWER, Asked, answers_of
from edgekiln.pipeline.graph.artifact import artifact_of

HERE = Path(__file__).parent
KIT = Path(__file__).parents[3] / "shared" / "eval"
SETS = (("resnet8_cifar10", "0..255"), ("mobilenetv1_025_vww", "0..1"))
ROUNDS = 5
START_S = 2.0  # for two children to load what they need
SAMPLES = (1_000, 50_000)


@dataclass(frozen=True)
class Case:
    """Two models, their pictures and how these are fed."""

    name: str
    models: tuple[Artifact, ...]
    pictures: Path
    how: Preprocessing
    root: Path

    def plain(self) -> list[float]:
        """The peer's accuracies."""
        return [plain_loop(model.path, self.pictures, self.how) for model in self.models]

    def ours(self) -> tuple[float, list[float]]:
        """Seconds, and accuracies by the same definition."""
        with (
            TemporaryDirectory(dir=self.root) as folder,
            executor(Path(folder), "", ANSWER) as where,
        ):
            time.sleep(START_S)
            began = time.perf_counter()
            samples = write_samples(
                DataSource(self.pictures), self.how, self.models[0].signature, Path(folder) / "no",
                laid=False,
            )  # fmt: skip
            answered = answers_of(Asked(self.models, samples, self.how, "litert"), where)
            took = time.perf_counter() - began
        labels = np.array(samples.labels)
        outputs = [next(iter(each.outputs.values())) for each in answered]
        return took, [float(np.mean(metrics.top1(output) == labels)) for output in outputs]

    def step(self) -> None:
        """The whole step, in a child."""
        with TemporaryDirectory(dir=self.root) as folder:
            own, other = reversed(self.models)
            plan = EvalPlan(DataSource(self.pictures), preprocessing=self.how)
            run_step("evaluate", EvalInputs(own, other), plan, Path(folder), AccuracyReport)

    def script(self) -> None:
        """The peer as a script of its own."""
        models = (str(model.path) for model in self.models)
        command = [sys.executable, __file__, "plain", str(self.pictures), self.how.name, *models]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def plain_loop(model: Path, pictures: Path, how: Preprocessing) -> float:
    """Top-1 accuracy, sample after sample."""
    interpreter = Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    (port,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    (scale, zero), (height, width) = port["quantization"], port["shape"][1:3]
    classes = sorted(folder.name for folder in pictures.iterdir() if folder.is_dir())
    right, count = 0, 0
    for label, name in enumerate(classes):
        for file in sorted((pictures / name).iterdir()):
            with Image.open(file) as opened:
                picture = opened.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
            x = np.asarray(picture, np.float32) * np.float32(how.scale[0])
            if scale:
                x = np.clip(np.rint(x / np.float32(scale)) + zero, -128, 127).astype(np.int8)
            interpreter.set_tensor(port["index"], x[None])
            interpreter.invoke()
            right += int(interpreter.get_tensor(result["index"])[0].argmax() == label)
            count += 1
    return right / count


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(case: Case) -> None:
    """Rounds in turn, two lines."""
    wanted, _ = case.plain(), case.ours()
    rounds = []
    for _ in range(ROUNDS):
        plain = seconds(case.plain)
        ours, found = case.ours()
        assert found == wanted, (found, wanted)
        rounds.append((plain, ours, seconds(case.script), seconds(case.step)))
    plain, ours, script, step = zip(*rounds, strict=True)
    told(f"{case.name:<34} plain", plain, ours, " (promise: 1.7)")
    told(f"{'  process':<34} plain", script, step)


def told(name: str, peer: Sequence[float], own: Sequence[float], more: str = "") -> None:
    """One line."""
    ratio = statistics.median(p / o for p, o in zip(peer, own, strict=True))
    line = f"{name} {spread(peer)} s, ours {spread(own)} s: {ratio:.2f} times as fast{more}"
    print(line, flush=True)


def spread(figures: Sequence[float]) -> str:
    """Median and extremes."""
    return f"{statistics.median(figures):.2f} ({min(figures):.2f}–{max(figures):.2f})"


def memory(model: Artifact, folder: Path) -> None:
    """The largest process of an evaluation of few and of many generated samples, in MB."""
    script = HERE.parent / "pipeline" / "peak_memory.py"
    for kind in ("uint8", "float32"):
        peaks = []
        for count in SAMPLES:
            rows = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)
            np.savez(folder / "data.npz", x=rows.astype(kind), y=np.arange(count) % 10)
            command = [sys.executable, str(script), str(model.path), str(folder / "data.npz")]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            peaks.append(float(done.stdout.split()[-1]))
        told = ", ".join(
            f"{n:,} samples {peak:.0f} MB" for n, peak in zip(SAMPLES, peaks, strict=True)
        )
        print(f"largest process, {kind:<8} {told} (promise: 30 MB more at most)", flush=True)


def as_jpeg(pictures: Path, out: Path) -> Path:
    """The same pictures as JPEG, written once."""
    for file in sorted(pictures.glob("*/*.png")):
        target = (out / file.parent.name / file.name).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as picture:
            picture.convert("RGB").save(target, quality=95)
    return out


def fused(kit: Path, root: Path) -> Artifact:
    """The float model."""
    saved_model = kit / "saved_model"
    source = ModelSource(saved_model, "saved-model", fingerprint(saved_model))
    pinned = run_step("convert", source, ConvertPlan(), root, Artifact)
    return run_step("fuse", pinned, FusionPlan(timed=0), root, FusionResult).artifact


def main() -> None:
    """All cases; or, as a child, the peer's loop."""
    if sys.argv[1:2] == ["plain"]:
        pictures, preset, *models = sys.argv[2:]
        how = next(p for p in PRESETS if p.name == preset)
        print([plain_loop(Path(model), Path(pictures), how) for model in models])
        return
    kit = Path(sys.argv[1]) if len(sys.argv) > 1 else KIT
    if not kit.is_dir():
        print(f"no evaluation kit at {kit}")
        return
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name, preset in SETS:
            how = next(p for p in PRESETS if p.name == preset)
            int8 = artifact_of(
                kit / name / "reference_int8.tflite", scheme="int8", made_from="", made_by=()
            )
            models = (fused(kit / name, root), int8)
            if name == SETS[0][0]:
                memory(models[0], root)
            png = kit / name / "evaluation"
            compare(Case(f"{name}, PNG", models, png, how, root))
            compare(Case(f"{name}, JPEG", models, as_jpeg(png, root / name), how, root))


if __name__ == "__main__":
    main()
