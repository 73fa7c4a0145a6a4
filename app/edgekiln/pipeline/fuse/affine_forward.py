"""Pass: a constant per-channel affine folds forward into the convolution or dense layer after it.

conv(x * s + t; W, b) = conv(x; W * s, b + sum(W * t)) where the window never leaves the picture:
outside it the border is 0, not 0 * s + t. Without an offset the border does not matter; with one
the scale alone folds and an ADD is left. A PAD between adds zeros after the affine: as many -t / s
before it, where that is one number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Affine, Vector, find_affines
from edgekiln.pipeline.fuse.layers import bias_of, has_float_weights, reads_border, spread
from edgekiln.pipeline.fuse.rewrite import rename, unused_name
from edgekiln.pipeline.fuse.tensors import (
    add_constant,
    float_constant,
    integers,
    replace_constant,
)
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "affine-forward"
_FEW_CHANNELS = 4
_TARGETS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True, eq=False)
class ForwardPlace:
    """An affine, the operator it folds into, and the RESHAPE or PAD between them, if any."""

    affine: Affine
    target: Operator
    between: Operator | None

    @property
    def result(self) -> Tensor:
        """What the target computes, before and after."""
        return self.target.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return (*self.affine.operators, self.target)

    @property
    def keeps_offset(self) -> bool:
        """Whether the offset has to stay: outside the picture the border is 0, not the offset."""
        return bool(self.affine.offset.any()) and reads_border(self.target)


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
    between = None
    if follower is not None and follower.name in ("RESHAPE", "PAD"):
        between, follower = follower, links.only_consumer(follower.outputs[0])
    if follower is None or follower.name not in _TARGETS:
        return None
    if between is not None and (between.name == "RESHAPE") != (follower.name == "FULLY_CONNECTED"):
        return None
    entered = affine.result if between is None else between.outputs[0]
    return ForwardPlace(affine, follower, between) if follower.inputs[0] is entered else None


def why_not(place: ForwardPlace) -> Text | None:
    """Why the place cannot be folded exactly, in words; None when it can."""
    if place.affine.activation != NO_ACTIVATION:
        return say("An activation stands between the two.")
    if not has_float_weights(place.target):
        return say("The weights are not float constants.")
    if not _fits(place):
        return say("The channels of the two do not line up.")
    if place.between is not None and place.between.name == "PAD" and _padding(place) is None:
        return say("A PAD adds zeros after it, which no one number before it makes.")
    if place.keeps_offset and not _is_worth_an_add(place.affine):
        return say(
            "SAME padding: the offset does not reach the border, so folding it is not exact."
        )
    return None


def what(place: ForwardPlace) -> Text:
    """What is made of a place that can be folded."""
    if place.keeps_offset:
        return say("The layer after it takes its scale in; for SAME padding one ADD is left.")
    return say("The layer after it takes its scale and offset in.")


def _is_worth_an_add(affine: Affine) -> bool:
    """An ADD is left of it: no gain for one operator. From a vector of channels on a depthwise
    convolution is as fast as the ADD (seen on x86: 224 x 224 x 3 0.17 and 0.24 ms, 112 x 112 x 32
    both 0.13 ms) and, quantized, the more exact of the two."""
    few = len(affine.scale) <= _FEW_CHANNELS
    return few and len(affine.operators) > 1 and bool(affine.scale.all())


def apply(graph: Graph, place: ForwardPlace) -> None:
    """Fold the place's affine into its target's weights and bias."""
    target, affine = place.target, place.affine
    source = affine.source
    if place.keeps_offset:
        source = _left_add(affine)
        affine = replace(affine, offset=np.zeros_like(affine.offset))
    weights, bias = _folded(target, affine)
    replace_constant(affine.subgraph, target, 1, "weights", weights)
    replace_constant(affine.subgraph, target, 2, "bias", bias)
    if place.between is None:
        target.inputs[0] = source
    else:
        _enter(place, source)
    if target.name == "FULLY_CONNECTED":  # with a bias it is no longer the version without one
        target.version = 5 if target.options.keepNumDims else 1
    drop_dead(graph)


def _padding(place: ForwardPlace) -> float | None:
    """What the PAD between would have to add before the affine to add zeros after it."""
    assert place.between is not None
    affine, pads = place.affine, integers(place.between.inputs[1])
    if pads is None or any(pads[-2:]) or place.keeps_offset:
        return None
    if not affine.offset.any():
        return 0.0
    if not affine.scale.all():
        return None
    values = -affine.offset / affine.scale
    return float(values[0]) if np.allclose(values, values[0], rtol=1e-6, atol=0) else None


def _enter(place: ForwardPlace, source: Tensor) -> None:
    """Let what stands between take the affine's source; a PAD adds another number."""
    between, subgraph = place.between, place.affine.subgraph
    assert between is not None
    between.inputs[0] = source
    rename(subgraph, between.outputs[0], "unscaled")
    if between.name == "PAD" and (value := _padding(place)):
        number = add_constant(subgraph, f"{between.outputs[0].name}/value", np.array(value))
        between.name, between.version = "PADV2", 1
        between.inputs.append(number)
        between.options = schema.PadV2OptionsT()


def _left_add(affine: Affine) -> Tensor:
    """(x * s + t) = (x + t / s) * s: the ADD of t / s, in place of the affine's last operator."""
    subgraph, name = affine.subgraph, affine.result.name
    offset = affine.offset / affine.scale
    if np.ptp(offset) == 0:  # by a number it is several times as fast as by a vector
        offset = offset[:1]
    shifted = add_constant(subgraph, f"{name}/edgekiln/offset", offset)
    result = Tensor(
        unused_name(subgraph, f"{name}/edgekiln/shifted"),
        affine.result.shape,
        affine.result.dtype,
        shape_signature=affine.result.shape_signature,
    )
    subgraph.tensors.append(result)
    at = subgraph.operators.index(affine.operators[-1])
    subgraph.operators.insert(
        at, Operator("ADD", 1, [affine.source, shifted], [result], schema.AddOptionsT())
    )
    return result


def _folded(target: Operator, affine: Affine) -> tuple[Vector, Vector]:
    weights = float_constant(target.inputs[1])
    assert weights is not None
    bias = bias_of(target, weights)
    scale, offset = (
        spread(target, values, weights.shape) for values in (affine.scale, affine.offset)
    )
    shift = weights * offset
    if target.name == "DEPTHWISE_CONV_2D":  # [1, kh, kw, out]
        return weights * scale, bias + shift.sum(axis=(0, 1, 2))
    return weights * scale, bias + shift.reshape(len(weights), -1).sum(axis=1)


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
