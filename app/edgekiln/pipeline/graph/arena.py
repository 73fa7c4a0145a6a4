"""The memory a runtime needs for the tensors between operators, planned as the runtime plans it."""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.pipeline.graph.graph import Subgraph, Tensor

_ALIGNMENT = 64  # kDefaultTensorAlignment of the runtime's arena planner


@dataclass(frozen=True)
class Block:
    """A tensor's place in the arena; alive from the operator `first` to the operator `last`."""

    first: int
    last: int
    size: int
    offset: int = 0

    def meets(self, other: Block) -> bool:
        """Whether both are alive at the same time."""
        return self.first <= other.last and other.first <= self.last


def arena_bytes(subgraph: Subgraph) -> int:
    """Bytes of the arena for the sizes in the file: the greedy plan of the runtime
    (arena_planner.cc, simple_memory_arena.cc): what stays for the whole run first, then by size,
    each into the smallest gap that holds it. Temporary tensors of the kernels are not known."""
    placed: list[Block] = []
    end = len(subgraph.operators)
    for block in sorted(_lifetimes(subgraph), key=lambda b: _order(b, end)):
        offset = _gap(block, [other for other in placed if block.meets(other)])
        placed.append(Block(block.first, block.last, block.size, offset))
    return max((block.offset + block.size for block in placed), default=0)


def live_bytes(subgraph: Subgraph) -> int:
    """The most bytes that are alive at once: no plan needs less."""
    blocks = _lifetimes(subgraph)
    moments = range(len(subgraph.operators) + 1)
    alive = (sum(b.size for b in blocks if b.first <= i <= b.last) for i in moments)
    return max(alive, default=0)


def _order(block: Block, end: int) -> tuple[bool, int, int]:
    """What stays for the whole run first, then the largest, then the earliest."""
    return (block.first, block.last) != (0, end), -block.size, block.first


def _lifetimes(subgraph: Subgraph) -> list[Block]:
    """Inputs and outputs of the model stay for the whole run; others from their maker to their
    last reader."""
    first: dict[Tensor, int] = dict.fromkeys(subgraph.inputs, 0)
    last: dict[Tensor, int] = {}
    for i, operator in enumerate(subgraph.operators):
        first |= dict.fromkeys(operator.outputs, i)
        last |= {tensor: i for tensor in (*operator.inputs, *operator.outputs) if tensor}
    last |= dict.fromkeys((*subgraph.inputs, *subgraph.outputs), len(subgraph.operators))
    return [
        Block(start, last.get(tensor, start), _aligned(tensor.size_bytes))
        for tensor, start in first.items()
        if not tensor.is_constant
    ]


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _gap(block: Block, busy: list[Block]) -> int:
    """The offset of the smallest gap between blocks alive at the same time, else behind them."""
    best, smallest, reached = -1, 0, 0
    for other in sorted(busy, key=lambda b: b.offset):
        gap = other.offset - reached
        if gap >= block.size and (best < 0 or gap < smallest):
            best, smallest = reached, gap
        reached = max(reached, other.offset + other.size)
    return reached if best < 0 else best
