"""Figures of classifiers: against independent.py, and what must hold of any."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekiln.pipeline.evaluate import classes, metrics
from pipeline import independent

CLASSES = 4
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, logits: bool = False, samples: int | None = None):
    """Scores with ties, as int8 has them, and labels, some samples without one."""
    random = np.random.default_rng(seed)
    samples = samples or int(random.integers(1, 40))
    scores = random.integers(0, 8, (samples, CLASSES)).astype(np.float32)
    scores = scores - 4 if logits else np.float32(scores + 1) / (scores + 1).sum(1, keepdims=True)
    labels = random.integers(-1, CLASSES, samples)
    return scores.astype(np.float32), labels


@settings(deadline=None)
@given(seeds, st.integers(1, CLASSES))
def test_top_k(seed: int, k: int) -> None:
    scores, labels = drawn(seed)
    hits = classes.in_top(scores, labels, k)
    keep = labels >= 0
    assert not hits[~keep].any()
    if keep.any():
        assert hits[keep].mean() == independent.top_k(scores[keep], labels[keep], k)
    if k == 1:
        assert (hits == (metrics.top1(scores) == labels)[:]).all()
    if k == CLASSES:
        assert hits[keep].all()


def test_a_score_that_is_no_number_is_in_no_top() -> None:
    scores = np.array([[np.nan, 1.0], [0.0, 1.0]])
    assert classes.in_top(scores, np.array([1, 1]), 2).tolist() == [False, True]


@settings(deadline=None)
@given(seeds)
def test_every_class(seed: int) -> None:
    scores, labels = drawn(seed)
    predicted = metrics.top1(scores)
    predicted[: len(labels) // 5] = metrics.UNDECIDED
    counts = classes.counted(predicted, labels, CLASSES)
    keep = labels >= 0
    found = [(c.precision, c.recall, c.f1, c.support) for c in classes.class_figures(counts)]
    for own, other in zip(
        found, independent.per_class(predicted[keep], labels[keep], CLASSES), strict=True
    ):
        assert own == pytest.approx(other)
    assert counts.sum() == keep.sum()
    if keep.any():
        wanted = independent.macro_f1(predicted[keep], labels[keep], CLASSES)
        assert classes.macro_f1(counts) == pytest.approx(wanted)
    else:
        assert classes.macro_f1(counts) is None


@settings(deadline=None)
@given(seeds)
def test_every_class_equals_scikit_learn(seed: int) -> None:
    from sklearn.metrics import precision_recall_fscore_support

    scores, labels = drawn(seed)
    keep = labels >= 0
    if not keep.any():
        return
    predicted = metrics.top1(scores)[keep]
    wanted = precision_recall_fscore_support(
        labels[keep], predicted, labels=range(CLASSES), zero_division=0
    )
    counts = classes.counted(predicted, labels[keep], CLASSES)
    for c, *figures in zip(classes.class_figures(counts), *wanted, strict=True):
        own = (c.precision or 0.0, c.recall or 0.0, c.f1 or 0.0, c.support)
        assert own == pytest.approx(tuple(figures))


@settings(deadline=None)
@given(seeds, st.booleans())
def test_probabilities(seed: int, logits: bool) -> None:
    scores, _ = drawn(seed, logits)
    shares = classes.probabilities(scores)
    assert shares == pytest.approx(np.array(independent.softmax_or_shares(scores)))
    assert shares.sum(axis=1) == pytest.approx(np.ones(len(scores)))
    assert (shares.argmax(axis=1) == scores.argmax(axis=1)).all()


def test_probabilities_of_what_is_none() -> None:
    shares = classes.probabilities(np.array([[0.0, 0.0], [np.nan, 1.0]]))
    assert shares[0].tolist() == [0.5, 0.5]
    assert np.isnan(shares[1]).all()
    huge = classes.probabilities(np.array([[3e38, -3e38], [0.0, 1.0]], np.float32))
    assert huge[0].tolist() == pytest.approx([1.0, 0.0])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=50))
def test_calibration_of_confidence(samples: list[tuple[int, bool]]) -> None:
    """Sixtieths fall on the borders of the bins, too."""
    confidence = np.array([c for c, _ in samples]) / 60
    right = np.array([r for _, r in samples])
    error = classes.expected_calibration_error(confidence, right)
    assert error is not None
    assert 0 <= error <= 1
    assert error == pytest.approx(_ece_in_sixtieths(samples))
    order = np.random.default_rng(0).permutation(len(samples))
    shuffled = classes.expected_calibration_error(confidence[order], right[order])
    assert shuffled == pytest.approx(error)
    bins = classes.reliability(confidence, right)
    assert sum(b.samples for b in bins) == len(samples)
    gaps = sum(b.samples * abs(b.confidence - b.accuracy) for b in bins) / len(samples)
    assert gaps == pytest.approx(error)
    assert all(b.low - 1e-9 <= b.confidence <= b.high + 1e-9 for b in bins)


def _ece_in_sixtieths(samples: list[tuple[int, bool]]) -> float:
    """Whole numbers: no border is missed by a rounded digit. Bin b is (4 b, 4 b + 4]."""
    total = 0.0
    for b in range(15):
        inside = [s for s in samples if (4 * b < s[0] <= 4 * b + 4) or (b == 0 and s[0] == 0)]
        total += abs(sum(c / 60 - r for c, r in inside))
    return total / len(samples)


@settings(deadline=None)
@given(seeds)
def test_calibration_equals_the_plain_one(seed: int) -> None:
    scores, labels = drawn(seed)
    shares = classes.probabilities(scores).max(axis=1)
    right = metrics.top1(scores) == labels
    own = classes.expected_calibration_error(shares, right)
    assert own == pytest.approx(independent.ece(shares, right))


def test_calibration_known() -> None:
    sure, half = np.full(10, 1.0), np.full(10, 0.5)
    right = np.arange(10) < 5
    assert classes.expected_calibration_error(half, right) == 0
    assert classes.expected_calibration_error(sure, right) == 0.5
    assert classes.expected_calibration_error(sure[:0], right[:0]) is None


@settings(deadline=None)
@given(seeds, st.booleans())
def test_distance_from_float(seed: int, logits: bool) -> None:
    scores, _ = drawn(seed, logits, 20)
    other, _ = drawn(seed + 1, logits, 20)
    distance = classes.kl_divergence(scores, other)
    assert (distance >= -1e-12).all()
    assert distance.mean() == pytest.approx(independent.kl(scores, other))
    assert classes.kl_divergence(scores, scores) == pytest.approx(np.zeros(20))
    drift = classes.confidence_drift(scores, other)
    assert np.abs(drift).max() <= 1
    assert drift.mean() == pytest.approx(independent.drift(scores, other))
    assert (classes.confidence_drift(other, other) == 0).all()


def test_what_rounds_to_nothing_is_not_infinitely_far() -> None:
    distance = classes.kl_divergence(np.array([[1.0, 0.0]]), np.array([[0.999, 0.001]]))
    assert math.isfinite(distance[0])
    assert 0 < distance[0] < 0.01


@settings(deadline=None)
@given(seeds)
def test_perfect_predictions(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, CLASSES, 30)
    counts = classes.counted(labels, labels, CLASSES)
    assert classes.macro_f1(counts) == 1
    assert {c.f1 for c in classes.class_figures(counts)} <= {1.0, None}
