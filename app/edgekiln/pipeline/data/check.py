"""The step `check-data`: what data is like before a model sees it."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgekiln.core.data import (
    Alike,
    DataCheck,
    DataCheckPlan,
    DataSource,
    Drift,
    Slice,
    Unreadable,
)
from edgekiln.core.errors import UserError
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.choose import chosen
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.drift import class_drift, drift_of
from edgekiln.pipeline.data.labels import UNLABELLED
from edgekiln.pipeline.data.likeness import dhash, near, same
from edgekiln.pipeline.data.recognise import read_data
from edgekiln.pipeline.data.slices import slices_of
from edgekiln.pipeline.data.source import side_by_side
from edgekiln.pipeline.data.thumbnails import draw

_NAMED = 100
_DRAWN, _SHOWN, _SIDE = 24, 3, 72  # groups, pictures of each, pixels


@dataclass(frozen=True)
class _Look:
    """What is kept of a sample after it was read."""

    digest: bytes
    size: str
    hash: int
    level: float
    spread: float


@dataclass
class _Seen:
    """All looks at one source; `kept` are the samples that could be read."""

    data: DataSet
    kept: array[int] = field(default_factory=lambda: array("q"))
    sizes: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    hashes: array[int] = field(default_factory=lambda: array("Q"))
    levels: array[float] = field(default_factory=lambda: array("d"))
    spreads: array[float] = field(default_factory=lambda: array("d"))
    unreadable: list[Unreadable] = field(default_factory=list)


def check_data(inputs: DataSource, plan: DataCheckPlan, out_dir: Path, report: Report) -> DataCheck:
    """Counts by class, size and column, samples that cannot be read, that are the same or alike,
    labels the model does not have, and how far calibration and evaluation lie apart. Every sample
    is read once and none is kept but the pictures of those that are alike, in `out_dir`. UserError
    for data that is of no kind."""
    whole = plan.evaluation is None
    first = _look(inputs, plan.labels, part_of(report, 0.0, 0.9 if whole else 0.45))
    second = None
    if plan.evaluation is not None:
        second = _look(plan.evaluation, plan.labels, part_of(report, 0.45, 0.9))
    report(0.9, say("Comparing samples"))
    both = [first] if second is None else [first, second]
    unreadable = [each for seen in both for each in seen.unreadable]
    exact, close = _alike(both, out_dir)
    return DataCheck(
        samples=len(first.data),
        evaluation_samples=0 if second is None else len(second.data),
        slices=tuple(_slices(first, second)),
        unreadable=tuple(unreadable[:_NAMED]),
        unreadable_count=len(unreadable),
        alike=(*exact[:_NAMED], *close[:_NAMED]),
        exact_count=len(exact),
        near_count=len(close),
        drift=() if second is None else tuple(_drift(first, second)),
        strange=_strange(both, plan),
        unlabelled=sum(s.data.labels.count(UNLABELLED) for s in both if s.data.truths is None),
        notes=tuple(dict.fromkeys(note for seen in both for note in seen.data.notes)),
    )


def _look(source: DataSource, labels: tuple[str, ...], report: Report) -> _Seen:
    everything = read_data(source.path, labels)
    data = everything.pick(chosen(everything.labels, source))
    seen = _Seen(data)
    same_text: dict[str, str] = {}
    for i, look in enumerate(side_by_side(lambda i: _look_at(data, i), len(data))):
        report(i / len(data), say("Looking at sample {i} of {count}", i=i + 1, count=len(data)))
        if isinstance(look, Text):
            seen.unreadable.append(Unreadable(data.called(i), look))
            continue
        seen.kept.append(i)
        seen.sizes.append(same_text.setdefault(look.size, look.size))
        seen.digests.append(look.digest)
        seen.hashes.append(look.hash)
        seen.levels.append(look.level)
        seen.spreads.append(look.spread)
    return seen


def _look_at(data: DataSet, i: int) -> _Look | Text:
    try:
        raw = data.raw(i)
    except UserError as error:
        return error.why
    numbers = raw.astype(np.float64) if raw.dtype.kind in "iufb" else np.zeros(1)
    finite = numbers[np.isfinite(numbers)]
    level, spread = (float(finite.mean()), float(finite.std())) if finite.size else (0.0, 0.0)
    known = hashlib.sha256(f"{raw.shape}{raw.dtype}".encode())
    known.update(np.ascontiguousarray(raw).data)
    return _Look(
        known.digest()[:16],
        size_of(data, raw),
        dhash(raw) if data.has_pixels() else 0,
        level,
        spread,
    )


def size_of(data: DataSet, raw: Array) -> str:
    """What a person calls the size of a sample: width × height of a picture, else the shape."""
    if data.has_pixels():
        return f"{raw.shape[1]}×{raw.shape[0]}"
    return "×".join(str(size) for size in raw.shape)


def _slices(first: _Seen, second: _Seen | None) -> Iterator[Slice]:
    one = _counts(first)
    two = {} if second is None else _counts(second)
    for key in dict.fromkeys((*one, *two)):
        yield Slice(*key, one.get(key, 0), two.get(key, 0))


def _counts(seen: _Seen) -> dict[tuple[str, str], int]:
    parts = slices_of(seen.data.pick(seen.kept), seen.sizes)
    return {key: len(indexes) for key, indexes in parts.items()}


def _alike(both: list[_Seen], folder: Path) -> tuple[list[Alike], list[Alike]]:
    """Groups that are the same, and groups that are alike but for these; the first of them drawn
    into the folder."""
    place = [(seen, i) for seen in both for i in seen.kept]
    exact = same([digest for seen in both for digest in seen.digests])
    again = {i for group in exact for i in group[1:]}
    hashes = [0 if n in again else h for n, h in enumerate(h for s in both for h in s.hashes)]
    close = near(hashes, [level for seen in both for level in seen.levels])

    def group(number: int, indexes: list[int], is_exact: bool) -> Alike:
        own = [place[i] for i in indexes]
        drawn = own[: 1 if is_exact else _SHOWN] if number < _DRAWN else []
        return Alike(
            tuple(seen.data.called(i) for seen, i in own),
            is_exact,
            across=len({id(seen) for seen, _ in own}) > 1,
            disputed=len({seen.data.labels[i] for seen, i in own}) > 1,
            pictures=tuple(_draw(seen, i, folder) for seen, i in drawn),
        )

    return (
        [group(n, each, True) for n, each in enumerate(exact)],
        [group(n, each, False) for n, each in enumerate(close)],
    )


def _draw(seen: _Seen, i: int, folder: Path) -> Path:
    part = hashlib.sha256(str(seen.data.path).encode()).hexdigest()[:8]
    file = folder / f"{part}-{seen.data.index[i]}.png"
    draw(seen.data, i, _SIDE).save(file)
    return file


def _drift(first: _Seen, second: _Seen) -> Iterator[Drift]:
    if not (first.kept and second.kept):
        return
    pictures = first.data.has_pixels() and second.data.has_pixels()
    names = ("brightness", "contrast") if pictures else ("mean", "spread")
    for name, own in zip(names, ("levels", "spreads"), strict=True):
        yield drift_of(name, np.array(getattr(first, own)), np.array(getattr(second, own)))
    if first.data.labelled and second.data.labelled:
        yield class_drift(first.data.labels, second.data.labels)


def _strange(both: list[_Seen], plan: DataCheckPlan) -> tuple[str, ...]:
    """Names the model does not have; those of numbers beyond its classes."""
    used = {(n, seen.data.class_name(n)) for seen in both for n in set(seen.data.labels)}
    beyond = {name for n, name in used if 0 < plan.classes <= n}
    if not plan.labels:
        return tuple(sorted(beyond))
    truths = {n for seen in both if seen.data.truths for n in seen.data.class_names}
    names = {name for n, name in used if n != UNLABELLED}
    return tuple(sorted((names | truths) - set(plan.labels) | beyond))
