"""Samples, labelled or not, that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgekiln.core.data import DataKind
from edgekiln.core.text import Text
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.labels import UNLABELLED
from edgekiln.pipeline.data.rows import Rows
from edgekiln.pipeline.data.truth import Boxes, Truths


@dataclass(frozen=True)
class DataSet:
    """Samples in a fixed order: `rows` by name ("" for files), of which `index` are chosen.

    `labels`: one per chosen sample, -1 where unlabelled. `truths`: boxes or masks, one per row.
    `columns`: what else is known of every row, by the name of a table's column.
    `scratch`: keeps what was unpacked for as long as it is read.
    """

    path: Path
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    rows: Mapping[str, Rows]
    index: Sequence[int]
    fingerprint: str = ""
    notes: tuple[Text, ...] = ()
    truths: Truths | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scratch: object = None
    kind: DataKind = "folder"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def labelled(self) -> bool:
        """Whether every sample has a label."""
        return bool(self.labels) and min(self.labels) >= 0

    @property
    def main(self) -> str:
        """The name of the rows that are looked at: `x`, else the first."""
        return "x" if "x" in self.rows else next(iter(self.rows))

    def pick(self, which: Sequence[int]) -> DataSet:
        """Those of the chosen samples, in that order."""
        labels = tuple(self.labels[i] for i in which)
        return replace(self, labels=labels, index=tuple(self.index[i] for i in which))

    def raw(self, i: int, name: str = "") -> Array:
        """Sample `i` as it is stored: uint8 [height, width, channels] of a picture, float32 [time]
        of a sound, or the row of the array `name` (default: `main`)."""
        return self.rows[name or self.main].read(self.index[i])

    def fault(self, i: int) -> Text | None:
        """Why sample `i` cannot be read; None when it can."""
        return self.rows[self.main].fault(self.index[i])

    def called(self, i: int) -> str:
        """What a person calls sample `i`."""
        return self.rows[self.main].called(self.index[i])

    def truth(self, i: int) -> Boxes | Array | None:
        """The boxes or the mask of sample `i`, in pixels of the picture as stored."""
        return None if self.truths is None else self.truths.read(self.index[i])

    def column(self, name: str) -> tuple[str, ...]:
        """A table's column for the chosen samples."""
        return tuple(self.columns[name][i] for i in self.index)

    def class_name(self, label: int) -> str:
        """The name of a class, or its number where it has none; "" for no label."""
        if label == UNLABELLED:
            return ""
        return self.class_names[label] if 0 <= label < len(self.class_names) else str(label)

    def has_pixels(self, name: str = "") -> bool:
        """Whether the samples are pictures of values 0…255, to which preprocessing applies."""
        return self.rows[name or self.main].kind == "picture"

    def has_sounds(self) -> bool:
        """Whether the samples are sounds, which a front end turns into numbers."""
        return self.rows[self.main].kind == "sound"
