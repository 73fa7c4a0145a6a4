"""The ways to make a scheme, tried on the calibration data, and the one that is kept.

Neither quantizer is always best, and no rule of ranges is. The evaluation data has no say: a choice
made on it would flatter the figures.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar, get_args

from edgekiln.child import ChildCrashed, StepFailed, run_step
from edgekiln.core.artifact import CALIBRATED_SCHEMES, Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.quantization import CalibrationPlan, CalibrationResult, Kept, RangeRule
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.bias_correction import Means
from edgekiln.pipeline.quantize.calibrate import (
    Calibration,
    Ranges,
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
from edgekiln.pipeline.quantize.equalized import equalized
from edgekiln.pipeline.quantize.table import Table
from edgekiln.pipeline.quantize.trial import FAST, Run, Score, Trial, run_on, score

T = TypeVar("T")
EQUALIZED = "equalized-channels"  # among the tools
CHILDREN = 2  # interpreters at once
# From here on a second engine (seconds of importing TensorFlow) has nothing to win.
_GOOD_AGREEMENT = 0.99
_GOOD_ERROR = 0.05
_LONG_MS = 4000.0
# Accuracies that differ by less, or by two samples, say nothing; the error decides then.
_NOISE = 0.01
_NOISE_SAMPLES = 2


@dataclass(frozen=True)
class Way:
    """How a calibrated scheme is made: the rule of its ranges, whether biases are corrected, and
    whether from the model with equally wide channels."""

    rule: RangeRule = "extremes"
    corrected: bool = False
    equalized: bool = False

    @classmethod
    def of(cls, made_by: Tools) -> Way | None:
        """The way an artifact tells it was made in; None for another engine's."""
        tools = dict(made_by)
        rule = next((rule for rule in get_args(RangeRule) if rule == tools.get("ranges")), None)
        return None if rule is None else cls(rule, CORRECTED in tools, EQUALIZED in tools)


@dataclass(frozen=True)
class Variant:
    """One way to make a scheme: the file, the float file it was made from, its run on the fast
    runtime, how near it is to float."""

    path: Path
    base: Path
    engine: Engine
    tools: Tools
    run: Run | None  # None: not tried
    score: Score | None  # None: not tried, or refused by the fast runtime
    way: Way | None = None


@dataclass(frozen=True)
class _Made:
    path: Path
    base: Path
    engine: Engine
    tools: Tools
    way: Way | None = None


def _none() -> None:
    """No model with equally wide channels."""


@dataclass(frozen=True)
class Kiln:
    """What every candidate is made from; `calibration` is None when no scheme needs it, `means`
    (of the layers' inputs, a file) when they are not known. `equal`: the same for the model with
    equally wide channels, made when it is first asked for; None where no channels differ."""

    model: Artifact
    calibration: Calibration | None
    means: Path | None
    trial: Trial
    equal: Callable[[], Kiln | None] = _none

    @classmethod
    def of(
        cls,
        model: Artifact,
        calibration: Path | None,
        means: Path | None,
        table: Table,
        trial: Trial,
        root: Path,
    ) -> Kiln:
        """From what lies on the table; what is made on the way is kept below `root`."""
        if calibration is None:
            return cls(model, None, None, trial)
        fed = read_graph(model.path).main.inputs[0].name
        seen, _ = load_calibration(calibration, model.sha256)
        ranges = for_bytes(seen, fed, table.preprocessing)
        equal = cache(lambda: cls._equal(model, table, trial, root))
        return cls(model, ranges, means, trial, equal)

    @classmethod
    def _equal(cls, model: Artifact, table: Table, trial: Trial, root: Path) -> Kiln | None:
        equal = equalized(model, root)
        if equal is None:
            return None
        plan = CalibrationPlan(table.preprocessing)
        made = run_step("calibrate", table.to_calibrate(equal), plan, root, CalibrationResult)
        return cls.of(equal, made.calibration, made.means, table, trial, root)

    def make_one(
        self, scheme: SchemeName, way: Way, kept: Kept = (), *, tried: bool = True
    ) -> Variant:
        """A calibrated scheme in a way that is known; `kept` operators are not int8."""
        made = self._by_recipe(scheme, way, kept)
        if tried:
            return self._try(made)
        return Variant(made.path, made.base, made.engine, made.tools, None, None, way)

    def make(self, scheme: SchemeName) -> Variant:
        """The best variant of a scheme. Whatever the quantizer raises comes through."""
        if scheme == "float32":
            return self._try(_Made(self.model.path, self.model.path, "none", ()))
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
        best = nearest(tried, count)
        if not is_good(best.score) and best.way is not None and self.equal() is not None:
            tried += (self.make_one(scheme, replace(best.way, equalized=True)),)
        best = nearest(tried, count)
        if not is_good(best.score):
            tried += self._by_tensorflow(scheme, _takes_long(best))
        return nearest(tried, count)

    def _by_recipe(self, scheme: SchemeName, way: Way | None = None, kept: Kept = ()) -> _Made:
        if way is None:
            return self._quantize(scheme, "made", None, kept, None)
        if way.equalized:
            equal = _known(self.equal())
            made = equal._by_recipe(scheme, replace(way, equalized=False), kept)
            return replace(made, tools=(*made.tools, (EQUALIZED, "yes")), way=way)
        ranges = _known(self.calibration).ranges(way.rule)
        means = load_arrays(self.means) if way.corrected and self.means else None
        corrected = "-corrected" if means else ""
        made = self._quantize(scheme, f"{way.rule}{corrected}", ranges, kept, means)
        return replace(made, tools=(*made.tools, ("ranges", way.rule)), way=way)

    def _quantize(
        self,
        scheme: SchemeName,
        how: str,
        ranges: Ranges | None,
        kept: Kept,
        means: Means | None,
    ) -> _Made:
        base = self.model.path
        out = self.trial.folder / f"{scheme}-{how}-{self.model.sha256[:8]}.tflite"
        tools = quantize_by_recipe(base, scheme, ranges, out, kept, means)
        return _Made(out, base, "ai-edge-quantizer", tools)

    def _by_tensorflow(self, scheme: SchemeName, slow: bool = False) -> tuple[Variant, ...]:
        """TensorFlow's variant, of a `slow` model calibrated on few samples; none when it fails:
        the other engine's is there already."""
        samples = self.trial.few if slow else self.trial.samples
        try:
            made = quantize_by_tensorflow(self.model, scheme, samples, self.trial.folder)
            return (self._try(_Made(made.path, self.model.path, "tensorflow", made.made_by)),)
        except (UserError, ChildCrashed, StepFailed, KeyError):
            traceback.print_exc(file=sys.stderr)  # into the job's log
            return ()

    def _try(self, made: _Made) -> Variant:
        run = run_on(made.path, self.trial.samples, FAST, self.trial.folder)
        seen = None if run.refused is not None else score(run.outputs, self.trial)
        return Variant(made.path, made.base, made.engine, made.tools, run, seen, made.way)


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


def _takes_long(variant: Variant) -> bool:
    """Whether a run over all samples takes long; TensorFlow's calibration takes longer yet."""
    run = variant.run
    return run is not None and run.result.median_ms * run.result.samples > _LONG_MS


def _rules(scheme: SchemeName) -> Sequence[RangeRule]:
    """16 bits are fine enough for every value: cutting some off gains nothing."""
    return ("extremes",) if scheme == "int16x8" else get_args(RangeRule)


def _known(needed: T | None) -> T:
    if needed is None:
        raise ValueError("a calibrated scheme without calibration, or without the model for it")
    return needed
