"""Pass: a layer that an affine and others read is computed twice where that costs no more.

relu(conv(x; W, b) * s + t) = relu(conv(x; W * s, b * s + t)) saves the affine at the price of a
second convolution. Otherwise the affine becomes a 1 x 1 depthwise convolution, one multiply-
accumulate a value: up to 8 in a layer that reads each position by itself cost no more. Seen on x86,
LiteRT 2.3, one thread, interleaved medians of the second layer's whole model over the depthwise's:
1 x 1, 4 input channels 0.80, 8 channels 0.91 and 1.10, 16 channels 1.24 to 1.44, 32 1.5; a 3 x 3
depthwise 1.4, 5 x 5 1.8; dense 8 inputs 0.87, 32 1.15 to 1.34. Where the only other reader is an
affine as well, which then folds back, two are saved: 8 channels 0.66, 16 0.95 to 1.03, 24 1.17.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import prod

from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import (
    NO_ACTIVATION,
    Affine,
    activation,
    affine_from,
    find_affines,
)
from edgekiln.pipeline.fuse.affine_back import Fold, folds_into, perform
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead
from edgekiln.pipeline.graph.macs import operator_macs

NAME = "second-reader"
_MACS = 8  # a value and saved affine
_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_ACTIVATIONS = (
    schema.ActivationFunctionType.NONE,
    schema.ActivationFunctionType.RELU,
    schema.ActivationFunctionType.RELU6,
    schema.ActivationFunctionType.RELU_N1_TO_1,
)


@dataclass(frozen=True, eq=False)
class SecondPlace:
    """An affine, the layer that makes its source for others too, and how many operators a second
    such layer saves: those of the affine, and of another that then folds back."""

    affine: Affine
    layer: Operator
    affines: int
    saved: int

    @property
    def result(self) -> Tensor:
        return self.affine.result

    @property
    def operators(self) -> tuple[Operator, ...]:
        return (self.layer, *self.affine.operators)


def match(graph: Graph) -> list[SecondPlace]:
    """The affines for which a second layer is computed, in the order they run."""
    found = []
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        for affine in find_affines(subgraph, links):
            place = place_at(affine, links)
            if place is not None and why_not(place) is None:
                found.append(place)
    return found


def place_at(affine: Affine, links: Links) -> SecondPlace | None:
    """The place of an affine of a layer that others read too, worth it or not."""
    layer = links.producer(affine.source)
    if layer is None or layer.name not in _LAYERS or activation(layer) != NO_ACTIVATION:
        return None
    others = [op for op in links.consumers(affine.source) if op is not affine.operators[0]]
    is_end = links.is_end(affine.source)
    if not others and not is_end:
        return None
    saved = [affine]
    if len(others) == 1 and not is_end:
        mate = affine_from(affine.subgraph, others[0], links)
        saved += [mate] if mate is not None and mate.activation in _ACTIVATIONS else []
    return SecondPlace(affine, layer, len(saved), sum(len(one.operators) for one in saved))


def why_not(place: SecondPlace) -> Text | None:
    """Why there is no second layer; None when there is."""
    affine, layer = place.affine, place.layer
    folds = folds_into(layer, affine.scale, affine.offset)
    if isinstance(folds, Text):
        return folds
    if affine.activation not in _ACTIVATIONS:
        return say("{operator} has no activation that does the same.", operator=layer.name)
    macs, values = operator_macs(layer), prod(layer.outputs[0].shape)
    if place.saved < 2 or macs > _MACS * place.affines * values or not _reads_one(layer):
        return say(
            "A second {operator} would cost {macs} multiply-accumulates to save {count} operators.",
            operator=layer.name,
            macs=f"{macs:,}",
            count=place.saved - 1,
        )
    return None


def apply(graph: Graph, place: SecondPlace) -> None:
    """Put a second layer, with the affine folded in, in place of the affine's operators."""
    affine, layer = place.affine, place.layer
    subgraph = affine.subgraph
    second = copy.copy(layer)
    second.inputs, second.outputs = list(layer.inputs), [affine.result]
    second.options = copy.copy(layer.options)
    second.options.fusedActivationFunction = affine.activation
    for fold in _folds(place):
        perform(subgraph, fold, second)
    subgraph.operators[subgraph.operators.index(affine.operators[-1])] = second
    drop_dead(graph)


def _folds(place: SecondPlace) -> list[Fold]:
    folds = folds_into(place.layer, place.affine.scale, place.affine.offset)
    assert not isinstance(folds, Text)
    return folds


def _reads_one(layer: Operator) -> bool:
    """Whether each value is made of one position: a larger window costs more than its MACs."""
    weights = layer.inputs[1]
    assert weights is not None
    return layer.name == "FULLY_CONNECTED" or weights.shape[1:3] == (1, 1)
