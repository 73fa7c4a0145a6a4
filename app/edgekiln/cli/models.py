"""The commands on a model: inspect, fuse, quantize, evaluate, pack."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekiln.cli.fusion import PLACE, check_places, print_fusion, print_groups, print_source
from edgekiln.cli.output import kilobytes, percent
from edgekiln.cli.run import (
    Runner,
    check_file,
    copy_artifact,
    data_source,
)
from edgekiln.core.accuracy import AccuracyReport, EvalInputs
from edgekiln.core.data import PRESETS, SOUND_PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.fusion import SourceLatency
from edgekiln.core.measures import figure, span, title, told
from edgekiln.core.model import InspectedModel, TensorSpec
from edgekiln.core.plain import plain
from edgekiln.core.plans import ConvertPlan, EvalPlan, FusionPlan
from edgekiln.core.task import Judging
from edgekiln.core.text import Text, say


def inspect(arguments: Namespace, run: Runner) -> int:
    """Say what a model is."""
    model = run.inspect(Path(arguments.model))
    run.output.result(_inspected(model, run))
    _print_model(model, run)
    return 0


def _inspected(model: InspectedModel, run: Runner) -> dict[str, Any]:
    data: dict[str, Any] = plain(model, run.output.words)
    source = data.pop("source")
    return {"path": source["path"], "kind": source["kind"], **data}


def _print_model(model: InspectedModel, run: Runner) -> None:
    out = run.output
    out.line("{path} ({kind})", path=str(model.source.path), kind=model.source.kind)
    macs = "–" if model.macs is None else f"{model.macs / 1e6:,.2f} M"
    out.line(
        "{parameters:,} parameters, {macs} MACs, {size}",
        parameters=model.parameters,
        macs=macs,
        size=kilobytes(model.size_bytes),
    )
    words = out.words
    head = [words("Signature"), words("Direction"), words("Name"), words("Shape"), words("Type")]
    rows = [
        [signature.key, direction, *_tensor(tensor)]
        for signature in model.signatures
        for direction, tensors in (
            (words("input"), signature.inputs),
            (words("output"), signature.outputs),
        )
        for tensor in tensors
    ]
    out.table(head, rows)
    out.line()
    rows = [[operator.name, str(operator.count)] for operator in model.operators]
    out.table([words("Operator"), words("Count")], rows)
    for note in (*model.notes, *model.obstacles):
        out.text(note)


def _tensor(tensor: TensorSpec) -> list[str]:
    shape = "×".join("?" if size < 0 else str(size) for size in tensor.shape)
    return [tensor.name, shape or "()", tensor.dtype]


def convert_plan(arguments: Namespace) -> ConvertPlan:
    """`--signature KEY` and `--pin NAME=1,224,224,3`."""
    sizes = []
    for pin in arguments.pin:
        name, _, shape = pin.partition("=")
        try:
            sizes.append((name, tuple(int(size) for size in shape.split(","))))
        except ValueError as error:
            raise UserError(
                say("“{pin}” is no size.", pin=pin),
                say("A pinned input is its name and its whole shape."),
                say("Write it like --pin image=1,224,224,3"),
            ) from error
    return ConvertPlan(arguments.signature, tuple(sizes))


def preprocessing(arguments: Namespace) -> Preprocessing | None:
    """The preset the user named; None lets the finder choose."""
    named = {preset.name: preset for preset in (*PRESETS, *SOUND_PRESETS, Preprocessing())}
    return named[arguments.preprocessing] if arguments.preprocessing else None


def judging(arguments: Namespace) -> Judging:
    """What `--task` and `--decoder` declare."""
    return Judging(arguments.task, arguments.decoder)


def fuse(arguments: Namespace, run: Runner) -> int:
    """Fuse, prove, and put the result where asked."""
    out = Path(arguments.out)
    check_file(out.absolute())
    data, chosen = data_source(arguments.data), preprocessing(arguments)
    plan = fusion_plan(arguments, data, chosen)
    model = Path(arguments.model)
    source = _time_source(model, arguments, run) if arguments.time_tensorflow else None
    result = run.fuse(model, convert_plan(arguments), plan)
    check_places(plan.leave, result.groups)
    result = replace(result, artifact=copy_artifact(result.artifact, out))
    told: dict[str, Any] = plain(result, run.output.words)
    del told["drawing_before"], told["drawing_after"]  # for the window
    if source is not None:
        told["tensorflow"] = plain(source, run.output.words)
    run.output.result({"path": str(result.artifact.path), **told})
    print_fusion(result, run)
    if source is not None:
        print_source(source, run)
    if arguments.groups:
        print_groups(result.groups, run)
    return 0


def fusion_plan(
    arguments: Namespace, data: DataSource | None, chosen: Preprocessing | None
) -> FusionPlan:
    """`--skip PASS`, `--with PASS` and `--leave PASS@TENSOR`."""
    leave = []
    for place in arguments.leave:
        name, at, tensor = place.partition(PLACE)
        if not (name and at and tensor):
            raise UserError(
                say("“{place}” is no place.", place=place),
                say("A place is a pass and the tensor it makes."),
                say("“fuse --groups” lists the places: write --leave PASS@TENSOR"),
            )
        leave.append((name, tensor))
    skip, extra = tuple(arguments.skip), tuple(arguments.extra)
    return FusionPlan(skip, data, chosen, extra=extra, leave=tuple(leave))


def _time_source(model: Path, arguments: Namespace, run: Runner) -> SourceLatency:
    """TensorFlow's time for the same sample; a `.tflite` has no source to time."""
    source = run.inspect(model).source
    if source.kind == "tflite":
        raise UserError(
            say("{name} cannot be timed on TensorFlow.", name=model.name),
            say("A .tflite is run by TFLite only."),
            say("Give the SavedModel it was made from, or leave out --time-tensorflow."),
        )
    return run.step("time-source", source, convert_plan(arguments), SourceLatency)


def evaluate(arguments: Namespace, run: Runner) -> int:
    """Measure one artifact on data, beside another when asked."""
    plan = convert_plan(arguments)
    data = data_source(arguments.data)
    assert data is not None
    artifact = run.convert(Path(arguments.artifact), plan, data)
    against = run.convert(Path(arguments.against), plan) if arguments.against else None
    report = run.step(
        "evaluate",
        EvalInputs(artifact, against),
        EvalPlan(
            data,
            arguments.runtime,
            preprocessing(arguments),
            judging(arguments),
            tuple(arguments.slice or ()),
        ),
        AccuracyReport,
    )
    run.output.result(plain(report, run.output.words))
    first = report.first
    run.output.line(
        "{name} {figure}, agreement {agreement}: "
        "{samples} samples, {runtime}, {ms:.2f} ms a sample",
        name=run.output.words.render(title(first.name if first else "accuracy")),
        figure=figure(first) if first else "–",
        agreement=percent(report.agreement),
        samples=report.samples,
        runtime=report.runtime,
        ms=report.median_ms,
    )
    print_certainty(report, run)
    print_task(report, run)
    _print_slices(report, run)
    run.output.line(
        "Preprocessing: {name}. Data: {data}.", name=report.preprocessing.name, data=report.data
    )
    for note in report.notes:
        run.output.text(note)
    return 0


def _print_slices(report: AccuracyReport, run: Runner) -> None:
    words = run.output.words
    if not report.slices:
        return
    head = [words("By"), words("Value"), words("Samples"), words("Figure"), words("95 % interval")]
    names = {"class": words("class"), "size": words("size")}
    rows = [
        [
            names.get(each.by, each.by),
            each.value,
            str(each.samples),
            "–" if each.primary is None else figure(each.primary),
            "–" if each.primary is None else span(each.primary.interval, each.primary.is_share),
        ]
        for each in report.slices
    ]
    run.output.table(head, rows)


def print_task(report: AccuracyReport, run: Runner) -> None:
    """What kind of model it was judged as, and why."""
    if report.task_why is not None:
        decoder = "" if report.decoder is None else f" ({report.decoder})"
        task = f"{report.task}{decoder}"
        run.output.line("Judged as {task}: {why}.", task=task, why=report.task_why)


def print_certainty(report: AccuracyReport, run: Runner) -> None:
    """The interval of the first figure, the paired test against float, the further figures, and
    each output where there are several."""
    out, words = run.output, run.output.words
    first = report.first
    if first is not None and first.interval is not None:
        out.line(
            "{name} with 95 % confidence: {interval}",
            name=words.render(title(first.name)),
            interval=span(first.interval, first.is_share),
        )
    if report.paired is not None:
        out.line("Against float: {sentence}", sentence=_tested(report))
    if report.measures:
        head = [words("Figure"), words("Value"), words("95 % interval"), words("Samples")]
        rows = [
            [words.render(title(m.name)), figure(m), span(m.interval, m.is_share), str(m.samples)]
            for m in report.measures
        ]
        out.table(head, rows)
    if report.by_output:
        head = [words("Output"), words("Cosine"), words("SQNR"), words("Error")]
        rows = [
            [o.name, f"{o.cosine:.4f}", _decibels(o.sqnr_db), percent(o.error)]
            for o in report.by_output
        ]
        out.table(head, rows)


def _tested(report: AccuracyReport) -> Text:
    assert report.paired is not None
    return told(report.paired, report.first is None or report.first.is_share)


def _decibels(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1f} dB"
