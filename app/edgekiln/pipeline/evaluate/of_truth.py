"""What is measured of boxes, masks, values and reconstructions beside their truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.measures import ClassFigures, Measure, MeasureName
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate import values
from edgekiln.pipeline.evaluate.detection import MatchedBoxes, matched_pairs
from edgekiln.pipeline.evaluate.masks import class_iou, pixel_accuracy
from edgekiln.pipeline.evaluate.metrics import Ints
from edgekiln.pipeline.evaluate.primary import BOX_RESAMPLES, Primary, box_figure, counts_of
from edgekiln.pipeline.evaluate.statistics import bootstrap
from edgekiln.pipeline.evaluate.told import Told

_SURE = 0.25  # score of a box that a person would be shown
_MOST_CLASSES = 100


def of_truth(report: AccuracyReport, told: Told, primary: Primary | None) -> AccuracyReport:
    """The report with the further figures of a task without class scores, and every class."""
    if primary is not None and primary.boxes is not None:
        boxes = primary.boxes
        return replace(
            report, measures=tuple(_of_boxes(boxes)), per_class=_box_classes(told, boxes)
        )
    if told.true_masks is not None:
        counts = counts_of(told)
        return replace(
            report,
            measures=tuple(_figure("pixel-accuracy", pixel_accuracy, counts)),
            per_class=_mask_classes(counts.sum(axis=0)),
        )
    if told.true_values is not None:
        return replace(report, measures=tuple(_of_values(told.values, told.true_values)))
    if told.rebuilt is not None:
        return replace(report, measures=tuple(_figure("rmse", _root, told.rebuilt)))
    return report


def _of_values(own: Array, truth: Array) -> Iterator[Measure]:
    yield from _figure("rmse", _root, values.squared_errors(own, truth))
    both = np.stack([own.reshape(len(own), -1), truth.reshape(len(own), -1)], axis=1)
    yield from _figure("r2", lambda rows: values.r2(rows[:, 0], rows[:, 1]), both)


def _of_boxes(boxes: MatchedBoxes) -> Iterator[Measure]:
    figure, pictures = box_figure(boxes, lambda found: found.map50), boxes.pictures
    value = figure(np.arange(pictures))
    if value is not None:
        interval = bootstrap(figure, pictures, resamples=BOX_RESAMPLES)
        yield Measure("map50", value, pictures, interval)


def _figure(
    name: MeasureName, figure: Callable[[Array], float | None], each: Array
) -> Iterator[Measure]:
    """Of what is known of each sample."""
    value = figure(each) if len(each) else None
    if value is not None and math.isfinite(value):
        interval = bootstrap(lambda rows: figure(each[rows]), len(each))
        yield Measure(name, value, len(each), interval)


def _root(squares: Array) -> float:
    return float(np.sqrt(squares.mean()))


def _box_classes(told: Told, boxes: MatchedBoxes) -> tuple[ClassFigures, ...]:
    """Precision and recall of the boxes a person would be shown; crowds count for nothing."""
    assert told.boxes is not None
    assert told.true_boxes is not None
    whole = boxes.mean_precision()
    scores = {} if whole is None else dict(whole.by_class)
    right, seen, true = Counter[int](), Counter[int](), Counter[int]()
    for found, truth in zip(told.boxes, told.true_boxes, strict=True):
        shown, labelled = found.only(found.scores >= _SURE), truth.only(~truth.crowd)
        right.update(shown.classes[[i for i, _ in matched_pairs(shown, labelled)]].tolist())
        seen.update(shown.classes.tolist())
        true.update(labelled.classes.tolist())
    classes = sorted(set(scores) | set(seen) | set(true))
    return _figures([(c, right[c], seen[c], true[c], scores.get(c)) for c in classes])


def _mask_classes(counts: Ints) -> tuple[ClassFigures, ...]:
    right, told, true = np.diagonal(counts), counts.sum(axis=0), counts.sum(axis=1)
    rows = zip(range(len(counts)), right, told, true, class_iou(counts[None]), strict=True)
    return _figures([(c, int(r), int(t), int(n), iou) for c, r, t, n, iou in rows])


def _figures(rows: list[tuple[int, int, int, int, float | None]]) -> tuple[ClassFigures, ...]:
    """From (class, right, told, true, score); of too many the worst."""
    rows = sorted(rows, key=lambda row: row[4] if row[4] is not None else 1.0)[:_MOST_CLASSES]
    return tuple(
        ClassFigures(c, _ratio(r, told), _ratio(r, true), _ratio(2 * r, told + true), true, score)
        for c, r, told, true, score in sorted(rows)
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
