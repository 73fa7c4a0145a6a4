"""The boxes a detector found: its heads decoded, double ones dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgekiln.core.task import Decoder
from edgekiln.pipeline.data.arrays import Array

Doubles = npt.NDArray[np.float64]
LEAST_SCORE = 0.001  # the COCO figures need the weak ones too
SAME_BOX = 0.45  # IoU above which two boxes of a class are one
_MOST = 300  # boxes of a picture
_PIXELS = 2.0  # coordinates beyond it cannot be fractions of the picture


@dataclass(frozen=True)
class Boxes:
    """The boxes of one picture: `corners` [boxes, 4] left, top, right, bottom; `classes` [boxes]
    from 0; `scores` [boxes], of no meaning for labels; `crowd` [boxes]: regions of labels that hold
    many and count neither as found nor as missed (COCO's iscrowd), none by default."""

    corners: Doubles
    classes: npt.NDArray[np.int64]
    scores: Doubles
    crowd: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        if not len(self.crowd):
            object.__setattr__(self, "crowd", np.zeros(len(self), bool))

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, rows: Array) -> Boxes:
        """Those of an index or mask, in its order."""
        return Boxes(self.corners[rows], self.classes[rows], self.scores[rows], self.crowd[rows])


def layout_of(outputs: Mapping[str, Array], classes: int | None = None) -> Decoder | None:
    """The head that outputs [samples, …] of such shapes come from; None when they are none's.

    "ssd": TFLite_Detection_PostProcess: boxes [n, 4], classes [n], scores [n], count. "yolov5":
    [boxes, 5 + classes]. "yolov8": [4 + classes, boxes]. "corners": boxes [n, 4] as left, top,
    right, bottom, and scores [n, classes], or both joined to [boxes, 4 + classes]. Without the
    number of classes the longer side is that of the boxes.
    """
    shapes = sorted(array.shape[1:] for array in outputs.values())
    if len(shapes) == 4:
        boxes = next((s for s in shapes if len(s) == 2 and s[1] == 4), None)
        return "ssd" if boxes and shapes.count(boxes[:1]) >= 2 else None
    if len(shapes) == 2 and all(len(s) == 2 for s in shapes):
        return (
            "corners"
            if shapes[0][0] == shapes[1][0] and 4 in (shapes[0][1], shapes[1][1])
            else None
        )
    if len(shapes) != 1 or len(shapes[0]) != 2:
        return None
    rows, columns = shapes[0]
    if classes is not None:
        other: Decoder | None = "yolov8" if rows == 4 + classes else None
        if columns == 4 + classes:
            return "corners"
        return "yolov5" if columns == 5 + classes else other
    if rows > columns:
        return "yolov5" if columns > 5 else None
    return "yolov8" if rows > 4 else None


def decode_boxes(
    outputs: Mapping[str, Array],
    layout: Decoder,
    size: tuple[int, int],
    least: float = LEAST_SCORE,
    same: float = SAME_BOX,
) -> tuple[Boxes, ...]:
    """One Boxes a sample, corners as fractions of the picture, strongest first.

    `size`: height and width of the input, for heads that speak of pixels. YOLO heads still hold
    double boxes: these are dropped. Boxes that are not numbers are dropped.
    """
    if layout == "ssd":
        found = _ssd(outputs)
        return tuple(_kept(boxes, least) for boxes in found)
    places, scores = _head(outputs, layout)
    known = places[np.isfinite(places)]
    if known.size and known.max() > _PIXELS:
        places = places / np.array([size[1], size[0], size[1], size[0]], np.float64)
    if layout != "corners":
        places = _cornered(places)
    return tuple(
        suppressed(_kept(_strongest(p, s), least), same)
        for p, s in zip(places, scores, strict=True)
    )


def suppressed(boxes: Boxes, same: float = SAME_BOX) -> Boxes:
    """Without those that overlap a stronger one of their class with an IoU above `same`.

    Non-maximum suppression: Felzenszwalb et al. 2010, "Object detection with discriminatively
    trained part-based models", section 7.2. `boxes` come strongest first.
    """
    kept: list[int] = []
    left = np.arange(len(boxes))
    while len(left) and len(kept) < _MOST:
        first, rest = left[0], left[1:]
        kept.append(int(first))
        near = iou(boxes.corners[rest], boxes.corners[[first]])[:, 0] > same
        left = rest[~(near & (boxes.classes[rest] == boxes.classes[first]))]
    return boxes.only(np.array(kept, np.int64))


def iou(one: Doubles, other: Doubles) -> Doubles:
    """Intersection over union [one, other] of corners; 0 where both are empty.

    Jaccard 1912; as overlap of boxes in Everingham et al. 2010, "The PASCAL VOC challenge".
    """
    a, b = one[:, None, :], other[None, :, :]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=2)
    joint = _areas(one)[:, None] + _areas(other)[None] - shared
    return np.asarray(np.divide(shared, joint, out=np.zeros_like(shared), where=joint > 0))


def _areas(corners: Doubles) -> Doubles:
    return np.asarray(np.clip(corners[:, 2:] - corners[:, :2], 0, None).prod(axis=1))


def _ssd(outputs: Mapping[str, Array]) -> list[Boxes]:
    """Told apart by shape; the classes are whole numbers, the scores at most 1."""
    arrays = [np.asarray(array, np.float64) for array in outputs.values()]
    corners = next(a for a in arrays if a.ndim == 3)[:, :, [1, 0, 3, 2]]
    rows = [a for a in arrays if a.ndim == 2 and a.shape == corners.shape[:2]]
    counts = next(a for a in arrays if a.size == len(corners) and not any(a is r for r in rows))
    rows.sort(key=lambda a: (bool((a == np.round(a)).all()), a.max(initial=0.0)), reverse=True)
    classes, scores = np.nan_to_num(rows[0]), rows[1]
    ends = np.clip(np.nan_to_num(counts.reshape(-1)), 0, corners.shape[1]).astype(np.int64)
    return [
        Boxes(corners[i, :end], classes[i, :end].astype(np.int64), scores[i, :end])
        for i, end in enumerate(ends)
    ]


def _head(outputs: Mapping[str, Array], layout: Decoder) -> tuple[Doubles, Doubles]:
    """Places [samples, boxes, 4] and class scores [samples, boxes, classes] of a head with double
    boxes."""
    arrays = [np.asarray(array, np.float64) for array in outputs.values()]
    if layout == "corners" and len(arrays) > 1:
        arrays.sort(key=lambda array: array.shape[2] != 4)
        return arrays[0], arrays[1]
    head = arrays[0].transpose(0, 2, 1) if layout == "yolov8" else arrays[0]
    scores = head[:, :, 5:] * head[:, :, 4:5] if layout == "yolov5" else head[:, :, 4:]
    return head[:, :, :4], scores


def _cornered(centred: Doubles) -> Doubles:
    """Centre, width and height as corners."""
    middle, half = centred[..., :2], centred[..., 2:] / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def _strongest(corners: Doubles, scores: Doubles) -> Boxes:
    """Every box with its best class."""
    best = scores.argmax(axis=1)
    return Boxes(corners, best.astype(np.int64), scores[np.arange(len(scores)), best])


def _kept(boxes: Boxes, least: float) -> Boxes:
    sound = np.isfinite(boxes.corners).all(axis=1) & (boxes.scores >= least)
    strong = boxes.only(np.flatnonzero(sound))
    return strong.only(np.argsort(-strong.scores, kind="stable"))
