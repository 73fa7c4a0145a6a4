"""Multiply-accumulates of a TensorFlow graph whose sizes are known.

Each is (elements of the output) x (products summed for one element), the count of the operator's
definition; a transposed convolution counts from its input instead.
"""

from __future__ import annotations

from math import prod
from typing import Any

_CHOICES = ("While", "If", "Case")


class SizeUnknown(Exception):
    """A size is dynamic: there is no number to give."""


def count_macs(graph: Any) -> int | None:
    """Multiply-accumulates of one run of a tf.Graph; None where a size is dynamic, or where a loop
    or a branch decides how much is computed."""
    operations = graph.get_operations()
    if any(op.type.removeprefix("Stateless") in _CHOICES for op in operations):
        return None
    try:
        return sum(_COUNTS[op.type](op) for op in operations if op.type in _COUNTS)
    except SizeUnknown:
        return None


def _shape(tensor: Any) -> list[int]:
    sizes = None if tensor.shape.rank is None else tensor.shape.as_list()
    if sizes is None or None in sizes:
        raise SizeUnknown(tensor.name)
    return [int(size) for size in sizes]


def _convolution(op: Any) -> int:
    """Filter [kernel…, channels in one group, filters]."""
    return prod(_shape(op.outputs[0])) * prod(_shape(op.inputs[1])[:-1])


def _depthwise(op: Any) -> int:
    """Filter [height, width, channels, multiplier]."""
    return prod(_shape(op.outputs[0])) * prod(_shape(op.inputs[1])[:2])


def _transposed(op: Any) -> int:
    """Inputs: output sizes, filter [kernel…, filters, channels in], the tensor itself."""
    return prod(_shape(op.inputs[2])) * prod(_shape(op.inputs[1])[:-1])


def _product(op: Any) -> int:
    """MatMul and BatchMatMul: the summed size is the last of the left side, unless transposed."""
    flag = "transpose_a" if op.type == "MatMul" else "adj_x"
    return prod(_shape(op.outputs[0])) * _shape(op.inputs[0])[-2 if op.get_attr(flag) else -1]


def _einsum(op: Any) -> int:
    """All distinct labels of the equation, multiplied."""
    equation = op.get_attr("equation").decode()
    if "." in equation:
        raise SizeUnknown(equation)
    sizes: dict[str, int] = {}
    for labels, tensor in zip(equation.split("->")[0].split(","), op.inputs, strict=True):
        sizes.update(zip(labels.strip(), _shape(tensor), strict=True))
    return prod(sizes.values())


_COUNTS = {
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "Conv3DBackpropInputV2": _transposed,
    "MatMul": _product,
    "BatchMatMul": _product,
    "BatchMatMulV2": _product,
    "BatchMatMulV3": _product,
    "Einsum": _einsum,
}
