"""The first figure of a task against the truth, how sure it is, and two models by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgekiln.core.measures import Interval, Measure, MeasureName, PairedTest
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate import values
from edgekiln.pipeline.evaluate.detection import MatchedBoxes, MeanPrecision
from edgekiln.pipeline.evaluate.masks import mean_iou, pixel_counts
from edgekiln.pipeline.evaluate.metrics import Ints
from edgekiln.pipeline.evaluate.statistics import (
    RESAMPLES,
    Figure,
    Rows,
    bootstrap,
    mcnemar,
    paired_bootstrap,
    permutation,
    wilson,
)
from edgekiln.pipeline.evaluate.told import Told, class_count

BOX_RESAMPLES = 200  # each takes a hundredth of a second


@dataclass(frozen=True)
class Primary:
    """`figure` of any of the `samples`; `each`: by sample where its mean is the figure, of bools
    where that is a share of samples right."""

    name: MeasureName
    figure: Figure
    samples: int
    each: Array | None = None
    resamples: int = RESAMPLES
    boxes: MatchedBoxes | None = None  # that `figure` is of

    def measure(self, sure: bool = True) -> Measure | None:
        """The figure of all samples, with its interval when `sure`; None where it is no number."""
        value = self.figure(np.arange(self.samples)) if self.samples else None
        if value is None or not np.isfinite(value):
            return None
        return Measure(self.name, value, self.samples, self._interval() if sure else None)

    def against(self, other: Primary) -> PairedTest | None:
        """The paired test that fits the figure; None unless both are the same one."""
        if (self.name, self.samples) != (other.name, other.samples) or not self.samples:
            return None
        if self.each is None or other.each is None:
            samples, times = self.samples, self.resamples
            return paired_bootstrap(self.figure, other.figure, samples, resamples=times)
        if self.each.dtype == np.bool_:
            return mcnemar(self.each, other.each)
        return permutation(self.each, other.each)

    def _interval(self) -> Interval | None:
        if self.each is not None and self.each.dtype == np.bool_:
            return wilson(int(self.each.sum()), self.samples)
        return bootstrap(self.figure, self.samples, resamples=self.resamples)


def primary_of(told: Told) -> Primary | None:
    """None where the task has no truth, or the data none for it."""
    of: dict[str, Callable[[Told], Primary | None]] = {
        "classification": _of_classes,
        "detection": _of_boxes,
        "segmentation": _of_masks,
        "regression": _of_values,
        "autoencoder": _of_rebuilt,
        "embedding": _of_embeddings,
    }
    return of[told.task](told) if told.task in of else None


def box_figure(boxes: MatchedBoxes, of: Callable[[MeanPrecision], float]) -> Figure:
    """One of the mean precisions as a figure of any pictures."""

    def figure(rows: Rows) -> float | None:
        found = boxes.mean_precision(rows)
        return None if found is None else of(found)

    return figure


def counts_of(told: Told) -> Ints:
    """The pixels [samples, true class, told class]."""
    assert told.masks is not None
    assert told.true_masks is not None
    masks, truth = told.masks.astype(np.int64), told.true_masks.astype(np.int64)
    return pixel_counts(masks, truth, class_count(told))


def _of_classes(told: Told) -> Primary | None:
    known = told.labels >= 0
    return _share("accuracy", (told.predicted == told.labels)[known])


def _of_embeddings(told: Told) -> Primary | None:
    return _share("recall1", values.found_first(told.values, told.labels) > 0)


def _of_boxes(told: Told) -> Primary | None:
    if told.true_boxes is None:
        return None
    assert told.boxes is not None
    boxes = MatchedBoxes(told.boxes, told.true_boxes)
    figure = box_figure(boxes, lambda found: found.map50_95)
    return Primary("map50-95", figure, len(told.labels), None, BOX_RESAMPLES, boxes)


def _of_masks(told: Told) -> Primary | None:
    if told.true_masks is None:
        return None
    counts = counts_of(told)
    return Primary("miou", lambda rows: mean_iou(counts[rows]), len(counts))


def _of_values(told: Told) -> Primary | None:
    if told.true_values is None:
        return None
    return _mean("mae", values.absolute_errors(told.values, told.true_values))


def _of_rebuilt(told: Told) -> Primary | None:
    assert told.rebuilt is not None
    score, abnormal = told.rebuilt, told.abnormal
    if abnormal is None:
        return None
    return Primary("auc", lambda rows: values.auc(score[rows], abnormal[rows]), len(score))


def _share(name: MeasureName, hits: Array) -> Primary | None:
    return (
        Primary(name, lambda rows: float(hits[rows].mean()), len(hits), hits) if len(hits) else None
    )


def _mean(name: MeasureName, each: Array) -> Primary:
    return Primary(name, lambda rows: float(each[rows].mean()), len(each), each)
