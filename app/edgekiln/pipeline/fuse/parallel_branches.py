"""Pass: linear branches from one tensor into one sum become one convolution (RepVGG, MobileOne).

A smaller kernel is the larger one with zeros around it, a scale and offset or the tensor itself a
1 x 1 kernel: exact, borders too, where each tap reads the same position before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Affine, Vector, activation, find_affines
from edgekiln.pipeline.fuse.layers import (
    CONVOLUTIONS,
    bias_of,
    has_float_weights,
    padding,
    step,
)
from edgekiln.pipeline.fuse.tensors import float_constant, replace_constant
from edgekiln.pipeline.fuse.walk import Misses, refused
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "parallel-branches"
_ACTIVATIONS = (
    schema.ActivationFunctionType.NONE,
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU6,
    schema.ActivationFunctionType.RELU_N1_TO_1,
)


@dataclass(frozen=True, eq=False)
class BranchPlace:
    """A sum, the convolution that stays, and the other branch: a convolution, an affine, or None
    for the convolution's own input."""

    subgraph: Subgraph
    sum: Operator
    layer: Operator
    other: Operator | Affine | None

    @property
    def result(self) -> Tensor:
        return self.sum.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        if self.other is None:
            return self.layer, self.sum
        others = (self.other,) if isinstance(self.other, Operator) else self.other.operators
        return self.layer, *others, self.sum


def match(graph: Graph) -> list[BranchPlace]:
    """The sums that can be one convolution, in the order they run."""
    return [place for place in _pairs(graph) if why_not(place) is None]


def misses(graph: Graph) -> Misses:
    """The sums of branches of one tensor that have to stand, and why."""
    return refused(_pairs(graph), why_not)


def why_not(place: BranchPlace) -> Text | None:
    """Why the branches cannot be one convolution exactly; None when they can."""
    layer, other = place.layer, place.other
    if not has_float_weights(layer):
        return say("The weights are not float constants.")
    if activation(place.sum) not in _ACTIVATIONS:
        return say("{operator} has no activation that does the same.", operator=layer.name)
    kernel = _kernel(place)
    if kernel is None:
        return say("The channels of the two do not line up.")
    if any(_shift(layer, other, kernel.shape[axis], axis) is None for axis in (1, 2)):
        return say("The two branches do not read the same positions.")
    return None


def apply(graph: Graph, place: BranchPlace) -> None:
    """Add the other branch to the convolution's weights and bias; it makes the sum's result."""
    layer, other = place.layer, place.other
    weights, kernel = float_constant(layer.inputs[1]), _kernel(place)
    top, left = (
        None if kernel is None else _shift(layer, other, kernel.shape[axis], axis)
        for axis in (1, 2)
    )
    assert weights is not None
    assert kernel is not None
    assert top is not None
    assert left is not None
    bias = bias_of(layer, weights) + _offset(other, len(bias_of(layer, weights)))
    weights[:, top : top + kernel.shape[1], left : left + kernel.shape[2]] += kernel
    replace_constant(place.subgraph, layer, 1, "weights", weights)
    replace_constant(place.subgraph, layer, 2, "bias", bias)
    layer.options.fusedActivationFunction = activation(place.sum)
    place.subgraph.operators.remove(place.sum)
    layer.outputs = [place.result]
    drop_dead(graph)


def _pairs(graph: Graph) -> Iterator[BranchPlace]:
    """Every sum of a convolution and another linear branch of the same tensor."""
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        affines = {affine.result: affine for affine in find_affines(subgraph, links)}
        for operator in subgraph.operators:
            if operator.name == "ADD" and not operator.is_custom:
                yield from _pair(subgraph, operator, links, affines)


def _pair(
    subgraph: Subgraph, total: Operator, links: Links, affines: dict[Tensor, Affine]
) -> Iterator[BranchPlace]:
    left, right = total.inputs
    if left is None or right is None or left.full_shape != right.full_shape or left is right:
        return
    layers = [_layer(tensor, links) for tensor in (left, right)]
    if layers[0] and layers[1] and layers[0].inputs[0] is layers[1].inputs[0]:
        larger, smaller = sorted((layers[0], layers[1]), key=_taps, reverse=True)
        yield BranchPlace(subgraph, total, larger, smaller)
        return
    for layer, tensor in ((layers[0], right), (layers[1], left)):
        if layer is None:
            continue
        affine = affines.get(tensor)
        if tensor is layer.inputs[0]:
            yield BranchPlace(subgraph, total, layer, None)
            return
        if affine and affine.source is layer.inputs[0] and _is_free(affine, links):
            yield BranchPlace(subgraph, total, layer, affine)
            return


def _layer(tensor: Tensor, links: Links) -> Operator | None:
    """The convolution without activation that makes the tensor for one reader."""
    maker = links.producer(tensor)
    if maker is None or maker.name not in CONVOLUTIONS or activation(maker) != NO_ACTIVATION:
        return None
    return maker if links.only_consumer(tensor) is not None else None


def _is_free(affine: Affine, links: Links) -> bool:
    alone = links.only_consumer(affine.result) is not None
    return alone and affine.activation == NO_ACTIVATION


def _taps(layer: Operator) -> tuple[int, int]:
    weights = layer.inputs[1]
    assert weights is not None
    return weights.shape[1] * weights.shape[2], weights.shape[1]


def _kernel(place: BranchPlace) -> Vector | None:
    """The other branch as a kernel in the layout of the layer's; None when it has no such form."""
    layer, other = place.layer, place.other
    weights = layer.inputs[1]
    assert weights is not None
    if isinstance(other, Operator):
        kernel = float_constant(other.inputs[1]) if has_float_weights(other) else None
        same = kernel is not None and other.name == layer.name
        return kernel if same and _ends(kernel) == _ends(weights.array()) else None
    x = layer.inputs[0]
    assert x is not None
    channels = layer.outputs[0].shape[3]
    if x.shape[3] != channels:
        return None
    scale = np.ones(channels) if other is None else other.scale
    if layer.name == "DEPTHWISE_CONV_2D":
        return scale.reshape(1, 1, 1, -1)
    kernel = np.zeros((channels, 1, 1, weights.shape[3]))
    units = np.arange(channels)
    kernel[units, 0, 0, units % weights.shape[3]] = scale  # inside its group
    return kernel


def _ends(kernel: Vector | None) -> tuple[int, int]:
    assert kernel is not None
    return kernel.shape[0], kernel.shape[3]


def _offset(other: Operator | Affine | None, units: int) -> Vector:
    if isinstance(other, Operator):
        weights = float_constant(other.inputs[1])
        assert weights is not None
        return bias_of(other, weights)
    return np.zeros(units) if other is None else other.offset


def _shift(layer: Operator, other: Operator | Affine | None, taps: int, axis: int) -> int | None:
    """At which tap of the layer the other kernel begins; None when the two do not line up."""
    weights = layer.inputs[1]
    assert weights is not None
    before = padding(layer, axis)
    stride, dilation = step(layer, axis)
    others, other_stride, other_dilation = (0, 0), 1, dilation
    if isinstance(other, Operator):
        found = padding(other, axis)
        if found is None:
            return None
        others = found
        other_stride, other_dilation = step(other, axis)
    if before is None or stride != other_stride or (taps > 1 and dilation != other_dilation):
        return None
    shift, rest = divmod(before[0] - others[0], dilation)
    fits = rest == 0 and shift >= 0 and shift + taps <= weights.shape[axis]
    return shift if fits else None
