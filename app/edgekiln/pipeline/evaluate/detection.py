"""How well boxes were found: mAP as COCO defines it, and the agreement of two detectors."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.evaluate.boxes import Boxes, iou
from edgekiln.pipeline.evaluate.metrics import Ints

MATCHED = 0.5  # IoU
_MOST = 100  # boxes of a class in a picture that count
_RECALLS = np.linspace(0, 1, 101)
_EVERYWHERE = [[0.0, 1e10]]


@dataclass(frozen=True)
class MeanPrecision:
    """Average precision, the mean over the classes that have labels: at IoU 0.5, and over 0.5, 0.55
    … 0.95. `by_class`: (class, the latter)."""

    map50: float
    map50_95: float
    by_class: tuple[tuple[int, float], ...]


class MatchedBoxes:
    """Found and labelled boxes of the same pictures, matched once by pycocotools.

    Lin et al. 2014, "Microsoft COCO"; its evaluation: 101 recall levels, at most 100 boxes a class
    and picture, crowds ignored. Boxes of all sizes; corners in any one unit.
    """

    def __init__(self, found: Sequence[Boxes], truth: Sequence[Boxes]) -> None:
        self.pictures = len(truth)
        classes = sorted({int(c) for boxes in (*found, *truth) for c in boxes.classes})
        with redirect_stdout(io.StringIO()):  # it prints its progress, and ours is a protocol
            coco = COCOeval(_coco(truth, classes), _coco(found, classes), "bbox")
            coco.params.imgIds = list(range(len(truth)))
            coco.params.areaRng, coco.params.areaRngLbl = _EVERYWHERE, ["all"]
            coco.params.maxDets = [_MOST]
            if classes and self.pictures:
                coco.evaluate()
        matches: list[Any] = list(coco.evalImgs)
        count = self.pictures
        self._known: dict[bytes, MeanPrecision | None] = {}
        self._classes = [
            _Class.of(c, matches[i * count : (i + 1) * count])
            for i, c in enumerate(classes if matches else ())
        ]

    def mean_precision(self, rows: Ints | None = None) -> MeanPrecision | None:
        """Of all pictures or of these, some more than once; None where no label counts.

        The same rows are asked for again and again: by each figure's interval and each test.
        """
        rows = np.arange(self.pictures) if rows is None else rows
        times = np.bincount(rows, minlength=self.pictures).astype(np.float64)
        key = times.tobytes()
        if key not in self._known:
            self._known[key] = self._mean_precision(times)
        return self._known[key]

    def _mean_precision(self, times: Array) -> MeanPrecision | None:
        found = [(c.name, own) for c in self._classes if (own := c.precision(times)) is not None]
        if not found:
            return None
        each = np.array([own for _, own in found])  # class, IoU
        return MeanPrecision(
            float(each[:, 0].mean()),
            float(each.mean()),
            tuple((name, float(own.mean())) for name, own in found),
        )


@dataclass(frozen=True)
class _Class:
    """The found boxes of a class, strongest first: `right` and `wrong` at each IoU [IoU, boxes] and
    the `picture` they are in; `labels`: of each picture, those that count."""

    name: int
    right: Array
    wrong: Array
    picture: Ints
    labels: Ints

    @classmethod
    def of(cls, name: int, matches: Sequence[Any]) -> _Class:
        """From what pycocotools says of every picture; None of one without boxes."""
        known = [(i, match) for i, match in enumerate(matches) if match is not None]
        scores = np.concatenate([np.zeros(0), *(m["dtScores"] for _, m in known)])
        order = np.argsort(-scores, kind="stable")
        picture = np.repeat([i for i, _ in known], [len(m["dtScores"]) for _, m in known])
        matched = np.concatenate([m["dtMatches"] for _, m in known], axis=1)[:, order] > 0
        ignored = np.concatenate([m["dtIgnore"] for _, m in known], axis=1)[:, order] > 0
        labels = np.zeros(len(matches), np.int64)
        for i, match in known:
            labels[i] = np.sum(np.asarray(match["gtIgnore"]) == 0)
        right, wrong = matched & ~ignored, ~matched & ~ignored
        return cls(name, right, wrong, picture[order].astype(np.int64), labels)

    def precision(self, times: Array) -> Array | None:
        """The average precision at each IoU, of pictures that count so many times."""
        labels = float(times @ self.labels)
        if not labels:
            return None
        own = times[self.picture]
        hits, misses = np.cumsum(self.right * own, axis=1), np.cumsum(self.wrong * own, axis=1)
        precision = hits / np.maximum(hits + misses, 1)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        best = np.hstack([best, np.zeros((len(best), 1))])  # a recall that is not reached
        places = [np.searchsorted(recall, _RECALLS) for recall in hits / labels]
        return np.array([row[at].mean() for row, at in zip(best, places, strict=True)])


def matched_pairs(one: Boxes, other: Boxes, least: float = MATCHED) -> list[tuple[int, int]]:
    """Boxes of one class that overlap with an IoU of at least `least`, each in one pair, the
    largest overlap first."""
    overlap = iou(one.corners, other.corners)
    overlap[one.classes[:, None] != other.classes[None]] = -1
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(-overlap, axis=None, kind="stable"):
        i, j = divmod(int(flat), len(other))
        if overlap[i, j] < least:
            break
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def agreed_boxes(found: Sequence[Boxes], reference: Sequence[Boxes], least: float = 0.25) -> Ints:
    """Per picture [pictures, 2]: boxes in pairs of both detectors, and all boxes of both, of those
    with a score of at least `least`."""
    counts = []
    for one, other in zip(found, reference, strict=True):
        a, b = (each.only(each.scores >= least) for each in (one, other))
        counts.append((2 * len(matched_pairs(a, b)), len(a) + len(b)))
    return np.array(counts, np.int64).reshape(-1, 2)


def box_agreement(counts: Ints) -> float | None:
    """2 pairs / all boxes, from `agreed_boxes`; None without a box.

    Dice 1945, "Measures of the amount of ecologic association between species".
    """
    paired, whole = counts.sum(axis=0).tolist() if len(counts) else (0, 0)
    return paired / whole if whole else None


def _coco(pictures: Sequence[Boxes], classes: Sequence[int]) -> Any:
    """COCO's tables; ids count from 1, as 0 means "unmatched" to the evaluation."""
    rows: list[dict[str, Any]] = []
    for picture, boxes in enumerate(pictures):
        sizes = boxes.corners[:, 2:] - boxes.corners[:, :2]
        areas = sizes.clip(0).prod(axis=1)  # one of a negative area would not even count as wrong
        for i in np.flatnonzero(_sound(boxes)):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": picture,
                    "category_id": int(boxes.classes[i]),
                    "bbox": [*boxes.corners[i, :2].tolist(), *sizes[i].tolist()],
                    "area": float(areas[i]),
                    "iscrowd": int(boxes.crowd[i]),
                    "score": float(boxes.scores[i]),
                }
            )
    table = COCO()
    table.dataset = {
        "images": [{"id": picture} for picture in range(len(pictures))],
        "categories": [{"id": c} for c in classes],
        "annotations": rows,
    }
    table.createIndex()
    return table


def _sound(boxes: Boxes) -> Array:
    return np.asarray(np.isfinite(boxes.corners).all(axis=1) & np.isfinite(boxes.scores))
