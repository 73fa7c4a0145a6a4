"""Pass: a PAD by zeros goes into the VALID convolution after it where SAME padding is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.layers import CONVOLUTIONS, step
from edgekiln.pipeline.fuse.tensors import integers
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "pad-into"


@dataclass(frozen=True, eq=False)
class PadPlace:
    """A PAD and the VALID convolution that alone reads it."""

    pad: Operator
    layer: Operator

    @property
    def result(self) -> Tensor:
        return self.layer.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return self.pad, self.layer


def match(graph: Graph) -> list[PadPlace]:
    """The places where SAME pads as the PAD does, in the order they run."""
    return [place for place in _pairs(graph) if _is_same(place)]


def misses(graph: Graph) -> list[tuple[tuple[Operator, ...], Text]]:
    """The PADs no SAME padding equals."""
    why = say("SAME padding would put the zeros elsewhere.")
    return [(place.operators, why) for place in _pairs(graph) if not _is_same(place)]


def apply(graph: Graph, place: PadPlace) -> None:
    """Let the convolution pad."""
    place.layer.options.padding = schema.Padding.SAME
    place.layer.inputs[0] = place.pad.inputs[0]
    drop_dead(graph)


def _pairs(graph: Graph) -> Iterator[PadPlace]:
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        for pad in subgraph.operators:
            if pad.name != "PAD":
                continue
            layer = links.only_consumer(pad.outputs[0])
            if layer is None or layer.name not in CONVOLUTIONS:
                continue
            if layer.options.padding == schema.Padding.VALID:
                yield PadPlace(pad, layer)


def _is_same(place: PadPlace) -> bool:
    x, weights = place.pad.inputs[0], place.layer.inputs[1]
    pads = integers(place.pad.inputs[1])
    if x is None or weights is None or pads is None or len(pads) != 8:
        return False
    if any(pads[:2]) or any(pads[6:]):
        return False
    for axis in (1, 2):
        stride, dilation = step(place.layer, axis)
        size, out = x.full_shape[axis], place.layer.outputs[0].full_shape[axis]
        if size < 1 or out != -(-size // stride):
            return False
        total = max((out - 1) * stride + (weights.shape[axis] - 1) * dilation + 1 - size, 0)
        if pads[2 * axis : 2 * axis + 2] != (total // 2, total - total // 2):
            return False
    return True
