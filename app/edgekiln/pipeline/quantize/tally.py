"""What calibration has seen so far, sample by sample; it can be put down and taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import BROKEN, Array, load_arrays, save_arrays
from edgekiln.pipeline.quantize.observe import Watched
from edgekiln.pipeline.quantize.ranges import BINS, Histogram, keys_of

# Of a tensor's values in one sample, at most so many go into its histogram, evenly spread: 100
# samples still tell the percentile of 99.99 by 80 values. The extremes are those of all values.
_MOST_VALUES = 1 << 13


class Tally:
    """Extremes of each sample and counts of all values, by tensor. Constant memory but for the
    extremes (8 bytes a tensor and sample)."""

    def __init__(self, names: tuple[str, ...], count: int) -> None:
        self.done = 0
        self._names = names
        self._places = {name: i for i, name in enumerate(names)}
        self._lows = np.full((len(names), count), np.nan, np.float32)
        self._highs = np.full((len(names), count), np.nan, np.float32)
        self._counts: dict[str, Array] = {}
        self._waiting: dict[str, list[Array]] = {}  # keys to count, all that wait at once

    @classmethod
    def carried_on(cls, path: Path | None, work: str, names: tuple[str, ...], count: int) -> Tally:
        """The tally in `path` when it is of the same work; else a new one."""
        tally = cls(names, count)
        if path is not None and path.is_file():
            tally._load(path, work)
        return tally

    def take(self, tensors: Iterable[tuple[str, Array]], seen: Watched) -> None:
        """Add the tensors of the next sample. UserError for values that are not finite."""
        for name, values in tensors:
            low, high = values.min(), values.max()
            if not (np.isfinite(low) and np.isfinite(high)):
                low, high = _finite_extremes(name, values, seen, self.done)
            place = self._places[name]
            self._lows[place, self.done], self._highs[place, self.done] = low, high
            if values.dtype == np.float32:
                self._count(name, values)
        self.done += 1

    def extremes(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Lowest and highest value by name, [samples]; without tensors that never had any."""
        known = [name for name in self._names if not np.isnan(self._lows[self._places[name]]).any()]
        lows, highs = (
            {name: table[self._places[name]] for name in known}
            for table in (self._lows, self._highs)
        )
        return lows, highs

    def histograms(self) -> dict[str, Histogram]:
        """By name, for tensors of floats."""
        for name in self._waiting:
            self._count_waiting(name)
        return {name: Histogram.of(counts) for name, counts in self._counts.items()}

    def save(self, path: Path, work: str) -> None:
        """Write it to `path`, completely or not at all."""
        arrays = {"work": np.array(work), "lows": self._lows[:, : self.done]}
        arrays |= {"highs": self._highs[:, : self.done], "names": np.array(self._names)}
        save_arrays(path, arrays | pack(self.histograms()))

    def _load(self, path: Path, work: str) -> None:
        try:
            arrays = load_arrays(path)
            if str(arrays["work"]) != work or tuple(arrays["names"]) != self._names:
                return
            histograms, done = unpack(arrays), arrays["lows"].shape[1]
        except BROKEN:  # not ours, or damaged: what it held is computed again
            return
        self._lows[:, :done], self._highs[:, :done] = arrays["lows"], arrays["highs"]
        for name, histogram in histograms.items():
            self._counts[name] = np.zeros(BINS, np.uint32)
            self._counts[name][histogram.keys] = histogram.counts
        self.done = done

    def _count(self, name: str, values: Array) -> None:
        keys = keys_of(values)
        if keys.size > _MOST_VALUES:
            # An odd step, begun elsewhere in each sample, visits all channels
            step = -(-keys.size // _MOST_VALUES) | 1
            keys = keys[self.done % step :: step]
        waiting = self._waiting.setdefault(name, [])
        waiting.append(np.array(keys))
        if sum(part.size for part in waiting) >= BINS:
            self._count_waiting(name)

    def _count_waiting(self, name: str) -> None:
        """Few keys a time would cost more for going through all bins than for counting."""
        keys = np.concatenate([np.zeros(0, np.uint16), *self._waiting[name]])
        counts = self._counts.setdefault(name, np.zeros(BINS, np.uint32))
        np.add(counts, np.bincount(keys, minlength=BINS), out=counts, casting="unsafe")
        self._waiting[name].clear()


def pack(histograms: Mapping[str, Histogram]) -> dict[str, Array]:
    """Histograms as arrays of a file, one after another."""
    parts = list(histograms.values())
    return {
        "counted": np.array(list(histograms), dtype=np.str_),
        "sizes": np.array([len(part.keys) for part in parts], np.int64),
        "keys": np.concatenate([np.zeros(0, np.uint16), *(part.keys for part in parts)]),
        "counts": np.concatenate([np.zeros(0, np.int64), *(part.counts for part in parts)]),
    }


def unpack(arrays: Mapping[str, Array]) -> dict[str, Histogram]:
    """Histograms by name from arrays of a file. KeyError and ValueError for other arrays."""
    ends = np.cumsum(arrays["sizes"])[:-1]
    parts = zip(np.split(arrays["keys"], ends), np.split(arrays["counts"], ends), strict=True)
    names = [str(name) for name in arrays["counted"]]
    return {name: Histogram(*part) for name, part in zip(names, parts, strict=bool(names))}


def _finite_extremes(name: str, values: Array, seen: Watched, sample: int) -> tuple[float, float]:
    """Extremes besides the infinities a tensor may hold; UserError for any others."""
    finite = values[np.isfinite(values)]
    if np.isnan(values).any() or name not in seen.infinite or not finite.size:
        raise UserError(
            say("The float model computes values that are not finite."),
            say(
                "Tensor {name} is infinite or not a number, first in sample {sample}.",
                name=name,
                sample=sample,
            ),
            say("Check the calibration data and the preprocessing."),
        )
    return float(finite.min()), float(finite.max())
