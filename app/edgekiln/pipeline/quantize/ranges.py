"""Ranges from a histogram of all values: what is cut off, and what finer steps gain by it.

A value's bin is the upper half of its float32: sign, exponent, seven bits of the fraction. So bins
are 0.8 % of the value wide at most, need no range to be known before, and add up in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgekiln.pipeline.data.arrays import Array

BINS = 1 << 16
_TAIL = 1e-4  # what the percentile leaves outside on either side: 99.99 % of the values stay below
_STEPS = 255  # of int8
_SHRUNK = np.geomspace(1.0, 1 / 256, 161)  # shares of a range that are tried, 3.4 % apart
_ROUNDS = 2
_LINEAR_BINS = 2048
_MOST_OUTSIDE = 1e-3  # of the values that are not 0, by KL
_UNTOLD = 1e-4  # the share KL gives to a bin that int8 leaves empty
_STRIDE = 16  # linear bins between two thresholds that are tried
_SIGN, _INFINITE = 0x8000, 0x7F80

Range = tuple[float, float]


@dataclass(frozen=True)
class Histogram:
    """How many values were seen in each bin: `keys` uint16 [bins], `counts` int64 [bins]."""

    keys: Array
    counts: Array

    @classmethod
    def of(cls, counts: Array) -> Histogram:
        """From the counts of all bins, [65536] by key; infinities and NaN are left out."""
        keys = np.flatnonzero(counts)
        keys = keys[keys & _INFINITE != _INFINITE]
        return cls(keys.astype(np.uint16), counts[keys].astype(np.int64))

    def in_order(self) -> tuple[Array, Array, Array]:
        """Lower and upper edge and count of the bins in the order of their values."""
        inner, outer = _edges(self.keys & ~np.uint16(_SIGN))
        below = (self.keys & _SIGN) > 0
        low, high = np.where(below, -outer, inner), np.where(below, -inner, outer)
        order = np.argsort(low, kind="stable")
        return low[order], high[order], self.counts[order]


def keys_of(values: Array) -> Array:
    """The bins of a contiguous float32 array, uint16 of the same size."""
    upper = 1 if np.little_endian else 0
    return values.reshape(-1).view(np.uint16)[upper::2]


def percentile(histogram: Histogram, extremes: Range) -> Range:
    """The range that leaves at most 0.01 % of all values above it, and as many below."""
    lows, highs, counts = histogram.in_order()
    reached = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(reached, _TAIL, "right"))
    last = int(np.searchsorted(reached, 1 - _TAIL, "left"))
    low, high = extremes
    return max(low, float(lows[first])), min(high, float(highs[last]))


def least_square(histogram: Histogram, extremes: Range) -> Range:
    """The range of least mean square error in int8.

    Rounding costs step^2/12 a value, or the value itself squared where it rounds to zero, which
    is exact in int8; cutting off costs the squared distance (Banner et al. 2019, "Post training
    4-bit quantization of convolutional networks", eq. 2 and 5, here on the real distribution).
    """
    errors = _square_errors(histogram)
    low, high = min(extremes[0], 0.0), max(extremes[1], 0.0)
    low, high = _best(errors, low * _SHRUNK, high * _SHRUNK)
    for _ in range(_ROUNDS):
        low, high = _best(errors, np.full_like(_SHRUNK, low), max(extremes[1], 0.0) * _SHRUNK)
        low, high = _best(errors, min(extremes[0], 0.0) * _SHRUNK, np.full_like(_SHRUNK, high))
    return low, high


def least_divergence(histogram: Histogram, extremes: Range) -> Range:
    """The range whose int8 form tells most of the distribution of magnitudes: least KL divergence.

    TensorRT's entropy calibration: 2048 bins of |x|, and for each threshold KL(P || Q), P with what
    lies outside added to its last bin, Q the bins put together into the levels of int8 and spread
    again over those that were not empty (Migacz 2017, "8-bit inference with TensorRT", GTC). Zeros
    have no say, for they are exact. 128 levels, 256 for a tensor of one sign. Unlike there, at most
    0.1 % may lie outside: on MobileNetV1 x0.25 the last layers, steep and sparse, were cut at an
    eighth of their range and less, and of 85.5 % accuracy 50 % (chance) was left.
    """
    low, high = extremes
    top = max(-low, high)
    levels = 128 if low < 0 < high else 256
    ends = range(levels, _LINEAR_BINS + 1, _STRIDE)
    best = levels
    while best == levels:  # all that counts is in the lowest bins: look at them more closely
        bins, outside = _linear_bins(histogram, top)
        if not bins.any():
            return extremes
        costs = {end: _divergence(bins, outside, end, levels) for end in ends}
        best = min(ends, key=lambda end: (costs[end], -end))
        top = top * best / _LINEAR_BINS if best == levels else top
    threshold = top * best / _LINEAR_BINS
    return max(low, -threshold), min(high, threshold)


def _edges(magnitudes: Array) -> tuple[Array, Array]:
    """Lower and upper edge of bins of positive values, float64."""
    bits = magnitudes.astype(np.uint32)
    inner = (bits << 16).view(np.float32).astype(np.float64)
    outer = ((bits << 16) | 0xFFFF).view(np.float32).astype(np.float64)
    return inner, np.where(bits == 0, 0.0, outer)


def _square_errors(histogram: Histogram) -> Callable[[Array, Array], Array]:
    """The summed square error of int8 for ranges [n], [n] -> [n]; sums over bins come from running
    sums, so that a range costs no pass over the bins."""
    lows, highs, counts = histogram.in_order()
    middles = (lows + highs) / 2
    zeroth, first, second = (
        np.concatenate([[0.0], np.cumsum(counts * middles**power)]) for power in range(3)
    )
    count = len(counts)

    def beyond(start: Array, end: Array, limit: Array) -> Array:
        n, s, q = (sums[end] - sums[start] for sums in (zeroth, first, second))
        return np.asarray(q - 2 * limit * s + limit**2 * n)

    def errors(low: Array, high: Array) -> Array:
        half = (high - low) / _STEPS / 2
        starts, ends = np.searchsorted(middles, low), np.searchsorted(middles, high, "right")
        inner = np.searchsorted(middles, -half).clip(starts, ends)
        outer = np.searchsorted(middles, half, "right").clip(starts, ends)
        rounded = (zeroth[inner] - zeroth[starts]) + (zeroth[ends] - zeroth[outer])
        cut = beyond(np.zeros_like(starts), starts, low)
        cut += beyond(ends, np.full_like(ends, count), high)
        return np.asarray(cut + rounded * half**2 / 3 + second[outer] - second[inner])

    return errors


def _best(errors: Callable[[Array, Array], Array], lows: Array, highs: Array) -> Range:
    """The first range of least error; the wider come first."""
    index = int(np.argmin(errors(lows, highs)))
    return float(lows[index]), float(highs[index])


def _linear_bins(histogram: Histogram, top: float) -> tuple[Array, float]:
    """Counts of 0 < |x| <= `top` in equal bins, [2048], and the count of what is larger."""
    magnitudes = np.bincount(histogram.keys & ~np.uint16(_SIGN), histogram.counts, _SIGN)
    magnitudes[0] = 0
    keys = np.flatnonzero(magnitudes)
    if not keys.size or top <= 0:
        return np.zeros(_LINEAR_BINS), 0.0
    reached = np.cumsum(magnitudes[keys])
    points = np.stack(_edges(keys), 1).reshape(-1)
    values = np.stack([reached - magnitudes[keys], reached], 1).reshape(-1)
    bins = np.diff(np.interp(np.linspace(0, top, _LINEAR_BINS + 1), points, values))
    outside = float(reached[-1] - bins.sum())
    bins[0] = bins[1]  # nearly zero is nearly exact
    return np.asarray(bins), max(outside, 0.0)


def _divergence(bins: Array, outside: float, end: int, levels: int) -> float:
    """KL(P || Q) of the first `end` bins and their form in so many levels."""
    kept = bins[:end]
    wanted = kept.copy()
    wanted[-1] += bins[end:].sum() + outside
    starts = np.arange(levels) * end // levels
    filled = kept > 0
    if wanted[-1] - kept[-1] > _MOST_OUTSIDE * wanted.sum():
        return float("inf")
    places = np.maximum(np.add.reduceat(filled, starts, dtype=np.int64), 1)
    shares = np.add.reduceat(kept, starts) / places
    found = np.repeat(shares, np.diff(starts, append=end)) * filled
    told = wanted > 0
    wanted, found = wanted[told] / wanted.sum(), found[told] / found.sum()
    return float(np.sum(wanted * np.log(wanted / np.where(found > 0, found, _UNTOLD))))
