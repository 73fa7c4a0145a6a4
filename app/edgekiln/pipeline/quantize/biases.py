"""Repairs biases that ai-edge-quantizer cuts off.

A bias is stored as round(b / (input scale * weight scale)). Where training left a channel with
weights near zero, its weight scale is near zero too, the quotient leaves int32, and 0.10 stores
the lowest int32 whatever b was: seen on 234 of 256 channels of a MobileNetV1 x0.25 layer.
TensorFlow's converter widens the weight scale until the bias fits; so do we.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor

_WITH_BIAS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"))
# Half of int32 leaves the accumulator room; int64 stays below the 2^47 the int16 kernels multiply.
LIMITS = {"int32": 2.0**30, "int64": 2.0**40}
HIGHEST_WEIGHT = 127


@dataclass(frozen=True)
class Layer:
    """A quantized operator with its input scale, weights and bias, and their float values."""

    operator: Operator
    input_scale: float
    weights: Tensor
    bias: Tensor
    float_weights: Array
    float_bias: Array


def repair_biases(quantized: Graph, original: Graph) -> int:
    """Widen the weight scales of channels whose bias does not fit; returns how many channels.

    `original` is the float graph that `quantized` was made from. Edits `quantized`.
    """
    return sum(_repair(layer) for layer in layers_of(quantized, original))


def layers_of(quantized: Graph, original: Graph) -> Iterator[Layer]:
    """The operators with int8 weights and a bias of their own whose float values are known."""
    constants = float_constants(original)
    uses = Counter(t for op in quantized.operators() for t in op.inputs if t is not None)
    for operator in quantized.operators():
        if (layer := _layer(operator, constants, uses)) is not None:
            yield layer


def float_constants(graph: Graph) -> dict[str, Tensor]:
    """Float constants by name; a name that stands twice is left out."""
    tensors = [t for g in graph.subgraphs for t in g.tensors if t.is_constant]
    names = Counter(tensor.name for tensor in tensors)
    return {t.name: t for t in tensors if names[t.name] == 1 and t.dtype == "float32"}


def _layer(
    operator: Operator, constants: Mapping[str, Tensor], uses: Mapping[Tensor, int]
) -> Layer | None:
    if operator.name not in _WITH_BIAS or len(operator.inputs) < 3:
        return None
    source, weights, bias = operator.inputs[:3]
    if source is None or weights is None or bias is None or source.quantization is None:
        return None
    known = weights.name in constants and bias.name in constants
    private = uses[weights] == uses[bias] == 1
    if not known or not private or weights.dtype != "int8" or bias.dtype not in LIMITS:
        return None
    return Layer(
        operator,
        source.quantization.scales[0],
        weights,
        bias,
        constants[weights.name].array(),
        constants[bias.name].array(),
    )


def _repair(layer: Layer) -> int:
    quantization = layer.weights.quantization
    if quantization is None or len(quantization.scales) != len(layer.float_bias):
        return 0
    scales = np.asarray(quantization.scales, np.float64)
    bias = layer.float_bias.astype(np.float64)
    needed = np.abs(bias) / (layer.input_scale * LIMITS[layer.bias.dtype])
    narrow = needed > scales
    if narrow.any():
        _rescale(layer, np.where(narrow, needed, scales), narrow, quantization.axis)
    return int(narrow.sum())


def _rescale(layer: Layer, scales: Array, narrow: Array, axis: int) -> None:
    """Write the narrow channels' weights and biases anew; the others keep theirs bit by bit."""
    along = [1] * layer.float_weights.ndim
    along[axis] = -1
    fresh = np.rint(layer.float_weights / scales.reshape(along))
    fresh = np.clip(fresh, -HIGHEST_WEIGHT, HIGHEST_WEIGHT).astype(np.int8)
    weights = np.where(narrow.reshape(along), fresh, layer.weights.array())
    bias_scales = layer.input_scale * scales
    whole = np.rint(layer.float_bias / bias_scales).astype(layer.bias.dtype)
    bias = np.where(narrow, whole, layer.bias.array())
    store(layer.weights, weights, scales)
    store(layer.bias, bias, bias_scales)


def store(tensor: Tensor, values: Array, scales: Array) -> None:
    """Integers [channels, …] with a scale for each channel, or one for all, into a constant."""
    tensor.data = np.ascontiguousarray(values).tobytes()
    tensor.rest = copy.copy(tensor.rest)
    tensor.rest.quantization = copy.copy(tensor.rest.quantization)
    tensor.rest.quantization.scale = scales.astype(np.float32)
    tensor.rest.quantization.zeroPoint = np.zeros(len(scales), np.int64)
