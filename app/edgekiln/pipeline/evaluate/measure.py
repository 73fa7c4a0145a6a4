"""All that can be measured of a model's outputs, each figure with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.measures import ClassFigures, Interval, Measure, MeasureName
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate import classes as of_classes
from edgekiln.pipeline.evaluate import metrics, values
from edgekiln.pipeline.evaluate.metrics import UNDECIDED, Ints
from edgekiln.pipeline.evaluate.statistics import Figure, Rows, bootstrap, mcnemar, wilson

_MOST_CLASSES = 100  # told one by one
_TOP = 5


def measured(
    report: AccuracyReport, output: Array, scores: Array | None, labels: Ints, float_: Array | None
) -> AccuracyReport:
    """The report with what its `output` [samples, …], or its class `scores` where it has such, say
    beyond top-1; `float_` are the float model's."""
    if scores is None:
        return replace(report, measures=tuple(_against_float(output, float_)))
    predicted = metrics.top1(scores)
    known = labels >= 0
    reference = None if float_ is None else metrics.top1(float_)
    right = predicted == labels
    counts = of_classes.counted(predicted, labels, scores.shape[1])
    sure = known & (predicted != UNDECIDED)
    confidence = of_classes.probabilities(scores)[sure].max(axis=1)
    return replace(
        report,
        interval=share_interval(right[known]),
        agreement_interval=None if reference is None else _agreed(predicted, reference),
        paired=None if reference is None else mcnemar(right[known], (reference == labels)[known]),
        measures=(
            *_of_labelled(scores[known], labels[known], counts.shape[0]),
            *_calibration(confidence, right[sure]),
            *_of_confidence(scores, float_),
            *_against_float(scores, float_),
        ),
        per_class=_worst(of_classes.class_figures(counts)) if known.any() else (),
        reliability=of_classes.reliability(confidence, right[sure]),
    )


def share_interval(hits: Array) -> Interval | None:
    """Of a share of samples (bool)."""
    return wilson(int(np.sum(hits)), len(hits))


def _agreed(predicted: Ints, reference: Ints) -> Interval | None:
    return share_interval((predicted == reference) & (predicted != UNDECIDED))


def _of_labelled(scores: Array, labels: Ints, classes: int) -> Iterator[Measure]:
    """Top-5 where there are more classes, and F1."""
    if not len(labels):
        return
    if classes > _TOP:
        hits = of_classes.in_top(scores, labels, _TOP)
        yield Measure("top5", float(hits.mean()), len(hits), share_interval(hits))
    predicted = metrics.top1(scores)

    def f1(rows: Rows) -> float | None:
        return of_classes.macro_f1(of_classes.counted(predicted[rows], labels[rows], classes))

    yield from _figure("macro-f1", f1, len(labels))


def _calibration(confidence: of_classes.Doubles, right: Array) -> Iterator[Measure]:
    def error(rows: Rows) -> float | None:
        return of_classes.expected_calibration_error(confidence[rows], right[rows])

    yield from _figure("ece", error, len(right))


def _of_confidence(scores: Array, float_: Array | None) -> Iterator[Measure]:
    if float_ is None:
        return
    yield from _mean("confidence-drift", of_classes.confidence_drift(scores, float_))
    yield from _mean("kl", of_classes.kl_divergence(scores, float_))


def _against_float(output: Array, float_: Array | None) -> Iterator[Measure]:
    """What needs no labels and no classes."""
    if float_ is None:
        return
    yield from _mean("cosine", values.cosines(output, float_))
    signal, noise = values.signal_and_noise(output, float_)
    known = np.isfinite(signal + noise)

    def sqnr(rows: Rows) -> float | None:
        return values.sqnr_db(signal[known][rows], noise[known][rows])

    yield from _figure("sqnr-db", sqnr, int(known.sum()))


def _mean(name: MeasureName, each: of_classes.Doubles) -> Iterator[Measure]:
    """The mean of a figure per sample, of those that are numbers."""
    known = each[np.isfinite(each)]
    yield from _figure(name, lambda rows: float(known[rows].mean()), len(known))


def _figure(name: MeasureName, figure: Figure, samples: int) -> Iterator[Measure]:
    value = figure(np.arange(samples)) if samples else None
    if value is not None and math.isfinite(value):
        yield Measure(name, value, samples, bootstrap(figure, samples))


def _worst(figures: tuple[ClassFigures, ...]) -> tuple[ClassFigures, ...]:
    """Of many classes those with the lowest F1, in the order of the classes."""
    if len(figures) <= _MOST_CLASSES:
        return figures
    seen = [each for each in figures if each.f1 is not None]
    worst = sorted(seen, key=lambda each: each.f1 or 0.0)[:_MOST_CLASSES]
    return tuple(sorted(worst, key=lambda each: each.index))
