"""The passes there are, in the order they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse import affine_depthwise, affine_forward
from edgekiln.pipeline.graph.graph import Graph, Tensor


class Place(Protocol):
    """Where a pass can be applied. `result` is a tensor that is there, and equal, before and after:
    the proof looks at it, since a softmax behind it could hide an error."""

    @property
    def result(self) -> Tensor: ...


@dataclass(frozen=True)
class Pass:
    """One rewrite: where it can be done, and doing it at one place."""

    name: str
    title: Text
    match: Callable[[Graph], Sequence[Place]]
    apply: Callable[[Graph, Any], None]

    def run(self, graph: Graph) -> tuple[str, ...]:
        """Apply at the first place until there is none; returns the name of the result of each.
        Ends because every application leaves fewer operators; RuntimeError when one does not."""
        applied: tuple[str, ...] = ()
        while places := self.match(graph):
            before = count(graph)
            applied += (places[0].result.name,)
            self.apply(graph, places[0])
            if count(graph) >= before:
                raise RuntimeError(f"the pass {self.name} does not make the graph smaller")
        return applied


PASSES = (
    Pass(
        affine_forward.NAME,
        say("Fold a scale and offset into the convolution or dense layer after it"),
        affine_forward.match,
        affine_forward.apply,
    ),
    Pass(
        affine_depthwise.NAME,
        say("Make a remaining scale and offset one depthwise convolution"),
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
