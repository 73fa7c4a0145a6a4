"""Tables in text: rows of cells, read one after another."""

from __future__ import annotations

import codecs
import csv
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED, class_order, order_note, read_labels
from edgekiln.pipeline.data.refusal import unusable
from edgekiln.pipeline.data.rows import ArrayRows
from edgekiln.pipeline.data.truth import ArrayTruths

LABEL_NAMES = frozenset(("label", "labels", "class", "category", "target", "y", "标签", "类别"))
SUFFIXES = frozenset((".csv", ".tsv", ".txt"))
_IDENTIFIERS = frozenset(("id", "index", "no", "name", "编号", ""))
_HEAD = 1 << 16
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # “Unicode text” of spreadsheets


@dataclass(frozen=True)
class Table:
    """A header ((): none) and the rows below it, with the numbers of their lines."""

    header: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """A table of commas, semicolons, tabs or, without these, blanks; UTF-8, else as Chinese Windows
    writes it. UserError for what the csv module refuses."""
    with path.open("rb") as raw:
        head = raw.read(_HEAD)
    encoding = _encoding(head)
    lines = head.decode(encoding, "replace").splitlines()
    first = next((line for line in lines if line.strip()), "")
    delimiter = next((d for d in "\t,;" if d in first), " ")
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        rows = _rows(path, file, delimiter)
        start = next(rows, None)
        if start is None:
            yield Table((), iter(()))
        elif _is_header(start[1]):
            yield Table(tuple(cell.strip() for cell in start[1]), rows)
        else:
            yield Table((), _with_first(start, rows))


def read_table(path: Path, known: tuple[str, ...] = ()) -> DataSet:
    """A table of numbers as `x` float32 [rows, columns]; the column called label (or class, target,
    y, …) labels them; columns of text are kept for slices. UserError naming the line that is not
    like the first."""
    known = read_labels(path) or known
    with open_table(path) as table:
        first = next(table.rows, None)
        if first is None:
            raise unusable(path, say("The table is empty."), say("Choose another file."))
        if table.header and len(table.header) != len(first[1]):
            raise unusable(
                path,
                say(
                    "Line {line} has {cells} cells, the header {names}.",
                    line=first[0],
                    cells=len(first[1]),
                    names=len(table.header),
                ),
                say("Correct this line."),
            )
        columns = _columns(table.header, first[1])
        if not columns.numbers:
            raise unusable(
                path,
                say("No column of the table holds numbers, and none names files that are there."),
                say("Choose a table with a column of numbers per value, and one called label."),
            )
        return _read(path, columns, _with_first(first, table.rows), known)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def label_column(header: Sequence[str]) -> int | None:
    """Which column of a header is the label."""
    return next((i for i, name in enumerate(header) if name.lower() in LABEL_NAMES), None)


def classes_of(
    cells: Sequence[str], known: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[str, ...], tuple[Text, ...]]:
    """Labels, class names and what is to be said: whole numbers are indexes, anything else names;
    an empty cell is unlabelled."""
    if all(cell == "" or cell.lstrip("-").isdecimal() for cell in cells):
        return tuple(int(cell) if cell else UNLABELLED for cell in cells), known, ()
    names, strange = class_order(tuple(sorted(set(cells) - {""})), known)
    number = {name: i for i, name in enumerate(names)}
    notes = (order_note(names, known),) if strange or not known else ()
    return tuple(number.get(cell, UNLABELLED) for cell in cells), names, notes


@dataclass(frozen=True)
class _Columns:
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    texts: tuple[int, ...]
    label: int | None


def _columns(header: tuple[str, ...], first: list[str]) -> _Columns:
    names = header or tuple(str(i) for i in range(len(first)))
    label = label_column(header)
    others = [i for i in range(len(first)) if i != label]
    numbers = tuple(
        i
        for i in others
        if is_number(first[i]) and not (header and names[i].lower() in _IDENTIFIERS)
    )
    texts = tuple(i for i in others if i not in numbers)
    if not header and len(texts) == 1:
        label, texts = texts[0], ()
    return _Columns(names, numbers, texts, label)


def _read(
    path: Path, columns: _Columns, rows: Iterator[tuple[int, list[str]]], known: tuple[str, ...]
) -> DataSet:
    labels: list[str] = []
    texts: dict[str, list[str]] = {columns.names[i]: [] for i in columns.texts}
    same: dict[str, str] = {}  # one string for all equal cells
    with tempfile.TemporaryFile() as file:
        for line, cells in rows:
            file.write(_numbers(path, columns, line, cells).tobytes())
            if columns.label is not None:
                labels.append(same.setdefault(mark := cells[columns.label].strip(), mark))
            for i in columns.texts:
                texts[columns.names[i]].append(same.setdefault(cells[i], cells[i]))
        file.flush()
        x = np.memmap(file, "<f4", "r").reshape(-1, len(columns.numbers))
    truths = _values_of(labels)
    marks = [""] * len(x) if truths is not None else labels
    numbers, names, notes = classes_of(marks or [""] * len(x), known)
    return DataSet(
        path, numbers, names, {"x": ArrayRows(x, flat=True)}, range(len(x)), notes=notes,
        columns=texts, truths=truths,
    )  # fmt: skip


def _values_of(cells: list[str]) -> ArrayTruths | None:
    """A label column of numbers that are not all whole: the values a model should give."""
    if not all(is_number(cell) for cell in cells):
        return None
    return ArrayTruths.of(np.array(cells, np.float64), len(cells)) if cells else None


def _numbers(path: Path, columns: _Columns, line: int, cells: list[str]) -> np.ndarray:  # type: ignore[type-arg]
    try:
        if len(cells) != len(columns.names):
            raise ValueError
        with np.errstate(over="ignore"):  # what is too large is infinite, and refused as that
            return np.array([float(cells[i]) for i in columns.numbers], "<f4")
    except ValueError as error:
        raise _bad_line(path, line, columns) from error


def _bad_line(path: Path, line: int, columns: _Columns) -> UserError:
    return unusable(
        path,
        say(
            "Line {line} is not like the first: {cells} cells, {numbers} of them numbers.",
            line=line,
            cells=len(columns.names),
            numbers=len(columns.numbers),
        ),
        say("Correct this line."),
    )


def _rows(path: Path, file: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise unusable(
            path,
            say("Line {line} is no row: {reason}", line=reader.line_num, reason=str(error)),
            say("Correct this line."),
        ) from error


def _with_first(
    first: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rows


def _is_header(cells: list[str]) -> bool:
    return label_column([cell.strip() for cell in cells]) is not None or (
        len(cells) > 1 and not any(is_number(cell) for cell in cells)
        and not any("." in cell for cell in cells)
    )  # fmt: skip


def is_text(head: bytes) -> bool:
    """Whether a file that begins so may be a table."""
    return bool(head.strip()) and (b"\0" not in head or head.startswith(_WIDE))


def _encoding(head: bytes) -> str:
    if head.startswith(_WIDE):
        return "utf-16"
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or len(head) < _HEAD:
            return "gb18030"
    return "utf-8-sig"
