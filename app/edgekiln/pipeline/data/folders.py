"""Folders of files, one folder a class."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say, shown
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED, class_order, order_note, read_labels
from edgekiln.pipeline.data.lists import rows_of
from edgekiln.pipeline.data.pictures import SUFFIXES, files_of
from edgekiln.pipeline.data.sounds import SUFFIXES as SOUND_SUFFIXES

_FILES = SUFFIXES | SOUND_SUFFIXES


def read_folder(folder: Path, known: tuple[str, ...] = ()) -> DataSet:
    """Pictures or sounds by class folder, or a flat folder of unlabelled ones. `known`: class names
    of the model, in the order of its outputs."""
    known = read_labels(folder) or known
    classes = {
        shown(sub.name): found for sub in _folders(folder) if (found := files_of(sub, _FILES))
    }
    loose = files_of(folder, _FILES)
    if not classes and not loose:
        raise _nothing(folder)
    if not classes or (len(classes) == 1 and not set(classes) <= set(known)):
        files = [*loose, *(f for found in classes.values() for f in found)]
        return _data(folder, files, (UNLABELLED,) * len(files), known, ())
    names, strange = class_order(tuple(classes), known)
    notes: list[Text] = [order_note(names, known)] if strange or not known else []
    if loose:
        notes.append(
            say("{count} files lie outside the class folders and are left out", count=len(loose))
        )
    files = [file for name in names for file in classes.get(name, ())]
    labels = tuple(i for i, name in enumerate(names) for _ in classes.get(name, ()))
    return _data(folder, files, labels, names, tuple(notes))


def _data(
    folder: Path,
    files: list[str],
    labels: tuple[int, ...],
    names: tuple[str, ...],
    notes: tuple[Text, ...],
) -> DataSet:
    rows = rows_of(folder, files)
    return DataSet(folder, labels, names, {"": rows}, range(len(files)), notes=notes)


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _nothing(folder: Path) -> UserError:
    usable = (p for p in sorted(folder.iterdir()) if p.suffix == ".npz" or p.is_dir())
    return UserError(
        say("There is no data in {path}.", path=str(folder)),
        say("The folder holds no picture, no sound and no other data that is read."),
        say("Choose a folder with one sub-folder of pictures per class, or an .npz with x and y."),
        choices=tuple(str(p) for p in usable)[:8],
    )
