"""An artifact judged on samples: on the fast runtime over all, on the target's over some."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekiln.core.accuracy import AccuracyReport, TargetReport
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.inference import InferResult
from edgekiln.core.report import Report, silent
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_arrays
from edgekiln.pipeline.data.choose import choose
from edgekiln.pipeline.data.source import Samples
from edgekiln.pipeline.evaluate import metrics
from edgekiln.pipeline.evaluate.answers import Answered
from edgekiln.pipeline.evaluate.measure import measured, share_interval
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.interface import read_interface
from edgekiln.pipeline.graph.joined import Joined, joined_again, joined_outputs
from edgekiln.pipeline.graph.read import read_graph


def judge(
    artifact: Artifact,
    samples: Samples,
    float_scores: Array | None,
    runtime: str,
    out_dir: Path,
    root: Path,
    preprocessing: Preprocessing,
    report: Report = silent,
    *,
    is_reference: bool = False,
    answered: Answered | None = None,
) -> AccuracyReport:
    """Accuracy of `artifact` and its agreement with `float_scores` [samples, classes]; with its own
    where it is the model that others are to agree with.

    Scores, predictions and labels go to an `.npz` in `out_dir`. A model without class scores has
    neither accuracy nor agreement. `answered`: what it said, where it was asked already. UserError
    when the runtime refuses the model.
    """
    answered = answered or _asked(artifact, samples.path, runtime, out_dir, root, report)
    raw, joined, ran = _read(artifact, answered)
    labels = np.asarray(samples.labels, np.int64)
    if is_reference:
        own = metrics.scores_of(raw, bool((labels >= 0).any()))
        float_scores = raw if own is None else own
    values = float_scores is not None and float_scores[0].size == 1
    scores = None if values else metrics.scores_of(raw, bool((labels >= 0).any()))
    predicted = np.full(len(labels), metrics.UNDECIDED) if scores is None else metrics.top1(scores)
    reference = None if float_scores is None or scores is None else metrics.top1(float_scores)
    classes = 0 if scores is None else scores.shape[1]
    outputs = (
        out_dir / f"scores-{artifact.scheme}-{artifact.sha256[:8]}-{runtime.replace(' ', '-')}.npz"
    )
    kept = raw.astype(np.float32) if scores is None else scores
    save_arrays(outputs, {"scores": kept, "predicted": predicted, "labels": labels})
    judged = AccuracyReport(
        runtime=ran.runtime,
        data=samples.data,
        data_fingerprint=samples.fingerprint,
        samples=ran.samples,
        accuracy=None if scores is None else metrics.accuracy(predicted, labels),
        agreement=None if reference is None else metrics.agreement(predicted, reference),
        confusion=metrics.confusion(predicted, labels, classes),
        class_names=name_classes(samples.class_names, classes),
        outputs=outputs,
        median_ms=ran.median_ms,
        preprocessing=preprocessing,
        differing=() if reference is None else metrics.differing(predicted, reference, labels),
        notes=samples.notes,
        error=_error(raw, scores, float_scores, joined),
    )
    return measured(judged, raw, scores, labels, None if is_reference else float_scores)


def judge_on_target(
    artifact: Artifact,
    samples: Samples,
    fast: AccuracyReport,
    runtime: str,
    limit: int,
    out_dir: Path,
    root: Path,
    float_scores: Array | None = None,
    seed: int = 0,
    report: Report = silent,
) -> TargetReport:
    """The same artifact on the target's runtime, on at most `limit` samples, the same share of
    every class, chosen by `seed` and never by how they came out: so the accuracy is unbiased."""
    chosen = np.asarray(choose(samples.labels, limit, seed))
    part = out_dir / f".target-{artifact.sha256[:8]}.npz"
    save_arrays(part, {name: rows[chosen] for name, rows in load_arrays(samples.path).items()})
    try:
        raw, joined, ran = _read(artifact, _asked(artifact, part, runtime, out_dir, root, report))
    finally:
        part.unlink()
    scores = metrics.scores_of(raw)
    if scores is None or fast.error is not None:
        same = _same_outputs(raw, load_arrays(fast.outputs)["scores"][chosen], joined)
        error = _error(raw, None, None if float_scores is None else float_scores[chosen], joined)
        return TargetReport(ran.runtime, ran.samples, None, None, same, error)
    predicted = metrics.top1(scores)
    reference = None if float_scores is None else metrics.top1(float_scores[chosen])
    labels = np.asarray(samples.labels, np.int64)[chosen]
    return TargetReport(
        runtime=ran.runtime,
        samples=ran.samples,
        accuracy=metrics.accuracy(predicted, labels),
        agreement=None if reference is None else metrics.agreement(predicted, reference),
        same_as_fast=float(np.mean(predicted == load_arrays(fast.outputs)["predicted"][chosen])),
        interval=share_interval((predicted == labels)[labels >= 0]),
        float_accuracy=None if reference is None else metrics.accuracy(reference, labels),
    )


def name_classes(names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """One name per class: the known ones, else their numbers."""
    return tuple(names[i] if i < len(names) else str(i) for i in range(classes))


def _error(
    raw: Array, scores: Array | None, reference: Array | None, joined: Joined | None
) -> float | None:
    """How far a model without classes is from the float one."""
    if scores is not None or reference is None:
        return None
    return metrics.relative_error(raw, reference, joined)


def _same_outputs(raw: Array, fast: Array, joined: Joined | None) -> float:
    """Share of samples whose outputs, part by part, are within 5 % of their largest value on both
    runtimes."""
    same = np.ones(len(raw), bool)
    parts = [(raw, fast)]
    if joined is not None:
        parts = list(zip(joined.parts(raw), joined.parts(fast), strict=True))
    for own, other in parts:
        gap = np.abs(own - other).reshape(len(raw), -1).max(axis=1)
        same &= gap <= 0.05 * np.abs(other).reshape(len(raw), -1).max(axis=1)
    return float(np.mean(same))


def _asked(
    artifact: Artifact,
    samples: Path,
    runtime: str,
    out_dir: Path,
    root: Path,
    report: Report,
) -> Answered:
    """The outputs on all laid samples; their file is removed again."""
    outputs = out_dir / f".outputs-{artifact.sha256[:8]}-{runtime}.npz"
    ran = run_model(artifact.path, samples, runtime, outputs, root, report)
    if ran.refused is not None:
        return Answered({}, ran)
    arrays = load_arrays(outputs)
    outputs.unlink()
    return Answered(arrays, ran)


def _read(artifact: Artifact, answered: Answered) -> tuple[Array, Joined | None, InferResult]:
    """The first output on all samples, and of which parts it is joined."""
    ran = answered.ran
    if ran.refused is not None:
        raise UserError(
            say("The model does not run on {runtime}.", runtime=ran.runtime),
            ran.refused,
            say("Choose another runtime or another scheme."),
        )
    graph, loaded = read_graph(artifact.path), answered.outputs
    interface = read_interface(graph)
    arrays = interface.joined(loaded)
    first = artifact.signature.outputs[0].name
    name = next((item.name for item in interface.parted if first in item.parts), first)
    name = name if name in arrays else next(iter(arrays))
    joined = {**joined_outputs(graph), **joined_again(interface, loaded)}
    return arrays[name], joined.get(name), ran
