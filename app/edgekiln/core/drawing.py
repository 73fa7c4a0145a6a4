"""A graph as it is drawn: operators, what they carry, and who reads whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ROLE = "/edgekiln/"  # between a tensor's old name and what a pass made of it


@dataclass(frozen=True)
class Node:
    """One operator, or an input of the model (`operator` "INPUT").

    `inputs` are the nodes it reads, by their place in the drawing; constants are not drawn.
    """

    operator: str  # "CONV_2D"
    fused: str  # the activation it carries, "RELU6"; "" for none
    detail: str  # "3×3 /2 SAME"; "" where there is nothing to say
    shape: tuple[int, ...]  # of its first output
    dtype: str
    name: str  # of its first output
    inputs: tuple[int, ...]
    is_output: bool = False


@dataclass(frozen=True)
class Drawing:
    """The main graph of a model, every node behind those it reads."""

    nodes: tuple[Node, ...]

    def find(self, names: Iterable[str]) -> tuple[int, ...]:
        """The nodes that make these tensors, or what a pass made of them."""
        wanted = {_root(name) for name in names}
        return tuple(i for i, node in enumerate(self.nodes) if _root(node.name) in wanted)

    def readers(self, index: int) -> tuple[int, ...]:
        """The nodes that read a node."""
        return tuple(i for i, node in enumerate(self.nodes) if index in node.inputs)


def find_after(names: Iterable[str], before: Drawing, after: Drawing) -> tuple[int, ...]:
    """What became of operators of `before`: the nodes of `after` under their names, else the first
    behind them that are left, else those before them."""
    wanted = before.find(names)
    if found := after.find(names):
        return found
    seen, front = set(wanted), list(wanted)
    while front:
        following = [i for index in front for i in before.readers(index) if i not in seen]
        if found := after.find(before.nodes[i].name for i in following):
            return found
        seen.update(following)
        front = following
    fed = (i for index in wanted for i in before.nodes[index].inputs)
    return after.find(before.nodes[i].name for i in fed)


def changes(before: Drawing, after: Drawing) -> tuple[frozenset[int], frozenset[int]]:
    """The nodes of `before` that are gone, and those of `after` that are new or another operator,
    carry another activation, or read others."""
    old = {_root(node.name): i for i, node in enumerate(before.nodes)}
    new = {_root(node.name) for node in after.nodes}
    gone = frozenset(i for i, node in enumerate(before.nodes) if _root(node.name) not in new)
    changed = frozenset(
        i
        for i, node in enumerate(after.nodes)
        if (was := old.get(_root(node.name))) is None
        or _look(node, after) != _look(before.nodes[was], before)
    )
    return gone, changed


def _look(node: Node, drawing: Drawing) -> tuple[object, ...]:
    read = tuple(_root(drawing.nodes[i].name) for i in node.inputs)
    return node.operator, node.fused, node.detail, read


def _root(name: str) -> str:
    return name.split(ROLE)[0]
