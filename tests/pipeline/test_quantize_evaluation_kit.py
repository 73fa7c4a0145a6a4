"""int8 on the public models: the accuracy that is left on the runtime of a board, on all data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from edgekiln.child import run_step
from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource
from edgekiln.core.files import fingerprint
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, QuantPlan
from pipeline.fired import fire

pytestmark = pytest.mark.evaluation_kit
ALL = 1 << 30


@dataclass(frozen=True)
class Bar:
    """What the kit's README measured, and what int8 may lose of it on runtime 2.14."""

    model: str
    samples: int
    float_accuracy: float
    drop: float
    preprocessing: str
    size: float  # of the float file


BARS = (
    Bar("resnet8_cifar10", 2000, 0.8690, 0.005, "0..255", 0.36),
    Bar("mobilenetv1_025_vww", 800, 0.8550, 0.010, "0..1", 0.40),
    Bar("dscnn_kws", 401, 0.9202, 0.005, "none", 0.55),
)


def data_of(folder: Path, part: str) -> DataSource:
    return DataSource(folder / part if (folder / part).is_dir() else folder / f"{part}.npz")


@pytest.mark.parametrize("bar", BARS, ids=lambda bar: bar.model)
def test_int8_keeps_its_accuracy_on_the_runtime_of_a_board(
    bar: Bar, evaluation_kit: Path, tmp_path: Path
) -> None:
    folder = evaluation_kit / bar.model
    saved_model = folder / "saved_model"
    source = ModelSource(saved_model, "saved-model", fingerprint(saved_model))
    model = run_step("convert", source, ConvertPlan(), tmp_path, Artifact)
    plan = QuantPlan(
        data_of(folder, "calibration"),
        data_of(folder, "evaluation"),
        "rdk-x5",
        ("dynamic-range", "int8"),
        target_samples=ALL,
    )
    result = fire(model, plan, tmp_path)

    assert result.preprocessing.name == bar.preprocessing
    check_float(result, bar)
    check_int8(result, bar)
    check_lowered(result)
    int8 = result.candidate("int8").artifact
    assert int8 is not None
    assert int8.size_bytes <= bar.size * model.size_bytes


def check_float(result: QuantResult, bar: Bar) -> None:
    report = result.float_report
    assert report is not None
    assert report.samples == bar.samples
    assert report.accuracy == pytest.approx(bar.float_accuracy, abs=0.0005)


def check_int8(result: QuantResult, bar: Bar) -> None:
    candidate = result.candidate("int8")
    assert candidate.verdict.usable, str(candidate.verdict.why_not)
    assert result.chosen == "int8"
    assert candidate.on_target is not None
    assert candidate.on_target.runtime == "tflite-runtime 2.14.0"
    assert candidate.on_target.samples == bar.samples
    assert candidate.on_target.accuracy is not None
    assert candidate.on_target.accuracy >= bar.float_accuracy - bar.drop


def check_lowered(result: QuantResult) -> None:
    """Dynamic range: refused by the board as it was made, and lowered to a right one."""
    candidate = result.candidate("dynamic-range")
    assert candidate.report is not None
    assert candidate.on_target is not None
    assert candidate.report.agreement is not None
    assert candidate.report.agreement >= 0.97
    assert candidate.on_target.same_as_fast >= 0.99
    assert candidate.on_target.agreement is not None
    assert candidate.on_target.agreement >= 0.97
    assert candidate.verdict.usable
    assert "version '12'" in str(candidate.verdict.lowered)
