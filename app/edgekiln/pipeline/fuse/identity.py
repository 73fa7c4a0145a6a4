"""Pass: operators that change nothing go: a cast to the same type or back, times one, plus zero;
and operators whose results nobody reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation, step_of
from edgekiln.pipeline.fuse.rewrite import bypass, can_bypass
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, dead_operators, drop_dead

NAME = "identity"
_NUMBERS = {
    *("bool", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"),
}


@dataclass(frozen=True, eq=False)
class IdentityPlace:
    """An operator whose result equals `source`, or is read by nobody where there is none."""

    subgraph: Subgraph
    operator: Operator
    source: Tensor | None

    @property
    def result(self) -> Tensor:
        return self.operator.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return (self.operator,)


def match(graph: Graph) -> list[IdentityPlace]:
    """The operators that can go, in the order they run."""
    found = []
    for subgraph in graph.subgraphs:
        links, dead = Links(subgraph), dead_operators(graph, subgraph)
        for operator in subgraph.operators:
            source = None if operator in dead else _same(operator, links)
            if operator in dead or (source and can_bypass(source, operator.outputs[0], links)):
                found.append(IdentityPlace(subgraph, operator, source))
    return found


def apply(graph: Graph, place: IdentityPlace) -> None:
    """Let the operator's readers read the source."""
    if place.source is None:
        drop_dead(graph)
    else:
        place.operator.inputs = [place.source]
        bypass(graph, place.subgraph, place.operator)


def _same(operator: Operator, links: Links) -> Tensor | None:
    """The tensor the operator hands on unchanged."""
    if operator.is_custom:
        return None
    if operator.name == "CAST":
        return _cast(operator, links)
    step = step_of(operator)
    if step is None or activation(operator) != NO_ACTIVATION:
        return None
    source, scale, offset = step
    return source if (scale == 1).all() and not offset.any() else None


def _cast(operator: Operator, links: Links) -> Tensor | None:
    """What a cast, or a cast to a type that holds every value and back, was made of."""
    source = operator.inputs[0]
    wider = None if source is None else links.producer(source)
    if source is None or wider is None or wider.name != "CAST":
        return source  # to another type it cannot be bypassed
    first = wider.inputs[0]
    if first is None or first.dtype != operator.outputs[0].dtype or wider.is_custom:
        return source
    known = {source.dtype, first.dtype} <= _NUMBERS
    return first if known and np.can_cast(first.dtype, source.dtype, "safe") else source
