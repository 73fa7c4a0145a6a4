"""The chapters of the report, each from one result."""

from __future__ import annotations

from collections.abc import Iterator

from edgekiln.core.accuracy import Candidate, Disputed, QuantResult
from edgekiln.core.bundle import Bundle
from edgekiln.core.device import Health, PushResult
from edgekiln.core.fusion import FusionResult, SourceLatency
from edgekiln.core.gain import price_rows, source_rows
from edgekiln.core.measures import figure, title
from edgekiln.core.model import InspectedModel, Signature, TensorSpec
from edgekiln.core.reporting import ReportInputs
from edgekiln.core.text import Text, Words, say
from edgekiln.pipeline.evaluate.acceptance import versions
from edgekiln.pipeline.evaluate.certainty import change_of, interval_of, tested_of
from edgekiln.pipeline.evaluate.figures import kilobytes, number, percent
from edgekiln.pipeline.evaluate.html import NOTHING, Html, Part, facts, join, section, table, tag

_MOST_OPERATORS = 10
_FIRST_WHOLE = 10  # percent, from which decimals say nothing


def about_model(model: InspectedModel, words: Words) -> Html:
    """What the model was before anything was done to it."""
    signature = model.default_signature
    rows: list[tuple[str, Part]] = [
        (words.render(say("Signature")), signature.key or "–"),
        (words.render(say("Inputs")), _specs(signature, inputs=True)),
        (words.render(say("Outputs")), _specs(signature, inputs=False)),
        (words.render(say("Parameters")), number(model.parameters)),
        (words.render(say("Multiply-accumulates")), number(model.macs)),
        (words.render(say("Size")), kilobytes(model.size_bytes)),
    ]
    if model.tensorflow_version:
        rows.append((words.render(say("TensorFlow version")), model.tensorflow_version))
    operators = ", ".join(f"{o.name} × {o.count}" for o in model.operators[:12])
    rows.append((words.render(say("Operators")), operators or "–"))
    return section(words.render(say("Model")), facts(rows), _notes(model.notes, words))


def about_fusion(fusion: FusionResult, source: SourceLatency | None, words: Words) -> Html:
    """What became one operator, with its proof and its price."""
    heads = _heads(words, say("Pass"), say("Applied"), say("Largest difference"), say("State"))
    rows = [
        (words.render(p.title), str(p.applied), f"{p.max_abs_error:.2g}",
         words.render(_pass_state(p.skipped, p.taken_back)))
        for p in fusion.passes
    ]  # fmt: skip
    parts: list[Part] = [tag("p", words.render(_gained(fusion)))]
    parts += [_price(fusion, words), _notes((*fusion.interface, *fusion.notes), words)]
    if source is not None:
        parts.append(_source(source, words))
    if rows:
        parts.append(table(heads, rows, frozenset((1, 2))))
    if fusion.groups:
        parts.append(_groups(fusion, words))
    return section(words.render(say("Fusion")), *parts)


def _gained(fusion: FusionResult) -> Text:
    if not fusion.proof_samples:
        return say("Nothing was left to fuse: the converter had done all of it.")
    return say(
        "{before} operators became {after}. Largest difference of the outputs: {error} "
        "({samples} samples of {data}, {runtime}).",
        before=fusion.before.operators, after=fusion.after.operators,
        error=f"{fusion.max_abs_error:.2g}",
        samples=fusion.proof_samples, data=_proof_data(fusion), runtime=fusion.runtime,
    )  # fmt: skip


def _price(fusion: FusionResult, words: Words) -> Html:
    heads = _heads(words, say("Price"), say("Before"), say("After"))
    rows = [(words.render(label), *figures) for label, *figures in price_rows(fusion)]
    return table(heads, rows, frozenset((1, 2)))


def _source(source: SourceLatency, words: Words) -> Html:
    """TensorFlow beside it, for whoever must justify TFLite."""
    rows: list[tuple[str, Part]] = [
        (words.render(label), words.render(figure) if isinstance(figure, Text) else figure)
        for label, figure in source_rows(source)
    ]
    return facts(rows)


def about_candidates(result: QuantResult, words: Words, float_size: int | None = None) -> Html:
    """Every quantized form beside the float model, with what each number was measured on."""
    heads = _heads(
        words, say("Scheme"), say("Size"), say("Accuracy"), say("Agreement with float"),
        say("On the target's runtime"), say("Verdict"),
    )  # fmt: skip
    rows = [_candidate_row(c, result, words, float_size) for c in result.candidates]
    schemes = [c.scheme for c in result.candidates]
    chosen = schemes.index(result.chosen) if result.chosen in schemes else -1
    calibration = say(
        "Target: {target}. Calibration: {count} samples. Preprocessing: {name} ({evidence}).",
        target=result.target, count=result.calibration_samples,
        name=result.preprocessing.name, evidence=result.preprocessing_evidence,
    )  # fmt: skip
    return section(
        words.render(say("Candidates")),
        table(heads, rows, frozenset((1,)), chosen),
        tag("p", words.render(calibration), kind="soft"),
        _notes((*result.notes, *_put_right(result)), words),
        *_sensitive(result, words),
    )


def _put_right(result: QuantResult) -> Iterator[Text]:
    for candidate in result.candidates:
        if (how := candidate.verdict.lowered) is not None:
            yield say("{scheme} was made lower. {how}", scheme=candidate.scheme, how=how)


def _sensitive(result: QuantResult, words: Words) -> list[Part]:
    """The operators int8 costs most, and those that were kept out of it."""
    seen = result.sensitivity
    if seen is None:
        return []
    by_tensor = {operator.tensor: operator for operator in seen.operators}
    kept = {name for candidate in result.candidates for name, _ in candidate.kept}
    heads = _heads(words, say("Operator"), say("Place"), say("SQNR alone"), say("Why"))
    rows = [
        (
            operator.operator + (" ◆" if operator.tensor in kept else ""),
            operator.place,
            "–" if operator.isolated_sqnr_db is None else f"{operator.isolated_sqnr_db:.1f} dB",
            words.render(operator.why) if operator.why is not None else "",
        )
        for name in seen.ranking[:_MOST_OPERATORS]
        if (operator := by_tensor.get(name)) is not None
    ]
    told = say(
        "Operators that int8 costs most, on {samples} samples, {runtime}; ◆: kept out of it.",
        samples=seen.samples,
        runtime=seen.runtime,
    )
    return [tag("p", words.render(told)), table(heads, rows, frozenset((2,)))]


def about_bundle(bundle: Bundle, words: Words) -> Html:
    """What travels to the box, and who signed it."""
    manifest = bundle.manifest
    golden = say(
        "{samples} samples, largest difference allowed {error} ({runtime})",
        samples=manifest.golden.samples,
        error=f"{manifest.golden.max_relative_error:g}",
        runtime=manifest.golden.measured_on,
    )
    rows: list[tuple[str, Part]] = [
        (words.render(say("Release")), manifest.release),
        (words.render(say("File")), bundle.path.name),
        (words.render(say("Size")), kilobytes(bundle.size_bytes)),
        (words.render(say("Scheme")), manifest.scheme),
        (words.render(say("Needs")), manifest.runtime),
        (words.render(say("Health check")), words.render(golden)),
        ("SHA-256", tag("code", bundle.sha256)),
        (words.render(say("Signed by (Ed25519 key)")), tag("code", bundle.public_key)),
    ]
    for heading, value in (
        (say("Signed manifest, SHA-256"), bundle.manifest_sha256),
        (say("The bundle's signature"), bundle.signature),
    ):
        if value:
            rows.append((words.render(heading), tag("code", value)))
    rows += [(f.name, f"{f.value:.4g} ({f.measured_on})") for f in manifest.figures]
    return section(words.render(say("Bundle")), facts(rows))


def about_push(push: PushResult, words: Words) -> Html:
    """How the push ended."""
    states = {
        "live": say("live"),
        "refused": say("refused"),
        "rolled-back": say("rolled back"),
    }
    kind = "good" if push.state == "live" else "bad"
    rows: list[tuple[str, Part]] = [
        (words.render(say("State")), tag("strong", words.render(states[push.state]), kind=kind)),
        (words.render(say("Release on the device")), push.release or "–"),
        (words.render(say("Sent")), kilobytes(push.sent_bytes)),
        (words.render(say("Duration")), f"{push.seconds:.1f} s"),
    ]
    if push.why is not None:
        rows.append((words.render(say("Why")), words.render(push.why)))
    if push.health is not None:
        rows.append((words.render(say("Health check")), _health(push.health, words)))
    return section(words.render(say("Device")), facts(rows))


def about_origins(inputs: ReportInputs, words: Words) -> Html:
    """Hashes and tool releases: where every number can be traced to."""
    rows: list[tuple[str, Part]] = [
        (words.render(say("Model")), tag("code", inputs.model.source.fingerprint))
    ]
    if inputs.fusion is not None:
        rows.append((words.render(say("Float model")), tag("code", inputs.fusion.artifact.sha256)))
    for candidate in inputs.quantized.candidates if inputs.quantized else ():
        if candidate.artifact is not None:
            rows.append((candidate.scheme, tag("code", candidate.artifact.sha256)))
    first = next((c.report for c in _candidates(inputs) if c.report), None)
    if first is not None:
        rows.append((words.render(say("Evaluation data")), tag("code", first.data_fingerprint)))
    rows += list(versions(inputs).items())
    return section(words.render(say("Hashes and versions")), facts(rows))


def _candidates(inputs: ReportInputs) -> tuple[Candidate, ...]:
    return inputs.quantized.candidates if inputs.quantized else ()


def _candidate_row(
    candidate: Candidate, result: QuantResult, words: Words, float_size: int | None
) -> tuple[Part, ...]:
    return (
        candidate.scheme,
        _size(candidate, float_size, words),
        _accuracy(candidate, result, words),
        _agreement(candidate, words),
        _on_target(candidate, words),
        _verdict(candidate, words),
    )


def _size(candidate: Candidate, float_size: int | None, words: Words) -> Part:
    """Bytes, how much less than the float model, and the time of one inference here."""
    if candidate.artifact is None:
        return "–"
    size = candidate.artifact.size_bytes
    lines = [words.render(say("{count} bytes", count=f"{size:,}"))]
    if float_size and size != float_size:
        change = 100 * (size / float_size - 1)
        lines.append(f"{change:+.{0 if abs(change) >= _FIRST_WHOLE else 1}f} %")
    if candidate.report is not None:
        here = say("{ms} ms here", ms=f"{candidate.report.median_ms:.3g}")
        lines.append(words.render(here))
    return join((kilobytes(size), *(tag("div", text, kind="soft") for text in lines)))


def _accuracy(candidate: Candidate, result: QuantResult, words: Words) -> Part:
    report, reference = candidate.report, result.float_report
    own = None if report is None else report.first
    if report is None or own is None:
        return "–"
    change = change_of(own, None if reference is None else reference.first, words)
    named = NOTHING if own.name == "accuracy" else tag("div", words.render(title(own.name)))
    measured = _on(report.samples, report.runtime, words)
    parts = interval_of(own.interval, own.is_share), measured, tested_of(candidate, words)
    return join((named, figure(own), change, *parts))


def _agreement(candidate: Candidate, words: Words) -> Part:
    report = candidate.report
    if report is None or report.agreement is None:
        return "–"
    interval = interval_of(report.agreement_interval)
    return join((percent(report.agreement), interval, _on(report.samples, report.runtime, words)))


def _on_target(candidate: Candidate, words: Words) -> Part:
    target = candidate.on_target
    if target is None:
        return "–"
    same = say("same as fast: {share}", share=percent(target.same_as_fast))
    there = "–" if target.accuracy is None else percent(target.accuracy)
    if target.primary is not None:
        there = figure(target.primary)
    return join(
        (
            there,
            interval_of(target.interval),
            _on(target.samples, target.runtime, words),
            tag("div", words.render(same), kind="soft"),
            _disputed(target.disputed, words),
        )
    )


def _disputed(disputed: Disputed | None, words: Words) -> Html:
    """What became of the samples that were chosen because float and candidate differ there."""
    if disputed is None:
        return NOTHING
    text = say(
        "{samples} of {of} samples seen otherwise than by float, chosen for that (no estimate of "
        "accuracy): {same} the same on the target, {as_float} there as float",
        samples=disputed.samples, of=disputed.of,
        same=percent(disputed.same_as_fast), as_float=percent(disputed.as_float),
    )  # fmt: skip
    return tag("div", words.render(text), kind="soft")


def _verdict(candidate: Candidate, words: Words) -> Part:
    verdict = candidate.verdict
    usable = verdict.usable
    head = say("usable") if usable else say("not usable")
    mark = ("✓ " if usable else "✗ ") + words.render(head)
    parts: list[Part] = [tag("strong", mark, kind="good" if usable else "bad")]
    if verdict.why_not is not None:
        parts.append(tag("div", words.render(verdict.why_not)))
    if verdict.measured_on and verdict.measured_on != verdict.target_runtime:
        stand_in = say(
            "checked on {here}; the device has {there}",
            here=verdict.measured_on,
            there=verdict.target_runtime,
        )
        parts.append(tag("div", words.render(stand_in), kind="soft"))
    return join((*parts, *(tag("div", words.render(n), kind="soft") for n in verdict.notes)))


def _on(samples: int, runtime: str, words: Words) -> Html:
    measured = say("{samples} samples, {runtime}", samples=samples, runtime=runtime)
    return tag("div", words.render(measured), kind="soft")


def _groups(fusion: FusionResult, words: Words) -> Html:
    states = {
        "by-converter": say("fused by the converter"),
        "by-edgekiln": say("fused by EdgeKiln"),
        "possible": say("possible, not done"),
        "not-possible": say("not possible"),
    }
    heads = _heads(words, say("Group"), say("Place"), say("State"), say("Why"))
    rows = [
        (g.pattern, g.place, words.render(states[g.state]), words.render(g.why))
        for g in fusion.groups
    ]
    return table(heads, rows)


def _proof_data(fusion: FusionResult) -> Text:
    return say("random numbers") if fusion.proof_data == "random" else say("calibration data")


def _pass_state(skipped: bool, taken_back: bool) -> Text:
    if skipped:
        return say("switched off")
    return say("taken back: not equal") if taken_back else say("proven equal")


def _health(health: Health, words: Words) -> str:
    if not health.healthy:
        return words.render(health.why) if health.why else health.reason
    good = say(
        "healthy: {samples} samples on {runtime}, largest difference {error}",
        samples=health.samples,
        runtime=health.runtime,
        error="–" if health.max_relative_error is None else f"{health.max_relative_error:.2g}",
    )
    return words.render(good)


def _specs(signature: Signature, *, inputs: bool) -> str:
    specs: tuple[TensorSpec, ...] = signature.inputs if inputs else signature.outputs
    return "; ".join(f"{s.name}: {s.dtype} {list(s.shape)}" for s in specs)


def _heads(words: Words, *titles: Text) -> list[str]:
    return [words.render(title) for title in titles]


def _notes(notes: tuple[Text, ...], words: Words) -> Html:
    return join(tag("p", words.render(note), kind="soft") for note in notes)
