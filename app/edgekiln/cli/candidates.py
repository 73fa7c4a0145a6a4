"""The commands `quantize` and `pack`: candidates made, told and signed."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from edgekiln.cli.fusion import check_places
from edgekiln.cli.models import convert_plan, fusion_plan, judging, preprocessing, print_task
from edgekiln.cli.output import kilobytes, percent
from edgekiln.cli.run import Runner, check_file, check_writable, data_parts, data_source, delivered
from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.artifact import SCHEMES
from edgekiln.core.bundle import Bundle, BundleInputs
from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic, write_atomic
from edgekiln.core.measures import Measure, PairedTest, figure, span, title, told
from edgekiln.core.plain import plain
from edgekiln.core.plans import PackPlan, QuantPlan
from edgekiln.core.quantization import Kept, OperatorError, Precision
from edgekiln.core.text import Text, say
from edgekiln.profiles import load_profile

RESULT = "quantized.json"
_SHOWN_OPERATORS = 10


def quantize(arguments: Namespace, run: Runner) -> int:
    """Make, gate and judge the candidates; copy them where asked."""
    folder = Path(arguments.out).absolute()
    check_writable(folder)
    calibration, _ = data_parts(arguments)
    load_profile(arguments.target)  # a wrong name is told before the conversion
    chosen_preprocessing = preprocessing(arguments)
    fusing = fusion_plan(arguments, calibration, chosen_preprocessing)
    fused = run.fuse(Path(arguments.model), convert_plan(arguments), fusing)
    check_places(fusing.leave, fused.groups)
    plan = quant_plan(arguments)
    result = run.step("quantize", fused.artifact, plan, QuantResult)
    origins = {
        "calibration": calibration and str(calibration.path),
        "model": str(Path(arguments.model).absolute()),
        "fusion": encode(fused),
        "evaluation": encode(plan.evaluation),
    }
    result = _deliver(result, origins, folder)
    run.output.result(quantized_json(result, run))
    print_candidates(result, run)
    if result.chosen is None:
        raise UserError(
            say("No candidate may go on {target}.", target=result.target),
            result.reason,
            say("Allow a larger drop with --max-drop, or choose other schemes or another target."),
        )
    return 0


def quant_plan(arguments: Namespace) -> QuantPlan:
    """What the options say. UserError for data that is missing, and for an unknown precision."""
    if arguments.calibration is None and arguments.evaluation is not None:
        raise UserError(
            say("There is no calibration data."),
            say("Evaluation data alone sets no ranges for int8."),
            say("Give --calibration too; without both, random numbers tell the latency alone."),
        )
    share = arguments.agree
    return QuantPlan(
        *data_parts(arguments),
        arguments.target,
        tuple(dict.fromkeys(arguments.scheme or SCHEMES)),
        preprocessing(arguments),
        max_drop=arguments.max_drop if share is None else 1 - share,
        goal=arguments.goal,
        limit_on="accuracy" if share is None else "agreement",
        kept=_kept(arguments.keep),
        search_seconds=60 * arguments.minutes,
        calibration_file=_file(arguments.calibration_file),
        cluster=arguments.cluster,
        judging=judging(arguments),
    )


def _file(path: str | None) -> Path | None:
    return None if path is None else Path(path).absolute()


def _kept(places: list[str]) -> Kept:
    """`--keep TENSOR=PRECISION`."""
    kept = []
    for place in places:
        tensor, _, named = place.rpartition("=")
        precision = next((p for p in get_args(Precision) if p == named), None)
        if not tensor or precision is None:
            raise UserError(
                say("“{place}” is no operator to keep.", place=place),
                say("It is the name of the tensor the operator makes, and a precision."),
                say("Write --keep TENSOR=float32 or --keep TENSOR=int16x8."),
                get_args(Precision),
            )
        kept.append((tensor, precision))
    return tuple(kept)


def _deliver(result: QuantResult, origins: dict[str, Any], folder: Path) -> QuantResult:
    """The candidates and what was measured in the user's folder: all of it or nothing."""
    with delivered(folder) as part:
        encoded = encode(_copied(result, part), part)
        data = {"result": encoded, **origins}
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
    calibration = result.calibration
    if calibration is not None:
        copy = folder / calibration.name
        copy_atomic(calibration, copy)
        calibration = copy
    return replace(result, candidates=tuple(candidates), calibration=calibration)


def quantized_json(result: QuantResult, run: Runner) -> dict[str, Any]:
    """The contract of `quantize --json`."""
    words = run.output.words
    float_report = result.float_report
    return {
        "float_accuracy": float_report and float_report.accuracy,
        "float_primary": float_report and plain(float_report.primary, words),
        "task": float_report and float_report.task,
        "samples": float_report and float_report.samples,
        "chosen": result.chosen,
        "reason": words.render(result.reason),
        "target": result.target,
        "preprocessing": plain(result.preprocessing, words),
        "preprocessing_evidence": words.render(result.preprocessing_evidence),
        "candidates": [_candidate_json(candidate, run) for candidate in result.candidates],
        "beside": {beside.scheme: tested_json(beside.test, run) for beside in result.beside},
        "notes": [words.render(note) for note in result.notes],
        "random_data": result.random,
        "goal": result.goal,
        "limit_on": result.limit_on,
        "max_drop": result.max_drop,
        "attempts": plain(result.attempts, words),
        "sensitivity": result.sensitivity and plain(result.sensitivity, words),
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
        "kept": [list(kept) for kept in candidate.kept],
        "operators": candidate.operators,
        "median_ms": report and report.median_ms,
        "speed": candidate.speed and plain(candidate.speed, run.output.words),
        "slower_than_float": candidate.is_slower,
        "lowered": verdict.lowered and run.output.words.render(verdict.lowered),
        "runtime": report and report.runtime,
        "samples": report and report.samples,
        "accuracy": report and report.accuracy,
        "task": report and report.task,
        "primary": report and plain(report.primary, run.output.words),
        "accuracy_interval": report and plain(report.interval, run.output.words),
        "agreement": report and report.agreement,
        "agreement_interval": report and plain(report.agreement_interval, run.output.words),
        "against_float": report and report.paired and tested_json(report.paired, run),
        "measures": plain(report.measures if report else (), run.output.words),
        "by_output": plain(report.by_output if report else (), run.output.words),
        "error": report and report.error,
        "target_runtime": verdict.target_runtime,
        "measured_on": verdict.measured_on,
        "accuracy_on_target": target and target.accuracy,
        "primary_on_target": target and plain(target.primary, run.output.words),
        "interval_on_target": target and plain(target.interval, run.output.words),
        "samples_on_target": target and target.samples,
        "same_as_fast": target and target.same_as_fast,
        "disputed_on_target": target and plain(target.disputed, run.output.words),
        "usable": verdict.usable,
        "why_not": verdict.why_not and run.output.words.render(verdict.why_not),
        "needs_runtime": verdict.needs_runtime,
        "notes": [run.output.words.render(note) for note in verdict.notes],
    }


def tested_json(test: PairedTest, run: Runner) -> dict[str, Any]:
    """A paired test with what it comes to in words."""
    words = run.output.words
    sentence = words.render(told(test))
    return {**plain(test, words), "noise": test.is_noise, "sentence": sentence}


def print_candidates(result: QuantResult, run: Runner) -> None:
    """One readable table: what each candidate keeps, and whether it may go on the box."""
    words, out = run.output.words, run.output
    out.table(
        [
            words("Scheme"),
            words("Size"),
            words.render(_first_title(result)),
            words("95 % interval"),
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
            "{name}: {samples} samples, {runtime}. On target: {on_target} samples, {target}.",
            name=words.render(_first_title(result)),
            samples=first.report.samples,
            runtime=first.report.runtime,
            on_target=first.on_target.samples,
            target=first.on_target.runtime,
        )
    for candidate in result.candidates:
        if candidate.report is not None and (test := candidate.report.paired) is not None:
            out.line("{scheme} against float: {sentence}", scheme=candidate.scheme,
                     sentence=told(test, _is_share(candidate)))  # fmt: skip
        if (why := candidate.verdict.why_not) is not None:
            out.line("{scheme}: {why}", scheme=candidate.scheme, why=why)
        if (how := candidate.verdict.lowered) is not None:
            out.line("{scheme} was made lower. {how}", scheme=candidate.scheme, how=how)
        if candidate.is_slower and candidate.speed is not None:
            out.line(
                "{scheme} is slower than float here: {own:.3g} ms beside {float:.3g} ms "
                "({runtime}, {runs} runs in turn).",
                scheme=candidate.scheme,
                own=candidate.speed.candidate.median,
                float=candidate.speed.beside.median,
                runtime=candidate.speed.candidate.runtime,
                runs=candidate.speed.candidate.runs,
            )
    out.text(result.reason)
    _print_sensitivity(result, run)
    if result.float_report is not None:
        print_task(result.float_report, run)
    out.line(
        "Preprocessing: {name} ({evidence})",
        name=result.preprocessing.name,
        evidence=result.preprocessing_evidence,
    )
    for note in _notes(result):
        out.text(note)


def _print_sensitivity(result: QuantResult, run: Runner) -> None:
    """The operators int8 costs most, with the reason where there is one to tell."""
    seen, words = result.sensitivity, run.output.words
    if seen is None:
        return
    by_tensor = {operator.tensor: operator for operator in seen.operators}
    worst = [by_tensor[name] for name in seen.ranking if name in by_tensor][:_SHOWN_OPERATORS]
    kept = {name for candidate in result.candidates for name, _ in candidate.kept}
    run.output.line(
        "Operators that int8 costs most, on {samples} samples, {runtime}:",
        samples=seen.samples,
        runtime=seen.runtime,
    )
    head = [words("Operator"), words("Place"), words("SQNR alone"), words("Precision"), ""]
    run.output.table(head, [_operator_row(operator, kept, run) for operator in worst])


def _operator_row(operator: OperatorError, kept: set[str], run: Runner) -> list[str]:
    sqnr = operator.isolated_sqnr_db
    return [
        operator.operator,
        operator.place,
        "–" if sqnr is None else f"{sqnr:.1f} dB",
        run.output.words("kept") if operator.tensor in kept else operator.precision,
        "" if operator.why is None else run.output.words.render(operator.why),
    ]


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
        figure(report.first) if report and report.first else "–",
        _interval(report.first if report else None),
        percent(report.agreement if report else None),
        figure(target.first) if target and target.first else "–",
        verdict,
    ]


def _first_title(result: QuantResult) -> Text:
    """What the first figure of this model is called."""
    primary = result.float_report and result.float_report.first
    return title(primary.name) if primary else say("Accuracy")


def _is_share(candidate: Candidate) -> bool:
    primary = None if candidate.report is None else candidate.report.first
    return primary is None or primary.is_share


def _interval(primary: Measure | None) -> str:
    return span(None) if primary is None else span(primary.interval, primary.is_share)


def pack(arguments: Namespace, run: Runner) -> int:
    """Sign a candidate with all that a box needs to check it."""
    result, calibration = read_quantized(Path(arguments.folder))
    scheme = arguments.scheme or result.chosen
    candidate = _candidate(result, scheme)
    report = candidate.report
    data = data_source(arguments.data or calibration)
    if data is None:
        raise UserError(
            say("There are no golden inputs."),
            say("The candidates were made from random numbers; nothing is known of their answers."),
            say("Quantize again with --calibration and --evaluation, then pack."),
        )
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


def read_quantized(folder: Path) -> tuple[QuantResult, str | None]:
    """What `quantize` left in a folder: the result and the path of its calibration data, if any."""
    try:
        data = json.loads((folder / RESULT).read_bytes())
        base = folder.absolute()
        return decode(QuantResult, data["result"], base), data["calibration"]
    except (OSError, ValueError, KeyError, CodecError) as error:
        raise UserError(
            say("{folder} is not a folder that “edgekiln quantize” made.", folder=str(folder)),
            say("Its {file} is missing or unreadable.", file=RESULT),
            say("Run “edgekiln quantize … -o FOLDER” first and give that folder."),
        ) from error
