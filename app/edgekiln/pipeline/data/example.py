"""tf.train.Example in TFRecord files: each feature a list of bytes, floats or whole numbers.

Source: tensorflow/core/example/example.proto and feature.proto. Read from the wire form; no
TensorFlow in this room.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED, read_labels
from edgekiln.pipeline.data.pictures import decode
from edgekiln.pipeline.data.refusal import unusable
from edgekiln.pipeline.data.rows import Kind, Rows
from edgekiln.pipeline.data.tables import LABEL_NAMES, classes_of
from edgekiln.pipeline.data.tfrecord import Records, list_records
from edgekiln.pipeline.data.truth import BoxRow, BoxTruths, gather
from edgekiln.pipeline.wire import fields, varint

Feature = list[bytes] | Array
Example = Mapping[str, Feature]
_MAGICS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF")
_LABELS = ("image/class/label", "image/class/text")
_BOX = "image/object/bbox/"
_TRIED = 16  # records, for one that is whole and shows what all have
_SIZES = ("height", "width", "depth", "channels")


def parse_example(data: bytes) -> dict[str, Feature]:
    """The features of a serialized Example by name: bytes in a list, numbers float32 or int64.
    ValueError or EOFError for anything else."""
    found: dict[str, Feature] = {}
    for features in _all(data, 1):
        for entry in _all(features, 1):
            pair = dict(fields(entry))
            key, value = pair.get(1), pair.get(2, b"")
            if not isinstance(key, bytes) or not isinstance(value, bytes):
                raise ValueError("a feature without a name")
            found[key.decode("utf-8")] = _feature(value)
    return found


@dataclass(frozen=True, eq=False)
class ExampleRows:
    """One feature of every record: encoded pictures (`shape` None), raw pixels, or numbers."""

    records: Records
    feature: str
    kind: Kind
    shape: tuple[int, ...] | None
    dtype: np.dtype[np.generic]

    def __len__(self) -> int:
        return len(self.records)

    def read(self, i: int) -> Array:
        path = self.records.file(i)
        value = _example(path, self.records.read(i), i).get(self.feature)
        if self.shape is None and isinstance(value, list) and value:
            return decode(path, value[0])
        flat = np.frombuffer(value[0], np.uint8) if isinstance(value, list) and value else value
        right = isinstance(flat, np.ndarray) and flat.size == math.prod(self.shape or ())
        if isinstance(flat, np.ndarray) and self.shape is not None and right:
            return flat.reshape(self.shape)
        raise unusable(
            path,
            say("Record {number} has no “{name}” of that size.", number=i, name=self.feature),
            say("Write all records with the same features."),
        )

    def fault(self, i: int) -> Text | None:
        try:
            self.read(i)
        except UserError as error:
            return error.why
        return None

    def called(self, i: int) -> str:
        return f"{self.records.file(i).name}/{i}"


def read_examples(path: Path, files: Sequence[Path], known: tuple[str, ...]) -> DataSet:
    """The Examples of TFRecord files: `image/encoded`, or any feature that is a picture; raw pixels
    beside `height` and `width`; else every feature of numbers, by its name. Labels: `label`,
    `image/class/label`, …; boxes: `image/object/bbox/…`."""
    records, notes = list_records(files)
    first = next((e for i in range(min(_TRIED, len(records))) if (e := _peeked(records, i))), None)
    first = first or _example(files[0], records.read(0), 0)
    label = next((n for n in first if n in _LABELS or n.lower() in LABEL_NAMES), None)
    rows = _rows(records, first, label)
    if not rows:
        raise unusable(
            path,
            say("Its records hold no picture and no numbers: {names}", names=", ".join(first)),
            say("Write image/encoded and label, or one feature of numbers per input."),
        )
    known = read_labels(path) or known
    cells = [""] * len(records)
    boxes: list[list[BoxRow]] = []
    for i in range(len(records) if label or _BOX + "xmin" in first else 0):
        example = _peeked(records, i)
        cells[i] = _cell(example.get(label or ""))
        boxes.append(list(_boxes(example)))
    labels, names, more = classes_of(cells, known) if label else (
        (UNLABELLED,) * len(records), known, ())  # fmt: skip
    truths: BoxTruths | None = gather(boxes) if _BOX + "xmin" in first else None
    return DataSet(
        path, labels, names, rows, range(len(records)), notes=(*notes, *more), truths=truths
    )


def _rows(records: Records, first: Example, label: str | None) -> dict[str, Rows]:
    bytes_type = np.dtype(np.uint8)
    sizes = [
        int(value[0])
        for size in _SIZES
        for name, value in first.items()
        if name.rpartition("/")[2] == size and isinstance(value, np.ndarray) and len(value) == 1
    ]
    numbers: dict[str, Rows] = {}
    for name, value in first.items():
        if name == label or not len(value):
            continue
        if isinstance(value, list):
            if value[0].startswith(_MAGICS):
                return {"": ExampleRows(records, name, "picture", None, bytes_type)}
            shape = (*sizes, 1)[:3] if len(sizes) in (2, 3) else ()
            if shape and len(value[0]) == math.prod(shape):
                return {"x": ExampleRows(records, name, "picture", shape, bytes_type)}
        elif not name.startswith("image/") and name not in _SIZES:
            numbers[name] = ExampleRows(records, name, "numbers", (len(value),), value.dtype)
    return numbers


def _peeked(records: Records, i: int) -> Example:
    """A record's features; none where it is broken, which is found out when it is chosen."""
    try:
        return _example(records.file(i), records.read(i), i)
    except UserError:
        return {}


def _example(path: Path, data: bytes, i: int) -> Example:
    try:
        return parse_example(data)
    except (ValueError, EOFError) as error:
        raise unusable(
            path,
            say("Record {number} is no tf.train.Example.", number=i),
            say("Write records of tf.train.Example."),
        ) from error


def _cell(value: Feature | None) -> str:
    if value is None or len(value) != 1:
        return ""
    if isinstance(value, list):
        return value[0].decode("utf-8", "replace")
    return str(int(value[0])) if float(value[0]).is_integer() else ""


def _boxes(example: Example) -> Iterator[BoxRow]:
    """Corners are stored as shares of height and width; without these they stay shares."""
    columns = [example.get(_BOX + side) for side in ("xmin", "ymin", "xmax", "ymax")]
    classes = example.get("image/object/class/label")
    if any(c is None for c in (*columns, classes)):
        return
    width, height = (_one(example.get(f"image/{side}")) for side in ("width", "height"))
    crowd = example.get("image/object/is_crowd")
    rows = zip(*columns, classes, strict=False)  # type: ignore[arg-type]
    for n, (x0, y0, x1, y1, number) in enumerate(rows):
        left, top, right, low = x0 * width, y0 * height, x1 * width, y1 * height
        many = bool(crowd is not None and n < len(crowd) and crowd[n])
        if right > left and low > top:
            yield (float(left), float(top), float(right), float(low), int(number), many,
                   float((right - left) * (low - top)))  # fmt: skip


def _one(value: Feature | None) -> float:
    return float(value[0]) if isinstance(value, np.ndarray) and len(value) == 1 else 1.0


def _feature(data: bytes) -> Feature:
    """feature.proto: 1 bytes, 2 floats, 3 whole numbers; packed or one by one."""
    for kind, value in fields(data):
        if not isinstance(value, bytes):
            break
        if kind == 1:
            return list(_all(value, 1))
        if kind == 2:
            return np.frombuffer(b"".join(_all(value, 1)), "<f4")
        if kind == 3:
            return np.array(list(_numbers(value)), np.int64)
    return []


def _numbers(data: bytes) -> Iterator[int]:
    for number, value in fields(data):
        if number != 1:
            raise ValueError("no list of numbers")
        if isinstance(value, int):
            yield _signed(value)
            continue
        at = 0
        while at < len(value):
            one, at = varint(value, at)
            yield _signed(one)


def _signed(value: int) -> int:
    return int(struct.unpack("<q", struct.pack("<Q", value & (1 << 64) - 1))[0])


def _all(data: bytes, wanted: int) -> Iterator[bytes]:
    for number, value in fields(data):
        if number == wanted:
            if not isinstance(value, bytes):
                raise ValueError("a number where bytes belong")
            yield value
