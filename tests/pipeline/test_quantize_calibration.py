"""Ranges from what was seen, and channels whose bias does not fit."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import pytest

from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor, constant
from edgekiln.pipeline.quantize.biases import repair_biases
from edgekiln.pipeline.quantize.calibrate import Calibration

SEEN = Calibration({"t": -np.arange(101.0)}, {"t": np.arange(101.0) * 2}, 101)


@pytest.mark.parametrize(
    ("rule", "low", "high"),
    [("extremes", -100.0, 200.0), ("p95", -95.0, 190.0), ("p75", -75.0, 150.0)],
)
def test_a_rule_reaches_the_share_of_samples_it_names(rule, low: float, high: float) -> None:
    ranges = SEEN.ranges(rule)["t"]
    assert ranges["min"] == pytest.approx(low)
    assert ranges["max"] == pytest.approx(high)


def quantized(tensor: Tensor, scales: list[float], axis: int = 0) -> Tensor:
    zeros = np.zeros(len(scales), np.int64)
    stored = SimpleNamespace(
        scale=np.array(scales, np.float32), zeroPoint=zeros, quantizedDimension=axis
    )
    tensor.rest = SimpleNamespace(quantization=stored)
    return tensor


def layer(weights: Tensor, bias: Tensor, source: Tensor) -> Graph:
    out = Tensor("out", (1, 1, 1, 2), source.dtype)
    operator = Operator("CONV_2D", 1, [source, weights, bias], [out])
    return Graph(
        [Subgraph("main", [source, weights, bias, out], [source], [out], [operator])], [], {}
    )


def test_only_the_channel_that_does_not_fit_is_widened() -> None:
    floats = np.array([[[[1.0]]], [[[1e-12]]]], np.float32)
    original = layer(
        constant("w", floats), constant("b", np.array([0.25, 0.5], np.float32)), Tensor("x", (), "")
    )
    scales, step = [1 / 127, 1e-14], 0.1
    weights = quantized(constant("w", np.array([[[[127]]], [[[100]]]], np.int8)), scales)
    lowest = np.iinfo(np.int32).min  # what ai-edge-quantizer leaves there
    bias = constant("b", np.array([318, lowest], np.int32))
    quantized(bias, [step * s for s in scales])
    source = quantized(Tensor("x", (1, 1, 1, 1), "int8"), [step])
    graph = layer(weights, bias, source)
    untouched = copy.deepcopy(weights.array()[0])

    assert repair_biases(graph, original) == 1
    assert bias.quantization is not None
    assert weights.quantization is not None
    real = bias.array() * np.asarray(bias.quantization.scales)
    np.testing.assert_allclose(real, [318 * step / 127, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(weights.array()[0], untouched)
    assert weights.array()[1] == 0  # 1e-12 is nothing beside a bias of a half
    np.testing.assert_allclose(
        bias.quantization.scales, np.asarray(weights.quantization.scales) * step, rtol=1e-6
    )
    assert repair_biases(graph, original) == 0
