"""The ways to make a scheme, tried on the calibration data, and the one that is kept.

Neither quantizer is always best, and no rule of ranges is. The evaluation data has no say: a choice
made on it would flatter the figures.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from edgekiln.child import ChildCrashed, StepFailed
from edgekiln.core.artifact import CALIBRATED_SCHEMES, Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.quantization import Kept, RangeRule
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.calibrate import (
    SAMPLE_RULES,
    Calibration,
    for_bytes,
)
from edgekiln.pipeline.quantize.calibration_file import load_calibration
from edgekiln.pipeline.quantize.engines import (
    CORRECTED,
    Engine,
    Tools,
    quantize_by_recipe,
    quantize_by_tensorflow,
)
from edgekiln.pipeline.quantize.table import Table
from edgekiln.pipeline.quantize.trial import FAST, Run, Score, Trial, run_on, score

CHILDREN = 2  # interpreters at once
# From here on a second engine (seconds of importing TensorFlow) has nothing to win.
_GOOD_AGREEMENT = 0.99
_GOOD_ERROR = 0.05
# Accuracies that differ by less, or by two samples, say nothing; the error decides then.
_NOISE = 0.01
_NOISE_SAMPLES = 2


@dataclass(frozen=True)
class Way:
    """How a calibrated scheme is made: the rule of its ranges, and whether biases are corrected."""

    rule: RangeRule = "extremes"
    corrected: bool = False

    @classmethod
    def of(cls, made_by: Tools) -> Way | None:
        """The way an artifact tells it was made in; None for another engine's."""
        tools = dict(made_by)
        rule = next((rule for rule in get_args(RangeRule) if rule == tools.get("ranges")), None)
        return None if rule is None else cls(rule, CORRECTED in tools)


@dataclass(frozen=True)
class Variant:
    """One way to make a scheme: the file, its run on the fast runtime, how near it is to float."""

    path: Path
    engine: Engine
    tools: Tools
    run: Run
    score: Score | None  # None: refused by the fast runtime
    way: Way | None = None


@dataclass(frozen=True)
class _Made:
    path: Path
    engine: Engine
    tools: Tools
    way: Way | None = None


@dataclass(frozen=True)
class Kiln:
    """What every candidate is made from; `calibration` is None when no scheme needs it, `means`
    (of the layers' inputs, a file) when they are not known."""

    model: Artifact
    calibration: Calibration | None
    means: Path | None
    trial: Trial

    @classmethod
    def of(
        cls,
        model: Artifact,
        calibration: Path | None,
        means: Path | None,
        table: Table,
        trial: Trial,
    ) -> Kiln:
        """From what lies on the table."""
        if calibration is None:
            return cls(model, None, None, trial)
        fed = read_graph(model.path).main.inputs[0].name
        seen, _ = load_calibration(calibration, model.sha256)
        return cls(model, for_bytes(seen, fed, table.preprocessing), means, trial)

    def make_one(self, scheme: SchemeName, way: Way, kept: Kept = ()) -> Variant:
        """A calibrated scheme in a way that is known; `kept` operators are not int8."""
        return self._try(self._by_recipe(scheme, way, kept))

    def make(self, scheme: SchemeName) -> Variant:
        """The best variant of a scheme. Whatever the quantizer raises comes through."""
        if scheme == "float32":
            return self._try(_Made(self.model.path, "none", ()))
        if scheme not in CALIBRATED_SCHEMES:
            return self._try(self._by_recipe(scheme))
        count = len(self.trial.labels)
        try:
            made = [self._by_recipe(scheme, Way(rule)) for rule in _rules(scheme)]
        except Exception:
            # It raises anything for a graph it cannot do; the other engine may do it
            if not (tried := self._by_tensorflow(scheme)):
                raise
            return tried[0]
        with ThreadPoolExecutor(CHILDREN) as pool:
            tried = tuple(pool.map(self._try, made))
        best = nearest(tried, count)
        if self.means is not None and best.way is not None:
            tried += (self.make_one(scheme, replace(best.way, corrected=True)),)
        if not is_good(nearest(tried, count).score):
            tried += self._by_tensorflow(scheme)
        return nearest(tried, count)

    def _by_recipe(self, scheme: SchemeName, way: Way | None = None, kept: Kept = ()) -> _Made:
        ranges = means = None
        if way is not None:
            ranges = _known(self.calibration).ranges(way.rule)
            means = load_arrays(self.means) if way.corrected and self.means else None
        name = f"{scheme}-{way.rule if way else 'made'}{'-corrected' if means else ''}"
        out = self.trial.folder / f"{name}.tflite"
        tools = quantize_by_recipe(self.model.path, scheme, ranges, out, kept, means)
        chosen: Tools = () if way is None else (("ranges", way.rule),)
        return _Made(out, "ai-edge-quantizer", tools + chosen, way)

    def _by_tensorflow(self, scheme: SchemeName) -> tuple[Variant, ...]:
        """TensorFlow's variant; none when it fails: the other engine's is there already."""
        try:
            made = quantize_by_tensorflow(self.model, scheme, self.trial.samples, self.trial.folder)
            return (self._try(_Made(made.path, "tensorflow", made.made_by)),)
        except (UserError, ChildCrashed, StepFailed, KeyError):
            traceback.print_exc(file=sys.stderr)  # into the job's log
            return ()

    def _try(self, made: _Made) -> Variant:
        run = run_on(made.path, self.trial.samples, FAST, self.trial.folder)
        seen = None if run.refused is not None else score(run.outputs, self.trial)
        return Variant(made.path, made.engine, made.tools, run, seen, made.way)


def nearest(variants: Sequence[Variant], samples: int) -> Variant:
    """The variant to keep: the least error among those whose accuracy (agreement without labels) on
    `samples` samples is within noise of the best."""
    scored = [(v, v.score) for v in variants if v.score is not None]
    if not scored:
        return variants[0]
    noise = max(_NOISE, _NOISE_SAMPLES / max(samples, 1))
    bar = max(s.share or 0.0 for _, s in scored) - noise
    near = [(s.error, i) for i, (_, s) in enumerate(scored) if (s.share or 0.0) >= bar]
    return scored[min(near)[1]][0]


def is_good(seen: Score | None) -> bool:
    """Whether a variant is within noise of the float model."""
    if seen is None:
        return False
    return seen.error <= _GOOD_ERROR or (seen.agreement or 0.0) >= _GOOD_AGREEMENT


def _rules(scheme: SchemeName) -> Sequence[RangeRule]:
    """16 bits are fine enough for every value: cutting some off gains nothing."""
    return tuple(SAMPLE_RULES) if scheme == "int16x8" else get_args(RangeRule)


def _known(calibration: Calibration | None) -> Calibration:
    if calibration is None:
        raise ValueError("a calibrated scheme without calibration")
    return calibration
