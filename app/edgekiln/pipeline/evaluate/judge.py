"""An artifact judged on samples: on the fast runtime over all, on the target's over some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekiln.core.accuracy import AccuracyReport, Disputed, TargetReport
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.inference import InferResult
from edgekiln.core.measures import Measure
from edgekiln.core.report import Report, silent
from edgekiln.core.task import DERIVED, Judging
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_arrays
from edgekiln.pipeline.data.choose import choose
from edgekiln.pipeline.data.mapped import map_archive
from edgekiln.pipeline.data.source import Samples
from edgekiln.pipeline.evaluate.answers import Answered
from edgekiln.pipeline.evaluate.measure import agreement, largest_error, measured
from edgekiln.pipeline.evaluate.metrics import Ints
from edgekiln.pipeline.evaluate.primary import primary_of
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.evaluate.tasks import Kind, kind_of
from edgekiln.pipeline.evaluate.told import (
    Told,
    class_count,
    judged_output,
    told_by,
    with_truth,
    with_truth_of,
)
from edgekiln.pipeline.graph.interface import Interface, read_interface, translated
from edgekiln.pipeline.graph.joined import Joined, joined_again, joined_outputs
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.state import is_stateful


def judge(
    artifact: Artifact,
    samples: Samples,
    reference: AccuracyReport | None,
    runtime: str,
    out_dir: Path,
    root: Path,
    preprocessing: Preprocessing,
    report: Report = silent,
    *,
    judging: Judging = DERIVED,
    is_reference: bool = False,
    answered: Answered | None = None,
) -> AccuracyReport:
    """What `artifact` is worth by its task, and beside the float model's `reference`, whose task it
    shares; beside its own answers where it is the model that others are to agree with.

    Its answers go to an `.npz` in `out_dir`. `answered`: what it said, where it was asked already.
    UserError when the runtime refuses the model, and when it cannot be judged as declared.
    """
    answered = answered or _asked(artifact, samples, runtime, out_dir, root, report)
    run = _Run.of(artifact, samples, answered)
    if reference is None:
        kind = run.kind(judging, samples)
    else:
        alike = run.kind(Judging(reference.task, reference.decoder), samples)
        kind = replace(alike, why=reference.task_why)
    told = with_truth(run.told(kind), samples)
    outputs = (
        out_dir / f"scores-{artifact.scheme}-{artifact.sha256[:8]}-{runtime.replace(' ', '-')}.npz"
    )
    save_arrays(outputs, told.arrays())
    judged = AccuracyReport(
        runtime=run.result.runtime,
        data=samples.data,
        data_fingerprint=samples.fingerprint,
        samples=run.result.samples,
        accuracy=None,
        agreement=None,
        confusion=(),
        class_names=name_classes(samples.class_names, class_count(told)),
        outputs=outputs,
        median_ms=run.result.median_ms,
        preprocessing=preprocessing,
        notes=samples.notes,
        task=kind.task,
        task_why=kind.why,
        decoder=kind.decoder,
    )
    float_ = None if reference is None else Told.read(reference)
    return measured(
        judged, told, told if is_reference else float_, run.joined, is_reference=is_reference
    )


def judge_on_target(
    artifact: Artifact,
    samples: Samples,
    fast: AccuracyReport,
    runtime: str,
    limit: int,
    out_dir: Path,
    root: Path,
    reference: AccuracyReport | None = None,
    seed: int = 0,
    report: Report = silent,
) -> TargetReport:
    """The same artifact on the target's runtime, on at most `limit` samples, the same share of
    every class, chosen by `seed` and never by how they came out: so the accuracy is unbiased. Of a
    model with a state the first ones, as it has come to them.

    Beside them a quarter as many of those that float and candidate dispute on the fast runtime:
    there another runtime's rounding shows first. What they say stands by itself."""
    stateful = is_stateful(read_graph(artifact.path))
    rows = range(min(limit, samples.count)) if stateful else choose(samples.labels, limit, seed)
    few, known = len(rows), Told.read(fast)
    float_ = None if reference is None else Told.read(reference)
    disputed = np.zeros(0, np.int64) if float_ is None or stateful else _disputed(known, float_)
    more = np.random.default_rng(seed).permutation(np.setdiff1d(disputed, rows))[: limit // 4]
    chosen = np.concatenate([np.asarray(rows, np.int64), more])
    part = replace(samples, path=out_dir / f".target-{artifact.sha256[:8]}.npz")
    save_arrays(part.path, {name: rows[chosen] for name, rows in load_arrays(samples.path).items()})
    try:
        run = _Run.of(artifact, part, _asked(artifact, part, runtime, out_dir, root, report))
    finally:
        part.path.unlink()
    here = known.only(chosen)
    there = with_truth_of(run.told(Kind.of(fast)), here)
    float_ = None if float_ is None else float_.only(chosen)
    first, rest = np.arange(few), np.arange(few, len(chosen))
    told = _on_target(
        run, there.only(first), here.only(first), None if float_ is None else float_.only(first)
    )
    if float_ is None or not len(rest):
        return told
    same, as_float = (agreement(there.only(rest), each.only(rest)) for each in (here, float_))
    seen = Disputed(len(rest), len(disputed), same or 0.0, as_float or 0.0)
    return replace(told, disputed=seen)


def _disputed(one: Told, other: Told) -> Ints:
    """The samples two classifiers see otherwise; none of other models."""
    return np.flatnonzero(one.predicted != other.predicted)


def name_classes(names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """One name per class: the known ones, else their numbers."""
    return tuple(names[i] if i < len(names) else str(i) for i in range(classes))


def _on_target(run: _Run, there: Told, here: Told, float_: Told | None) -> TargetReport:
    """What is said `there`, on the target's runtime, beside the truth, what the fast one says of
    the same samples, and what the float model does."""
    primary = _first(there)
    float_primary = None if float_ is None else _first(float_)
    agreed = None if float_ is None else agreement(there, float_)
    told = agreed is not None or float_ is None
    is_accuracy = primary is not None and primary.name == "accuracy"
    return TargetReport(
        runtime=run.result.runtime,
        samples=len(there.labels),
        accuracy=primary.value if primary is not None and is_accuracy else None,
        agreement=agreed,
        same_as_fast=_same(there, here, run.joined),
        error=None if told or float_ is None else largest_error(there, float_, run.joined),
        interval=primary.interval if primary is not None and is_accuracy else None,
        float_accuracy=float_primary.value if float_primary is not None and is_accuracy else None,
        primary=primary,
        float_primary=float_primary,
    )


def _first(answers: Told) -> Measure | None:
    """Without the interval where that is dear: these are few samples anyway."""
    primary = primary_of(answers)
    return None if primary is None else primary.measure(sure=answers.task == "classification")


def _same(there: Told, here: Told, joined: Mapping[str, Joined]) -> float:
    """The share of answers that are so on both runtimes; without such, of samples with such
    outputs."""
    same = agreement(there, here)
    if same is not None:
        return same
    parts = joined.get(there.main)
    return _same_outputs(there.values, here.values, parts)


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


@dataclass(frozen=True)
class _Run:
    """All `outputs` as the original of the model gives them, `main` the judged one, `joined` those
    that are joined of parts; `fed`: the main input of that `shape` as the original takes it, None
    where it was not laid."""

    result: InferResult
    outputs: Mapping[str, Array]
    main: str
    joined: Mapping[str, Joined]
    shape: tuple[int, ...]
    fed: Array | None

    @classmethod
    def of(cls, artifact: Artifact, samples: Samples, answered: Answered) -> _Run:
        """UserError when the runtime refused the model."""
        ran = answered.ran
        if ran.refused is not None:
            raise UserError(
                say("The model does not run on {runtime}.", runtime=ran.runtime),
                ran.refused,
                say("Choose another runtime or another scheme."),
            )
        graph = read_graph(artifact.path)
        interface = read_interface(graph)
        arrays = interface.joined(answered.outputs)
        first = artifact.signature.outputs[0].name
        first = next((item.name for item in interface.parted if first in item.parts), first)
        main = judged_output(samples, first, arrays)
        joined = {**joined_outputs(graph), **joined_again(interface, answered.outputs)}
        fed = _fed(artifact, samples.path, interface)
        shape = artifact.signature.inputs[0].shape[1:] if fed is None else fed.shape[1:]
        return cls(ran, arrays, main, joined, shape, fed)

    def kind(self, judging: Judging, samples: Samples) -> Kind:
        """How its answers are judged."""
        return kind_of(judging, samples, self.outputs, self.main, self.shape)

    def told(self, kind: Kind) -> Told:
        """Its answers, of that kind."""
        return told_by(kind, self.outputs, self.main, self.shape, self.fed)


def _asked(
    artifact: Artifact,
    samples: Samples,
    runtime: str,
    out_dir: Path,
    root: Path,
    report: Report,
) -> Answered:
    """The outputs on all laid samples; their file is removed again."""
    outputs = out_dir / f".outputs-{artifact.sha256[:8]}-{runtime}.npz"
    ran = run_model(
        artifact.path, samples.path, runtime, outputs, root, report,
        in_order=is_stateful(read_graph(artifact.path)),
    )  # fmt: skip
    if ran.refused is not None:
        return Answered({}, ran)
    arrays = load_arrays(outputs)
    outputs.unlink()
    return Answered(arrays, ran)


def _fed(artifact: Artifact, samples: Path, interface: Interface) -> Array | None:
    if not samples.exists():
        return None
    arrays = map_archive(samples)
    first = artifact.signature.inputs[0].name
    name = first if first in arrays else next(iter(arrays))
    return translated({name: arrays[name]}, interface, Interface())[name]
