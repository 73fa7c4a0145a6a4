"""All that can be measured of a model's told, each figure with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from edgekiln.core.accuracy import AccuracyReport, OutputLikeness
from edgekiln.core.measures import ClassFigures, Interval, Measure, MeasureName
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate import classes as of_classes
from edgekiln.pipeline.evaluate import metrics, values
from edgekiln.pipeline.evaluate.detection import agreed_boxes, box_agreement
from edgekiln.pipeline.evaluate.metrics import UNDECIDED, Ints
from edgekiln.pipeline.evaluate.of_truth import of_truth
from edgekiln.pipeline.evaluate.primary import primary_of
from edgekiln.pipeline.evaluate.statistics import Figure, Rows, bootstrap, wilson
from edgekiln.pipeline.evaluate.told import Told
from edgekiln.pipeline.graph.joined import Joined

_MOST_CLASSES = 100  # told one by one
_TOP = 5


def measured(
    report: AccuracyReport,
    told: Told,
    float_: Told | None,
    joined: Mapping[str, Joined],
    *,
    is_reference: bool,
) -> AccuracyReport:
    """The report with all that was `told` beside the truth and beside those of the float model;
    of the float model itself no more than that it agrees with itself. `joined`: outputs that are
    joined of parts."""
    primary = primary_of(told)
    found = replace(report, primary=None if primary is None else primary.measure())
    if told.task == "classification":
        found = _of_classifier(found, told, None if is_reference else float_)
    else:
        found = of_truth(found, told, primary)
    if float_ is None:
        return found
    found = replace(found, agreement=agreement(told, float_))
    if found.agreement is None:
        found = replace(found, error=largest_error(told, float_, joined))
    if is_reference:
        return found
    reference = primary_of(float_)
    if primary is not None and reference is not None:
        found = replace(found, paired=primary.against(reference))
    measures = (*found.measures, *_as_float(told, float_))
    return replace(found, measures=measures, by_output=_by_output(told, float_))


def agreement(told: Told, float_: Told) -> float | None:
    """The share of told (top-1, boxes, pixels) as the other's; None without such, or a box."""
    if told.boxes is not None and float_.boxes is not None:
        return box_agreement(agreed_boxes(told.boxes, float_.boxes))
    if told.masks is not None and float_.masks is not None:
        same_size = told.masks.shape == float_.masks.shape
        return float(np.mean(told.masks == float_.masks)) if same_size else 0.0
    if told.task != "classification":
        return None
    return metrics.agreement(told.predicted, float_.predicted)


def largest_error(told: Told, float_: Told, joined: Mapping[str, Joined]) -> float | None:
    """The relative error of the output that is furthest from the other's; None where one has none
    that is a number."""
    errors = [
        metrics.relative_error(rows, float_.outputs[name], joined.get(name or told.main))
        for name, rows in told.outputs.items()
        if name in float_.outputs and rows.shape == float_.outputs[name].shape
    ]
    return None if None in errors else max((e for e in errors if e is not None), default=None)


def share_interval(hits: Array) -> Interval | None:
    """Of a share of samples (bool)."""
    return wilson(int(np.sum(hits)), len(hits))


def _of_classifier(report: AccuracyReport, told: Told, float_: Told | None) -> AccuracyReport:
    scores, labels, predicted = told.values, told.labels, told.predicted
    known = labels >= 0
    right = predicted == labels
    counts = of_classes.counted(predicted, labels, scores.shape[1])
    sure = known & (predicted != UNDECIDED)
    confidence = of_classes.probabilities(scores)[sure].max(axis=1)
    return replace(
        report,
        accuracy=metrics.accuracy(predicted, labels),
        confusion=metrics.confusion(predicted, labels, scores.shape[1]),
        differing=() if float_ is None else metrics.differing(predicted, float_.predicted, labels),
        interval=share_interval(right[known]),
        agreement_interval=None if float_ is None else _agreed(predicted, float_.predicted),
        measures=(
            *_of_labelled(scores[known], labels[known], counts.shape[0]),
            *_calibration(confidence, right[sure]),
            *_of_confidence(scores, None if float_ is None else float_.values),
        ),
        per_class=_worst(of_classes.class_figures(counts)) if known.any() else (),
        reliability=of_classes.reliability(confidence, right[sure]),
    )


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
    if float_ is None or float_.shape != scores.shape:
        return
    yield from _mean("confidence-drift", of_classes.confidence_drift(scores, float_))
    yield from _mean("kl", of_classes.kl_divergence(scores, float_))


def _as_float(told: Told, float_: Told) -> Iterator[Measure]:
    """What needs no labels and no classes."""
    if told.boxes is not None and float_.boxes is not None:
        counts = agreed_boxes(told.boxes, float_.boxes)
        yield from _figure("box-agreement", lambda rows: box_agreement(counts[rows]), len(counts))
    output, reference = told.values, float_.values
    if output.shape != reference.shape:
        return
    yield from _mean("cosine", values.cosines(output, reference))
    signal, noise = values.signal_and_noise(output, reference)
    known = np.isfinite(signal + noise)

    def sqnr(rows: Rows) -> float | None:
        return values.sqnr_db(signal[known][rows], noise[known][rows])

    yield from _figure("sqnr-db", sqnr, int(known.sum()))


def _by_output(told: Told, float_: Told) -> tuple[OutputLikeness, ...]:
    """Of a model with several outputs each that both have; the judged one first."""
    if not told.others:
        return ()
    found = []
    for name, rows in told.outputs.items():
        other = float_.outputs.get(name)
        if other is not None and other.shape == rows.shape:
            cosine = float(np.nanmean(values.cosines(rows, other)))
            ratio = values.sqnr_db(*values.signal_and_noise(rows, other))
            error = metrics.relative_error(rows, other)
            found.append(OutputLikeness(name or told.main, cosine, ratio, error))
    return tuple(found)


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
