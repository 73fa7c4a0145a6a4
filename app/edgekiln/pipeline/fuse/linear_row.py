"""Pass: two linear layers in a row become one where that costs no more multiply-accumulates."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import prod

import numpy as np

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Vector, activation
from edgekiln.pipeline.fuse.layers import (
    bias_of,
    has_float_weights,
    is_grouped,
    reads_border,
    step,
)
from edgekiln.pipeline.fuse.tensors import float_constant, replace_constant
from edgekiln.pipeline.fuse.walk import Misses, each, refused
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead
from edgekiln.pipeline.graph.macs import operator_macs

NAME = "linear-row"


@dataclass(frozen=True, eq=False)
class RowPlace:
    """Two layers of a kind, the first without activation and read by the second alone."""

    subgraph: Subgraph
    first: Operator
    second: Operator

    @property
    def result(self) -> Tensor:
        return self.second.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return self.first, self.second


def match(graph: Graph) -> list[RowPlace]:
    """The pairs that can be one layer, in the order they run."""
    return [place for place in each(graph, _pair) if why_not(place) is None]


def misses(graph: Graph) -> Misses:
    """The pairs that have to stay two, and why."""
    return refused(each(graph, _pair), why_not)


def why_not(place: RowPlace) -> Text | None:
    """Why the two cannot be one exactly and cheaper; None when they can."""
    first, second = place.first, place.second
    if not (has_float_weights(first) and has_float_weights(second)):
        return say("The weights are not float constants.")
    shape = _merged_shape(first, second)
    if shape is None:
        return say("Neither of the two has a 1 x 1 kernel, or the channels do not line up.")
    if first.name == "CONV_2D" and not _is_pointwise(second) and _offset_at_border(first, second):
        return say(
            "SAME padding: the offset does not reach the border, so folding it is not exact."
        )
    units = prod(second.outputs[0].shape) // shape[0]
    if units * prod(shape) > operator_macs(first) + operator_macs(second):
        return say("One layer would cost more multiply-accumulates than the two.")
    return None


def apply(graph: Graph, place: RowPlace) -> None:
    """Multiply the weights together; the second layer reads what the first did."""
    first, second = place.first, place.second
    inner, outer = float_constant(first.inputs[1]), float_constant(second.inputs[1])
    assert inner is not None
    assert outer is not None
    bias = bias_of(second, outer) + _carried(outer) @ bias_of(first, inner)
    if _is_pointwise(second) and first.name == "CONV_2D":
        own = activation(second)
        second.options = copy.copy(first.options)
        second.options.fusedActivationFunction = own
        second.version = max(first.version, second.version)
    replace_constant(place.subgraph, second, 1, "weights", _product(inner, outer))
    replace_constant(place.subgraph, second, 2, "bias", bias)
    if second.name == "FULLY_CONNECTED":
        second.version = 5 if second.options.keepNumDims else 1
    second.inputs[0] = first.inputs[0]
    drop_dead(graph)


def _pair(subgraph: Subgraph, first: Operator, links: Links) -> RowPlace | None:
    if first.name not in ("CONV_2D", "FULLY_CONNECTED") or activation(first) != NO_ACTIVATION:
        return None
    second = links.only_consumer(first.outputs[0])
    if second is None or second.name != first.name or second.inputs[0] is not first.outputs[0]:
        return None
    return RowPlace(subgraph, first, second)


def _merged_shape(first: Operator, second: Operator) -> tuple[int, ...] | None:
    """The shape of the weights of both in one; None when there is no such layer."""
    inner, outer = first.inputs[1], second.inputs[1]
    assert inner is not None
    assert outer is not None
    if outer.shape[-1] != inner.shape[0]:  # also where one is grouped
        return None
    if first.name == "FULLY_CONNECTED":
        x = first.inputs[0]
        assert x is not None
        keeps = second.options.keepNumDims and not first.options.keepNumDims
        return None if keeps and len(x.shape) != 2 else (outer.shape[0], inner.shape[1])
    if is_grouped(first) or not (_is_pointwise(first) or _is_pointwise(second)):
        return None
    kernel = inner.shape[1:3] if _is_pointwise(second) else outer.shape[1:3]
    return (outer.shape[0], *kernel, inner.shape[3])


def _is_pointwise(layer: Operator) -> bool:
    """Whether a convolution reads each position by itself."""
    weights = layer.inputs[1]
    assert weights is not None
    one = layer.name == "CONV_2D" and weights.shape[1:3] == (1, 1)
    return one and step(layer, 1)[0] == step(layer, 2)[0] == 1


def _offset_at_border(first: Operator, second: Operator) -> bool:
    weights = float_constant(first.inputs[1])
    assert weights is not None
    return reads_border(second) and bool(bias_of(first, weights).any())


def _carried(outer: Vector) -> Vector:
    """What the second layer makes of a constant in every position: [out, middle]."""
    return outer if outer.ndim == 2 else outer.sum(axis=(1, 2))


def _product(inner: Vector, outer: Vector) -> Vector:
    if outer.ndim == 2:
        return outer @ inner
    how = "ohwm,mi->ohwi"
    if outer.shape[1:3] == (1, 1):
        how, outer = "om,mhwi->ohwi", outer[:, 0, 0]
    else:
        inner = inner[:, 0, 0]
    product: Vector = np.einsum(how, outer, inner, optimize=True)
    return product
