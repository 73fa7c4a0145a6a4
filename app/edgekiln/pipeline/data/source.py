"""Data as the user has it, opened and checked; and as the model wants it, written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from edgekiln.core.data import PRESETS, SOUND_PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.files import fingerprint
from edgekiln.core.model import Signature
from edgekiln.core.report import Report, silent
from edgekiln.core.task import DERIVED, Judging
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, save_streams
from edgekiln.pipeline.data.choose import chosen
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import check_range
from edgekiln.pipeline.data.prepare import Intake, check_bytes, check_finite, hears, intake_of
from edgekiln.pipeline.data.recognise import read_data
from edgekiln.pipeline.data.refusal import BROKEN_SHARE, unusable
from edgekiln.pipeline.data.truth_file import Truth, check_truth, write_truth

T = TypeVar("T")
_THREADS = 2
_CHUNK = 64


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
    truth: Truth | None = None  # boxes, masks or values
    source: Path = Path()  # the data itself, and which of its rows these are
    index: tuple[int, ...] = ()

    @property
    def labelled(self) -> bool:
        """Whether accuracy can be measured on them."""
        return bool(self.labels) and min(self.labels) >= 0


def open_data(source: DataSource, known: tuple[str, ...] = ()) -> DataSet:
    """The samples a source asks for, checked as cheaply as their format allows; broken ones are
    left out and named, up to a half. What kinds of data are read: `recognise`.

    `known`: class names in the order of the model's outputs, where they are known; a `labels.txt`
    in the folder or beside the data goes first. UserError for data that cannot be used.
    """
    everything = read_data(source.path, known)
    data = everything.pick(chosen(everything.labels, source))
    if not len(data):
        raise unusable(
            source.path,
            say("No sample of it is chosen."),
            say("Choose more samples, or data that has some."),
        )
    faults = enumerate(side_by_side(data.fault, len(data)))
    broken = {i: fault for i, fault in faults if fault is not None}
    if len(broken) > BROKEN_SHARE * len(data):
        raise _too_many_broken(source.path, data, broken)
    return replace(
        data.pick(sorted(set(range(len(data))) - broken.keys())) if broken else data,
        fingerprint=fingerprint(source.path),
        notes=(*data.notes, *_broken_note([data.called(i) for i in broken])),
    )


def write_samples(
    source: DataSource,
    preprocessing: Preprocessing | None,
    signature: Signature,
    out: Path,
    report: Report = silent,
    known: tuple[str, ...] = (),
    judging: Judging = DERIVED,
    *,
    laid: bool = True,
) -> Samples:
    """Write the data as the model's inputs to the `.npz` `out`, what is true of it beside it;
    unless `laid`, no inputs: the rows are read when a model is asked about them.

    Pictures are resized and preprocessed (None: values 0…255), sounds go through a front end (None:
    the first that fits); arrays of any other kind are fed as stored.
    UserError when data and model do not fit, with nothing written.
    """
    data = open_data(source, known)
    intakes = {spec.name: intake_of(data, spec, signature) for spec in signature.inputs}
    if judging.has_classes:
        check_range(data.labels, class_count(signature, data.class_names), source.path)
    check_truth(data, signature)
    preprocessing = preprocessing or usual(data, next(iter(intakes.values())))
    for spec in signature.inputs:
        check_finite(data, intakes[spec.name])
        if intakes[spec.name].pixels:
            check_bytes(preprocessing, spec)
    if laid:
        _write(data, intakes, preprocessing, out, report)
    truth = write_truth(data, next(iter(intakes.values())), preprocessing, signature, out)
    return Samples(
        path=out,
        count=len(data),
        labels=data.labels,
        class_names=data.class_names,
        fingerprint=data.fingerprint,
        notes=data.notes,
        data="/".join(source.path.parts[-2:]),
        truth=truth,
        source=source.path,
        index=tuple(data.index),
    )


def usual(data: DataSet, intake: Intake) -> Preprocessing:
    """What is done to data when nothing is known: pixels as they are, or the first front end that
    makes what the model takes."""
    if not data.has_sounds():
        return PRESETS[0]
    return next((p for p in SOUND_PRESETS if hears(p, intake.shape)), SOUND_PRESETS[0])


def class_count(signature: Signature, names: tuple[str, ...] = ()) -> int:
    """How many classes the model tells apart: the size of its first output (sizes of 1 aside); 2
    for a single sigmoid value; where that size is dynamic, as many as there are names."""
    sizes = [size for size in signature.outputs[0].shape[1:] if size != 1]
    if not sizes:
        return 2
    return sizes[-1] if sizes[-1] > 0 else max(len(names), 1)


def _broken_note(broken: list[str]) -> tuple[Text, ...]:
    if not broken:
        return ()
    names = ", ".join(broken[:5]) + (", …" if len(broken) > 5 else "")
    return (say("{count} broken samples are left out: {names}", count=len(broken), names=names),)


def _too_many_broken(path: Path, data: DataSet, broken: Mapping[int, Text]) -> UserError:
    first = next(iter(broken))
    return UserError(
        say("Too many samples in {path} are broken.", path=str(path)),
        say(
            "{broken} of {count} cannot be read. The first is {name}: {fault}",
            broken=len(broken),
            count=len(data),
            name=data.called(first),
            fault=broken[first],
        ),
        say("Copy the data again and check the disk it came from."),
    )


def _write(
    data: DataSet,
    intakes: Mapping[str, Intake],
    preprocessing: Preprocessing,
    out: Path,
    report: Report,
) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    save_streams(
        out,
        len(data),
        {
            name: (intake.shape, _rows(data, intake, preprocessing, report))
            for name, intake in intakes.items()
        },
    )


def _rows(
    data: DataSet, intake: Intake, preprocessing: Preprocessing, report: Report
) -> Iterator[Array]:
    """The model's input for each sample; threads, as Pillow works outside the GIL."""
    count = len(data)
    values = side_by_side(lambda i: intake.take(data, i, preprocessing), count)
    for i, value in enumerate(values):
        if i % _CHUNK == 0:
            report(i / count, say("Reading sample {i} of {count}", i=i + 1, count=count))
        yield value


def side_by_side(function: Callable[[int], T], count: int) -> Iterator[T]:
    """function(0), function(1), …: a few at a time, in threads, in their order."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, count, _CHUNK):
            yield from pool.map(function, range(start, min(start + _CHUNK, count)))


def limited(source: DataSource, limit: int) -> DataSource:
    """The same data, at most `limit` samples of it."""
    return replace(source, limit=limit if source.limit is None else min(limit, source.limit))
