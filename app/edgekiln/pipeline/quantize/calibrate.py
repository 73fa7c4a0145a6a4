"""Calibration: what every tensor of the float model holds, seen once and used for every recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.data import Preprocessing
from edgekiln.core.files import sha256
from edgekiln.core.model import Signature
from edgekiln.core.quantization import RangeRule
from edgekiln.core.report import Report, silent
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, digest
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.observe import watched
from edgekiln.pipeline.quantize.ranges import (
    Histogram,
    Range,
    least_divergence,
    least_square,
    percentile,
)
from edgekiln.pipeline.quantize.runner import Runner
from edgekiln.pipeline.quantize.tally import Tally

# Share of the samples whose own highest (lowest) value a range reaches. Averages, which
# ai-edge-quantizer takes by default, cut the activations of every second sample: on DS-CNN they
# lose 0.5 to 0.8 points where these lose none.
SAMPLE_RULES: Mapping[RangeRule, float] = {"extremes": 1.0, "p95": 0.95, "p75": 0.75}
# These look at all values, not at each sample's highest. They are for 8 bits: 65,536 steps are fine
# enough without cutting anything off.
_BY_HISTOGRAM = {"percentile": percentile, "mse": least_square, "kl": least_divergence}

_CHUNK = 25
_MOST_CHUNKS = 40  # a checkpoint writes all that was seen so far

Ranges = dict[str, dict[str, Array]]


@dataclass(frozen=True)
class Calibration:
    """The lowest and highest value of each tensor in each sample: name -> [samples].

    `histograms`: of all values, for tensors of floats. `whole`: tensors whose range no rule cuts by
    the histogram, for what is cut there is an answer: the model's inputs, outputs and what makes
    them equal (see `observe.watched`).
    """

    lows: Mapping[str, Array]
    highs: Mapping[str, Array]
    samples: int
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()

    def ranges(self, rule: RangeRule) -> Ranges:
        """Tensor ranges by a rule, in the form ai-edge-quantizer takes."""
        ranges = {name: self._range(name, rule) for name in self.lows}
        return {name: {"min": _scalar(r[0]), "max": _scalar(r[1])} for name, r in ranges.items()}

    def _range(self, name: str, rule: RangeRule) -> Range:
        if rule in SAMPLE_RULES:
            low = np.quantile(self.lows[name], 1 - SAMPLE_RULES[rule])
            return float(low), float(np.quantile(self.highs[name], SAMPLE_RULES[rule]))
        extremes = float(self.lows[name].min()), float(self.highs[name].max())
        histogram = self.histograms.get(name)
        if histogram is None or name in self.whole or not len(histogram.keys):
            return extremes
        return _BY_HISTOGRAM[rule](histogram, extremes)


def for_bytes(calibration: Calibration, tensor: str, preprocessing: Preprocessing) -> Calibration:
    """The calibration with the range of an input that is fed bytes: all they can be, not what was
    seen. Then int8 takes a byte p as p - 128, up to the rounding of the zero point. Unchanged where
    the model was not asked to leave its normalisation to the feeder, where channels differ, and
    where the values seen are no bytes: outside that range, or in a small part of it."""
    factors = {*zip(preprocessing.scale, preprocessing.offset, strict=True)}
    if preprocessing.absorbed is None or len(factors) > 1 or tensor not in calibration.lows:
        return calibration
    ((scale, offset),) = factors
    low, high = sorted((offset, 255 * scale + offset))
    seen = calibration.lows[tensor].min(), calibration.highs[tensor].max()
    slack = (high - low) / 255
    if seen[0] < low - slack or seen[1] > high + slack or seen[1] - seen[0] < (high - low) / 4:
        return calibration
    count = len(calibration.lows[tensor])
    return replace(
        calibration,
        lows={**calibration.lows, tensor: np.full(count, low, np.float32)},
        highs={**calibration.highs, tensor: np.full(count, high, np.float32)},
        whole=calibration.whole | {tensor},
    )


def calibrate(
    model: Path,
    signature: Signature,
    samples: Mapping[str, Array],
    report: Report = silent,
    carry_on: Path | None = None,
) -> Calibration:
    """Run the float model on all samples (`[samples, *shape without batch]` by input name).

    What was seen is written to `carry_on` after every chunk, and taken up from there when the same
    model and samples come again; the caller removes it. UserError when the model does not run, or
    computes values that are not finite.
    """
    count = len(next(iter(samples.values())))
    seen = watched(read_graph(model), signature.key)
    work = f"{sha256(model)} {digest(samples)}"
    tally = Tally.carried_on(carry_on, work, seen.names, count)
    if carry_on is not None:
        carry_on.parent.mkdir(parents=True, exist_ok=True)
    chunk = max(_CHUNK, -(-count // _MOST_CHUNKS))
    runner = Runner.load(model, signature, seen)
    for start in range(tally.done, count, chunk):
        report(start / count, say("Calibrating, sample {i} of {count}", i=start + 1, count=count))
        for row in range(start, min(start + chunk, count)):
            tally.take(runner.run(samples, row), seen)
        if carry_on is not None and tally.done < count:
            tally.save(carry_on, work)
    return Calibration(*tally.extremes(), count, tally.histograms(), seen.whole)


def _scalar(value: Any) -> Array:
    return np.asarray([value], np.float32)
