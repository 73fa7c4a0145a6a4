"""Calibration: what every tensor of the float model holds, seen once and used for every recipe."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature
from edgekiln.core.quantization import RangeRule
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, load_arrays

# Share of the samples whose own highest (lowest) value a range reaches. Averages, which
# ai-edge-quantizer takes by default, cut the activations of every second sample: on DS-CNN they
# lose 0.5 to 0.8 points where these lose none.
RULES: Mapping[RangeRule, float] = {"extremes": 1.0, "p95": 0.95, "p75": 0.75}

_THREADS = 2
_CHUNK = 25

Ranges = dict[str, dict[str, Array]]


@dataclass(frozen=True)
class Calibration:
    """The lowest and highest value of each tensor in each sample: name -> [samples]."""

    lows: Mapping[str, Array]
    highs: Mapping[str, Array]
    samples: int

    def ranges(self, rule: RangeRule) -> Ranges:
        """Tensor ranges by a rule, in the form ai-edge-quantizer takes."""
        share = RULES[rule]
        return {
            name: {
                "min": _scalar(np.quantile(self.lows[name], 1 - share)),
                "max": _scalar(np.quantile(self.highs[name], share)),
            }
            for name in self.lows
        }


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
    return Calibration(
        {**calibration.lows, tensor: np.full(count, low, np.float32)},
        {**calibration.highs, tensor: np.full(count, high, np.float32)},
        calibration.samples,
    )


def calibrate(
    model: Path, signature: Signature, samples: Mapping[str, Array], report: Report
) -> Calibration:
    """Run the float model on all samples (`[samples, *shape without batch]` by input name).

    UserError when the model computes values that are not finite.
    """
    from ai_edge_quantizer import recipe_manager

    from edgekiln.pipeline.quantize.recipes import recipe_for

    count = len(next(iter(samples.values())))
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe_for("int8"))
    calibrator = _calibrator(model)
    for start in range(0, count, _CHUNK):
        report(start / count, say("Calibrating, sample {i} of {count}", i=start + 1, count=count))
        rows = range(start, min(start + _CHUNK, count))
        data = {signature.key: list(_feeds(signature, samples, rows))}
        calibrator.calibrate(data, manager)
    return _calibration(calibrator.get_model_qsvs(), count)


@dataclass(frozen=True)
class CalibrationInputs:
    """The float model and its samples."""

    model: Artifact
    samples: Path


@dataclass(frozen=True)
class CalibrationPlan:
    """Nothing to decide."""


@dataclass(frozen=True)
class CalibrationResult:
    """The calibration file."""

    path: Path


def calibrate_model(
    inputs: CalibrationInputs, plan: CalibrationPlan, out_dir: Path, report: Report
) -> CalibrationResult:
    """The step."""
    del plan
    model = inputs.model
    seen = calibrate(model.path, model.signature, load_arrays(inputs.samples), report)
    arrays = {f"low/{n}": a for n, a in seen.lows.items()}
    arrays |= {f"high/{n}": a for n, a in seen.highs.items()}
    from edgekiln.pipeline.data.arrays import save_arrays

    out = out_dir / "calibration.npz"
    save_arrays(out, arrays)
    return CalibrationResult(out)


def load_calibration(path: Path) -> Calibration:
    """From its file."""
    arrays = load_arrays(path)
    lows = {n[4:]: a for n, a in arrays.items() if n.startswith("low/")}
    highs = {n[5:]: a for n, a in arrays.items() if n.startswith("high/")}
    return Calibration(lows, highs, len(next(iter(lows.values()))))


def _calibrator(model: Path) -> Any:
    from ai_edge_quantizer import calibrator

    with warnings.catch_warnings():
        # LiteRT warns of the memory that keeping all tensors takes; calibration is about them.
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors.*")
        return calibrator.Calibrator(str(model), _THREADS, qsv_update_func=_remember)


def _remember(known: Mapping[str, Array], new: Mapping[str, Array]) -> dict[str, Array]:
    """Keep the extremes of every sample instead of folding them into one range at once."""
    return {key: np.concatenate([np.ravel(known[key]), np.ravel(new[key])]) for key in known}


def _feeds(
    signature: Signature, samples: Mapping[str, Array], rows: range
) -> Iterator[dict[str, Array]]:
    for row in rows:
        yield {
            spec.name: samples[spec.name][row][None].astype(spec.dtype) for spec in signature.inputs
        }


def _calibration(seen: Mapping[str, Mapping[str, Array]], count: int) -> Calibration:
    lows = {name: np.ravel(stats["min"]) for name, stats in seen.items()}
    highs = {name: np.ravel(stats["max"]) for name, stats in seen.items()}
    for name, values in (*lows.items(), *highs.items()):
        if not np.isfinite(values).all():
            raise UserError(
                say("The float model computes values that are not finite."),
                say("Tensor {name} is infinite or not a number for some samples.", name=name),
                say("Check the calibration data and the preprocessing."),
            )
    return Calibration(lows, highs, count)


def _scalar(value: Any) -> Array:
    return np.asarray([value], np.float32)
