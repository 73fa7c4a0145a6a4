"""Pass, when asked: an output joined of unlike parts becomes its parts.

One int8 scale for boxes of 0…640 beside scores of 0…1 leaves the scores two steps: all zero or
one. As outputs of their own each has its own scale. Whoever reads the output has to know.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.graph.graph import Graph, Operator, SignatureEntry, Tensor
from edgekiln.pipeline.graph.interface import (
    Interface,
    Parted,
    name_of,
    read_interface,
    write_interface,
)
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "split-output"


@dataclass(frozen=True, eq=False)
class SplitPlace:
    """A CONCATENATION that is an output of the model and nothing else."""

    join: Operator

    @property
    def parts(self) -> list[Tensor]:
        """What it joins."""
        return [tensor for tensor in self.join.inputs if tensor is not None]

    @property
    def result(self) -> Tensor:
        """The output: gone afterwards; the proof joins the parts again."""
        return self.join.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return (self.join,)


def match(graph: Graph) -> list[SplitPlace]:
    """The joined outputs that can be split."""
    return [place for place in _all(graph) if why_not(graph, place) is None]


def misses(graph: Graph) -> list[tuple[tuple[Operator, ...], Text]]:
    """The joined outputs that cannot be split, and why."""
    reasons = ((place.operators, why_not(graph, place)) for place in _all(graph))
    return [(operators, why) for operators, why in reasons if why is not None]


def apply(graph: Graph, place: SplitPlace) -> None:
    """Make the parts outputs, in the order of the join, under the output's name and a number."""
    whole, known = place.join.outputs[0], read_interface(graph)
    name = name_of(graph, whole)
    names = tuple(f"{name}_{i}" for i in range(len(place.parts)))
    parts = list(zip(names, place.parts, strict=True))
    rank = len(whole.shape)
    parted = Parted(name, names, place.join.options.axis % rank)
    graph.main.outputs = _replaced(graph.main.outputs, whole, place.parts)
    for entry in graph.signatures:
        _split_entry(entry, whole, parts)
    write_interface(graph, Interface(known.fed, (*known.parted, parted)))
    drop_dead(graph)


def _split_entry(entry: SignatureEntry, whole: Tensor, parts: list[tuple[str, Tensor]]) -> None:
    entry.outputs = [
        new for named in entry.outputs for new in (parts if named[1] is whole else [named])
    ]


def _replaced(tensors: list[Tensor], old: Tensor, new: list[Tensor]) -> list[Tensor]:
    return [item for tensor in tensors for item in (new if tensor is old else [tensor])]


def _all(graph: Graph) -> list[SplitPlace]:
    links = Links(graph.main)
    return [
        SplitPlace(operator)
        for operator in graph.main.operators
        if operator.name == "CONCATENATION" and links.is_end(operator.outputs[0])
    ]


def why_not(graph: Graph, place: SplitPlace) -> Text | None:
    """Why a joined output cannot be split; None when it can."""
    links, parts, whole = Links(graph.main), place.parts, place.join.outputs[0]
    if links.consumers(whole):
        return say("{count} operators read it besides.", count=len(links.consumers(whole)))
    if activation(place.join) != NO_ACTIVATION:
        return say("An activation follows it.")
    if len(set(parts)) < len(parts) or any(links.producer(part) is None for part in parts):
        return say("A part is a constant, an input, or there twice.")
    if any(links.is_end(part) for part in parts):
        return say("A part is an output already.")
    if whole.shape[:1] != (1,) or place.join.options.axis % len(whole.shape) == 0:
        return say("It joins along the batch, or the batch is not 1.")
    return None
