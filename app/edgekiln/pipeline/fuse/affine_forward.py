"""Pass: a constant per-channel affine folds forward into the convolution or dense layer after it.

conv(x * s + t; W, b) = conv(x; W * s, b + sum(W * t)) where the window never leaves the picture:
outside it the border is 0, not 0 * s + t. Without an offset the border does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Affine, Vector, find_affines
from edgekiln.pipeline.fuse.tensors import float_constant, replace_constant
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "affine-forward"
_TARGETS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True, eq=False)
class ForwardPlace:
    """An affine, the operator it folds into, and the RESHAPE between them if there is one."""

    affine: Affine
    target: Operator
    reshape: Operator | None

    @property
    def result(self) -> Tensor:
        """What the target computes, before and after."""
        return self.target.outputs[0]


def match(graph: Graph) -> list[ForwardPlace]:
    """The places where an affine can be folded forward, in the order they run."""
    places = []
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        for affine in find_affines(subgraph, links):
            place = place_after(affine, links)
            if place is not None and why_not(place) is None:
                places.append(place)
    return places


def place_after(affine: Affine, links: Links) -> ForwardPlace | None:
    """The place of an affine read by one convolution or dense layer alone, foldable or not."""
    follower = links.only_consumer(affine.result)
    reshape = None
    if follower is not None and follower.name == "RESHAPE":
        reshape, follower = follower, links.only_consumer(follower.outputs[0])
    if follower is None or follower.name not in _TARGETS:
        return None
    if reshape is not None and follower.name != "FULLY_CONNECTED":
        return None
    entered = affine.result if reshape is None else reshape.outputs[0]
    return ForwardPlace(affine, follower, reshape) if follower.inputs[0] is entered else None


def why_not(place: ForwardPlace) -> Text | None:
    """Why the place cannot be folded exactly, in words; None when it can."""
    if place.affine.activation != NO_ACTIVATION:
        return say("An activation stands between the two.")
    if not _has_float_weights(place.target):
        return say("The weights are not float constants.")
    if not _fits(place):
        return say("The channels of the two do not line up.")
    if place.affine.offset.any() and _reads_border(place.target):
        return say(
            "SAME padding: the offset does not reach the border, so folding it is not exact."
        )
    return None


def apply(graph: Graph, place: ForwardPlace) -> None:
    """Fold the place's affine into its target's weights and bias."""
    target, affine = place.target, place.affine
    weights, bias = _folded(target, affine)
    replace_constant(affine.subgraph, target, 1, "weights", weights)
    replace_constant(affine.subgraph, target, 2, "bias", bias)
    if place.reshape is None:
        target.inputs[0] = affine.source
    else:
        place.reshape.inputs[0] = affine.source
    if target.name == "FULLY_CONNECTED":  # with a bias it is no longer the version without one
        target.version = 5 if target.options.keepNumDims else 1
    drop_dead(graph)


def _folded(target: Operator, affine: Affine) -> tuple[Vector, Vector]:
    weights = float_constant(target.inputs[1])
    assert weights is not None
    bias = _bias(target, weights)
    scale, offset = (
        _spread(target, values, weights.shape) for values in (affine.scale, affine.offset)
    )
    shift = weights * offset
    if target.name == "DEPTHWISE_CONV_2D":  # [1, kh, kw, out]
        return weights * scale, bias + shift.sum(axis=(0, 1, 2))
    return weights * scale, bias + shift.reshape(len(weights), -1).sum(axis=1)


def _spread(target: Operator, values: Vector, shape: tuple[int, ...]) -> Vector:
    """The per-channel values in the shape of the weights they meet."""
    if target.name == "DEPTHWISE_CONV_2D":  # output channel o reads input channel o // multiplier
        return np.repeat(values, shape[3] // len(values)).reshape(1, 1, 1, -1)
    if target.name == "FULLY_CONNECTED":  # flattened row by row: channels come round again
        return np.tile(values, shape[1] // len(values)).reshape(1, -1)
    groups = len(values) // shape[3]
    per_filter = np.repeat(values.reshape(groups, shape[3]), shape[0] // groups, axis=0)
    return per_filter.reshape(shape[0], 1, 1, shape[3])


def _bias(target: Operator, weights: Vector) -> Vector:
    stored = float_constant(target.inputs[2]) if len(target.inputs) > 2 else None
    units = weights.shape[3] if target.name == "DEPTHWISE_CONV_2D" else weights.shape[0]
    return np.zeros(units) if stored is None else stored


def _has_float_weights(target: Operator) -> bool:
    weights, *bias = target.inputs[1:]
    if getattr(target.options, "weightsFormat", 0) != 0 or float_constant(weights) is None:
        return False
    return all(tensor is None or float_constant(tensor) is not None for tensor in bias)


def _fits(place: ForwardPlace) -> bool:
    """Whether every weight meets one known channel."""
    weights, channels = place.target.inputs[1], len(place.affine.scale)
    assert weights is not None
    shape = weights.shape
    if place.target.name == "FULLY_CONNECTED":
        return len(shape) == 2 and shape[1] % channels == 0
    if len(shape) != 4 or len(place.affine.source.shape) != 4:
        return False
    if place.target.name == "DEPTHWISE_CONV_2D":
        return shape[3] % channels == 0
    return channels % shape[3] == 0 and shape[0] % (channels // shape[3]) == 0


def _reads_border(target: Operator) -> bool:
    """Whether the window of a convolution reads padding."""
    if target.name == "FULLY_CONNECTED" or target.options.padding == schema.Padding.VALID:
        return False
    x, weights = target.inputs[:2]
    assert x is not None
    assert weights is not None
    options = target.options
    return _pads(
        x, target.outputs[0], weights, 1, options.strideH, options.dilationHFactor
    ) or _pads(x, target.outputs[0], weights, 2, options.strideW, options.dilationWFactor)


def _pads(x: Tensor, y: Tensor, weights: Tensor, axis: int, stride: int, dilation: int) -> bool:
    """SAME padding along an axis: (out - 1) * stride + (kernel - 1) * dilation + 1 - in, if > 0."""
    kernel = weights.shape[axis]
    if kernel == 1:
        return False
    size, out = x.full_shape[axis], y.full_shape[axis]
    return min(size, out) < 1 or (out - 1) * stride + (kernel - 1) * dilation + 1 > size
