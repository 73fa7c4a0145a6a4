"""Which operators to keep out of int8, the most worthwhile first.

First-order error propagation. The rounding of a tensor costs n (noise power over signal power); an
operator passes noise on a times as large; so a tensor's noise reaches the output w = sum of
products of a over all paths. a is measured on each operator alone with the errors that arrive there
in the whole int8 model: rounded weights shift whole channels, which a pooling keeps, while it
averages away the rounding of single values. An operator kept out of int8 is rid of its weights'
rounding, but what flows is rounded still: at each tensor between two operators, unless both are
kept. So operators are taken one by one or with a neighbour, whichever gains most for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What int8 costs an operator by itself, relative to its output: the rounding of its weights
    and arithmetic, and of its output where that leaves the model."""

    name: str
    weights: float
    end: float
    outputs: tuple[str, ...]
    edges: tuple[EdgeCost, ...]


@dataclass(frozen=True)
class EdgeCost:
    """`through`: what the rounding of an input does to the output; `gain`: how much larger,
    relative to the values, noise of this input leaves than it came."""

    tensor: str
    through: float
    gain: float


def rank(costs: Sequence[Cost], ends: Iterable[str]) -> tuple[str, ...]:
    """Names of the operators (in the order they run), the most worthwhile to keep first. `ends`:
    the model's outputs."""
    return tuple(_Greedy(_shares(costs, set(ends))).order([cost.name for cost in costs]))


# What falls away when all of these operators are kept: {operators} -> noise power at the output.
Shares = Mapping[frozenset[str], float]


def _shares(costs: Sequence[Cost], ends: set[str]) -> Shares:
    weight = _weights(costs, ends)
    maker = {tensor: cost.name for cost in costs for tensor in cost.outputs}
    shares: dict[frozenset[str], float] = defaultdict(float)
    for cost in costs:
        reach = sum(weight[tensor] for tensor in cost.outputs)
        shares[frozenset((cost.name,))] += cost.weights * reach + cost.end / max(len(ends), 1)
        for edge in cost.edges:
            both = frozenset((cost.name, maker.get(edge.tensor, cost.name)))
            shares[both] += edge.through * reach
    return shares


def _weights(costs: Sequence[Cost], ends: set[str]) -> Mapping[str, float]:
    """How much of a tensor's relative noise power reaches the model's outputs."""
    weight: dict[str, float] = defaultdict(float, dict.fromkeys(ends, 1 / max(len(ends), 1)))
    for cost in reversed(costs):
        reach = sum(weight[tensor] for tensor in cost.outputs)
        for edge in cost.edges:
            weight[edge.tensor] += edge.gain * reach
    return weight


class _Greedy:
    """Takes one operator, or two neighbours, at a time: what gains most for each it takes."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._touching: dict[str, list[frozenset[str]]] = defaultdict(list)
        for group in shares:
            for name in group:
                self._touching[name].append(group)
        self._taken: dict[str, None] = {}

    def order(self, names: Sequence[str]) -> list[str]:
        moves = {frozenset((name,)) for name in names} | set(self._shares)
        worth = {move: self._worth(move) for move in moves}
        place = {name: i for i, name in enumerate(names)}
        rest = {move: (-len(move), -min(place[name] for name in move)) for move in moves}
        while worth:
            best = max(worth, key=lambda move: (worth[move], rest[move]))
            fresh = [name for name in names if name in best and name not in self._taken]
            self._taken.update(dict.fromkeys(fresh))
            near = {group for name in fresh for group in self._touching[name]}
            changed = {other for group in near for name in group for other in self._touching[name]}
            for move in changed | near | {best}:
                if move <= self._taken.keys():
                    worth.pop(move, None)
                elif move in worth:
                    worth[move] = self._worth(move)
            for name in fresh:
                worth.pop(frozenset((name,)), None)
        return list(self._taken)

    def _worth(self, move: frozenset[str]) -> float:
        """Noise power that falls away, for each operator it takes."""
        fresh = move - self._taken.keys()
        kept = move | self._taken.keys()
        groups = {group for name in fresh for group in self._touching[name]}
        return sum(self._shares[group] for group in groups if group <= kept) / len(fresh)
