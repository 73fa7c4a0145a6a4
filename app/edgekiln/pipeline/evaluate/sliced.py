"""The step `slices`: what a model is worth on the samples that have something in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgekiln.core.accuracy import AccuracyReport, SliceInputs, SlicePlan, SliceTable
from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.measures import SliceFigures
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.data.check import size_of
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.slices import slices_of
from edgekiln.pipeline.data.source import open_data, side_by_side
from edgekiln.pipeline.evaluate.metrics import Ints
from edgekiln.pipeline.evaluate.primary import primary_of
from edgekiln.pipeline.evaluate.told import Told

Parts = Mapping[tuple[str, str], Sequence[int]]


def slice_figures(
    inputs: SliceInputs, plan: SlicePlan, out_dir: Path, report: Report
) -> SliceTable:
    """The first figure of both models on every slice, each with its samples and interval. UserError
    for what the data cannot be sliced by."""
    del out_dir
    report(None, say("Slicing the data"))
    parts = _parts(inputs.report, inputs.data, plan.by)
    return SliceTable(_figures(inputs.report, inputs.reference, parts))


def with_slices(report: AccuracyReport, data: DataSource, by: tuple[str, ...]) -> AccuracyReport:
    """The report with its figures on slices of the data it was made on; unchanged without `by`."""
    if not by:
        return report
    return replace(report, slices=_figures(report, None, _parts(report, data, by)))


def _parts(report: AccuracyReport, source: DataSource, by: tuple[str, ...]) -> Parts:
    """Indexes of the samples of each (by, value), in the order of the report's; `by` () is all
    there is."""
    data = open_data(source, report.class_names)
    if len(data) != report.samples:
        raise UserError(
            say("The data is not as it was when the model was judged."),
            say("There are {now} samples, and there were {then}.", now=len(data),
                then=report.samples),
            say("Judge the model on it again."),
        )  # fmt: skip
    parts = slices_of(data, _sizes(data) if not by or "size" in by else ())
    there = tuple(dict.fromkeys((*(kind for kind, _ in parts), "size")))
    for kind in by:
        if kind not in there:
            raise _no_slice(kind, there)
    return {key: own for key, own in parts.items() if not by or key[0] in by}


def _sizes(data: DataSet) -> list[str]:
    return list(side_by_side(lambda i: size_of(data, data.raw(i)), len(data)))


def _no_slice(kind: str, there: tuple[str, ...]) -> UserError:
    return UserError(
        say("The data cannot be sliced by “{kind}”.", kind=kind),
        say("It has no such column, or one of other values for every sample."),
        say("Slice it by one of these: {names}.", names=", ".join(there) or "–"),
        choices=there,
    )


def _figures(
    report: AccuracyReport, reference: AccuracyReport | None, parts: Parts
) -> tuple[SliceFigures, ...]:
    own = Told.read(report)
    other = None if reference is None else Told.read(reference)
    return tuple(_slice(key, np.asarray(rows), own, other) for key, rows in parts.items())


def _slice(key: tuple[str, str], rows: Ints, own: Told, other: Told | None) -> SliceFigures:
    by, value = key
    primary = primary_of(own.only(rows))
    beside = None if other is None else primary_of(other.only(rows))
    return SliceFigures(
        by,
        value,
        len(rows),
        None if primary is None else primary.measure(),
        None if beside is None else beside.measure(),
        None if primary is None or beside is None else primary.against(beside),
    )
