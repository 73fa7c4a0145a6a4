"""What kind of data is at a path, by what is in it; and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgekiln.core.data import DataKind
from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.archives import is_tar, is_zip, unpack
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.coco import find_coco, is_coco, read_coco
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.example import read_examples
from edgekiln.pipeline.data.folders import read_folder
from edgekiln.pipeline.data.idx import image_files, is_idx, labels_beside, map_idx
from edgekiln.pipeline.data.labels import UNLABELLED, labels_of, read_labels
from edgekiln.pipeline.data.lists import find_list, names_files, read_list
from edgekiln.pipeline.data.mapped import (
    ARRAY_MAGIC,
    PICKLE_MAGIC,
    is_array_archive,
    map_archive,
    map_array,
    pickled,
)
from edgekiln.pipeline.data.masks import find_masks, read_masks
from edgekiln.pipeline.data.refusal import unusable
from edgekiln.pipeline.data.rows import ArrayRows
from edgekiln.pipeline.data.tables import SUFFIXES, is_text, read_table
from edgekiln.pipeline.data.tfrecord import is_tfrecord
from edgekiln.pipeline.data.truth import ArrayTruths
from edgekiln.pipeline.data.voc import find_voc, read_voc

_NOT_INPUTS = frozenset(("y", "name", "names", "labels"))
_MOST_TEXT = 1 << 12


def read_data(path: Path, known: tuple[str, ...] = ()) -> DataSet:
    """All samples at a path, none read yet. `known`: class names in the order of the model's
    outputs, where they are known. UserError for what is of no kind, or broken."""
    if path.is_dir():
        return _read_folder(path, known)
    if path.is_file():
        return _read_file(path, known)
    raise _no_data(path, say("It does not exist."))


def _as(kind: DataKind, data: DataSet) -> DataSet:
    return replace(data, kind=kind)


def _read_folder(folder: Path, known: tuple[str, ...]) -> DataSet:
    if table := find_list(folder):
        return _as("list", read_list(table, known))
    if coco := find_coco(folder):
        return _as("coco", read_coco(coco, folder, known))
    if annotations := find_voc(folder):
        return _as("voc", read_voc(annotations, folder, known))
    if (pairs := find_masks(folder)) is not None:
        return _as("masks", read_masks(folder, pairs, known))
    if images := image_files(folder):
        return _as("idx", _one_of(folder, images, known))
    records = tuple(p for p in sorted(folder.iterdir()) if _may_be_record(p) and is_tfrecord(p))
    if records:
        return _as("tfrecord", read_examples(folder, records, known))
    return _as("folder", read_folder(folder, known))


def _one_of(folder: Path, images: tuple[Path, ...], known: tuple[str, ...]) -> DataSet:
    if len(images) > 1:
        raise UserError(
            say("There are several sets of data in {path}.", path=str(folder)),
            say("Files of images: {names}", names=", ".join(p.name for p in images[:8])),
            say("Choose one of them; its labels are found by its name."),
            choices=tuple(str(p) for p in images)[:8],
        )
    return replace(_read_idx(images[0], known), path=folder)


def _may_be_record(path: Path) -> bool:
    return path.is_file() and ("tfrecord" in path.name.lower() or "-of-" in path.name)


def _read_file(path: Path, known: tuple[str, ...]) -> DataSet:
    with path.open("rb") as file:
        head = file.read(_MOST_TEXT)
    if head.startswith(PICKLE_MAGIC):
        raise pickled(path)
    if head.startswith(ARRAY_MAGIC):
        return _as("npy", _read_array(path, known))
    if is_idx(path):
        return _as("idx", _read_idx(path, known))
    if path.suffix == ".npz" or (is_zip(head) and is_array_archive(path)):
        return _as("npz", _read_archive(path, known))
    if is_zip(head) or is_tar(path):
        return _read_packed(path, known)
    if is_tfrecord(path):
        return _as("tfrecord", read_examples(path, (path,), known))
    return _read_text(path, head, known)


def _read_text(path: Path, head: bytes, known: tuple[str, ...]) -> DataSet:
    if is_text(head):
        if is_coco(path):
            place = path.parent.parent if _aside(path) else path.parent
            return _as("coco", read_coco(path, place, known))
        if path.suffix.lower() in SUFFIXES:
            if names_files(path):
                return _as("list", read_list(path, known))
            return _as("table", read_table(path, known))
    raise _no_data(path, say("It is neither a folder nor a file of a kind that is read."))


def _aside(path: Path) -> bool:
    return path.parent.name == "annotations"


def _read_packed(path: Path, known: tuple[str, ...]) -> DataSet:
    place, scratch, notes = unpack(path)
    if place.is_file() and (is_tar(place) or place.suffix == ".zip"):
        raise unusable(
            path,
            say("It is an archive in an archive."),
            say("Unpack it yourself, and choose the folder."),
        )
    try:
        data = read_data(place, read_labels(path) or known)
    except UserError as error:  # of the user's file, not of where it was unpacked to
        what, why, do = (_named(text, place, path) for text in (error.what, error.why, error.do))
        raise UserError(what, why, do) from error
    return replace(data, path=path, notes=(*notes, *data.notes), scratch=(scratch, data.scratch))


def _named(text: Text, place: Path, path: Path) -> Text:
    values = (
        (k, v.replace(str(place), str(path)) if isinstance(v, str) else v) for k, v in text.values
    )
    return replace(text, values=tuple(values))


def _read_idx(path: Path, known: tuple[str, ...]) -> DataSet:
    beside = labels_beside(path)
    return _arrays(path, {"x": map_idx(path)}, map_idx(beside) if beside else None, known)


def _read_array(path: Path, known: tuple[str, ...]) -> DataSet:
    """Labels of `x.npy` are `y.npy` or `labels.npy`; of `x_test.npy`, `y_test.npy`."""
    array = map_array(path)
    names = [path.name.replace(a, b, 1) for a, b in (("x", "y"), ("X", "y"), ("images", "labels"))]
    for name in (*names, "labels.npy"):
        beside = path.with_name(name)
        if beside != path and beside.suffix == ".npy" and beside.is_file():
            return _arrays(path, {"x": array}, map_array(beside), known)
    return _arrays(path, {"x": array}, None, known)


def _read_archive(path: Path, known: tuple[str, ...]) -> DataSet:
    arrays = map_archive(path)
    inputs = {name: array for name, array in arrays.items() if name not in _NOT_INPUTS}
    return _arrays(path, inputs, arrays.get("y"), known)


def _arrays(
    path: Path, inputs: Mapping[str, Array], y: Array | None, known: tuple[str, ...]
) -> DataSet:
    count = _count(inputs, path)
    truths = None if y is None else ArrayTruths.of(y, count)
    labels = (UNLABELLED,) * count if y is None or truths else labels_of(y, count, path)
    rows = {name: ArrayRows(array) for name, array in inputs.items()}
    names = read_labels(path) or known
    return DataSet(path, labels, names, rows, range(count), truths=truths)


def _count(inputs: Mapping[str, Array], path: Path) -> int:
    # a header may say 4 billion rows of no values: those are no samples
    rows = {name: len(a) if a.ndim and a.nbytes else 0 for name, a in inputs.items()}
    counts = set(rows.values())
    if not rows.get("x", max(counts, default=0)):
        raise UserError(
            say("There are no samples in {path}.", path=str(path)),
            say("x is missing or empty."),
            say('Write it again with numpy.savez("data.npz", x=x, y=y).'),
        )
    if len(counts) > 1 and "x" not in inputs:
        raise UserError(
            say("The arrays in {path} do not fit each other.", path=str(path)),
            say("They have different numbers of rows: {counts}", counts=str(sorted(counts))),
            say("Save every array with one row per sample."),
        )
    return len(inputs["x"]) if "x" in inputs else counts.pop()


def _no_data(path: Path, why: Text) -> UserError:
    return UserError(
        say("There is no data at {path}.", path=str(path)),
        why,
        say(
            "Choose a folder of pictures or sounds by class, or with a table of labels, COCO, VOC "
            "or masks; or an .npz, .npy, IDX, CSV or TFRecord file; or a zip or tar of these."
        ),
    )
