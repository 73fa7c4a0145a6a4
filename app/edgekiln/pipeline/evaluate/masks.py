"""How well every pixel was told: from the counts of each picture, so that they can be drawn anew.

Long et al. 2015, "Fully convolutional networks for semantic segmentation", section 5; pixels
labelled VOID count for nothing, as in Everingham et al. 2010, "The PASCAL VOC challenge".
"""

from __future__ import annotations

import numpy as np

from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.truth import VOID
from edgekiln.pipeline.evaluate.metrics import Ints


def masks_of(output: Array) -> Ints | None:
    """The class of every pixel [samples, height, width] of an output; None when it is no mask's.

    One whole number a pixel is its class; one other value the probability of the second of two
    classes, or its logit, when any lies outside 0…1.
    """
    if output.ndim == 3:
        output = output[..., None]
    if output.ndim != 4:
        return None
    if output.dtype.kind in "iu" and output.shape[3] == 1:
        return np.asarray(output[..., 0], np.int64)
    if output.shape[3] > 1:
        return np.asarray(output.argmax(axis=3), np.int64)
    known = output[np.isfinite(output)]
    logits = bool(known.size and (known.min() < 0 or known.max() > 1))
    return np.asarray(output[..., 0] > (0.0 if logits else 0.5), np.int64)


def enlarged(masks: Array, height: int, width: int) -> Array:
    """Masks [samples, …] at another size, each pixel as the nearest one was told."""
    rows = ((np.arange(height) + 0.5) * masks.shape[1] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * masks.shape[2] / width).astype(np.int64)
    return masks[:, rows[:, None], columns[None]]


def pixel_counts(masks: Ints, truth: Ints, classes: int) -> Ints:
    """Counts [samples, true class, told class] of masks [samples, …] of one size."""
    size = classes * classes
    counts = np.zeros((len(masks), size), np.int64)
    for i, (told, true) in enumerate(zip(masks, truth, strict=True)):
        seen = (true != VOID) & (true >= 0) & (true < classes) & (told >= 0) & (told < classes)
        counts[i] = np.bincount(true[seen] * classes + told[seen], minlength=size)
    return counts.reshape(-1, classes, classes)


def class_iou(counts: Ints) -> tuple[float | None, ...]:
    """tp / (tp + fp + fn) of every class over all samples; None for a class nobody sees."""
    whole = counts.sum(axis=0)
    right = np.diagonal(whole)
    joint = whole.sum(axis=0) + whole.sum(axis=1) - right
    return tuple(float(t / u) if u else None for t, u in zip(right, joint, strict=True))


def mean_iou(counts: Ints) -> float | None:
    """The mean over the classes that are labelled or told; None without a pixel."""
    known = [value for value in class_iou(counts) if value is not None]
    return float(np.mean(known)) if known else None


def pixel_accuracy(counts: Ints) -> float | None:
    """The share of pixels told right; None without a pixel."""
    whole = counts.sum(axis=0)
    return float(np.trace(whole) / whole.sum()) if whole.sum() else None
