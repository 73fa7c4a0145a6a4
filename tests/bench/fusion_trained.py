"""Trained classifiers before and after: accuracy float and int8, operators, latency in turn.

797 digits judge; int8 is the mean of five calibrations with 100 others each, since one that is a
little different tips a few digits either way. `python fusion_trained.py [MODELS]` prints the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from digits import Digits, digits
from models import (
    Arrays,
    Converted,
    converted,
    folder_for,
    int8,
    operators,
    run,
    spell,
    sqnr,
    time_in_turn,
)

from edgekiln.core.data import DataSource
from edgekiln.core.fusion import Latency
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.data.arrays import save_arrays
from edgekiln.pipeline.fuse.fuse import fuse

SETS = 5  # calibrations


@dataclass(frozen=True)
class Judged:
    """One form of a model on the evaluation pictures. `noise`: SQNR against float in dB."""

    accuracy: float
    noise: float
    same: int  # pictures given the class the float model gives, the fewest


@dataclass(frozen=True)
class Row:
    """One classifier: pinned and fused, float and int8, in that order."""

    name: str
    operators: tuple[int, int]
    judged: tuple[Judged, Judged, Judged, Judged]
    latencies: tuple[Latency, ...]


def measure(name: str, model: Converted) -> Row:
    """Fuse a trained classifier on its own calibration data, quantize both, judge all four."""
    _, calibration, evaluation = digits()
    key = model.pinned.signature.inputs[0].name
    with TemporaryDirectory() as scratch:
        folder, before = Path(scratch), model.pinned.path
        save_arrays(folder / "calibration.npz", {key: calibration.x})
        plan = FusionPlan(data=DataSource(folder / "calibration.npz"), timed=0)
        after = fuse(model.pinned, plan, folder, silent).artifact.path
        floats = before, after
        ints = tuple(folder / f"{each.stem}-int8.tflite" for each in floats)
        exact = run(before, {key: evaluation.x})
        pairs = zip(floats, ints, strict=True)
        judged = (
            *(_judge(each, exact, key, evaluation) for each in floats),
            *(_judge_int8(each, out, exact, key, evaluation) for each, out in pairs),
        )
        times = time_in_turn((*floats, *ints), folder, {key: calibration.x}).latencies
        return Row(name, (operators(before), operators(after)), judged, times)


def _judge(model: Path, exact: Arrays, key: str, data: Digits) -> Judged:
    outputs = run(model, {key: data.x})
    classes, told = (next(iter(each.values())).argmax(axis=1) for each in (outputs, exact))
    right = float(np.mean(classes == data.y))
    return Judged(right, sqnr(exact, outputs), int((classes == told).sum()))


def _judge_int8(model: Path, out: Path, exact: Arrays, key: str, data: Digits) -> Judged:
    """Quantized with each of the calibrations in turn; the means. The last stays at `out`."""
    training, calibration, _ = digits()
    sets = (calibration.x, *(training.x[i * 100 :][:100] for i in range(SETS - 1)))
    each = [_judge(int8(model, {key: x}, out), exact, key, data) for x in sets]
    accuracy, noise = (float(np.mean([getattr(j, k) for j in each])) for k in ("accuracy", "noise"))
    return Judged(accuracy, noise, min(j.same for j in each))


def rows(models: Path | None, *names: str) -> Iterator[Row]:
    """The classifiers of those names, or all, trained and converted first."""
    with folder_for(models, "trained") as folder:
        for name, model in converted("keras_trained.py", folder, *names).items():
            yield measure(name, model)


def main(models: Path | None = None) -> None:
    """Print the table."""
    count = len(digits()[2].y)
    for row in rows(models):
        plain, fused, int8_plain, int8_fused = row.judged
        before, after = row.operators
        print(
            f"{row.name}: {before} -> {after} operators; n={count}\n"
            f"  float {plain.accuracy:.2%} -> {fused.accuracy:.2%}, same class for {fused.same}\n"
            f"  int8 {int8_plain.accuracy:.2%} -> {int8_fused.accuracy:.2%}, SQNR "
            f"{int8_plain.noise:.1f} -> {int8_fused.noise:.1f} dB\n"
            f"  float {spell(row.latencies[:2])}; int8 {spell(row.latencies[2:])}",
            flush=True,
        )


if __name__ == "__main__":
    main(*(Path(each) for each in sys.argv[1:2]))
