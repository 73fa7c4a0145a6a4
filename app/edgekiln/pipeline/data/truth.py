"""What is true of a sample beyond one class: boxes around things, a class for every pixel, or the
values a model should give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.pictures import BROKEN_PICTURE
from edgekiln.pipeline.data.refusal import unusable


@dataclass(frozen=True, eq=False)
class Boxes:
    """The things in one picture: `corners` float32 [n, 4] as x0, y0, x1, y1 in pixels of the
    picture as stored, `classes` int64 [n], `crowd` bool [n] (a region of many, COCO's `iscrowd`;
    VOC's `difficult`), `areas` float32 [n] in pixels."""

    corners: Array
    classes: Array
    crowd: Array
    areas: Array


VOID = 255  # of a mask: a pixel nobody labelled
TruthKind = Literal["boxes", "masks", "values"]


class Truths(Protocol):
    """One truth per sample, read when asked for."""

    @property
    def kind(self) -> TruthKind: ...

    def __len__(self) -> int: ...

    def read(self, i: int) -> Boxes | Array:
        """Boxes; a mask: class numbers [height, width], 255 where there is none; or values."""


@dataclass(frozen=True, eq=False)
class BoxTruths:
    """Boxes of all pictures in four arrays; picture `i` has those from `starts[i]` on."""

    starts: Array
    corners: Array
    classes: Array
    crowd: Array
    areas: Array
    kind: TruthKind = "boxes"

    def __len__(self) -> int:
        return len(self.starts) - 1

    def read(self, i: int) -> Boxes:
        own = slice(int(self.starts[i]), int(self.starts[i + 1]))
        return Boxes(self.corners[own], self.classes[own], self.crowd[own], self.areas[own])


@dataclass(frozen=True, eq=False)
class MaskTruths:
    """One mask file a picture."""

    files: Sequence[Path]
    kind: TruthKind = "masks"

    def __len__(self) -> int:
        return len(self.files)

    def read(self, i: int) -> Array:
        try:
            with Image.open(self.files[i]) as picture:
                # a palette's numbers are the classes; its colours are for people
                flat = picture if picture.mode in ("P", "L", "1") else picture.convert("L")
                return np.asarray(flat).astype(np.uint8)
        except BROKEN_PICTURE as error:
            raise unusable(
                self.files[i],
                say("The mask cannot be read: {reason}", reason=str(error)[:200]),
                say("Remove it from the folder and start again."),
            ) from error


@dataclass(frozen=True, eq=False)
class ArrayTruths:
    """The `y` of an array file: masks [samples, height, width] or values [samples, …]."""

    array: Array
    kind: TruthKind

    def __len__(self) -> int:
        return len(self.array)

    def read(self, i: int) -> Array:
        return np.asarray(self.array[i])

    @classmethod
    def of(cls, y: Array, count: int) -> ArrayTruths | None:
        """Whole numbers of a picture's size are masks, other numbers values; None for one whole
        number a sample, which is a class, and for what cannot be told."""
        if not y.ndim or len(y) != count or y.dtype.kind not in "iuf":
            return None
        y = y[:, 0] if y.shape[1:] == (1,) else y
        if y.dtype.kind != "f":
            return cls(y.reshape(y.shape[:3]), "masks") if _is_mask(y) else None
        classes = _is_one_hot(y) or (y.ndim == 1 and bool((y == np.rint(y)).all()))
        return None if classes or not np.isfinite(y).all() else cls(y, "values")


def _is_one_hot(y: Array) -> bool:
    return y.ndim == 2 and bool((((y == 0) | (y == 1)).all()) and (y.sum(axis=1) <= 1).all())


def _is_mask(y: Array) -> bool:
    return y.ndim in (3, 4) and min(y.shape[1:3]) > 1 and y.shape[3:] in ((), (1,))


BoxRow = tuple[float, float, float, float, int, bool, float]


def gather(found: Sequence[Sequence[BoxRow]]) -> BoxTruths:
    """(x0, y0, x1, y1, class, crowd, area) of each picture, packed."""
    flat = [box for boxes in found for box in boxes]
    numbers = np.array([box[:4] for box in flat], np.float32).reshape(-1, 4)
    return BoxTruths(
        np.concatenate([[0], np.cumsum([len(boxes) for boxes in found])]).astype(np.int64),
        numbers,
        np.array([box[4] for box in flat], np.int64),
        np.array([box[5] for box in flat], np.bool_),
        np.array([box[6] for box in flat], np.float32),
    )
