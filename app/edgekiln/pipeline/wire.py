"""The outermost bytes of the two file formats: is it what it says, and is all of it there?"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

WireKind = Literal["saved-model", "graph", "cut", "empty", "other"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_BUFFERS = 4  # slot of Model.buffers in the TFLite schema
_TABLES = (1, 2, 6, 7)  # operator_codes, subgraphs, metadata, signature_defs


def wire_kind(data: bytes) -> WireKind:
    """What a serialized proto is by its top-level fields: a SavedModel (1: number, 2: bytes) or a
    GraphDef (1: bytes). "cut" when its last field reaches beyond the end."""
    if not data:
        return "empty"
    fields: set[tuple[int, int]] = set()
    try:
        at = 0
        while at < len(data):
            key, at = varint(data, at)
            at = _skip(data, at, key & 7)
            fields.add((key >> 3, key & 7))
    except EOFError:
        return "cut" if data[0] in (1 << 3 | _VARINT, 1 << 3 | _BYTES) else "other"
    except ValueError:
        return "other"
    if (2, _BYTES) in fields and (1, _BYTES) not in fields:
        return "saved-model"
    if (1, _VARINT) in fields:
        return "cut"  # the version alone: cut exactly between two fields
    return "graph" if (1, _BYTES) in fields else "other"


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a serialized proto in their order: number, and an integer, or the bytes of
    anything else. ValueError for what is no proto, EOFError for one that is cut off."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        end = _skip(data, at, key & 7)
        if key & 7 == _VARINT:
            yield key >> 3, varint(data, at)[0]
        else:
            if key & 7 == _BYTES:
                at = varint(data, at)[1]
            yield key >> 3, data[at:end]
        at = end


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number at a place, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise EOFError
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("a number of more than 64 bits")


def _skip(data: bytes, at: int, kind: int) -> int:
    if kind == _VARINT:
        return varint(data, at)[1]
    if kind == _BYTES:
        size, at = varint(data, at)
        at += size
    elif kind in (_FIXED32, _FIXED64):
        at += 4 if kind == _FIXED32 else 8
    else:
        raise ValueError(f"wire type {kind}")
    if at > len(data):
        raise EOFError
    return at


def flatbuffer_is_whole(data: bytes) -> bool:
    """Whether what a `.tflite` consists of lies inside the file: operator codes, subgraphs and
    signatures (where they start and end), weights (all of them)."""
    try:
        root = _offset(data, 0)
        weights = _items(data, root, _BUFFERS)
        tables = [table for slot in _TABLES for table in _items(data, root, slot)]
        return all(_table_fits(data, table) for table in (*tables, *weights)) and all(
            _buffer_fits(data, table) for table in weights
        )
    except struct.error:
        return False


def _items(data: bytes, table: int, slot: int) -> list[int]:
    """Where the tables of a vector field start; [] when there is no such field."""
    field = _field(data, table, slot)
    if field is None:
        return []
    start = _offset(data, field)
    (count,) = struct.unpack_from("<I", data, start)
    offsets = struct.unpack_from(f"<{count}I", data, start + 4)
    return [start + 4 + 4 * i + offset for i, offset in enumerate(offsets)]


def _table_fits(data: bytes, table: int) -> bool:
    """A table's own bytes: the second number of its vtable is their count."""
    return table + int(struct.unpack_from("<H", data, _vtable(data, table) + 2)[0]) <= len(data)


def _offset(data: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, slot: int) -> int | None:
    """Where a table's field is stored; None when it has its default value."""
    vtable = _vtable(data, table)
    (size,) = struct.unpack_from("<H", data, vtable)
    at = 4 + 2 * slot
    if at + 2 > size:
        return None
    (offset,) = struct.unpack_from("<H", data, vtable + at)
    return table + offset if offset else None


def _vtable(data: bytes, table: int) -> int:
    at = table - int(struct.unpack_from("<i", data, table)[0])
    if at < 0:
        raise struct.error("a vtable before the file")
    return at


def _buffer_fits(data: bytes, table: int) -> bool:
    """Buffer: 0 data (inside the flatbuffer); 1 offset and 2 size (behind it, over 2 GB)."""
    if (vector := _field(data, table, 0)) is not None:
        start = _offset(data, vector)
        return start + 4 + int(struct.unpack_from("<I", data, start)[0]) <= len(data)
    offset, size = _field(data, table, 1), _field(data, table, 2)
    if offset is None or size is None:
        return True
    end = struct.unpack_from("<Q", data, offset)[0] + struct.unpack_from("<Q", data, size)[0]
    return int(end) <= len(data)
