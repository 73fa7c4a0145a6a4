"""TFRecord files: records one after another, each with its length and two checksums.

Source: https://www.tensorflow.org/tutorials/load_data/tfrecord — uint64 length, uint32 masked
CRC-32C of the length, the data, uint32 masked CRC-32C of the data; little-endian.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.crc32c import masked
from edgekiln.pipeline.data.refusal import unusable

_HEAD, _FOOT = 12, 4
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class Records:
    """The records of files, by where they begin: `starts` and `sizes` of their data, and `ends`,
    the number of records up to the end of each file."""

    files: Sequence[Path]
    ends: Sequence[int]
    starts: Sequence[int]
    sizes: Sequence[int]

    def __len__(self) -> int:
        return len(self.starts)

    def read(self, i: int) -> bytes:
        """Record `i`; UserError when its checksum is another."""
        path = self.file(i)
        with path.open("rb") as file:
            file.seek(self.starts[i])
            data = file.read(self.sizes[i])
            foot = file.read(_FOOT)
        if len(foot) < _FOOT or struct.unpack("<I", foot)[0] != masked(data):
            raise unusable(
                path,
                say("The checksum of record {number} is wrong.", number=i),
                say("Copy or write the file again."),
            )
        return data

    def file(self, i: int) -> Path:
        """The file that has record `i`."""
        return self.files[next(n for n, end in enumerate(self.ends) if i < end)]


def is_tfrecord(path: Path) -> bool:
    """Whether a file begins with a length and its checksum."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return len(head) == _HEAD and struct.unpack("<I", head[8:])[0] == masked(head[:8])


def list_records(files: Sequence[Path]) -> tuple[Records, tuple[Text, ...]]:
    """Where the records of files are, and what is to be said of files that end too early. UserError
    when there is no whole record."""
    starts, sizes = array("Q"), array("Q")
    ends: list[int] = []
    notes: list[Text] = []
    for path in files:
        if not _scan(path, starts, sizes):
            notes.append(
                say(
                    "{name} is cut off or damaged after record {count}; what follows is left out",
                    name=path.name,
                    count=len(starts) - (ends[-1] if ends else 0),
                )
            )
        ends.append(len(starts))
    if not starts:
        raise _empty(files[0])
    return Records(files, ends, starts, sizes), tuple(notes)


def _scan(path: Path, starts: array[int], sizes: array[int]) -> bool:
    """Whether the file is whole; its records are added."""
    size = path.stat().st_size
    at = 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(_HEAD)
            if len(head) < _HEAD or struct.unpack("<I", head[8:])[0] != masked(head[:8]):
                return False
            (length,) = struct.unpack("<Q", head[:8])
            if length > min(_MOST_BYTES, size - at - _HEAD - _FOOT):
                return False
            starts.append(at + _HEAD)
            sizes.append(length)
            at += _HEAD + length + _FOOT
    return True


def _empty(path: Path) -> UserError:
    return unusable(
        path,
        say("It holds no whole record."),
        say("Copy or write the file again."),
    )
