"""Pass: operators that change nothing go: a cast to the same type, times one, plus zero."""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation, step_of
from edgekiln.pipeline.fuse.rewrite import bypass, can_bypass
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links

NAME = "identity"


@dataclass(frozen=True, eq=False)
class IdentityPlace:
    """An operator whose result is its first input."""

    subgraph: Subgraph
    operator: Operator

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
        links = Links(subgraph)
        for operator in subgraph.operators:
            source = _same(operator)
            if source is not None and can_bypass(source, operator.outputs[0], links):
                found.append(IdentityPlace(subgraph, operator))
    return found


def apply(graph: Graph, place: IdentityPlace) -> None:
    """Let the operator's readers read its input."""
    operator, source = place.operator, _same(place.operator)
    operator.inputs = [source]
    bypass(graph, place.subgraph, operator)


def _same(operator: Operator) -> Tensor | None:
    """The input the operator hands on unchanged."""
    if operator.name == "CAST" and not operator.is_custom:
        return operator.inputs[0]  # to another type it cannot be bypassed
    step = step_of(operator)
    if step is None or operator.is_custom or activation(operator) != NO_ACTIVATION:
        return None
    source, scale, offset = step
    return source if (scale == 1).all() and not offset.any() else None
