"""The public models of the evaluation kit: figures and accuracies equal to those in its README."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.codec import decode
from edgekiln.core.inference import InferInputs, InferPlan, InferResult, StockPlan
from edgekiln.core.model import InspectedModel
from edgekiln.core.plans import ConvertPlan, InspectPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.identify import identify

pytestmark = pytest.mark.evaluation_kit

PARAMETERS = {"resnet8_cifar10": 78_666, "mobilenetv1_025_vww": 221_794, "dscnn_kws": 24_908}
ACCURACY = {"resnet8_cifar10": 0.8690, "mobilenetv1_025_vww": 0.8550, "dscnn_kws": 0.9202}


@pytest.fixture(scope="module")
def kit(evaluation_kit: Path, drive: Callable[..., Any]) -> Any:
    jobs: list[tuple[str, str, object, object]] = []
    for name in PARAMETERS:
        folder = evaluation_kit / name / "saved_model"
        source = identify(folder, InspectPlan(), folder, silent)
        jobs.append((f"inspect {name}", "inspect-source", source, InspectPlan()))
        jobs.append((f"convert {name}", "convert", source, ConvertPlan()))
    return drive(jobs)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(kit: Any, name: str) -> None:
    model = decode(InspectedModel, kit.result(f"inspect {name}"))
    assert model.parameters == PARAMETERS[name]
    assert model.macs is not None


@pytest.mark.parametrize("name", PARAMETERS)
def test_float_accuracy(kit: Any, evaluation_kit: Path, tmp_path: Path, name: str) -> None:
    artifact = decode(Artifact, kit.result(f"convert {name}"))
    assert artifact.signature.inputs[0].name == "input_1"
    x, y = data(evaluation_kit / name)
    assert round(accuracy(artifact, x, y, tmp_path, "litert"), 4) == ACCURACY[name]


def test_stock_int8(kit: Any, evaluation_kit: Path, tmp_path: Path, drive: Any) -> None:
    """All 200 calibration samples, float 92.02 % (401 samples): at most 0.5 points are lost, on
    the runtime of a board, too."""
    artifact = decode(Artifact, kit.result("convert dscnn_kws"))
    with np.load(evaluation_kit / "dscnn_kws" / "calibration.npz") as calibration:
        np.savez(tmp_path / "calibration.npz", input_1=calibration["x"])
    plan = StockPlan(tmp_path / "calibration.npz", "int8")
    driven = drive([("int8", "quantize-stock", artifact, plan)])
    quantized = decode(Artifact, driven.result("int8"))
    assert quantized.size_bytes < 0.55 * artifact.size_bytes
    x, y = data(evaluation_kit / "dscnn_kws")
    for runtime in ("litert", "tflite-runtime"):
        assert accuracy(quantized, x, y, tmp_path, runtime) >= 0.9202 - 0.005


def data(folder: Path) -> tuple[Any, Any]:
    """Samples as the kit's README says they are fed, and their labels."""
    if (folder / "evaluation.npz").is_file():
        with np.load(folder / "evaluation.npz") as file:
            return file["x"].astype(np.float32), file["y"]
    names = (folder / "labels.txt").read_text().split()
    files = [
        (f, i) for i, n in enumerate(names) for f in sorted((folder / "evaluation" / n).iterdir())
    ]
    pictures = [np.asarray(Image.open(file).convert("RGB"), np.float32) / 255 for file, _ in files]
    return np.stack(pictures), np.array([label for _, label in files])


def accuracy(artifact: Artifact, x: Any, y: Any, folder: Path, runtime: Any) -> float:
    np.savez(folder / "samples.npz", **{artifact.signature.inputs[0].name: x})
    inputs = InferInputs(artifact.path, folder / "samples.npz", folder / "outputs.npz")
    result = run_step("infer", inputs, InferPlan(runtime), folder, InferResult)
    assert result.refused is None
    with np.load(inputs.outputs) as outputs:
        scores = outputs[artifact.signature.outputs[0].name]
    return float((scores.argmax(1) == y).mean())
