"""How sure a figure is, and whether two models differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgekiln.core.measures import CONFIDENCE, Interval, PairedTest
from edgekiln.pipeline.data.arrays import Array

Rows = npt.NDArray[np.int64]
Figure = Callable[[Rows], float | None]  # of these samples, some more than once
RESAMPLES = 1000
_FLIPS = 2000
_BLOCK = 4_000_000  # signs at once: 4 MB


def wilson(hits: int, samples: int) -> Interval | None:
    """The interval of a share; None of nothing.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    if not samples:
        return None
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    share, scaled = hits / samples, z * z / samples
    centre = (share + scaled / 2) / (1 + scaled)
    half = z * math.sqrt(share * (1 - share) / samples + scaled / samples / 4) / (1 + scaled)
    low = 0.0 if hits == 0 else centre - half
    return Interval(low, 1.0 if hits == samples else centre + half, "wilson")


def bootstrap(
    figure: Figure, samples: int, seed: int = 0, resamples: int = RESAMPLES
) -> Interval | None:
    """The percentile interval of any figure, widened where it must be to hold the figure itself.

    Resamples for which there is no figure are left out; None when that is half of them or more.
    Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13.
    """
    whole = figure(np.arange(samples))
    if whole is None:
        return None
    drawn = _drawn(figure, samples, seed, resamples)
    if 2 * len(drawn) <= resamples:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Interval(min(float(low), whole), max(float(high), whole), "bootstrap")


def mcnemar(right: Array, other: Array) -> PairedTest | None:
    """Two classifiers by what each has right of the same samples (bool); None of nothing.

    Exact: under chance the samples only one has right fall to each with 1/2. McNemar 1947, "Note on
    the sampling error of the difference between correlated proportions", Psychometrika 12.
    """
    if not len(right):
        return None
    gained, lost = int(np.sum(right & ~other)), int(np.sum(~right & other))
    p = min(1.0, 2 * _binomial_tail(min(gained, lost), gained + lost))
    return PairedTest((gained - lost) / len(right), p, len(right), "mcnemar", gained, lost)


def permutation(values: Array, other: Array, seed: int = 0) -> PairedTest | None:
    """Two models by a figure per sample [samples] whose mean counts; None of nothing.

    The two are exchanged sample by sample at random. p = (1 + as large) / (1 + tried): Phipson and
    Smyth 2010, "Permutation p-values should never be zero".
    """
    gaps = np.asarray(values, np.float64) - np.asarray(other, np.float64)
    if not len(gaps):
        return None
    whole, random, large = float(gaps.sum()), np.random.default_rng(seed), 0
    slack = 1e-12 * float(np.abs(gaps).sum())  # equal sums differ in their last digits
    block = max(1, _BLOCK // len(gaps))
    for start in range(0, _FLIPS, block):
        flips = random.integers(0, 2, (min(block, _FLIPS - start), len(gaps)), np.int8)
        sums = whole - 2 * (flips @ gaps)
        large += int(np.sum(np.abs(sums) >= abs(whole) - slack))
    p = (1 + large) / (1 + _FLIPS)
    return PairedTest(whole / len(gaps), p, len(gaps), "permutation")


def paired_bootstrap(
    figure: Figure, other: Figure, samples: int, seed: int = 0, resamples: int = RESAMPLES
) -> PairedTest | None:
    """Two models by a figure that is no mean over samples (mAP, mIoU, AUC), on the same resamples.

    p = twice the smaller share of resamples on either side of no difference, each counting one
    more: Efron and Tibshirani 1993, chapter 15. None when there is no figure.
    """

    def difference(rows: Rows) -> float | None:
        a, b = figure(rows), other(rows)
        return None if a is None or b is None else a - b

    whole = difference(np.arange(samples))
    if whole is None:
        return None
    drawn = _drawn(difference, samples, seed, resamples)
    below, above = int(np.sum(drawn <= 0)), int(np.sum(drawn >= 0))
    p = min(1.0, 2 * (1 + min(below, above)) / (1 + len(drawn)))
    return PairedTest(whole, p, samples, "bootstrap")


def _drawn(figure: Figure, samples: int, seed: int, resamples: int) -> Array:
    random = np.random.default_rng(seed)
    found = (figure(random.integers(0, samples, samples)) for _ in range(resamples))
    return np.array([value for value in found if value is not None and math.isfinite(value)])


def _binomial_tail(most: int, trials: int) -> float:
    """P(X <= most) of `trials` fair coins; by logarithms, for many."""
    scale = math.lgamma(trials + 1) - trials * math.log(2)
    terms = (scale - math.lgamma(k + 1) - math.lgamma(trials - k + 1) for k in range(most + 1))
    return math.fsum(math.exp(term) for term in terms)
