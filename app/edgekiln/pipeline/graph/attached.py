"""The zip archive of files (labels, a licence) that some `.tflite` carry behind their model.

Its offsets count from the start of the whole file, so they move when the model's size changes; the
files in it stay as they are, packed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_MARK_FILE, _MARK_ENTRY, _MARK_END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
_END = struct.Struct("<4s8xIIH")  # mark, size and offset of the list of entries, comment
_ENTRY = struct.Struct("<4s24xHHH8xI")  # mark, lengths of name, extra and comment, offset
_ENTRY_OFFSET, _END_OFFSET = 42, 16
_FURTHEST = _END.size + 0xFFFF  # the longest comment there can be behind the end mark


def attached_archive(data: bytes) -> bytes:
    """The archive behind a model, offsets from its own start; empty when there is none."""
    entries = list(_entries(data))
    if not entries:
        return b""
    end = _end(data)
    _, size, offset, _ = _END.unpack_from(data, end)
    shift = end - size - offset  # other than 0 when the model has changed its size since
    start = shift + min(first for _, first in entries)
    if start <= 0 or data[start : start + 4] != _MARK_FILE:
        return b""
    return _moved(data[start:], shift - start)


def behind(archive: bytes, size: int) -> bytes:
    """The archive as it lies behind a model of `size` bytes."""
    return _moved(archive, size)


def _moved(archive: bytes, by: int) -> bytes:
    moved = bytearray(archive)
    places = [at + _ENTRY_OFFSET for at, _ in _entries(archive)]
    for at in (*places, _end(archive) + _END_OFFSET):
        struct.pack_into("<I", moved, at, struct.unpack_from("<I", moved, at)[0] + by)
    return bytes(moved)


def _end(data: bytes) -> int:
    """Where the end mark is; -1 where there is none."""
    return data.rfind(_MARK_END, max(0, len(data) - _FURTHEST), len(data) - _END.size + 4)


def _entries(data: bytes) -> Iterator[tuple[int, int]]:
    """Each entry of the list: where it is, and the offset it states."""
    end = _end(data)
    if end < 0:
        return
    at = end - _END.unpack_from(data, end)[1]
    while 0 <= at <= end - _ENTRY.size and data[at : at + 4] == _MARK_ENTRY:
        _, name, extra, comment, offset = _ENTRY.unpack_from(data, at)
        yield at, offset
        at += _ENTRY.size + name + extra + comment
