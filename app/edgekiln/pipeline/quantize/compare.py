"""Sums over the samples of a twin's run, from which all figures of an operator come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log10, sqrt

import numpy as np

from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.graph.graph import Tensor
from edgekiln.pipeline.graph.joined import axis_of, part_ends
from edgekiln.pipeline.quantize.twin import Edge, Pair

_CHANNEL_SAMPLES = 3  # enough to see which channels are wide
_TINY = 1e-30
_MOST = 100.0
_LEAST = 1e-12  # 120 dB: no error that float arithmetic could tell from none
Real = Callable[[Tensor], Array]  # a tensor's values in the last run, flat, as floats


@dataclass
class EdgeSums:
    """Powers (sums of squares) at an input: of the exact values, of the errors that have come up to
    here in the int8 model, and of what its rounding and those errors do to the operator's output
    (by part). `width`: the largest absolute value."""

    width: float = 0.0
    signal: float = 0.0
    reached: float = 0.0
    through: Array | float = 0.0
    passed_on: Array | float = 0.0

    @property
    def relative_noise(self) -> float:
        """Power of what has come up to here over that of the values."""
        return self.reached / max(self.signal, _TINY)


@dataclass
class Sums:
    """All of one operator's first output. Powers are by part: a CONCATENATION's inputs are judged
    each by itself, or errors of small scores would vanish beside large boxes."""

    pair: Pair
    samples: int = 0
    values: int = 0
    outside: int = 0
    low: float = np.inf
    high: float = -np.inf
    signal: Array | float = 0.0
    isolated: Array | float = 0.0
    stored: Array | float = 0.0
    accumulated: Array | float = 0.0
    quantized: float = 0.0
    cross: float = 0.0
    channels: Array | float = 0.0  # highest absolute value by channel
    edges: list[EdgeSums] = field(default_factory=list)

    def add(self, real: Real) -> None:
        """One more sample."""
        pair = self.pair
        assert pair.accumulated is not None
        exact = real(pair.output)
        self._range(exact, pair.accumulated)
        self.signal += self._powers(exact)
        self.accumulated += self._powers(real(pair.accumulated) - exact)
        if pair.isolated is not None and pair.stored is not None:
            isolated = real(pair.isolated)
            self.cross += float(np.dot(exact, isolated))
            self.quantized += _power(isolated)
            self.isolated += self._powers(isolated - exact)
            self.stored += self._powers(real(pair.stored) - exact)
        self.edges = self.edges or [EdgeSums() for _ in pair.edges]
        for edge, sums in zip(pair.edges, self.edges, strict=True):
            self._edge(edge, sums, exact, real)
        self.samples += 1

    def _edge(self, edge: Edge, sums: EdgeSums, exact: Array, real: Real) -> None:
        source = real(edge.source)
        sums.width = max(sums.width, float(source.max()), -float(source.min()))
        sums.signal += _power(source)
        sums.reached += _power(real(edge.reached) - source)
        sums.through += self._powers(real(edge.through) - exact)
        sums.passed_on += self._powers(real(edge.passed_on) - exact)

    def _range(self, exact: Array, like: Tensor) -> None:
        self.values += exact.size
        self.low = min(self.low, float(exact.min()))
        self.high = max(self.high, float(exact.max()))
        low, high = limits(like)
        if exact.min() < low or exact.max() > high:
            self.outside += int(np.count_nonzero((exact < low) | (exact > high)))
        if self.samples < _CHANNEL_SAMPLES and len(self.pair.output.shape) > 2:
            by_channel = np.abs(exact).reshape(-1, self.pair.output.shape[-1]).max(0)
            self.channels = np.maximum(self.channels, by_channel)

    def _powers(self, values: Array) -> Array:
        """Powers by part."""
        ends = part_ends(self.pair.operator)
        if not ends:
            return np.array([_power(values)])
        shape, axis = self.pair.output.shape, axis_of(self.pair.operator)
        rows = values.reshape(int(np.prod(shape[:axis])), shape[axis], -1)
        along = np.einsum("iak,iak->a", rows, rows)
        return np.add.reduceat(along, [0, *ends[:-1]])

    def sqnr_db(self, power: Array | float) -> float:
        """10 log10 of all power over that of the errors, at most 120."""
        share = float(np.sum(power)) / max(float(np.sum(self.signal)), _TINY)
        return -10 * log10(max(share, _LEAST))

    @property
    def cosine(self) -> float | None:
        """Of the isolated output and the exact one; None where one is zero throughout."""
        size = sqrt(float(np.sum(self.signal)) * self.quantized)
        return self.cross / size if size else None

    @property
    def rmse_per_scale(self) -> float | None:
        """Root mean square of the isolated error, in steps of the int8 tensor."""
        made = self.pair.accumulated
        quantization = None if made is None else made.quantization
        if quantization is None:
            return None
        return sqrt(float(np.sum(self.isolated)) / max(self.values, 1)) / quantization.scales[0]

    def relative(self, power: Array | float) -> float:
        """A power of errors over that of the values: the mean of the parts, each at most 100; so
        much is what is no number, the root of a rounded value below zero."""
        share = np.asarray(power) / np.maximum(self.signal, _TINY)
        return float(np.nan_to_num(share, nan=_MOST, posinf=_MOST).clip(0, _MOST).mean())


def limits(tensor: Tensor) -> tuple[float, float]:
    """The lowest and highest real value a tensor can hold, a step wider where quantized: SOFTMAX
    has a scale of its own, with which 1 is stored as 255 of 256."""
    quantization = tensor.quantization
    if quantization is None:
        return -np.inf, np.inf
    ends = np.iinfo(tensor.dtype)
    scale, zero = quantization.scales[0], quantization.zero_points[0]
    return scale * (ends.min - zero - 1), scale * (ends.max - zero + 1)


def _power(values: Array) -> float:
    return float(np.dot(values, values))
