"""Figures of outputs that are no classes: values, reconstructions, embeddings, anything."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate.metrics import Ints

Doubles = npt.NDArray[np.float64]
_BLOCK = 1024  # queries at once


def absolute_errors(values: Array, truth: Array) -> Doubles:
    """The mean absolute error per sample; its mean is MAE."""
    return np.asarray(np.abs(_rows(values) - _rows(truth)).mean(axis=1))


def squared_errors(values: Array, truth: Array) -> Doubles:
    """The mean squared error per sample. The root of its mean is RMSE; between an autoencoder's
    input and output it is the reconstruction score."""
    return np.asarray(((_rows(values) - _rows(truth)) ** 2).mean(axis=1))


def r2(values: Array, truth: Array) -> float | None:
    """1 - sum (y - f)^2 / sum (y - mean y)^2, the mean over output values that vary; None when none
    does. Wright 1921, "Correlation and causation"."""
    f, y = _rows(values), _rows(truth)
    spread = ((y - y.mean(axis=0)) ** 2).sum(axis=0) if len(y) else np.zeros(y.shape[1])
    varied = spread > 0
    if not varied.any():
        return None
    left = ((y - f) ** 2).sum(axis=0)
    return float(np.mean(1 - left[varied] / spread[varied]))


def auc(scores: Array, positive: Array) -> float | None:
    """The chance that a positive (anomalous) sample scores above a negative one, half of equal
    scores counted; None without both. Hanley and McNeil 1982, "The meaning and use of the area
    under a ROC curve", Radiology 143."""
    positive = np.asarray(positive, bool)
    above, below = np.sort(scores[positive]), np.sort(scores[~positive])
    if not len(above) or not len(below):
        return None
    wins = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(wins.sum() / (2 * len(above) * len(below)))


def cosines(values: Array, reference: Array) -> Doubles:
    """The cosine of the angle between the two per sample: 1 for two zeros, 0 for one."""
    a, b = _rows(values), _rows(reference)
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    equal = (~a.any(axis=1) & ~b.any(axis=1)).astype(np.float64)
    found = np.divide((a * b).sum(axis=1), sizes, out=equal, where=sizes > 0)
    return np.asarray(np.clip(found, -1.0, 1.0))


def sqnr_db(signal: Doubles, noise: Doubles) -> float | None:
    """10 log10(sum b^2 / sum (a-b)^2) from both sums per sample; None where one is 0.

    Oppenheim and Schafer, "Discrete-time signal processing", on quantization errors.
    """
    top, bottom = float(signal.sum()), float(noise.sum())
    ratio = top / bottom if bottom else 0.0
    return 10 * float(np.log10(ratio)) if 0 < ratio < np.inf else None


def signal_and_noise(values: Array, reference: Array) -> tuple[Doubles, Doubles]:
    """The sums of squares per sample that SQNR is made of: of the reference, of the difference."""
    a, b = _rows(values), _rows(reference)
    return (b**2).sum(axis=1), ((a - b) ** 2).sum(axis=1)


def found_first(embeddings: Array, labels: Ints, gallery: Array | None = None) -> Doubles:
    """1.0 where the nearest other sample by cosine has the same label [samples with such another].

    Its mean is recall@1 (Jegou et al. 2011, "Product quantization for nearest neighbor search").
    `gallery`: the same samples by the float model, when queries of a candidate must find these.
    """
    queries = _unit(embeddings)
    known = queries if gallery is None else _unit(gallery)
    usable = np.array([label >= 0 and np.sum(labels == label) > 1 for label in labels], bool)
    asked, hits = np.flatnonzero(usable), []
    for start in range(0, len(asked), _BLOCK):
        rows = asked[start : start + _BLOCK]
        near = queries[rows] @ known.T
        near[np.arange(len(rows)), rows] = -np.inf
        hits.append(labels[near.argmax(axis=1)] == labels[rows])
    return np.concatenate(hits).astype(np.float64) if hits else np.zeros(0)


def _unit(values: Array) -> Doubles:
    rows = _rows(values)
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, sizes, out=np.zeros_like(rows), where=sizes > 0))


def _rows(values: Array) -> Doubles:
    return np.asarray(values, np.float64).reshape(len(values), math.prod(values.shape[1:]))
