"""What passes ask of a convolution or dense layer: its bias, its border, its padding."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.pipeline.fuse.affine import Vector
from edgekiln.pipeline.fuse.tensors import float_constant, is_float_constant
from edgekiln.pipeline.graph.graph import Operator

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def bias_of(layer: Operator, weights: Vector) -> Vector:
    """The layer's bias, one value a unit; zeros where it has none."""
    stored = float_constant(layer.inputs[2]) if len(layer.inputs) > 2 else None
    units = weights.shape[3] if layer.name == "DEPTHWISE_CONV_2D" else weights.shape[0]
    return np.zeros(units) if stored is None else stored.reshape(-1)


def has_float_weights(layer: Operator) -> bool:
    """Whether weights and bias are float constants in the plain layout."""
    weights, *bias = layer.inputs[1:]
    if getattr(layer.options, "weightsFormat", 0) != 0 or not is_float_constant(weights):
        return False
    return all(tensor is None or is_float_constant(tensor) for tensor in bias)


def is_grouped(layer: Operator) -> bool:
    """Whether the filters of a CONV_2D each read only some of the channels."""
    x, weights = layer.inputs[:2]
    assert x is not None
    assert weights is not None
    return layer.name == "CONV_2D" and x.shape[3] != weights.shape[3]


def reads_border(layer: Operator) -> bool:
    """Whether the window of a layer reads padding; yes where a size is not known."""
    if layer.name == "FULLY_CONNECTED" or layer.options.padding == schema.Padding.VALID:
        return False
    return any(padding(layer, axis) != (0, 0) for axis in (1, 2))


def padding(layer: Operator, axis: int) -> tuple[int, int] | None:
    """The zeros a convolution reads before and behind its input along axis 1 or 2: of the
    (out - 1) * stride + (kernel - 1) * dilation + 1 - in it lacks for SAME padding the smaller half
    before; None where a size is not known."""
    x, weights = layer.inputs[:2]
    assert x is not None
    assert weights is not None
    if layer.options.padding == schema.Padding.VALID or weights.shape[axis] == 1:
        return 0, 0
    size, out = x.full_shape[axis], layer.outputs[0].full_shape[axis]
    return None if min(size, out) < 1 else same_padding(layer, axis, size, out)


def same_padding(layer: Operator, axis: int, size: int, out: int) -> tuple[int, int]:
    """What SAME puts before and behind along axis 1 or 2 to make `out` of `size` positions."""
    stride, dilation = step(layer, axis)
    total = max((out - 1) * stride + (_kernel(layer, axis) - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _kernel(layer: Operator, axis: int) -> int:
    if layer.name in CONVOLUTIONS:
        weights = layer.inputs[1]
        assert weights is not None
        return weights.shape[axis]
    size: int = layer.options.filterHeight if axis == 1 else layer.options.filterWidth
    return size


def step(layer: Operator, axis: int) -> tuple[int, int]:
    """Stride and dilation of a convolution or pool along axis 1 or 2."""
    options = layer.options
    if axis == 1:
        return options.strideH, max(getattr(options, "dilationHFactor", 1), 1)
    return options.strideW, max(getattr(options, "dilationWFactor", 1), 1)


def spread(layer: Operator, values: Vector, shape: tuple[int, ...]) -> Vector:
    """Values of the channels a layer reads, in the shape of the weights they meet."""
    if layer.name == "DEPTHWISE_CONV_2D":  # output channel o reads input channel o // multiplier
        return np.repeat(values, shape[3] // len(values)).reshape(1, 1, 1, -1)
    if layer.name == "FULLY_CONNECTED":  # flattened row by row: channels come round again
        return np.tile(values, shape[1] // len(values)).reshape(1, -1)
    groups = len(values) // shape[3]
    per_filter = np.repeat(values.reshape(groups, shape[3]), shape[0] // groups, axis=0)
    return per_filter.reshape(shape[0], 1, 1, shape[3])
