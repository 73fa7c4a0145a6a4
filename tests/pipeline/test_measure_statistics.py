"""Intervals and paired tests: against exact counting, SciPy, and how often they are right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekiln.assets import words
from edgekiln.core.measures import PairedTest, told
from edgekiln.pipeline.evaluate.statistics import (
    bootstrap,
    mcnemar,
    paired_bootstrap,
    permutation,
    wilson,
)
from pipeline import independent

counted = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
flags = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


@settings(deadline=None)
@given(counted)
def test_wilson(counts: tuple[int, int]) -> None:
    from scipy.stats import binomtest

    hits, samples = counts
    found = wilson(hits, samples)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(independent.wilson(hits, samples), abs=1e-9)
    known = binomtest(hits, samples).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-9)
    assert 0 <= found.low <= hits / samples <= found.high <= 1


def test_nothing_has_no_interval() -> None:
    assert wilson(0, 0) is None
    assert bootstrap(lambda rows: None, 5) is None
    assert mcnemar(np.zeros(0, bool), np.zeros(0, bool)) is None
    assert permutation(np.zeros(0), np.zeros(0)) is None
    assert paired_bootstrap(lambda rows: None, lambda rows: 1.0, 3) is None


def test_bootstrap_of_a_mean_is_the_textbook_interval() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = bootstrap(lambda rows: float(values[rows].mean()), len(values))
    again = bootstrap(lambda rows: float(values[rows].mean()), len(values))
    assert found == again  # seeded
    assert found is not None
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - half, abs=0.05)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05)


def test_bootstrap_covers_the_truth() -> None:
    """95 % of the intervals hold the mean they were drawn around; of 300, chance allows 93…97."""
    random, held = np.random.default_rng(2), 0
    for i in range(300):
        values = random.exponential(1.0, 150)
        found = bootstrap(lambda rows, v=values: float(v[rows].mean()), 150, i, 300)
        assert found is not None
        held += found.low <= 1.0 <= found.high
    assert 0.89 <= held / 300 <= 0.98


def test_an_interval_holds_its_figure_though_resamples_are_all_larger() -> None:
    found = bootstrap(lambda rows: float(len(rows) - len(np.unique(rows))), 30)
    assert found is not None
    assert found.low == 0 < found.high


@settings(deadline=None)
@given(flags)
def test_mcnemar(pairs: list[tuple[bool, bool]]) -> None:
    right, other = (np.array(side) for side in zip(*pairs, strict=True))
    test = mcnemar(right, other)
    assert test is not None
    assert test.p == pytest.approx(independent.mcnemar(right, other))
    assert test.difference == pytest.approx(right.mean() - other.mean())
    turned = mcnemar(other, right)
    assert turned is not None
    assert (turned.p, turned.difference) == (test.p, -test.difference)


def test_mcnemar_of_many_equals_scipy() -> None:
    from scipy.stats import binomtest

    right = np.arange(50_000) < 26_000
    other = ~right
    test = mcnemar(right, other)
    assert test is not None
    assert test.p == pytest.approx(binomtest(26_000, 50_000).pvalue, rel=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=9))
def test_permutation_is_near_all_exchanges(pairs: list[tuple[int, int]]) -> None:
    own, other = (np.array(side, float) for side in zip(*pairs, strict=True))
    test = permutation(own, other)
    assert test is not None
    # three standard errors of 2000 exchanges, and the one that is always counted
    exact = independent.all_flips(own, other)
    assert test.p == pytest.approx(exact, abs=0.001 + 4 * np.sqrt(exact * (1 - exact) / 2000))
    assert test.difference == pytest.approx(own.mean() - other.mean())


def test_chance_alone_is_seldom_called_more() -> None:
    """Two equally good models: at most about 5 % of 400 tests say that they differ."""
    random = np.random.default_rng(3)
    exact = [mcnemar(random.random(200) < 0.8, random.random(200) < 0.8) for _ in range(400)]
    assert np.mean([not t.is_noise for t in exact if t]) <= 0.075
    means = [permutation(random.normal(size=60), random.normal(size=60), i) for i in range(200)]
    assert np.mean([not t.is_noise for t in means if t]) <= 0.10


def test_a_real_difference_is_seen() -> None:
    random = np.random.default_rng(4)
    truth = random.normal(size=300)
    near, far = truth + random.normal(size=300), truth + 3 * random.normal(size=300)
    test = paired_bootstrap(
        lambda rows: float(np.corrcoef(near[rows], truth[rows])[0, 1]),
        lambda rows: float(np.corrcoef(far[rows], truth[rows])[0, 1]),
        300,
    )
    assert test is not None
    assert test.difference > 0
    assert not test.is_noise
    none = paired_bootstrap(lambda rows: 1.0, lambda rows: 1.0, 300)
    assert none is not None
    assert none.p == 1
    assert none.is_noise


def test_the_sentence() -> None:
    small, large = PairedTest(-0.003, 0.69, 400, "mcnemar"), PairedTest(0.04, 1e-5, 400, "mcnemar")
    assert str(told(small)) == (
        "The difference of 0.30 points is within noise for 400 samples (p = 0.690)."
    )
    assert str(told(large)) == (
        "The difference of 4.00 points is more than noise on 400 samples (p < 0.001)."
    )
    assert "400" in words("zh_CN").render(told(small))
    assert words("zh_CN").render(told(small)) != str(told(small))
    assert "0.003 is within" in str(told(small, is_share=False))
