"""Top-1, agreement and confusion from a model's outputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekiln.core.accuracy import Differing
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.graph.joined import Joined

Ints = npt.NDArray[np.int64]
UNDECIDED = -1  # the predicted class of a sample whose scores are not numbers
_SHOWN = 48
_LARGEST_CONFUSION = 100


def scores_of(output: Array, labelled: bool = True) -> npt.NDArray[np.float32] | None:
    """Class scores [samples, classes] of a model's output; None when it is no classifier's.

    A single value per sample is the probability of the second of two classes (or its logit, when
    any lies outside 0…1). Outside 0…1 and without labels it is taken for a value.
    """
    wide = [size for size in output.shape[1:] if size != 1]
    if len(wide) > 1 or not len(output):
        return None
    scores = output.reshape(len(output), -1).astype(np.float32)
    if scores.shape[1] > 1:
        return scores
    known = scores[np.isfinite(scores)]
    if known.size and (known.min() < 0 or known.max() > 1):
        if not labelled:
            return None
        scores = np.float32(1) / (np.float32(1) + np.exp(-np.clip(scores, -80, 80)))
    return np.hstack([1 - scores, scores])


def relative_error(output: Array, reference: Array, joined: Joined | None = None) -> float | None:
    """sqrt(sum (a-b)^2 / sum b^2), where the output is joined of parts that of the worst; a part
    that is zero throughout has none. None where that is no number."""
    if joined is not None:
        parts = zip(joined.parts(output), joined.parts(reference), strict=True)
        errors = [relative_error(a, b) for a, b in parts if b.any()]
        return None if None in errors else max((e for e in errors if e is not None), default=0.0)
    a, b = output.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    size = float(np.sqrt(np.sum(b**2)))
    error = float(np.sqrt(np.sum((a - b) ** 2))) / size if size else float("inf")
    return error if np.isfinite(error) else None


def top1(scores: Array) -> Ints:
    """The class with the highest score per sample; -1 where a score is NaN."""
    predicted: Ints = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1).astype(np.int64)
    predicted[np.isnan(scores).any(axis=1)] = UNDECIDED
    return predicted


def share(hits: Array) -> float | None:
    """The share of True; None of nothing."""
    return float(np.mean(hits)) if len(hits) else None


def accuracy(predicted: Ints, labels: Ints) -> float | None:
    """Top-1 on the labelled samples; None when none is labelled."""
    labelled = labels >= 0
    return share(predicted[labelled] == labels[labelled])


def agreement(predicted: Ints, reference: Ints) -> float | None:
    """Share of samples with the same top-1; an undecided sample agrees with nothing."""
    return share((predicted == reference) & (predicted != UNDECIDED))


def confusion(predicted: Ints, labels: Ints, classes: int) -> tuple[tuple[int, ...], ...]:
    """Counts [true][predicted] of the labelled samples; () above 100 classes, where nobody could
    read it."""
    seen = (labels >= 0) & (predicted >= 0)
    if classes > _LARGEST_CONFUSION or not seen.any():
        return ()
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels[seen], predicted[seen]), 1)
    return tuple(tuple(int(n) for n in row) for row in counts)


def differing(predicted: Ints, reference: Ints, labels: Ints) -> tuple[Differing, ...]:
    """The samples seen otherwise than by the float model: first those only the float model had
    right."""
    indexes = np.flatnonzero(predicted != reference)
    lost = (reference == labels)[indexes]
    ordered = indexes[np.argsort(~lost, kind="stable")][:_SHOWN]
    return tuple(
        Differing(int(i), int(labels[i]), int(reference[i]), int(predicted[i])) for i in ordered
    )
