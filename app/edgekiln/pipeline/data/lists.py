"""A folder of files and a table that names them with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import read_labels
from edgekiln.pipeline.data.pictures import SUFFIXES as PICTURE_SUFFIXES
from edgekiln.pipeline.data.refusal import check_share, unusable
from edgekiln.pipeline.data.rows import Files, Pictures
from edgekiln.pipeline.data.sounds import SUFFIXES as SOUND_SUFFIXES
from edgekiln.pipeline.data.sounds import Sounds
from edgekiln.pipeline.data.tables import SUFFIXES, classes_of, label_column, open_table

_TRIED = 5
_NO_LISTS = frozenset(("labels.txt", "classes.txt", "readme.txt"))


def find_list(folder: Path) -> Path | None:
    """The table in a folder whose first rows name files that are there."""
    for path in sorted(folder.iterdir()):
        usual = path.suffix.lower() in SUFFIXES and path.name.lower() not in _NO_LISTS
        if usual and path.is_file() and names_files(path):
            return path
    return None


def names_files(path: Path) -> bool:
    """Whether one of the first rows of a table names a picture or a sound that is there."""
    try:
        with open_table(path) as table:
            heads = [cells for _, cells in (next(table.rows, (0, [])) for _ in range(_TRIED))]
    except UserError:
        return False
    return any(_file_column(path.parent, cells) is not None for cells in heads)


def read_list(path: Path, known: tuple[str, ...] = ()) -> DataSet:
    """The files a table names, labelled by its column called label, else by the next one; other
    columns are kept for slices. Files that are missing are left out and named, up to a half."""
    folder = path.parent
    known = read_labels(folder) or known
    rows, header = _all_rows(path)
    column = next((c for _, cells in rows if (c := _file_column(folder, cells)) is not None), 0)
    label = _label(header, rows, column)
    files: list[Path] = []
    kept: list[list[str]] = []
    missing: list[str] = []
    for line, cells in rows:
        if column >= len(cells) or (label is not None and label >= len(cells)):
            raise _short_line(path, line)
        file = located(folder, cells[column].strip())
        if file is None:
            missing.append(cells[column])
        else:
            files.append(file)
            kept.append(cells)
    notes = missing_note(path, missing, len(rows))
    marks = [cells[label].strip() if label is not None else "" for cells in kept]
    numbers, names, more = classes_of(marks, known)
    others = [i for i in range(len(header)) if i not in (column, label)]
    columns = {header[i]: [c[i] if i < len(c) else "" for c in kept] for i in others}
    return DataSet(
        folder, numbers, names, {"": rows_of(path, files)}, range(len(files)),
        notes=(*more, *notes), columns=columns,
    )  # fmt: skip


def located(folder: Path, name: str) -> Path | None:
    """The file a list names, in its folder or in the usual ones below; None when it is not there
    or lies outside: a list must not reach for other files of this computer."""
    if not name or "\0" in name:
        return None
    base = folder.resolve()
    for place in (base, base / "images", base / "JPEGImages", base / "data"):
        try:
            file = (place / name).resolve()
            if file.is_relative_to(base) and file.is_file():
                return file
        except (OSError, RuntimeError, ValueError):  # too long, a loop of links, no name at all
            continue
    return None


def missing_note(path: Path, missing: Sequence[str], count: int) -> tuple[Text, ...]:
    """What is said of files a list names that are not there; UserError when it is most of them."""
    if not missing:
        return ()
    names = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
    note = say(
        "{missing} of {count} files that {name} lists are missing: {names}",
        missing=len(missing),
        count=count,
        name=path.name,
        names=names,
    )
    check_share(path, len(missing), count, note)
    return (note,)


def rows_of(path: Path, files: Sequence[str | Path]) -> Pictures | Sounds:
    """Pictures or sounds; UserError for both at once."""
    sounds = sum(str(file).lower().endswith(tuple(SOUND_SUFFIXES)) for file in files)
    if 0 < sounds < len(files):
        raise unusable(
            path,
            say("It holds {sounds} sounds and {others} pictures.", sounds=sounds,
                others=len(files) - sounds),
            say("Make one folder of each."),
        )  # fmt: skip
    return Sounds(Files(files)) if sounds else Pictures(Files(files))


def _all_rows(path: Path) -> tuple[list[tuple[int, list[str]]], tuple[str, ...]]:
    with open_table(path) as table:
        return list(table.rows), table.header


def _file_column(folder: Path, cells: list[str]) -> int | None:
    for i, cell in enumerate(cells):
        suffix = Path(cell.strip()).suffix.lower()
        usual = suffix in PICTURE_SUFFIXES or suffix in SOUND_SUFFIXES
        if usual and located(folder, cell.strip()) is not None:
            return i
    return None


def _label(header: tuple[str, ...], rows: list[tuple[int, list[str]]], column: int) -> int | None:
    named = label_column(header)
    if named is not None:
        return named
    width = len(rows[0][1]) if rows else 0
    return next((i for i in range(width) if i != column), None)


def _short_line(path: Path, line: int) -> UserError:
    return unusable(
        path,
        say("Line {line} has no file or no label.", line=line),
        say("Correct this line."),
    )
