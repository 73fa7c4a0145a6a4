"""The step `look-at-data`: what is at a path, said at once."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.data import DataLook, DataSource, LookPlan, Truth
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.data.choose import chosen
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.labels import UNLABELLED
from edgekiln.pipeline.data.recognise import read_data

_NAMED = 100


def look_at_data(inputs: DataSource, plan: LookPlan, out_dir: Path, report: Report) -> DataLook:
    """What was recognised, and how much of it there is; no sample is read. UserError for data of no
    kind."""
    del plan, out_dir
    report(None, say("Looking at {name}", name=inputs.path.name))
    everything = read_data(inputs.path)
    data = everything.pick(chosen(everything.labels, inputs))
    known = sorted({label for label in data.labels if label != UNLABELLED})
    names = [data.class_name(label) for label in known] or list(data.class_names)
    rows = data.rows[data.main]
    truth = _truth(data)
    return DataLook(
        kind=data.kind,
        packed=isinstance(data.scratch, tuple),
        content=rows.kind,
        truth=truth,
        samples=len(data),
        labelled=len(data) - data.labels.count(UNLABELLED) if data.truths is None else len(data),
        class_names=tuple(names[:_NAMED]) if truth != "none" else (),
        classes=len(names) if truth != "none" else 0,
        size="×".join(str(size) for size in rows.shape or ()),
        columns=tuple(data.columns),
        notes=data.notes,
    )


def _truth(data: DataSet) -> Truth:
    if data.truths is not None:
        return data.truths.kind
    return "classes" if any(label != UNLABELLED for label in data.labels) else "none"
