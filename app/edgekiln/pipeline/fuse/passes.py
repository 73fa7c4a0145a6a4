"""The passes there are, in the order they run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgekiln.core.errors import UserError
from edgekiln.core.passes import info_of
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse import (
    activation_back,
    affine_back,
    affine_depthwise,
    affine_forward,
    equalize,
    identity,
    input_normalisation,
    linear_row,
    movement,
    pad_into,
    parallel_branches,
    second_reader,
    side_by_side,
    signs,
    softplus,
    split_output,
)
from edgekiln.pipeline.fuse.names import made, spell
from edgekiln.pipeline.fuse.walk import Misses
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor


class Place(Protocol):
    """Where a pass can be applied. `result` is a tensor that is equal before and after: the proof
    looks at it where it is still there, since a softmax behind it could hide an error. A tensor
    between whose values change gets another name."""

    @property
    def result(self) -> Tensor: ...

    @property
    def operators(self) -> tuple[Operator, ...]: ...


def no_misses(graph: Graph) -> Misses:
    """Of a pass that has no near misses worth telling."""
    del graph
    return []


@dataclass(frozen=True)
class Applied:
    """One application: the result's tensor, and the operators it was made of, spelled out and by
    the tensors they made."""

    result: str
    pattern: str
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Pass:
    """One rewrite: where it can be done, doing it at one place, and where it nearly could be."""

    name: str
    title: Text
    match: Callable[[Graph], Sequence[Place]]
    apply: Callable[[Graph, Any], None]
    misses: Callable[[Graph], Misses] = no_misses
    mends: bool = False  # whether the graph overflowed before where it does not after
    asked: bool = False  # off unless asked for

    def run(self, graph: Graph, leave: Collection[str] = ()) -> tuple[Applied, ...]:
        """Apply at the first place until there is none but those whose result is in `leave`. Ends
        because every application leaves fewer operators, or as many and fewer places; RuntimeError
        when one does not."""
        applied: list[Applied] = []
        places = self.places(graph, leave)
        while places:
            before = count(graph), len(places)
            applied.append(_applied(places[0]))
            self.apply(graph, places[0])
            places = self.places(graph, leave)
            if count(graph) >= before[0] and len(places) >= before[1]:
                raise RuntimeError(f"the pass {self.name} does not make the graph smaller")
        return tuple(applied)

    def places(self, graph: Graph, leave: Collection[str] = ()) -> list[Place]:
        """Where it can be applied, besides the places whose result is in `leave`."""
        return [place for place in self.match(graph) if place.result.name not in leave]


def _applied(place: Place) -> Applied:
    pattern = " + ".join(spell(operator) for operator in place.operators)
    return Applied(place.result.name, pattern, made(place.operators))


def _pass(room: Any, misses: Callable[[Graph], Misses] = no_misses, *, mends: bool = False) -> Pass:
    info = info_of(room.NAME)
    return Pass(info.name, info.title, room.match, room.apply, misses, mends, info.asked)


PASSES = (
    _pass(identity),
    _pass(movement),
    _pass(pad_into, pad_into.misses),
    _pass(input_normalisation, input_normalisation.misses),
    _pass(affine_forward),
    _pass(affine_back),
    _pass(parallel_branches, parallel_branches.misses),
    _pass(side_by_side),
    _pass(linear_row, linear_row.misses),
    _pass(activation_back, activation_back.misses),
    _pass(signs),
    _pass(softplus, softplus.misses, mends=True),
    _pass(second_reader),
    _pass(affine_depthwise),
    _pass(equalize, equalize.misses),
    _pass(split_output, split_output.misses),
)


def count(graph: Graph) -> int:
    """How many operators the graph has."""
    return sum(1 for _ in graph.operators())


def check_names(skip: Sequence[str], passes: Sequence[Pass]) -> None:
    """UserError when a name is no pass."""
    names = tuple(item.name for item in passes)
    for name in skip:
        if name not in names:
            raise UserError(
                say("There is no fusion pass “{name}”.", name=name),
                say("The passes are: {names}.", names=", ".join(names)),
                say("Correct the name or leave it out."),
                names,
            )
