"""Figures of a classifier beyond top-1: every class, how sure it is, and how far from float."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekiln.core.measures import ClassFigures, ReliabilityBin
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate.metrics import UNDECIDED, Ints

Doubles = npt.NDArray[np.float64]
BINS = 15
_LEAST = 1e-6  # of a probability: an int8 softmax rounds small ones to 0, no reason for infinity


def in_top(scores: Array, labels: Ints, k: int) -> npt.NDArray[np.bool_]:
    """Whether the label is among the `k` highest scores [samples]; of equal scores the first class
    counts first. False where a score is NaN or there is no label."""
    known = (labels >= 0) & (labels < scores.shape[1]) & ~np.isnan(scores).any(axis=1)
    own = scores[np.arange(len(scores)), np.where(known, labels, 0)][:, None]
    earlier = np.arange(scores.shape[1])[None] < labels[:, None]
    before = (scores > own) | ((scores == own) & earlier)
    return np.asarray(known & (before.sum(axis=1) < k))


def counted(predicted: Ints, labels: Ints, classes: int) -> Ints:
    """Counts [classes, classes + 1] of the labelled samples by label and predicted class; the last
    column is of the undecided ones."""
    seen = (labels >= 0) & (labels < classes)
    columns = np.where(predicted == UNDECIDED, classes, predicted)
    flat = labels[seen] * (classes + 1) + columns[seen]
    return np.bincount(flat, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def class_figures(counts: Ints) -> tuple[ClassFigures, ...]:
    """Precision, recall and F1 = 2 tp / (2 tp + fp + fn) of every class, from `counted`.

    Van Rijsbergen 1979, "Information retrieval", chapter 7.
    """
    right = np.diagonal(counts)
    support, called = counts.sum(axis=1), counts[:, : len(counts)].sum(axis=0)
    return tuple(
        ClassFigures(
            i,
            _ratio(right[i], called[i]),
            _ratio(right[i], support[i]),
            _ratio(2 * right[i], support[i] + called[i]),
            int(support[i]),
        )
        for i in range(len(counts))
    )


def macro_f1(counts: Ints) -> float | None:
    """The mean F1 of the classes that occur, as label or as prediction."""
    right = np.diagonal(counts)
    occurring = counts.sum(axis=1) + counts[:, : len(counts)].sum(axis=0)
    there = occurring > 0
    return float(np.mean(2 * right[there] / occurring[there])) if there.any() else None


def probabilities(scores: Array) -> Doubles:
    """Scores [samples, classes] as probabilities that add up to 1.

    Scores that are all in 0…1 are taken for such, rounded; others for logits (softmax). Rows with
    NaN stay NaN.
    """
    values = scores.astype(np.float64)
    known = values[np.isfinite(values)]
    if known.size and (known.min() < 0 or known.max() > 1):
        top = np.nan_to_num(values.max(axis=1, keepdims=True), posinf=0.0, neginf=0.0)
        values = np.exp(np.clip(values - top, -700, 0))
    total = values.sum(axis=1, keepdims=True)
    even = np.full_like(values, 1 / values.shape[1])
    return np.divide(values, total, out=even, where=total != 0)


def expected_calibration_error(confidence: Doubles, right: Array) -> float | None:
    """The mean gap between confidence and the share that is right, over 15 equal bins of
    confidence, weighted by their samples; None of nothing.

    Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    if not len(confidence):
        return None
    which = _bin(confidence)
    gaps = np.bincount(which, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability(confidence: Doubles, right: Array) -> tuple[ReliabilityBin, ...]:
    """The bins of the calibration error that have samples."""
    which = _bin(confidence)
    return tuple(
        ReliabilityBin(
            i / BINS,
            (i + 1) / BINS,
            int(np.sum(which == i)),
            float(confidence[which == i].mean()),
            float(right[which == i].mean()),
        )
        for i in np.unique(which).tolist()
    )


def confidence_drift(scores: Array, reference: Array) -> Doubles:
    """How much surer than the float model a candidate is of the float model's class [samples]."""
    own, other = probabilities(scores), probabilities(reference)
    first = np.arange(len(other)), np.nan_to_num(other, nan=-1.0).argmax(axis=1)
    return np.asarray(own[first] - other[first])


def kl_divergence(scores: Array, reference: Array) -> Doubles:
    """sum p log(p / q) per sample in nats, p the float model's probabilities and q the candidate's,
    none taken below 1e-6. Kullback and Leibler 1951, "On information and sufficiency"."""
    p, q = (_floored(probabilities(each)) for each in (reference, scores))
    return np.asarray((p * np.log(p / q)).sum(axis=1))


def _floored(values: Doubles) -> Doubles:
    raised = np.maximum(values, _LEAST)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _bin(confidence: Doubles) -> Ints:
    """Bin i is (i/15, (i+1)/15]."""
    return np.asarray(np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1), np.int64)


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
