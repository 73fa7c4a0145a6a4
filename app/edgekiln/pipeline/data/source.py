"""Data as the user has it, opened and checked; and as the model wants it, written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.files import fingerprint
from edgekiln.core.model import Signature
from edgekiln.core.report import Report, silent
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, read_arrays, save_arrays, save_rows
from edgekiln.pipeline.data.choose import choose
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED, check_range, labels_of, read_labels
from edgekiln.pipeline.data.pictures import is_whole, list_pictures, too_many_broken
from edgekiln.pipeline.data.prepare import Intake, check_bytes, intake_of

_THREADS = 2
_CHUNK = 64
_BROKEN_SHARE = 0.5
_NOT_INPUTS = frozenset(("y", "name", "names", "labels"))


@dataclass(frozen=True)
class Samples:
    """The model's inputs in an `.npz`: `[samples, *shape without batch]` float32 by input name.

    `labels`: one per sample, -1 where unlabelled. `path` and the order are those of the data.
    """

    path: Path
    count: int
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    fingerprint: str
    notes: tuple[Text, ...] = ()
    data: str = ""  # what a person calls the data: the last two parts of its path

    @property
    def labelled(self) -> bool:
        """Whether accuracy can be measured on them."""
        return bool(self.labels) and min(self.labels) >= 0


def open_data(source: DataSource, known: tuple[str, ...] = ()) -> DataSet:
    """The samples of a folder of pictures or of an `.npz`, checked, `source.limit` applied.

    `known`: class names in the order of the model's outputs, where they are known; a `labels.txt`
    in the folder or beside the data goes first. UserError for data that cannot be used.
    """
    path = source.path
    if path.is_dir():
        return _open_folder(source, known)
    if path.suffix == ".npz" and path.is_file():
        return _open_archive(source, known)
    why = (
        say("This is neither a folder nor an .npz file.")
        if path.exists()
        else say("It does not exist.")
    )
    raise UserError(
        say("There is no data at {path}.", path=str(path)),
        why,
        say("Choose a folder with one sub-folder of pictures per class, or an .npz with x and y."),
    )


def write_samples(
    source: DataSource,
    preprocessing: Preprocessing | None,
    signature: Signature,
    out: Path,
    report: Report = silent,
    known: tuple[str, ...] = (),
) -> Samples:
    """Write the data as the model's inputs to the `.npz` `out`.

    Pictures are resized and preprocessed (None: values 0…255); arrays of any other kind are fed as
    stored. UserError when data and model do not fit, with nothing written.
    """
    data = open_data(source, known)
    intakes = {spec.name: intake_of(data, spec, signature) for spec in signature.inputs}
    check_range(data.labels, class_count(signature, data.class_names), source.path)
    for spec in signature.inputs:
        if intakes[spec.name].pixels:
            check_bytes(preprocessing or PRESETS[0], spec)
    _write(data, intakes, preprocessing or PRESETS[0], out, report)
    return Samples(
        path=out,
        count=len(data),
        labels=data.labels,
        class_names=data.class_names,
        fingerprint=data.fingerprint,
        notes=data.notes,
        data="/".join(source.path.parts[-2:]),
    )


def class_count(signature: Signature, names: tuple[str, ...] = ()) -> int:
    """How many classes the model tells apart: the size of its first output (sizes of 1 aside); 2
    for a single sigmoid value; where that size is dynamic, as many as there are names."""
    sizes = [size for size in signature.outputs[0].shape[1:] if size != 1]
    if not sizes:
        return 2
    return sizes[-1] if sizes[-1] > 0 else max(len(names), 1)


def _open_folder(source: DataSource, known: tuple[str, ...]) -> DataSet:
    listing = list_pictures(source.path, known)
    chosen = choose(listing.labels, source.limit, source.seed)
    with ThreadPoolExecutor(_THREADS) as pool:
        whole = tuple(pool.map(is_whole, (listing.files[i] for i in chosen)))
    kept = tuple(i for i, good in zip(chosen, whole, strict=True) if good)
    broken = [listing.files[i] for i, good in zip(chosen, whole, strict=True) if not good]
    if len(broken) > _BROKEN_SHARE * len(chosen):
        raise too_many_broken(source.path, len(broken), len(chosen))
    return DataSet(
        path=source.path,
        labels=tuple(listing.labels[i] for i in kept),
        class_names=listing.class_names,
        fingerprint=fingerprint(source.path),
        files=tuple(listing.files[i] for i in kept),
        notes=(*listing.notes, *_broken_note(broken)),
    )


def _broken_note(broken: list[Path]) -> tuple[Text, ...]:
    if not broken:
        return ()
    names = ", ".join(f"{p.parent.name}/{p.name}" for p in broken[:5])
    more = ", …" if len(broken) > 5 else ""
    return (
        say("{count} broken pictures are left out: {names}", count=len(broken), names=names + more),
    )


def _open_archive(source: DataSource, known: tuple[str, ...]) -> DataSet:
    arrays = read_arrays(source.path)
    inputs = {name: array for name, array in arrays.items() if name not in _NOT_INPUTS}
    count = _count(inputs, source.path)
    labels = (UNLABELLED,) * count
    if "y" in arrays:
        labels = labels_of(arrays["y"], count, source.path)
    index = choose(labels, source.limit, source.seed)
    return DataSet(
        path=source.path,
        labels=tuple(labels[i] for i in index),
        class_names=read_labels(source.path) or known,
        fingerprint=fingerprint(source.path),
        arrays=inputs,
        index=index,
    )


def _count(inputs: Mapping[str, Array], path: Path) -> int:
    counts = {len(array) if array.ndim else 0 for array in inputs.values()}
    if not inputs or counts == {0}:
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


def _write(
    data: DataSet,
    intakes: Mapping[str, Intake],
    preprocessing: Preprocessing,
    out: Path,
    report: Report,
) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if len(intakes) == 1:
        ((name, intake),) = intakes.items()
        rows = _rows(data, intake, preprocessing, report)
        save_rows(out, name, len(data), intake.shape, rows)
        return
    save_arrays(
        out,
        {
            name: np.stack(list(_rows(data, intake, preprocessing, report)))
            for name, intake in intakes.items()
        },
    )


def _rows(
    data: DataSet, intake: Intake, preprocessing: Preprocessing, report: Report
) -> Iterator[Array]:
    """The model's input for each sample; two threads decode, as Pillow works outside the GIL."""
    count = len(data)
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, count, _CHUNK):
            report(start / count, say("Reading sample {i} of {count}", i=start + 1, count=count))
            chunk = range(start, min(start + _CHUNK, count))
            yield from pool.map(lambda i: intake.take(data, i, preprocessing), chunk)


def limited(source: DataSource, limit: int) -> DataSource:
    """The same data, at most `limit` samples of it."""
    return replace(source, limit=limit if source.limit is None else min(limit, source.limit))
