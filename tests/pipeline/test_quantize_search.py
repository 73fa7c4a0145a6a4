"""The search on models whose costs are known: few operators kept, few trials, always the limit."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekiln.core.quantization import Kept
from edgekiln.pipeline.quantize.search import Search, Tried


class Model:
    """Loses the sum of the costs of the operators that are int8."""

    def __init__(self, costs: dict[str, float], limit: float) -> None:
        self.costs, self.limit = costs, limit
        self.trials: list[Kept] = []
        self.most_at_once = 0

    def loss(self, kept: Kept) -> float:
        names = {name for name, _ in kept}
        return sum(cost for name, cost in self.costs.items() if name not in names)

    def attempt(self, sets: Sequence[Kept]) -> list[Tried]:
        self.most_at_once = max(self.most_at_once, len(sets))
        self.trials += sets
        losses = [self.loss(kept) for kept in sets]
        return [
            Tried(kept, loss, loss <= self.limit) for kept, loss in zip(sets, losses, strict=True)
        ]

    def ranking(self) -> list[str]:
        return sorted(self.costs, key=lambda name: -self.costs[name])


def never() -> bool:
    return False


def model(count: int, costly: dict[int, float], limit: float = 0.01) -> Model:
    costs = {f"op{i}": costly.get(i, 1e-6) for i in range(count)}
    return Model(costs, limit)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_the_costly_operators_are_kept_and_no_more(width: int) -> None:
    made = model(65, {3: 0.2, 17: 0.1, 40: 0.05})
    found = Search(made.ranking(), made.attempt, never, width).run()
    assert found is not None
    assert {name for name, _ in found.kept} == {"op3", "op17", "op40"}
    assert found.holds
    assert made.most_at_once <= width
    assert len(made.trials) <= 16
    assert len(set(made.trials)) == len(made.trials)


def test_a_bad_ranking_is_thinned_out() -> None:
    made = model(60, {11: 0.3})
    ranking = [f"op{i}" for i in range(60)]  # eleven harmless ones come first
    found = Search(ranking, made.attempt, never, 2).run()
    assert found is not None
    assert found.kept == (("op11", "float32"),)


def test_nothing_holds() -> None:
    made = Model({f"op{i}": 1.0 for i in range(10)}, -1.0)
    search = Search(made.ranking(), made.attempt, never, 2)
    assert search.run() is None
    closest = search.closest()
    assert closest is not None
    assert len(closest.kept) == 10


def test_no_operators() -> None:
    made = Model({}, 0.1)
    search = Search((), made.attempt, never)
    assert search.run() is None
    assert search.closest() is None


def test_when_time_is_over_the_best_so_far_is_there() -> None:
    made = model(100, {90: 0.5})
    trials = itertools.count()
    ranking = [f"op{i}" for i in range(100)]
    found = Search(ranking, made.attempt, lambda: next(trials) >= 7, 1).run()
    assert found is not None
    assert found.holds
    assert len(made.trials) <= 8


@settings(max_examples=60, deadline=None)
@given(
    costs=st.lists(st.floats(0, 1), min_size=1, max_size=40),
    limit=st.floats(0, 2),
    width=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_whatever_it_finds_holds_and_every_operator_is_needed(
    costs: list[float], limit: float, width: int, seed: int
) -> None:
    made = Model({f"op{i}": cost for i, cost in enumerate(costs)}, limit)
    order = np.random.default_rng(seed).permutation(len(costs))
    found = Search([f"op{i}" for i in order], made.attempt, never, width).run()
    if found is None:
        assert made.loss(tuple((name, "float32") for name in made.costs)) > limit
        return
    assert made.loss(found.kept) <= limit
    for one in found.kept:
        less = tuple(kept for kept in found.kept if kept != one)
        assert not less or made.loss(less) > limit
