"""How passes find their places: operator by operator forward, maker by maker back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from edgekiln.core.text import Text, say
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links


class _Place(Protocol):
    @property
    def operators(self) -> tuple[Operator, ...]: ...


Found = TypeVar("Found")
Place = TypeVar("Place", bound=_Place)
Find = Callable[[Subgraph, Operator, Links], Found | None]
Misses = list[tuple[tuple[Operator, ...], Text]]


def each(graph: Graph, find: Find[Found]) -> list[Found]:
    """What `find` finds at the operators of the graph, in the order they run."""
    found = []
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        for operator in subgraph.operators:
            if (one := find(subgraph, operator, links)) is not None:
                found.append(one)
    return found


def refused(places: Iterable[Place], why_not: Callable[[Place], Text | None]) -> Misses:
    """The places with a reason against them, and the reason."""
    judged = ((place.operators, why_not(place)) for place in places)
    return [(operators, why) for operators, why in judged if why is not None]


def maker_of(tensor: Tensor, links: Links) -> Operator | Text:
    """The operator that makes a tensor whose values are to change; why it cannot: an input of the
    model, or read by others too."""
    maker = links.producer(tensor)
    if maker is None:
        return say("It reaches an input of the model.")
    if links.only_consumer(tensor) is None:
        readers = len(links.consumers(tensor)) + links.is_end(tensor)
        return say("{count} operators read what it would change.", count=readers)
    return maker
