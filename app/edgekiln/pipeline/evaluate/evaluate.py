"""The step `evaluate`: one artifact on labelled data, beside the float model when there is one."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from edgekiln.core.accuracy import AccuracyReport, EvalInputs
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.files import store_of
from edgekiln.core.model import DYNAMIC
from edgekiln.core.plans import EvalPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import say
from edgekiln.executor import Executor, executor
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.data.finder import Found, as_fed, find_preprocessing
from edgekiln.pipeline.data.source import Samples, write_samples
from edgekiln.pipeline.evaluate.answers import ANSWER, Answered, Asked, answers_of
from edgekiln.pipeline.evaluate.embedded import Note, embedded_note
from edgekiln.pipeline.evaluate.judge import judge
from edgekiln.pipeline.evaluate.runtimes import is_foreign, parse_runtime
from edgekiln.pipeline.evaluate.sliced import with_slices
from edgekiln.pipeline.graph.interface import Interface, read_interface, translated
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.state import is_stateful


def evaluate(inputs: EvalInputs, plan: EvalPlan, out_dir: Path, report: Report) -> AccuracyReport:
    """What `inputs.artifact` is worth on all of `plan.data`, by its task, and beside
    `inputs.against`.

    Preprocessing not given is taken from the artifact's note, else from the other model's, else
    found by trying. The other model always runs on litert.
    """
    parse_runtime(plan.runtime)  # a runtime nobody has, before the data is read
    note = _note(inputs)
    laid = _must_be_laid(inputs, plan)
    with (
        executor(store_of(out_dir), warm="" if laid else ANSWER) as where,
        tempfile.TemporaryDirectory(prefix=".samples-", dir=out_dir) as folder,
    ):
        scratch = Path(folder)
        found = _preprocessing(inputs, plan, note, scratch, part_of(report, 0.0, 0.2))
        preprocessing = found.preprocessing
        report(0.2, say("Reading the data"))
        samples = write_samples(
            plan.data,
            preprocessing,
            inputs.artifact.signature,
            scratch / "samples.npz",
            part_of(report, 0.2, 0.4),
            note.labels,
            plan.judging,
            laid=laid,
        )
        own, other = None, None
        if not laid:
            asked = Asked((inputs.artifact,), samples, preprocessing, "litert", note.labels)
            own, other = _answers(inputs, asked, plan.runtime, where, part_of(report, 0.2, 0.7))
        beside = _beside(
            inputs, samples, plan, scratch, preprocessing, other, part_of(report, 0.4, 0.7)
        )
        judged = judge(
            inputs.artifact, samples, beside, plan.runtime, out_dir, scratch, preprocessing,
            part_of(report, 0.7, 1.0), judging=plan.judging, answered=own,
        )  # fmt: skip
        told = replace(judged, notes=(*judged.notes, found.evidence))
        return with_slices(told, plan.data, plan.slices)


def _must_be_laid(inputs: EvalInputs, plan: EvalPlan) -> bool:
    """Whether the samples are to be written as the models' inputs: for another Python, for models
    that are fed differently, at the size of the first sample or in order for their state's sake,
    and where outputs are compared with inputs. Else they are read once, as the models are asked
    about them."""
    models = [model for model in (inputs.artifact, inputs.against) if model is not None]
    signature = inputs.artifact.signature
    shapes = [spec.shape[1:] for spec in signature.inputs]
    return (
        is_foreign(plan.runtime)
        or any(is_stateful(read_graph(model.path)) for model in models)
        or plan.judging.task == "autoencoder"
        or any(_interface(model).fed != _interface(models[0]).fed for model in models)
        or any(DYNAMIC in shape for shape in shapes)
        or signature.outputs[0].shape[1:] in shapes
    )


def _answers(
    inputs: EvalInputs, asked: Asked, runtime: str, where: Executor, report: Report
) -> tuple[Answered, Answered | None]:
    """What the artifact and the other model say; asked together where they share a runtime."""
    family, against = parse_runtime(runtime)[0], inputs.against
    asked = replace(asked, runtime=family)
    if against is None:
        return answers_of(asked, where, report)[0], None
    if family == "litert":
        asked = replace(asked, models=(*asked.models, against))
        own, other = answers_of(asked, where, report)
        return own, other
    own = answers_of(asked, where, part_of(report, 0.0, 0.5))[0]
    asked = replace(asked, models=(against,), runtime="litert")
    return own, answers_of(asked, where, part_of(report, 0.5, 1.0))[0]


def _note(inputs: EvalInputs) -> Note:
    own = embedded_note(inputs.artifact.path)
    other = embedded_note(inputs.against.path) if inputs.against else Note()
    return Note(own.preprocessing or other.preprocessing, own.labels or other.labels)


def _preprocessing(
    inputs: EvalInputs, plan: EvalPlan, note: Note, root: Path, report: Report
) -> Found:
    if plan.preprocessing is not None:
        fed = _interface(inputs.artifact).feed(inputs.artifact.signature.inputs[0].name)
        return Found(as_fed(plan.preprocessing, fed), say("Preprocessing chosen by you"))
    if note.preprocessing is not None:
        return Found(note.preprocessing, say("Preprocessing as noted in the model"))
    fed_otherwise = bool(_interface(inputs.artifact).fed)
    model = inputs.artifact if fed_otherwise else inputs.against or inputs.artifact
    return find_preprocessing(
        model.path, model.signature, plan.data, root, report, note.labels, plan.judging
    )


def _interface(artifact: Artifact) -> Interface:
    return read_interface(read_graph(artifact.path))


def _beside(
    inputs: EvalInputs,
    samples: Samples,
    plan: EvalPlan,
    scratch: Path,
    preprocessing: Preprocessing,
    answered: Answered | None,
    report: Report,
) -> AccuracyReport | None:
    """The model to agree with, judged on the same samples."""
    against = inputs.against
    if against is None:
        return None
    known, wanted = _interface(inputs.artifact), _interface(against)
    if known.fed != wanted.fed:
        arrays = translated(load_arrays(samples.path), known, wanted)
        samples = replace(samples, path=scratch / "against.npz")
        save_arrays(samples.path, arrays)
    return judge(
        against, samples, None, "litert", scratch, scratch, preprocessing, report,
        judging=plan.judging, is_reference=True, answered=answered,
    )  # fmt: skip
