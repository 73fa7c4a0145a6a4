"""Samples of one kind, each read when it is asked for: the one interface of all sources."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, overload

import numpy as np

from edgekiln.core.text import Text, say, shown
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.pictures import decode, is_whole

Kind = Literal["picture", "sound", "numbers"]
_SIDE = 4  # an array less high or wide holds numbers, not pictures
_LET_GO = 256  # samples
_CHUNK_BYTES = 1 << 24


class Rows(Protocol):
    """`shape`: of every sample, None where each has its own. `kind`: `picture` has values 0…255
    [height, width(, channels)]; `sound` is float32 [time] in -1…1 at a rate of its own."""

    @property
    def kind(self) -> Kind: ...

    @property
    def shape(self) -> tuple[int, ...] | None: ...

    @property
    def dtype(self) -> np.dtype[np.generic]: ...

    def __len__(self) -> int: ...

    def read(self, i: int) -> Array:
        """Sample `i` as it is stored; UserError when it is broken."""

    def fault(self, i: int) -> Text | None:
        """Why sample `i` cannot be read, found out as cheaply as its format allows."""

    def called(self, i: int) -> str:
        """What a person calls sample `i`: the end of its path, or its number."""


@dataclass(frozen=True, eq=False)
class ArrayRows:
    """Rows of an array, which may be a file mapped into memory. `flat`: a table, whose rows may
    be shaped as the model wants them."""

    array: Array
    flat: bool = False

    @property
    def kind(self) -> Kind:
        return "picture" if _are_pixels(self.array) else "numbers"

    @property
    def shape(self) -> tuple[int, ...] | None:
        return self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.array.dtype

    def __len__(self) -> int:
        return len(self.array) if self.array.ndim else 0

    def read(self, i: int) -> Array:
        if i % _LET_GO == 0:
            let_go(self.array)
        return np.asarray(self.array[i])

    def fault(self, i: int) -> Text | None:  # noqa: ARG002  (the archive was checked as a whole)
        return None

    def called(self, i: int) -> str:
        return str(i)


class Files(Sequence[Path]):
    """Paths, kept as text."""

    def __init__(self, paths: Iterable[str | Path]) -> None:
        self._paths = [str(path) for path in paths]

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, i: int) -> Path: ...

    @overload
    def __getitem__(self, i: slice) -> Files: ...

    def __getitem__(self, i: int | slice) -> Path | Files:
        return Files(self._paths[i]) if isinstance(i, slice) else Path(self._paths[i])


@dataclass(frozen=True, eq=False)
class Pictures:
    """Picture files, decoded when asked for."""

    files: Sequence[Path]
    kind: Kind = "picture"
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[np.generic] = np.dtype(np.uint8)  # noqa: RUF009  (immutable)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, i: int) -> Array:
        return decode(self.files[i])

    def fault(self, i: int) -> Text | None:
        return None if is_whole(self.files[i]) else say("It is broken or no picture.")

    def called(self, i: int) -> str:
        return called(self.files[i])


def called(file: Path) -> str:
    """A file by its folder and name, which may be in no encoding."""
    return shown("/".join(file.parts[-2:]))


def not_finite(array: Array) -> tuple[int, int]:
    """How many rows of a float array hold NaN or infinite values, and the first of them; a few
    rows at a time, for the array may be larger than memory."""
    count, first = 0, -1
    if array.dtype.kind != "f" or not len(array):
        return count, first
    step = max(1, _CHUNK_BYTES // max(1, array[0].nbytes))
    for start in range(0, len(array), step):
        chunk = array[start : start + step].reshape(len(array[start : start + step]), -1)
        bad = np.flatnonzero(~np.isfinite(chunk).all(axis=1))
        if bad.size and first < 0:
            first = start + int(bad[0])
        count += int(bad.size)
        let_go(array)
    return count, first


def let_go(array: Array) -> None:
    """Give back the memory of what was read of a mapped file: else it stays with this process until
    another one needs it. Nothing for an array that is no file, and where the system cannot."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _are_pixels(array: Array) -> bool:
    if array.ndim not in (3, 4) or array.dtype.kind not in "iu" or min(array.shape[1:3]) < _SIDE:
        return False
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4):
        return False
    return array.dtype == np.uint8 or bool(array.min() >= 0 and array.max() <= 255)
