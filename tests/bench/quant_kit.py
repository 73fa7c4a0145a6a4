"""Real models on real labelled data: every candidate beside what others make of the same model.

`quant_kit.py [KIT]` (`../shared/eval` unless given; nothing without it). One table a model: float,
the int8 file of the model's own repository, TensorFlow's converter with the same calibration
samples, and EdgeKiln's candidates; all evaluation data on LiteRT and on the target's runtime.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from edgekiln.child import run_step
from edgekiln.core.accuracy import AccuracyReport, EvalInputs, QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.files import fingerprint
from edgekiln.core.fusion import FusionResult
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, EvalPlan, FusionPlan, QuantPlan
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.data.source import write_samples
from edgekiln.pipeline.graph.artifact import artifact_of

KIT = Path(__file__).parents[3] / "shared" / "eval"
RUNTIMES = ("litert", "tflite-runtime")
ALL = 1 << 30
LIMIT = 0.004
STOCK_SAMPLES = 200


def data_of(folder: Path, part: str) -> DataSource:
    """A folder of pictures, or arrays."""
    return DataSource(folder / part if (folder / part).is_dir() else folder / f"{part}.npz")


def quantize_stock(saved_model: str, samples: str, out: str) -> None:
    """Full int8 as TensorFlow's guide says."""
    import tensorflow as tf

    (x,) = load_arrays(Path(samples)).values()
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in x[:STOCK_SAMPLES])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    Path(out).write_bytes(converter.convert())


def stock(folder: Path, model: Artifact, how: Preprocessing, root: Path) -> Path:
    """TensorFlow's converter in a process of its own, on the same samples as ours."""
    samples, out = root / "calibration.npz", root / "stock.tflite"
    write_samples(data_of(folder, "calibration"), how, model.signature, samples)
    subprocess.run(
        [sys.executable, __file__, "stock", str(folder / "saved_model"), str(samples), str(out)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return out


def row(name: str, size: int, reports: list[AccuracyReport | None], more: str = "") -> None:
    """One line; a missing report is a runtime that refuses the file or was not asked."""
    seen = [
        f"{report.accuracy:.2%}" if report and report.accuracy is not None else "-"
        for report in reports
    ]
    print(f"  {name:<26}{size / 1000:>8.1f} kB{seen[0]:>9}{seen[1]:>9}  {more}", flush=True)


def measure(folder: Path, root: Path) -> None:
    """One table."""
    source = ModelSource(folder / "saved_model", "saved-model", fingerprint(folder / "saved_model"))
    model = run_step("convert", source, ConvertPlan(), root, Artifact)
    model = run_step("fuse", model, FusionPlan(timed=0), root, FusionResult).artifact
    evaluation = data_of(folder, "evaluation")
    plan = QuantPlan(
        data_of(folder, "calibration"), evaluation, "rdk-x5", target_samples=ALL, max_drop=LIMIT
    )
    result = run_step("quantize", model, plan, root, QuantResult)
    how = result.preprocessing

    def judged(artifact: Artifact) -> list[AccuracyReport | None]:
        inputs = EvalInputs(artifact)
        return [
            run_step("evaluate", inputs, EvalPlan(evaluation, runtime, how), root, AccuracyReport)
            for runtime in RUNTIMES
        ]

    reports = judged(model)
    assert reports[0]
    print(
        f"\n{folder.name}: {reports[0].samples} samples, preprocessing {how.name}; "
        f"{', '.join(report.runtime for report in reports if report)}"
    )
    row("float", model.size_bytes, reports)
    others = {
        "the repository's int8": folder / "reference_int8.tflite",
        "converter's int8": stock(folder, model, how, root),
    }
    for name, path in others.items():
        artifact = artifact_of(path, scheme="int8", made_from="", made_by=())
        row(name, artifact.size_bytes, judged(artifact))
    show_candidates(result)


def show_candidates(result: QuantResult) -> None:
    """What EdgeKiln made, on the same samples; what is not usable says why."""
    for candidate in result.candidates:
        size = candidate.artifact.size_bytes if candidate.artifact else 0
        there = candidate.on_target
        seen = [
            f"{each.accuracy:.2%}" if each and each.accuracy is not None else "-"
            for each in (candidate.report, there)
        ]
        verdict = candidate.verdict
        mark = "recommended" if candidate.scheme == result.chosen else ""
        more = str(verdict.lowered or "") if verdict.usable else f"not usable: {verdict.why_not}"
        print(
            f"  {candidate.scheme:<26}{size / 1000:>8.1f} kB{seen[0]:>9}{seen[1]:>9}  "
            f"{mark} {more[:120]}",
            flush=True,
        )
    print(f"  {result.reason}")


def main(kit: Path = KIT) -> None:
    """Print the tables."""
    if not kit.exists():
        print(f"no evaluation kit at {kit.name}")
        return
    for folder in sorted(kit.iterdir()):
        if (folder / "saved_model").is_dir():
            with TemporaryDirectory() as root:
                measure(folder, Path(root))


if __name__ == "__main__":
    if sys.argv[1:2] == ["stock"]:
        quantize_stock(*sys.argv[2:])
    else:
        main(*(Path(each) for each in sys.argv[1:2]))
