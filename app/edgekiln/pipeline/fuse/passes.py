"""The passes there are, in the order they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgekiln.core.errors import UserError
from edgekiln.core.passes import title_of
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse import (
    activation_back,
    affine_back,
    affine_depthwise,
    affine_forward,
    identity,
    linear_row,
    movement,
    pad_into,
    parallel_branches,
    signs,
    softplus,
)
from edgekiln.pipeline.fuse.names import spell
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor


class Place(Protocol):
    """Where a pass can be applied. `result` is a tensor that is there, and equal, before and after:
    the proof looks at it, since a softmax behind it could hide an error. A tensor between whose
    values change gets another name."""

    @property
    def result(self) -> Tensor: ...

    @property
    def operators(self) -> tuple[Operator, ...]: ...


Miss = tuple[tuple[Operator, ...], Text]


def no_misses(graph: Graph) -> Sequence[Miss]:
    """Of a pass that has no near misses worth telling."""
    del graph
    return ()


@dataclass(frozen=True)
class Applied:
    """One application: the result's tensor, and the operators it was made of, spelled out."""

    result: str
    pattern: str


@dataclass(frozen=True)
class Pass:
    """One rewrite: where it can be done, doing it at one place, and where it nearly could be."""

    name: str
    title: Text
    match: Callable[[Graph], Sequence[Place]]
    apply: Callable[[Graph, Any], None]
    misses: Callable[[Graph], Sequence[Miss]] = no_misses
    mends: bool = False  # whether the graph overflowed before where it does not after

    def run(self, graph: Graph) -> tuple[Applied, ...]:
        """Apply at the first place until there is none. Ends because every application leaves
        fewer operators, or as many and fewer places; RuntimeError when one does not."""
        applied: list[Applied] = []
        places = self.match(graph)
        while places:
            before, place = (count(graph), len(places)), places[0]
            pattern = " + ".join(spell(operator) for operator in place.operators)
            applied.append(Applied(place.result.name, pattern))
            self.apply(graph, place)
            places = self.match(graph)
            if count(graph) >= before[0] and len(places) >= before[1]:
                raise RuntimeError(f"the pass {self.name} does not make the graph smaller")
        return tuple(applied)


PASSES = (
    Pass(
        identity.NAME,
        title_of(identity.NAME),
        identity.match,
        identity.apply,
    ),
    Pass(
        movement.NAME,
        title_of(movement.NAME),
        movement.match,
        movement.apply,
    ),
    Pass(
        pad_into.NAME,
        title_of(pad_into.NAME),
        pad_into.match,
        pad_into.apply,
        pad_into.misses,
    ),
    Pass(
        affine_forward.NAME,
        title_of(affine_forward.NAME),
        affine_forward.match,
        affine_forward.apply,
    ),
    Pass(
        affine_back.NAME,
        title_of(affine_back.NAME),
        affine_back.match,
        affine_back.apply,
    ),
    Pass(
        parallel_branches.NAME,
        title_of(parallel_branches.NAME),
        parallel_branches.match,
        parallel_branches.apply,
        parallel_branches.misses,
    ),
    Pass(
        linear_row.NAME,
        title_of(linear_row.NAME),
        linear_row.match,
        linear_row.apply,
        linear_row.misses,
    ),
    Pass(
        activation_back.NAME,
        title_of(activation_back.NAME),
        activation_back.match,
        activation_back.apply,
        activation_back.misses,
    ),
    Pass(
        signs.NAME,
        title_of(signs.NAME),
        signs.match,
        signs.apply,
    ),
    Pass(
        softplus.NAME,
        title_of(softplus.NAME),
        softplus.match,
        softplus.apply,
        softplus.misses,
        mends=True,
    ),
    Pass(
        affine_depthwise.NAME,
        title_of(affine_depthwise.NAME),
        affine_depthwise.match,
        affine_depthwise.apply,
    ),
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
