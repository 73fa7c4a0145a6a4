"""Values, reconstructions, embeddings and masks: against independent.py and libraries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekiln.pipeline.evaluate import masks, values
from pipeline import independent

seeds = st.integers(0, 2**32 - 1)


def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    shape = (int(random.integers(2, 20)), 3)
    return random.normal(size=shape), random.normal(size=shape)


@settings(deadline=None)
@given(seeds)
def test_errors(seed: int) -> None:
    from sklearn import metrics as known

    own, truth = pair(seed)
    mae, mse = values.absolute_errors(own, truth).mean(), values.squared_errors(own, truth).mean()
    assert mae == pytest.approx(known.mean_absolute_error(truth, own), abs=1e-9)
    assert mse == pytest.approx(known.mean_squared_error(truth, own), abs=1e-9)
    assert mae <= np.sqrt(mse) + 1e-12
    assert values.r2(own, truth) == pytest.approx(known.r2_score(truth, own), abs=1e-6)
    assert values.r2(own, truth) == pytest.approx(independent.r2(own, truth))
    assert values.r2(truth, truth) == 1
    assert values.absolute_errors(truth, truth).max() == 0


def test_no_spread_no_r2() -> None:
    assert values.r2(np.ones((3, 1)), np.ones((3, 1))) is None
    half = np.array([[1.0, 5.0], [2.0, 5.0]])
    assert values.r2(half, half) == 1
    assert values.r2(np.zeros((0, 2)), np.zeros((0, 2))) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=40))
def test_auc(samples: list[tuple[int, bool]]) -> None:
    from sklearn.metrics import roc_auc_score

    scores = np.array([s for s, _ in samples], float)
    positive = np.array([p for _, p in samples], bool)
    own = values.auc(scores, positive)
    assert own == independent.auc(scores, positive) or own == pytest.approx(
        independent.auc(scores, positive)
    )
    if own is not None:
        assert own == pytest.approx(roc_auc_score(positive, scores), abs=1e-6)
        assert values.auc(-scores, positive) == pytest.approx(1 - own)
        assert values.auc(positive.astype(float), positive) == 1


@settings(deadline=None)
@given(seeds)
def test_likeness(seed: int) -> None:
    own, reference = pair(seed)
    cosines = values.cosines(own, reference)
    wanted = [independent.cosine(a, b) for a, b in zip(own, reference, strict=True)]
    assert cosines == pytest.approx(np.array(wanted))
    assert np.abs(cosines).max() <= 1
    assert values.cosines(own, 3 * own) == pytest.approx(np.ones(len(own)))
    sqnr = values.sqnr_db(*values.signal_and_noise(own, reference))
    assert sqnr == pytest.approx(independent.sqnr_db(own, reference))
    assert values.sqnr_db(*values.signal_and_noise(own, own)) is None
    closer = reference + 0.1 * (own - reference)
    nearer = values.sqnr_db(*values.signal_and_noise(closer, reference))
    assert nearer == pytest.approx(sqnr + 20)  # a tenth of the noise: 20 dB


def test_nothing_is_like_nothing() -> None:
    zero, one = np.zeros((1, 2)), np.ones((1, 2))
    assert values.cosines(zero, zero).tolist() == [1.0]
    assert values.cosines(zero, one).tolist() == [0.0]


@settings(deadline=None)
@given(seeds)
def test_retrieval(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(-1, 4, int(random.integers(0, 25)))
    embeddings = random.normal(size=(len(labels), 3))
    found = values.found_first(embeddings, labels)
    assert found.tolist() == independent.recall_at_1(embeddings, labels)
    assert values.found_first(embeddings, labels, embeddings).tolist() == found.tolist()
    apart = np.eye(5)[labels + 1]
    assert values.found_first(apart, labels).all()


@settings(deadline=None)
@given(seeds, st.booleans())
def test_masks(seed: int, with_void: bool) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, (3, 5, 4))
    told = np.where(random.random(truth.shape) < 0.6, truth, random.integers(0, 4, truth.shape))
    if with_void:
        truth[random.random(truth.shape) < 0.3] = masks.VOID
    counts = masks.pixel_counts(told, truth, 5)
    iou, mean, right = independent.masks(told, truth, 5)
    assert masks.class_iou(counts) == pytest.approx(tuple(iou))
    assert iou[4] is None
    assert masks.mean_iou(counts) == pytest.approx(mean, abs=1e-6)
    assert masks.pixel_accuracy(counts) == pytest.approx(right, abs=1e-6)
    assert masks.mean_iou(counts[::-1]) == masks.mean_iou(counts)
    perfect = masks.pixel_counts(np.where(truth == masks.VOID, 0, truth), truth, 5)
    assert masks.mean_iou(perfect) == masks.pixel_accuracy(perfect) == 1


@settings(deadline=None)
@given(seeds)
def test_mean_iou_equals_scikit_learn(seed: int) -> None:
    from sklearn.metrics import jaccard_score

    random = np.random.default_rng(seed)
    truth, told = random.integers(0, 4, (2, 3, 5, 5))
    own = masks.mean_iou(masks.pixel_counts(told, truth, 4))
    there = np.union1d(truth, told)
    wanted = jaccard_score(truth.ravel(), told.ravel(), labels=there, average="macro")
    assert own == pytest.approx(wanted, abs=1e-6)


def test_no_pixels_no_figures() -> None:
    void = np.full((1, 2, 2), masks.VOID)
    counts = masks.pixel_counts(np.zeros_like(void), void, 2)
    assert masks.mean_iou(counts) is None
    assert masks.pixel_accuracy(counts) is None


def test_masks_of_outputs() -> None:
    scores = np.zeros((2, 3, 3, 4), np.float32)
    scores[..., 2] = 1
    found = masks.masks_of(scores)
    assert found is not None
    assert (found == 2).all()
    shares = np.array([[[0.2, 0.8]]])
    assert np.array_equal(masks.masks_of(shares), [[[0, 1]]])
    assert np.array_equal(masks.masks_of(shares[..., None] - 0.7), [[[0, 1]]])
    assert masks.masks_of(np.zeros((2, 5))) is None
