"""quantize-stock: TensorFlow's own quantizer on a float .tflite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.codec import decode
from edgekiln.core.inference import InferInputs, InferPlan, InferResult, StockPlan
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.read import read_graph

SCHEMES = ("int8", "int8-float-io", "int16x8")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "samples.npz"
    rng = np.random.default_rng(5)
    np.savez(path, image=rng.uniform(-1, 1, (40, 8, 8, 3)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def float_model(small_models: Path) -> Artifact:
    return artifact_of(small_models / "small.tflite", scheme="float32", made_from="", made_by=())


@pytest.fixture(scope="module")
def quantized(
    float_model: Artifact, samples: Path, drive: Callable[..., Any]
) -> Callable[[str], Artifact]:
    driven = drive([(s, "quantize-stock", float_model, StockPlan(samples, s)) for s in SCHEMES])
    return lambda scheme: decode(Artifact, driven.result(scheme))


@pytest.mark.parametrize(
    ("scheme", "edge"), [("int8", "int8"), ("int8-float-io", "float32"), ("int16x8", "float32")]
)
def test_signature_stays(
    quantized: Callable[[str], Artifact], float_model: Artifact, scheme: str, edge: str
) -> None:
    artifact = quantized(scheme)
    assert artifact.scheme == scheme
    assert artifact.made_from == float_model.sha256
    before, after = float_model.signature, artifact.signature
    assert after.key == before.key
    assert [s.name for s in after.inputs] == [s.name for s in before.inputs]
    assert [s.name for s in after.outputs] == [s.name for s in before.outputs]
    assert {s.dtype for s in (*after.inputs, *after.outputs)} == {edge}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_per_channel_but_for_dense(quantized: Callable[[str], Artifact], scheme: str) -> None:
    graph = read_graph(quantized(scheme).path)
    scales = {
        op.name: len(op.inputs[1].quantization.scales)
        for op in graph.operators()
        if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    }
    assert scales["CONV_2D"] > 1
    assert scales["DEPTHWISE_CONV_2D"] == 8
    assert scales["FULLY_CONNECTED"] == 1


@pytest.mark.parametrize("runtime", ["litert", "tflite-runtime"])
@pytest.mark.parametrize(("scheme", "allowed"), [("int8", 0.1), ("int16x8", 0.02)])
def test_close_to_float_on_both_runtimes(
    quantized: Callable[[str], Artifact],
    float_model: Artifact,
    samples: Path,
    tmp_path: Path,
    scheme: str,
    allowed: float,
    runtime: str,
) -> None:
    expected = infer(float_model.path, samples, tmp_path, "litert")
    actual = infer(quantized(scheme).path, samples, tmp_path, runtime)
    error = np.abs(actual - expected).max() / np.abs(expected).max()
    assert 0 < error < allowed


def infer(model: Path, samples: Path, folder: Path, runtime: Any) -> Any:
    inputs = InferInputs(model, samples, folder / "outputs.npz")
    result = run_step("infer", inputs, InferPlan(runtime), folder, InferResult)
    assert result.refused is None
    with np.load(inputs.outputs) as outputs:
        return outputs["scores"]
