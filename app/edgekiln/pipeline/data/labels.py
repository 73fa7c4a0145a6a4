"""Class names and labels: `labels.txt`, class folders, and the `y` of an `.npz`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array

UNLABELLED = -1


def read_labels(place: Path) -> tuple[str, ...]:
    """The names in the `labels.txt` in a folder or beside it (beside a file); () when there is
    none. One name a line, in the order of the model's outputs."""
    folders = (place, place.parent) if place.is_dir() else (place.parent,)
    for folder in folders:
        file = folder / "labels.txt"
        if file.is_file():
            return tuple(line.strip() for line in _text(file).splitlines() if line.strip())
    return ()


def _text(file: Path) -> str:
    """UTF-8, with or without a mark; else as Chinese Windows writes it."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")


def class_order(folders: tuple[str, ...], known: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
    """Class names by index, and how many folders' names are not among the `known`.

    The known order holds when it has every folder's name; else the folders are sorted as the Keras
    loaders sort them.
    """
    strange = len(set(folders) - set(known))
    if known and not strange:
        return known, 0
    return tuple(sorted(folders)), strange


def order_note(names: tuple[str, ...], known: tuple[str, ...]) -> Text:
    """What is said when folders are in the order of the alphabet."""
    listed = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    if known:
        return say(
            "labels.txt does not name these folders; classes by alphabet: {names}", names=listed
        )
    return say("No labels.txt: classes by alphabet: {names}", names=listed)


def labels_of(y: Array, count: int, path: Path) -> tuple[int, ...]:
    """`y` of an `.npz` as one integer per sample; UserError for anything else."""
    fix = say("Save y as one integer per sample: 0 for the first class, 1 for the second, …")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or y.dtype.kind not in "iufb":
        found = f"{y.dtype} {list(y.shape)}"
        raise UserError(
            say("The labels in {path} cannot be used.", path=str(path)),
            say("y is {found}.", found=found),
            fix,
        )
    if len(y) != count:
        raise UserError(
            say("The labels in {path} do not fit its samples.", path=str(path)),
            say(
                "There are {samples} samples in x and {labels} labels in y.",
                samples=count,
                labels=len(y),
            ),
            say("Save x and y with the same number of rows."),
        )
    if y.dtype.kind == "f" and not (np.isfinite(y).all() and (y == np.rint(y)).all()):
        raise UserError(
            say("The labels in {path} cannot be used.", path=str(path)),
            say("y holds numbers that are not whole."),
            say(
                "Save y as whole numbers, one class per sample; for a model of values leave y out."
            ),
        )
    return tuple(int(label) for label in y)


def check_range(labels: tuple[int, ...], classes: int, path: Path) -> None:
    """UserError when a label has no output of the model; -1 (unlabelled) passes for all or none."""
    if all(label == UNLABELLED for label in labels):
        return
    wrong = [i for i, label in enumerate(labels) if not 0 <= label < classes]
    if wrong:
        raise UserError(
            say("The labels in {path} are out of range.", path=str(path)),
            say(
                "The model has {classes} classes (0…{last}); {count} labels are outside, the first "
                "is {label} at sample {index}.",
                classes=classes,
                last=classes - 1,
                count=len(wrong),
                label=labels[wrong[0]],
                index=wrong[0],
            ),
            say("Use the data this model was trained for, or correct y or the class folders."),
        )
