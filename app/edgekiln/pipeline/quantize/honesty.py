"""What is to be known of a calibration before its ranges are believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.quantization import CalibrationInputs
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, digests
from edgekiln.pipeline.fuse.names import short_name
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.calibrate import Calibration
from edgekiln.pipeline.quantize.normalisation import range_notes

UNSTEADY = 0.2  # of a range; AI Edge Quantizer's guide takes the same share for "not yet steady"
_NAMED = 3
_FEWEST = 4  # samples from which two halves tell something
# White noise has neighbours that do not know each other, and samples of one and the same spread.
_UNRELATED = 0.05
_SAME_SPREAD = 0.05
_LONG_ENOUGH = 4  # an axis with neighbours
_VALUES = 256  # of a sample; fewer have spreads and correlations by chance
_LOOKED_AT = 64  # samples


def check_finite(samples: Mapping[str, Array]) -> None:
    """UserError naming the samples that hold NaN or infinite values."""
    for name, rows in samples.items():
        bad = [i for i, row in enumerate(rows) if not np.isfinite(row).all()]
        if bad:
            more = ", …" if len(bad) > _NAMED else ""
            raise UserError(
                say("The calibration data cannot be used."),
                say(
                    "{name} holds NaN or infinite values in {count} samples: {which}",
                    name=name,
                    count=len(bad),
                    which=", ".join(map(str, bad[:_NAMED])) + more,
                ),
                say("Remove these samples or repair what wrote them."),
            )


def honest_notes(
    inputs: CalibrationInputs, calibration: Calibration, samples: Mapping[str, Array]
) -> Iterator[Text]:
    """How many samples and of what; then what speaks against them, or against the ranges."""
    yield say(
        "Calibrated on {count} samples of {data}.",
        count=calibration.samples,
        data=inputs.data or inputs.samples.name,
    )
    yield from _missing_classes(inputs.labels, inputs.class_names)
    yield from _repeated(samples)
    for name, rows in samples.items():
        yield from _constant(name, rows)
        if looks_random(rows):
            yield say(
                "“{name}” looks like random numbers: neighbouring values have nothing to do with "
                "each other. Ranges from such data are not those of real samples.",
                name=name,
            )
    graph = read_graph(inputs.model.path)
    yield from range_notes(graph, calibration.lows, calibration.highs)
    yield from _steadiness(calibration)


def unsteadiness(calibration: Calibration) -> dict[str, float]:
    """How far the extremes of every second sample are from those of the others, by tensor: the
    larger distance of the two ends, as a share of the whole range."""
    found = {}
    for name, lows in calibration.lows.items():
        highs = calibration.highs[name]
        width = float(highs.max() - lows.min())
        low = abs(float(lows[::2].min() - lows[1::2].min()))
        high = abs(float(highs[::2].max() - highs[1::2].max()))
        found[name] = max(low, high) / width if width > 0 else 0.0
    return found


def looks_random(rows: Array) -> bool:
    """Whether samples `[samples, *shape]` look like white noise: along every axis of a sample the
    correlation of neighbours is nearly 0, and all samples have the same spread. Never for samples
    without neighbours (one axis: their order may mean nothing) or with few values."""
    rows = rows[:_LOOKED_AT].astype(np.float64)
    axes = [a for a in range(1, rows.ndim) if rows.shape[a] >= _LONG_ENOUGH]
    if rows.ndim < 3 or not axes or len(rows) < _FEWEST or rows[0].size < _VALUES:
        return False
    spreads = rows.reshape(len(rows), -1).std(axis=1)
    if spreads.mean() == 0 or spreads.std() / spreads.mean() > _SAME_SPREAD:
        return False
    rows -= rows.mean(axis=0)
    return all(abs(_correlation(rows, axis)) < _UNRELATED for axis in axes)


def _correlation(rows: Array, axis: int) -> float:
    """Of neighbours along an axis, of values whose mean is 0; 0 where nothing varies."""
    length = rows.shape[axis]
    left, right = np.take(rows, range(length - 1), axis), np.take(rows, range(1, length), axis)
    size = float(np.sqrt(np.sum(left**2) * np.sum(right**2)))
    return float(np.sum(left * right)) / size if size else 0.0


def _missing_classes(labels: tuple[int, ...], names: tuple[str, ...]) -> Iterator[Text]:
    missing = [name for i, name in enumerate(names) if i not in labels]
    if missing and max(labels, default=-1) >= 0:
        more = ", …" if len(missing) > _NAMED else ""
        yield say(
            "No calibration sample of {count} of {all} classes: {names}",
            count=len(missing),
            all=len(names),
            names=", ".join(missing[:_NAMED]) + more,
        )


def _repeated(samples: Mapping[str, Array]) -> Iterator[Text]:
    known = list(digests(samples))
    if (repeated := len(known) - len(set(known))) > 0:
        yield say(
            "{count} of {all} calibration samples repeat another one; they add nothing.",
            count=repeated,
            all=len(known),
        )


def _constant(name: str, rows: Array) -> Iterator[Text]:
    flat = rows.reshape(len(rows), -1)
    constant = int((flat == flat[:, :1]).all(axis=1).sum()) if flat.shape[1] > 1 else 0
    if constant:
        yield say(
            "{count} of {all} calibration samples hold a single value all over (“{name}”).",
            count=constant,
            all=len(rows),
            name=name,
        )


def _steadiness(calibration: Calibration) -> Iterator[Text]:
    if calibration.samples < _FEWEST:
        return
    by_tensor = unsteadiness(calibration)
    worst = sorted(by_tensor, key=lambda name: -by_tensor[name])
    unsteady = [name for name in worst if by_tensor[name] > UNSTEADY]
    if not unsteady:
        yield say(
            "Two halves of the samples give the same ranges up to {share}.",
            share=f"{by_tensor[worst[0]]:.0%}" if worst else "0%",
        )
        return
    yield say(
        "Ranges are not steady: for {count} of {all} tensors two halves of the samples differ by "
        "more than {limit}. More or more varied samples help. Worst: {names}",
        count=len(unsteady),
        all=len(worst),
        limit=f"{UNSTEADY:.0%}",
        names=", ".join(
            f"{short_name(name)} ({by_tensor[name]:.0%})" for name in unsteady[:_NAMED]
        ),
    )
