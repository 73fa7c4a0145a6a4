"""What the parts about fusion share: converted models, real inputs, the step, int8, the error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.datasets import load_sample_images

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.fusion import Latency
from edgekiln.core.inference import InferPlan, TimeInputs, TimePlan, TimeResult
from edgekiln.core.report import silent
from edgekiln.pipeline.data.arrays import Array, save_arrays
from edgekiln.pipeline.evaluate.infer import Net
from edgekiln.pipeline.fuse.passes import count
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.calibrate import calibrate
from edgekiln.pipeline.quantize.engines import quantize_by_recipe

HERE = Path(__file__).parent
Arrays = dict[str, Array]
TIMED = TimePlan(runs=60, seconds=90)


@dataclass(frozen=True)
class Converted:
    """A model as everybody converts it and as EdgeKiln does, before any pass."""

    exported: Path
    pinned: Artifact


@contextmanager
def folder_for(models: Path | None, part: str) -> Iterator[Path]:
    """Where converted models lie: kept below `models`, else gone afterwards."""
    if models is not None:
        (models / part).mkdir(parents=True, exist_ok=True)
        yield models / part
        return
    with TemporaryDirectory() as scratch:
        yield Path(scratch)


def converted(script: str, folder: Path, *names: str) -> dict[str, Converted]:
    """The script's models (all, or those named), converted in one TensorFlow child."""
    subprocess.run(
        [sys.executable, str(HERE / script), str(folder), *names],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    found = {place.name: place for place in folder.iterdir() if (place / "pinned").exists()}
    return {name: _read(place) for name, place in sorted(found.items())}


def _read(place: Path) -> Converted:
    return Converted(place / "exported.tflite", float_artifact(place / "pinned" / "model.tflite"))


def float_artifact(path: Path) -> Artifact:
    """A float `.tflite` as an artifact."""
    return artifact_of(path, scheme="float32", made_from="", made_by=())


def operators(path: Path) -> int:
    """How many operators a `.tflite` has."""
    return count(read_graph(path))


def photographs(artifact: Artifact, samples: int, seed: int, high: float = 1.0) -> Arrays:
    """Real inputs: rows of pixels from the two photographs of scikit-learn, -1 to `high`, as many
    as the input takes; where it has more channels than three they are neighbouring pixels."""
    images = [image / 127.5 - 1 for image in load_sample_images().images]
    random = np.random.default_rng(seed)
    made = {}
    for spec in artifact.signature.inputs:
        rows = spec.shape[1] if len(spec.shape) > 2 else 1
        wide = int(np.prod(spec.shape[1:])) // rows // 3
        made[spec.name] = np.stack(
            [_crop(images[i % 2], rows, wide, random) for i in range(samples)]
        ).reshape(samples, *spec.shape[1:])
    return made


def _crop(image: Array, rows: int, wide: int, random: np.random.Generator) -> Array:
    top, left = (
        random.integers(image.shape[0] - rows + 1),
        random.integers(image.shape[1] - wide + 1),
    )
    return image[top : top + rows, left : left + wide].astype(np.float32)


def run(model: Path, samples: Mapping[str, Array]) -> Arrays:
    """The outputs on all samples, on LiteRT in this process."""
    net = Net.load(model, InferPlan("litert"))
    total = len(next(iter(samples.values())))
    rows = [net.run({name: values[i] for name, values in samples.items()})[0] for i in range(total)]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def int8(model: Path, samples: Mapping[str, Array], out: Path) -> Path:
    """The model quantized to int8 as the step `quantize` does it first."""
    seen = calibrate(model, float_artifact(model).signature, samples, silent)
    quantize_by_recipe(model, "int8", seen.ranges("extremes"), out)
    return out


def sqnr(exact: Mapping[str, Array], other: Mapping[str, Array]) -> float:
    """Signal to quantization noise over all outputs and samples, in dB."""
    signal = sum(float(np.sum(exact[name].astype(float) ** 2)) for name in exact)
    noise = sum(float(np.sum((exact[n].astype(float) - other[n]) ** 2)) for n in exact)
    return 10 * float(np.log10(signal / noise)) if noise else float("inf")


def error(before: Mapping[str, Array], after: Mapping[str, Array]) -> float:
    """max|a-b| / max|a|, the largest of all outputs."""
    return max(
        float(np.abs(before[name] - after[name]).max() / max(np.abs(before[name]).max(), 1e-12))
        for name in before
    )


def time_in_turn(models: tuple[Path, ...], folder: Path, samples: Arrays) -> TimeResult:
    """The models' latencies in one child."""
    save_arrays(folder / "samples.npz", samples)
    inputs = TimeInputs(models, folder / "samples.npz")
    timed = run_step("time-models", inputs, TIMED, folder, TimeResult)
    assert timed.refused is None, str(timed.refused)
    return timed


def spell(times: Sequence[Latency]) -> str:
    """Medians with quartiles before and after, and their ratio, with a star where slower beyond
    noise; one alone as it is."""
    each = " -> ".join(f"{t.median:.3g} ({t.low:.3g}–{t.high:.3g})" for t in times)
    if len(times) == 1:
        return f"{each} ms"
    star = "*" if times[1].is_slower_than(times[0]) else ""
    return f"{each} ms, {times[1].median / times[0].median:.2f}{star}"
