"""Pass: layers of a kind that read one tensor and are joined by channels become one layer.

concat(conv(x; W1), conv(x; W2)) = conv(x; [W1; W2]): the same multiply-accumulates, and neither
the second reading of x nor the copying of the join. Seen on x86, LiteRT 2.3, interleaved medians:
1 x 1 from 16 channels at 112 x 112 0.33 of the time, from 32 at 56 x 56 0.85, from 512 at 7 x 7
0.99; 3 x 3 0.98.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.fuse.layers import bias_of, has_float_weights, is_grouped
from edgekiln.pipeline.fuse.rewrite import unused_name
from edgekiln.pipeline.fuse.tensors import float_constant, replace_constant
from edgekiln.pipeline.fuse.walk import each
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "side-by-side"
_LAYERS = ("CONV_2D", "FULLY_CONNECTED")


@dataclass(frozen=True, eq=False)
class SidePlace:
    """Layers that differ in weights and bias alone, and the join that has them in a row."""

    subgraph: Subgraph
    layers: tuple[Operator, ...]
    join: Operator

    @property
    def result(self) -> Tensor:
        return self.join.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return (*self.layers, self.join)


def match(graph: Graph) -> list[SidePlace]:
    """The rows of two or more, in the order their joins run."""
    return each(graph, _place)


def apply(graph: Graph, place: SidePlace) -> None:
    """Stack weights and biases in the first layer; it makes what all of them made."""
    first, join = place.layers[0], place.join
    kernels = [float_constant(layer.inputs[1]) for layer in place.layers]
    weights = [kernel for kernel in kernels if kernel is not None]
    biases = [bias_of(layer, w) for layer, w in zip(place.layers, weights, strict=True)]
    made = [layer.outputs[0] for layer in place.layers]
    whole = _whole(place, made)
    replace_constant(place.subgraph, first, 1, "weights", np.concatenate(weights))
    replace_constant(place.subgraph, first, 2, "bias", np.concatenate(biases))
    if first.name == "FULLY_CONNECTED":  # with a bias it is no longer the version without one
        first.version = 5 if first.options.keepNumDims else 1
    first.outputs = [whole]
    start = join.inputs.index(made[0])
    join.inputs[start : start + len(made)] = [whole]
    if whole is place.result:
        place.subgraph.operators.remove(join)
    drop_dead(graph)


def _whole(place: SidePlace, made: list[Tensor]) -> Tensor:
    """What the one layer makes: the join's result, where nothing else is joined."""
    if len(made) == len(place.join.inputs):
        return place.result
    first = made[0]
    channels = sum(tensor.shape[-1] for tensor in made)
    signature = first.shape_signature and (*first.shape_signature[:-1], channels)
    name = unused_name(place.subgraph, f"{first.name}/edgekiln/joined")
    shape = (*first.shape[:-1], channels)
    whole = Tensor(name, shape, first.dtype, shape_signature=signature)
    place.subgraph.tensors.append(whole)
    return whole


def _place(subgraph: Subgraph, join: Operator, links: Links) -> SidePlace | None:
    if join.name != "CONCATENATION" or activation(join) != NO_ACTIVATION:
        return None
    rank = len(join.outputs[0].shape)
    if join.options.axis % rank != rank - 1:
        return None
    for layers in _rows(join, links):
        if len(layers) > 1:
            return SidePlace(subgraph, layers, join)
    return None


def _rows(join: Operator, links: Links) -> Iterator[tuple[Operator, ...]]:
    """The makers of the join's inputs, those in a row together that can be one layer."""
    makers = [None if tensor is None else _layer(tensor, links) for tensor in join.inputs]
    for kind, row in groupby(makers, key=_kind):
        if kind is not None:
            yield tuple(layer for layer in row if layer is not None)


def _layer(tensor: Tensor, links: Links) -> Operator | None:
    maker = links.producer(tensor)
    if maker is None or maker.name not in _LAYERS or links.only_consumer(tensor) is None:
        return None
    plain = has_float_weights(maker) and not is_grouped(maker)
    return maker if plain else None


def _kind(layer: Operator | None) -> tuple[Any, ...] | None:
    """All that has to be the same in layers that are to be one."""
    if layer is None or layer.inputs[1] is None:
        return None
    options = sorted(vars(layer.options).items())
    return layer.name, layer.inputs[0], layer.inputs[1].shape[1:], options
