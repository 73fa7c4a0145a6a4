"""The step `list-samples`: every sample with both models' answers, for the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.report import Report
from edgekiln.core.samples import NO_CLASS, TOPS, ListInputs, ListPlan, SampleList
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.source import open_data
from edgekiln.pipeline.evaluate.boxes import Boxes
from edgekiln.pipeline.evaluate.detection import agreed_boxes

Outputs = dict[str, Array]


def list_samples(inputs: ListInputs, plan: ListPlan, out_dir: Path, report: Report) -> SampleList:
    """Write what SampleList says. Data that is gone or is another by now has no names."""
    report(None, say("Reading the answers of both models"))
    own = load_arrays(inputs.candidate)
    other = None if inputs.reference is None else load_arrays(inputs.reference)
    if other is not None and len(other["predicted"]) != len(own["predicted"]):
        other = None  # of other data: nothing can be said sample by sample
    count = len(own["predicted"])
    data = _data(inputs, plan.fingerprint, count)
    called = [str(i) if data is None else data.called(i) for i in range(count)]
    names = out_dir / "names.txt"
    names.write_text("\n".join(" ".join(name.splitlines()) for name in called), "utf-8")
    float_classes, float_scores = _tops(other, own["labels"])
    classes, scores = _tops(own, own["labels"])
    columns = (own["labels"], float_classes, classes, float_scores, scores, _apart(own, other))
    numbers = out_dir / "numbers.bin"
    kinds = ("<i4", "<i4", "<i4", "<f4", "<f4", "<f4")
    with numbers.open("wb") as file:
        for column, kind in zip(columns, kinds, strict=True):
            file.write(np.ascontiguousarray(column, kind).tobytes())
    return SampleList(count, TOPS, names, numbers, data is not None)


def _data(inputs: ListInputs, fingerprint: str, count: int) -> DataSet | None:
    """The data the reports were made on; None when it is gone or is another by now."""
    if inputs.data is None:
        return None
    try:
        data = open_data(inputs.data)
    except UserError:  # moved or broken since: the page says so in its place
        return None
    return data if len(data) == count and data.fingerprint == fingerprint else None


def _tops(outputs: Outputs | None, labels: Array) -> tuple[Array, Array]:
    """Classes and scores [count, TOPS], best first: the predicted class, then the others; the label
    last where it is none of the best."""
    count = len(labels)
    classes = np.full((count, TOPS), NO_CLASS, np.int32)
    best = np.zeros((count, TOPS), np.float32)
    if outputs is None or (outputs["predicted"] == NO_CLASS).all():
        return classes, best
    scores = np.asarray(outputs["scores"], np.float32).reshape(count, -1)
    ranked, rows = scores.copy(), np.arange(count)
    for n in range(min(TOPS, ranked.shape[1])):
        classes[:, n] = ranked.argmax(axis=1) if n else outputs["predicted"]
        ranked[rows, classes[:, n]] = -np.inf
    missed = (labels >= 0) & (labels < scores.shape[1]) & (classes != labels[:, None]).all(axis=1)
    classes[missed, -1] = labels[missed]
    known = classes >= 0
    best[known] = scores[np.nonzero(known)[0], classes[known]]
    return classes, best


def _apart(own: Outputs, other: Outputs | None) -> Array:
    """As Samples.apart says; zeros where there is nothing to compare with."""
    count = len(own["predicted"])
    if other is None:
        return np.zeros(count, np.float32)
    if "corners" in own and "corners" in other:
        counts = agreed_boxes(boxes_of(own), boxes_of(other))
        return np.asarray(1 - counts[:, 0] / np.maximum(counts[:, 1], 1)) * (counts[:, 1] > 0)
    if "masks" in own and "masks" in other and own["masks"].shape == other["masks"].shape:
        return np.asarray((own["masks"] != other["masks"]).reshape(count, -1).mean(axis=1))
    if (own["predicted"] != NO_CLASS).any():
        return np.asarray(own["predicted"] != other["predicted"], np.float32)
    return _distance(own["scores"], other["scores"])


def _distance(values: Array, reference: Array) -> Array:
    """sqrt(sum (a-b)^2 / sum b^2) of each row; zeros where the shapes are not the same."""
    if values.shape != reference.shape:
        return np.zeros(len(values), np.float32)
    a, b = (each.reshape(len(each), -1).astype(np.float64) for each in (values, reference))
    size = np.sqrt((b**2).sum(axis=1))
    away = np.sqrt(((a - b) ** 2).sum(axis=1))
    return np.asarray(np.divide(away, size, out=away.copy(), where=size > 0))


def boxes_of(outputs: Outputs, before: str = "") -> list[Boxes]:
    """The boxes of each sample, corners as fractions of the model's input; `before`: "true_" for
    the labels."""
    starts = [*outputs[f"{before}starts"].tolist(), len(outputs[f"{before}corners"])]
    corners, classes = outputs[f"{before}corners"], outputs[f"{before}classes"]
    scores = np.ones(len(classes)) if before else outputs["box_scores"]
    count = len(outputs["predicted"])
    rows = [slice(starts[i], starts[i + 1]) for i in range(count)]
    return [Boxes(corners[each], classes[each], scores[each]) for each in rows]
