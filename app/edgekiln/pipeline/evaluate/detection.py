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
        classes = {int(c) for boxes in (*found, *truth) for c in boxes.classes}
        with redirect_stdout(io.StringIO()):  # it prints its progress, and ours is a protocol
            self._coco = COCOeval(_coco(truth, classes), _coco(found, classes), "bbox")
            self._coco.params.imgIds = list(range(len(truth)))
            self._coco.params.areaRng, self._coco.params.areaRngLbl = _EVERYWHERE, ["all"]
            self._coco.params.maxDets = [_MOST]
            if classes and self.pictures:
                self._coco.evaluate()
        self._matches: list[Any] = list(self._coco.evalImgs)

    def mean_precision(self, rows: Ints | None = None) -> MeanPrecision | None:
        """Of all pictures or of these, some more than once; None where no label counts."""
        chosen = np.arange(self.pictures) if rows is None else rows
        if not self._matches or not len(chosen):
            return None
        by_class = np.reshape(np.arange(len(self._matches)), (-1, self.pictures))
        self._coco.evalImgs = [self._matches[i] for i in by_class[:, chosen].ravel()]
        with redirect_stdout(io.StringIO()):
            self._coco._paramsEval.imgIds = self._coco.params.imgIds = list(range(len(chosen)))
            self._coco.accumulate()
        precision = self._coco.eval["precision"][:, :, :, 0, 0]  # IoU, recall, class; -1: no label
        labelled = np.flatnonzero(precision.max(axis=(0, 1)) > -1)
        if not len(labelled):
            return None
        each = precision[:, :, labelled].mean(axis=1)  # IoU, class
        names = [int(self._coco.params.catIds[i]) for i in labelled]
        return MeanPrecision(
            float(each[0].mean()),
            float(each.mean()),
            tuple(zip(names, each.mean(axis=0).tolist(), strict=True)),
        )


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


def _coco(pictures: Sequence[Boxes], classes: set[int]) -> Any:
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
        "categories": [{"id": c} for c in sorted(classes)],
        "annotations": rows,
    }
    table.createIndex()
    return table


def _sound(boxes: Boxes) -> Array:
    return np.asarray(np.isfinite(boxes.corners).all(axis=1) & np.isfinite(boxes.scores))
