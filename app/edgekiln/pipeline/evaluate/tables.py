"""The numbers of a report for other programs: CSV, JSON, and TensorBoard's event files."""

from __future__ import annotations

import csv
import io
import json
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from edgekiln import __version__
from edgekiln.core.files import write_atomic
from edgekiln.core.plain import plain
from edgekiln.core.reporting import ReportInputs
from edgekiln.core.text import ENGLISH
from edgekiln.pipeline.data.crc32c import masked
from edgekiln.pipeline.evaluate.tidy import TidyRow

SCHEMA = "edgekiln.report/1"
_COLUMNS = tuple(field.name for field in fields(TidyRow))
_EVENTS = "{}/events.out.tfevents.{}.edgekiln"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Iterable[TidyRow]) -> bytes:
    """A row a number below one header, UTF-8 with a mark so that spreadsheets know it; a text that
    a spreadsheet would compute (a class called "=…") begins with an apostrophe."""
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    for row in rows:
        table.writerow([_cell(getattr(row, name)) for name in _COLUMNS])
    return out.getvalue().encode("utf-8-sig")


def as_json(inputs: ReportInputs, rows: Iterable[TidyRow], made: datetime) -> bytes:
    """`schema`, `edgekiln`, `made`, `figures` (the rows of the CSV) and `results`: all that the
    steps gave back, sentences in English. Keys are only added within one schema."""
    data = {
        "schema": SCHEMA,
        "edgekiln": __version__,
        "made": made.isoformat(timespec="seconds"),
        "figures": [asdict(row) for row in rows],
        "results": plain(inputs, ENGLISH),
    }
    return json.dumps(_finite(data), ensure_ascii=False, indent=1, allow_nan=False).encode()


def write_events(rows: Iterable[TidyRow], folder: Path, made: datetime) -> None:
    """TensorBoard's scalars, a run a candidate: `folder/<candidate>/events.out.tfevents.…`. What
    belongs to an operator, a class or an attempt is a series, in the order of the rows. Those of
    an earlier report in the folder are replaced."""
    runs: dict[str, list[TidyRow]] = {}
    for row in rows:
        runs.setdefault(row.candidate or "model", []).append(row)
    old = set(folder.glob(_EVENTS.format("*", "*")))
    for name, own in runs.items():
        run = name.replace(" ", "-").replace(",", "")
        file = folder / _EVENTS.format(run, int(made.timestamp()))
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, b"".join(_records(own, made.timestamp())))
        old.discard(file)
    for file in old:
        file.unlink()


def _records(rows: list[TidyRow], at: float) -> Iterator[bytes]:
    yield _record(_double(1, at) + _bytes(3, b"brain.Event:2"))
    steps: dict[str, int] = {}
    for row in rows:
        for tag, value in _scalars(row):
            step = steps.get(tag, -1) + 1
            steps[tag] = step
            scalar = _bytes(1, tag.encode()) + _float(2, value)
            yield _record(_double(1, at) + _whole(2, step) + _bytes(5, _bytes(1, scalar)))


def _scalars(row: TidyRow) -> Iterator[tuple[str, float]]:
    """The value, and the ends of its interval; what was measured where is part of the name."""
    tag = f"{row.measure}/{row.runtime}" if row.runtime else row.measure
    yield tag, row.value
    for end, value in (("low", row.low), ("high", row.high)):
        if value is not None:
            yield f"{tag}/{end}", value


# The wire form of tensorflow.Event (core/util/event.proto: 1 wall_time, 2 step, 3 file_version,
# 5 summary) and tensorflow.Summary (1 value: 1 tag, 2 simple_value), framed as TFRecords.


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    sums = (struct.pack("<I", masked(part)) for part in (length, data))
    return length + next(sums) + data + next(sums)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _whole(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _finite(data: Any) -> Any:
    """JSON has no infinity: what is none becomes null."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
