"""The lowest value a tensor can hold, told by what makes it."""

from __future__ import annotations

from math import inf

from edgekiln.pipeline.fuse.names import fused_name
from edgekiln.pipeline.fuse.tensors import float_constant
from edgekiln.pipeline.graph.graph import Operator, Tensor
from edgekiln.pipeline.graph.links import Links

_STEPS = 8  # operators looked back through; a longer way is not worth the time
_LOWEST = {
    **dict.fromkeys(("RELU", "RELU6", "RELU_0_TO_1", "LOGISTIC", "SOFTMAX"), 0.0),
    **dict.fromkeys(("EXP", "SQUARE", "ABS", "SQRT"), 0.0),
    **dict.fromkeys(("TANH", "RELU_N1_TO_1", "ELU"), -1.0),
}
# What they make is among, or between, the values they read.
_KEEPERS = (
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
    "RESIZE_NEAREST_NEIGHBOR",
    "RESIZE_BILINEAR",
    "RESHAPE",
    "SQUEEZE",
    "EXPAND_DIMS",
    "TRANSPOSE",
    "TILE",
    "MEAN",
)


def lowest_of(tensor: Tensor, links: Links, steps: int = _STEPS) -> float:
    """No value of the tensor is below it; -inf where nothing is known."""
    if tensor.is_constant:
        values = float_constant(tensor)
        return -inf if values is None or not values.size else float(values.min())
    maker = links.producer(tensor)
    if maker is None or maker.is_custom or not steps:
        return -inf
    return max(_LOWEST.get(fused_name(maker), -inf), _made(maker, links, steps - 1))


def _made(maker: Operator, links: Links, steps: int) -> float:
    """The lowest the operator computes before its activation."""
    inputs = [tensor for tensor in maker.inputs if tensor is not None]
    if maker.name in _KEEPERS:
        return lowest_of(inputs[0], links, steps)
    if maker.name == "PAD":
        return min(0.0, lowest_of(inputs[0], links, steps))
    if maker.name == "CONCATENATION":
        return min(lowest_of(tensor, links, steps) for tensor in inputs)
    if maker.name == "MAXIMUM":
        return max(lowest_of(tensor, links, steps) for tensor in inputs)
    return _LOWEST.get(maker.name, -inf)
