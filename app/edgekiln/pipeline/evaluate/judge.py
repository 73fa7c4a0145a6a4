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
from edgekiln.pipeline.evaluate.measure import measured, share_interval
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.interface import read_interface
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
) -> AccuracyReport:
    """Accuracy of `artifact` and its agreement with `float_scores` [samples, classes].

    Scores, predictions and labels go to an `.npz` in `out_dir`. A model without class scores has
    neither accuracy nor agreement. UserError when the runtime refuses the model.
    """
    raw, ran = _run(artifact, samples.path, runtime, out_dir, root, report)
    labels = np.asarray(samples.labels, np.int64)
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
        error=_error(raw, scores, float_scores),
    )
    return measured(judged, raw, scores, labels, float_scores)


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
        raw, ran = _run(artifact, part, runtime, out_dir, root, report)
    finally:
        part.unlink()
    scores = metrics.scores_of(raw)
    if scores is None or fast.error is not None:
        return TargetReport(ran.runtime, ran.samples, None, None, _same_outputs(raw, fast, chosen))
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
    )


def name_classes(names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """One name per class: the known ones, else their numbers."""
    return tuple(names[i] if i < len(names) else str(i) for i in range(classes))


def _error(raw: Array, scores: Array | None, reference: Array | None) -> float | None:
    """How far a model without classes is from the float one."""
    if scores is not None or reference is None:
        return None
    return metrics.relative_error(raw, reference)


def _same_outputs(raw: Array, fast: AccuracyReport, chosen: Array) -> float:
    """Share of samples whose outputs are within 5 % of their largest value on both runtimes."""
    other = load_arrays(fast.outputs)["scores"][chosen].reshape(len(chosen), -1)
    own = raw.reshape(len(chosen), -1)
    gap = np.abs(own - other).max(axis=1)
    return float(np.mean(gap <= 0.05 * np.abs(other).max(axis=1)))


def _run(
    artifact: Artifact,
    samples: Path,
    runtime: str,
    out_dir: Path,
    root: Path,
    report: Report,
) -> tuple[Array, InferResult]:
    """The first output on all samples; the file of all outputs is removed again."""
    outputs = out_dir / f".outputs-{artifact.sha256[:8]}-{runtime}.npz"
    ran = run_model(artifact.path, samples, runtime, outputs, root, report)
    if ran.refused is not None:
        raise UserError(
            say("The model does not run on {runtime}.", runtime=ran.runtime),
            ran.refused,
            say("Choose another runtime or another scheme."),
        )
    interface = read_interface(read_graph(artifact.path))
    arrays = interface.joined(load_arrays(outputs))
    outputs.unlink()
    first = artifact.signature.outputs[0].name
    name = next((item.name for item in interface.parted if first in item.parts), first)
    return arrays[name] if name in arrays else next(iter(arrays.values())), ran
