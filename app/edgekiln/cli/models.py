"""The commands on a model: inspect, fuse, quantize, evaluate, pack."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekiln.cli.fusion import PLACE, check_places, print_fusion, print_groups, print_source
from edgekiln.cli.output import kilobytes, percent, plain
from edgekiln.cli.run import (
    Runner,
    check_file,
    check_writable,
    copy_artifact,
    data_source,
    delivered,
)
from edgekiln.core.accuracy import AccuracyReport, Candidate, EvalInputs, QuantResult
from edgekiln.core.artifact import SCHEMES
from edgekiln.core.bundle import Bundle, BundleInputs
from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic, write_atomic
from edgekiln.core.fusion import SourceLatency
from edgekiln.core.model import InspectedModel, TensorSpec
from edgekiln.core.plans import ConvertPlan, EvalPlan, FusionPlan, PackPlan, QuantPlan
from edgekiln.core.text import Text, say
from edgekiln.profiles import load_profile

RESULT = "quantized.json"


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
    named = {preset.name: preset for preset in (*PRESETS, Preprocessing())}
    return named[arguments.preprocessing] if arguments.preprocessing else None


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


def quantize(arguments: Namespace, run: Runner) -> int:
    """Make, gate and judge the candidates; copy them where asked."""
    folder = Path(arguments.out).absolute()
    check_writable(folder)
    calibration, evaluation = data_source(arguments.calibration), data_source(arguments.evaluation)
    assert calibration is not None
    load_profile(arguments.target)  # a wrong name is told before the conversion
    chosen_preprocessing = preprocessing(arguments)
    fusing = fusion_plan(arguments, calibration, chosen_preprocessing)
    fused = run.fuse(Path(arguments.model), convert_plan(arguments), fusing)
    check_places(fusing.leave, fused.groups)
    plan = QuantPlan(
        calibration,
        evaluation,
        arguments.target,
        tuple(dict.fromkeys(arguments.scheme or SCHEMES)),
        chosen_preprocessing,
        max_drop=arguments.max_drop,
    )
    result = run.step("quantize", fused.artifact, plan, QuantResult)
    result = _deliver(result, calibration.path, folder)
    run.output.result(quantized_json(result, run))
    print_candidates(result, run)
    if result.chosen is None:
        raise UserError(
            say("No candidate may go on {target}.", target=result.target),
            result.reason,
            say("Allow a larger drop with --max-drop, or choose other schemes or another target."),
        )
    return 0


def _deliver(result: QuantResult, calibration: Path, folder: Path) -> QuantResult:
    """The candidates and what was measured in the user's folder: all of it or nothing."""
    with delivered(folder) as part:
        encoded = encode(_copied(result, part), part)
        data = {"calibration": str(calibration), "result": encoded}
        write_atomic(part / RESULT, json.dumps(data, ensure_ascii=False, indent=1).encode())
    return decode(QuantResult, encoded, folder)


def _copied(result: QuantResult, folder: Path) -> QuantResult:
    candidates = []
    for candidate in result.candidates:
        artifact = candidate.artifact
        if artifact is not None:
            copy = folder / f"{candidate.scheme}.tflite"
            copy_atomic(artifact.path, copy)
            candidate = replace(candidate, artifact=replace(artifact, path=copy))
        candidates.append(candidate)
    return replace(result, candidates=tuple(candidates))


def quantized_json(result: QuantResult, run: Runner) -> dict[str, Any]:
    """The contract of `quantize --json`."""
    words = run.output.words
    float_report = result.float_report
    return {
        "float_accuracy": float_report and float_report.accuracy,
        "samples": float_report and float_report.samples,
        "chosen": result.chosen,
        "reason": words.render(result.reason),
        "target": result.target,
        "preprocessing": plain(result.preprocessing, words),
        "preprocessing_evidence": words.render(result.preprocessing_evidence),
        "candidates": [_candidate_json(candidate, run) for candidate in result.candidates],
        "notes": [words.render(note) for note in result.notes],
    }


def _candidate_json(candidate: Candidate, run: Runner) -> dict[str, Any]:
    artifact, report, target = candidate.artifact, candidate.report, candidate.on_target
    verdict = candidate.verdict
    return {
        "scheme": candidate.scheme,
        "path": artifact and str(artifact.path),
        "size_bytes": artifact and artifact.size_bytes,
        "sha256": artifact and artifact.sha256,
        "engine": candidate.engine,
        "runtime": report and report.runtime,
        "samples": report and report.samples,
        "accuracy": report and report.accuracy,
        "agreement": report and report.agreement,
        "error": report and report.error,
        "target_runtime": verdict.target_runtime,
        "measured_on": verdict.measured_on,
        "accuracy_on_target": target and target.accuracy,
        "samples_on_target": target and target.samples,
        "same_as_fast": target and target.same_as_fast,
        "usable": verdict.usable,
        "why_not": verdict.why_not and run.output.words.render(verdict.why_not),
        "needs_runtime": verdict.needs_runtime,
        "notes": [run.output.words.render(note) for note in verdict.notes],
    }


def print_candidates(result: QuantResult, run: Runner) -> None:
    """One readable table: what each candidate keeps, and whether it may go on the box."""
    words, out = run.output.words, run.output
    out.table(
        [
            words("Scheme"),
            words("Size"),
            words("Accuracy"),
            words("Agreement"),
            words("On target"),
            words("Verdict"),
        ],
        [_candidate_row(candidate, result, run) for candidate in result.candidates],
    )
    if (
        first := next((c for c in result.candidates if c.report and c.on_target), None)
    ) is not None:
        assert first.report is not None
        assert first.on_target is not None
        out.line(
            "Accuracy: {samples} samples, {runtime}. On target: {on_target} samples, {target}.",
            samples=first.report.samples,
            runtime=first.report.runtime,
            on_target=first.on_target.samples,
            target=first.on_target.runtime,
        )
    for candidate in result.candidates:
        if (why := candidate.verdict.why_not) is not None:
            out.line("{scheme}: {why}", scheme=candidate.scheme, why=why)
    out.text(result.reason)
    out.line(
        "Preprocessing: {name} ({evidence})",
        name=result.preprocessing.name,
        evidence=result.preprocessing_evidence,
    )
    for note in _notes(result):
        out.text(note)


def _notes(result: QuantResult) -> list[Text]:
    """What was said of the data, and of every candidate that ran on the target's runtime."""
    ran = [c.verdict.notes for c in result.candidates if c.verdict.measured_on]
    common = [note for note in ran[0] if all(note in notes for notes in ran)] if ran else []
    return [*result.notes, *common]


def _candidate_row(candidate: Candidate, result: QuantResult, run: Runner) -> list[str]:
    words = run.output.words
    artifact, report, target = candidate.artifact, candidate.report, candidate.on_target
    verdict = words("usable") if candidate.verdict.usable else words("not usable")
    return [
        candidate.scheme + (" ★" if candidate.scheme == result.chosen else ""),
        kilobytes(artifact.size_bytes) if artifact else "–",
        percent(report.accuracy if report else None),
        percent(report.agreement if report else None),
        percent(target.accuracy if target else None),
        verdict,
    ]


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
        EvalPlan(data, arguments.runtime, preprocessing(arguments)),
        AccuracyReport,
    )
    run.output.result(plain(report, run.output.words))
    run.output.line(
        "Accuracy {accuracy}, agreement {agreement}: "
        "{samples} samples, {runtime}, {ms:.2f} ms a sample",
        accuracy=percent(report.accuracy),
        agreement=percent(report.agreement),
        samples=report.samples,
        runtime=report.runtime,
        ms=report.median_ms,
    )
    run.output.line(
        "Preprocessing: {name}. Data: {data}.", name=report.preprocessing.name, data=report.data
    )
    for note in report.notes:
        run.output.text(note)
    return 0


def pack(arguments: Namespace, run: Runner) -> int:
    """Sign a candidate with all that a box needs to check it."""
    result, calibration = read_quantized(Path(arguments.folder))
    scheme = arguments.scheme or result.chosen
    candidate = _candidate(result, scheme)
    report = candidate.report
    data = data_source(arguments.data or calibration)
    assert data is not None
    destination = Path(arguments.out or f"{arguments.name}-{scheme}.zip").absolute()
    check_file(destination)
    bundle = run.step(
        "bundle",
        BundleInputs(candidate, data, destination),
        PackPlan(
            arguments.name,
            result.target,
            data,
            result.preprocessing,
            report.class_names if report else (),
        ),
        Bundle,
    )
    run.output.result(plain(bundle, run.output.words))
    run.output.line(
        "{path}: release {release}, {size}, signed by {key}",
        path=str(bundle.path),
        release=bundle.manifest.release,
        size=kilobytes(bundle.size_bytes),
        key=bundle.public_key[:16],
    )
    return 0


def _candidate(result: QuantResult, scheme: str | None) -> Candidate:
    try:
        return result.candidate(scheme or "")
    except KeyError as error:
        made = tuple(c.scheme for c in result.candidates)
        raise UserError(
            say("There is no candidate “{scheme}”.", scheme=scheme or "–"),
            say("This folder has: {made}.", made=", ".join(made)),
            say("Name one of these with --scheme."),
            choices=made,
        ) from error


def read_quantized(folder: Path) -> tuple[QuantResult, str]:
    """What `quantize` left in a folder: the result and the path of its calibration data."""
    try:
        data = json.loads((folder / RESULT).read_bytes())
        base = folder.absolute()
        return decode(QuantResult, data["result"], base), str(data["calibration"])
    except (OSError, ValueError, KeyError, CodecError) as error:
        raise UserError(
            say("{folder} is not a folder that “edgekiln quantize” made.", folder=str(folder)),
            say("Its {file} is missing or unreadable.", file=RESULT),
            say("Run “edgekiln quantize … -o FOLDER” first and give that folder."),
        ) from error
