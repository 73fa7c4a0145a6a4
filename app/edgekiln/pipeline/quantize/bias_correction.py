"""Takes out of the biases what rounding the weights shifts a layer's outputs by.

Rounded weights W' = W + e move the mean output of a channel by e E[x], and behind a ReLU E[x] is
far from 0. The bias of the layer takes that back: b' = b - e E[x] (Nagel et al. 2019, "Data-free
quantization through weight equalization and bias correction", section 4.2), with E[x] measured on
calibration samples, at every place the kernel reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.model import Signature
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.graph.graph import Graph, Operator
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.biases import Layer, layers_of
from edgekiln.pipeline.quantize.observe import Watched, watched
from edgekiln.pipeline.quantize.runner import Runner

Means = Mapping[str, Array]  # name of a layer's float input -> its mean over samples, [1, *shape]


def mean_inputs(model: Path, signature: Signature, samples: Mapping[str, Array]) -> Means:
    """The mean input of every layer with weights, float32, of a float model run on `samples`.

    UserError when the model does not run.
    """
    graph = read_graph(model)
    wanted = {op.inputs[0].name for op in graph.operators() if _has_weights(op) and op.inputs[0]}
    seen = watched(graph, signature.key)
    seen = Watched(tuple(t for t in seen.tensors if t[0] in wanted), seen.infinite, seen.whole)
    runner = Runner.load(model, signature, seen)
    count = len(next(iter(samples.values())))
    sums: dict[str, Array] = {}
    for row in range(count):
        for name, values in runner.run(samples, row):
            sums[name] = sums.get(name, 0.0) + values.astype(np.float64)
    return {name: (total / count).astype(np.float32) for name, total in sums.items()}


def correct_biases(quantized: Graph, original: Graph, means: Means) -> int:
    """Correct the biases of `quantized`, made from `original`; returns how many channels changed.

    Grouped convolutions and layers without a mean are left as they are. Edits `quantized`.
    """
    sources = {
        op.inputs[1].name: op.inputs[0].name
        for op in original.operators()
        if _has_weights(op) and op.inputs[0] is not None and op.inputs[1] is not None
    }
    changed = 0
    for layer in layers_of(quantized, original):
        mean = means.get(sources.get(layer.weights.name, ""))
        shift = None if mean is None else _shift(layer, mean)
        if shift is not None:
            changed += _take_back(layer, shift)
    return changed


def _has_weights(operator: Operator) -> bool:
    return operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def _shift(layer: Layer, mean: Array) -> Array | None:
    """How far the rounded weights move the mean output of each channel, [channels]."""
    error = _rounded(layer) - layer.float_weights
    if layer.operator.name == "FULLY_CONNECTED":
        return np.asarray(error @ mean.reshape(-1, error.shape[1]).mean(axis=0))
    read = _read(layer.operator, mean, error.shape[1:3])
    if layer.operator.name == "DEPTHWISE_CONV_2D":
        read = np.repeat(read, error.shape[3] // read.shape[2], axis=2)
        return np.asarray((error[0] * read).sum(axis=(0, 1)))
    if error.shape[3] != read.shape[2]:
        return None
    return np.asarray((error * read).sum(axis=(1, 2, 3)))


def _rounded(layer: Layer) -> Array:
    """The real values of the quantized weights."""
    quantization = layer.weights.quantization
    assert quantization is not None
    along = [1] * layer.float_weights.ndim
    along[quantization.axis] = -1
    scales = np.asarray(quantization.scales).reshape(along)
    points = np.asarray(quantization.zero_points).reshape(along)
    return np.asarray((layer.weights.array() - points) * scales)


def _read(operator: Operator, mean: Array, kernel: tuple[int, ...]) -> Array:
    """The mean over all outputs of what each place of the kernel reads, [height, width, channels];
    padding reads as 0."""
    options: Any = operator.options
    strides = options.strideH, options.strideW
    dilations = options.dilationHFactor or 1, options.dilationWFactor or 1
    outputs = operator.outputs[0].shape[1:3]
    same = options.padding == schema.Padding.SAME
    pads, spans = [], []
    for size, k, stride, dilation, out in zip(
        mean.shape[1:3], kernel, strides, dilations, outputs, strict=True
    ):
        span = (out - 1) * stride + 1
        missing = max(span + (k - 1) * dilation - size, 0)
        pads.append((missing // 2, missing - missing // 2) if same else (0, 0))
        spans.append(span)
    padded = np.pad(mean[0], (*pads, (0, 0)))
    read = np.empty((*kernel, mean.shape[3]))
    for y, x in np.ndindex(*kernel):
        top, left = y * dilations[0], x * dilations[1]
        part = padded[top : top + spans[0] : strides[0], left : left + spans[1] : strides[1]]
        read[y, x] = part.mean(axis=(0, 1))
    return read


def _take_back(layer: Layer, shift: Array) -> int:
    """Write the corrected bias; returns how many channels it changed."""
    quantization = layer.bias.quantization
    assert quantization is not None
    stored = layer.bias.array()
    limits = np.iinfo(stored.dtype)
    fresh = np.rint(stored - shift / np.asarray(quantization.scales))
    fresh = np.clip(fresh, limits.min, limits.max).astype(stored.dtype)
    layer.bias.data = np.ascontiguousarray(fresh).tobytes()
    return int((fresh != stored).sum())
