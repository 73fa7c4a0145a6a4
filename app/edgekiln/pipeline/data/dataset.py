"""Labelled samples that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgekiln.core.text import Text
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.pictures import decode


@dataclass(frozen=True)
class DataSet:
    """Samples in a fixed order: `files` (pictures) or `arrays` by name (an `.npz`), one of the two.

    `labels`: one per sample, -1 where unlabelled. `index`: the rows of `arrays` that were chosen.
    """

    path: Path
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    fingerprint: str
    files: tuple[Path, ...] = ()
    arrays: Mapping[str, Array] = field(default_factory=dict)
    index: tuple[int, ...] = ()
    notes: tuple[Text, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def labelled(self) -> bool:
        """Whether every sample has a label."""
        return bool(self.labels) and min(self.labels) >= 0

    @property
    def main(self) -> str:
        """The name of the array that is looked at: `x`, else the first; "" for pictures."""
        return "x" if "x" in self.arrays else next(iter(self.arrays), "")

    def raw(self, i: int, name: str = "") -> Array:
        """Sample `i` as it is stored: uint8 [height, width, channels] of a picture, or the row of
        the array `name` (default: `main`)."""
        if self.files:
            return decode(self.files[i])
        return np.asarray(self.arrays[name or self.main][self.index[i]])

    def has_pixels(self, name: str = "") -> bool:
        """Whether the samples are pictures of values 0…255, to which preprocessing applies."""
        return bool(self.files) or _are_pixels(self.arrays[name or self.main])


def _are_pixels(array: Array) -> bool:
    if array.ndim not in (3, 4) or array.dtype.kind not in "iu" or min(array.shape[1:3]) < 4:
        return False
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4):
        return False
    return array.dtype == np.uint8 or bool(array.min() >= 0 and array.max() <= 255)
