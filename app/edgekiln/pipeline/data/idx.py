"""IDX files, the form of MNIST: an array with a header of its sizes, often packed by gzip.

Source: http://yann.lecun.com/exdb/mnist — two zero bytes, the type, the number of sizes, each size
as four bytes, the values; all big-endian.
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.mapped import GZIP_MAGIC, unzipped
from edgekiln.pipeline.data.refusal import cut_off, unusable

_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MOST_SIZES = 8
_HEAD, _GZIP = 4096, 31


def is_idx(path: Path) -> bool:
    """Whether a file, packed by gzip or not, begins as IDX."""
    head = opening(path)
    return (
        len(head) >= 8 and head[:2] == b"\0\0" and head[2] in _TYPES and 1 <= head[3] <= _MOST_SIZES
    )


def opening(path: Path, size: int = 64) -> bytes:
    """The first bytes of a file, of what it packs where it is gzip; b"" when that is broken."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(GZIP_MAGIC):
        return head[:size]
    try:  # a whole one is not asked for: what was cut off is to be told from what is none
        return zlib.decompressobj(_GZIP).decompress(head, size)
    except zlib.error:
        return b""


def map_idx(path: Path) -> Array:
    """The array of an IDX file; UserError when it is cut off or longer than its header says."""
    head = opening(path, 4 + 4 * _MOST_SIZES)
    start = 4 + 4 * head[3]
    if len(head) < start:
        raise cut_off(path, start, len(head))
    shape = struct.unpack(f">{head[3]}I", head[4:start])
    dtype = np.dtype(_TYPES[head[2]])
    size = start + math.prod(shape) * dtype.itemsize
    with path.open("rb") as file:
        packed = file.read(2) == GZIP_MAGIC
    if not packed and path.stat().st_size != size:
        raise cut_off(path, size, path.stat().st_size)
    if size == start:
        return np.empty(0, dtype)  # its other sizes may be more than any array can have
    if not packed:
        return np.memmap(path, dtype, "r", start, shape)
    try:
        with unzipped(path, size) as file:
            return np.memmap(file, dtype, "r", start, shape)
    except (EOFError, OSError, zlib.error) as error:
        raise unusable(
            path,
            say("It cannot be unpacked: {reason}", reason=str(error)[:200]),
            say("Copy or download it again."),
        ) from error


def labels_beside(path: Path) -> Path | None:
    """The file of labels that belongs to a file of images, by its name."""
    own = _key(path)
    for other in sorted(path.parent.iterdir()):
        if other != path and "label" in other.name and _key(other) == own and is_idx(other):
            return other
    return None


def image_files(folder: Path) -> tuple[Path, ...]:
    """The IDX files of a folder that are not labels."""
    return tuple(
        p
        for p in sorted(folder.iterdir())
        if "idx" in p.name and "label" not in p.name and p.is_file() and is_idx(p)
    )


def _key(path: Path) -> str:
    return re.sub(r"images?|labels?|idx\d|\.gz$|[-._]", "", path.name)
