"""What is true of a picture beyond one class: boxes around things, or a class for every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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


class Truths(Protocol):
    """One truth per sample, read when asked for."""

    def __len__(self) -> int: ...

    def read(self, i: int) -> Boxes | Array:
        """Boxes, or a mask: class numbers [height, width], 255 where there is none."""


@dataclass(frozen=True, eq=False)
class BoxTruths:
    """Boxes of all pictures in four arrays; picture `i` has those from `starts[i]` on."""

    starts: Array
    corners: Array
    classes: Array
    crowd: Array
    areas: Array

    def __len__(self) -> int:
        return len(self.starts) - 1

    def read(self, i: int) -> Boxes:
        own = slice(int(self.starts[i]), int(self.starts[i + 1]))
        return Boxes(self.corners[own], self.classes[own], self.crowd[own], self.areas[own])


@dataclass(frozen=True, eq=False)
class MaskTruths:
    """One mask file a picture."""

    files: Sequence[Path]

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
