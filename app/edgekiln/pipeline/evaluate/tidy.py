"""Every number of a report as one tidy row: what it is of, and what it was measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.bundle import Bundle
from edgekiln.core.device import PushResult
from edgekiln.core.fusion import FusionResult, Latency, Price, SourceLatency
from edgekiln.core.measures import Interval, Measure, PairedTest
from edgekiln.core.model import InspectedModel
from edgekiln.core.quantization import Sensitivity
from edgekiln.core.reporting import ReportInputs

FLOAT = "float"  # the model every candidate is compared with
_UNITS = {"kl": "nats", "sqnr-db": "dB"}


@dataclass(frozen=True)
class TidyRow:
    """One number.

    `candidate`: the scheme, "float" for the float model, "" for the model as a whole. `measure`:
    its name, as in `core.measures`, or of a field of a result. `of`: the class, the operator, the
    pair "label → predicted" or the attempt it belongs to. `unit`: "share" (0…1), "count", "bytes",
    "ms", "s", "dB", "nats", "p" or "" (that of the output). `low` and `high`: the interval with
    95 % confidence; of times the quartiles.
    """

    candidate: str
    measure: str
    of: str
    unit: str
    runtime: str
    data: str
    samples: int | None
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class _On:
    """What a row of figures has in common."""

    candidate: str
    runtime: str = ""
    data: str = ""
    samples: int | None = None

    def row(
        self, measure: str, value: float | None, unit: str, of: str = "",
        interval: Interval | None = None, samples: int | None = None,
    ) -> Iterator[TidyRow]:  # fmt: skip
        """The row, where there is a value."""
        if value is None:
            return
        low, high = (interval.low, interval.high) if interval else (None, None)
        count = self.samples if samples is None else samples
        yield TidyRow(
            self.candidate, measure, of, unit, self.runtime, self.data, count, value, low, high
        )

    def time(self, measure: str, latency: Latency | None) -> Iterator[TidyRow]:
        """A latency with its quartiles; `samples` is how often it was run."""
        if latency is not None:
            yield TidyRow(
                self.candidate, measure, "", "ms", latency.runtime, self.data, latency.runs,
                latency.median, latency.low, latency.high,
            )  # fmt: skip


def tidy_rows(inputs: ReportInputs) -> tuple[TidyRow, ...]:
    """All numbers of the results, model first, box last."""
    parts = [
        _model(inputs.model),
        _fusion(inputs.fusion) if inputs.fusion else (),
        _source(inputs.source_latency) if inputs.source_latency else (),
        _quantized(inputs.quantized) if inputs.quantized else (),
        _bundle(inputs.bundle) if inputs.bundle else (),
        _push(inputs.push) if inputs.push else (),
    ]
    return tuple(row for part in parts for row in part)


def _model(model: InspectedModel) -> Iterator[TidyRow]:
    on = _On("")
    yield from on.row("parameters", model.parameters, "count")
    yield from on.row("macs", model.macs, "count")
    yield from on.row("size", model.size_bytes, "bytes")
    for operator in model.operators:
        yield from on.row("operators", operator.count, "count", operator.name)


def _fusion(fusion: FusionResult) -> Iterator[TidyRow]:
    data = fusion.proof_data
    for name, price in (("before fusion", fusion.before), ("after fusion", fusion.after)):
        yield from _price(_On(name, fusion.runtime, data), price)
    on = _On("after fusion", fusion.runtime, data, fusion.proof_samples)
    yield from on.row("max-abs-error", fusion.max_abs_error, "")
    yield from on.row("max-relative-error", fusion.max_relative_error, "share")
    for one in fusion.passes:
        yield from on.row("pass-applied", one.applied, "count", one.name)
        yield from on.row("pass-max-abs-error", one.max_abs_error, "", one.name)
        yield from on.row("pass-max-relative-error", one.max_relative_error, "share", one.name)


def _price(on: _On, price: Price) -> Iterator[TidyRow]:
    yield from on.row("operators", price.operators, "count")
    yield from on.row("macs", price.macs, "count")
    yield from on.row("bytes-moved", price.bytes_moved, "bytes")
    yield from on.row("arena", price.arena_bytes, "bytes")
    yield from on.row("size", price.file_bytes, "bytes")
    yield from on.time("latency", price.latency)


def _source(source: SourceLatency) -> Iterator[TidyRow]:
    yield from _On("source model").time("latency", source.plain)
    yield from _On("source model, XLA").time("latency", source.xla)


def _quantized(result: QuantResult) -> Iterator[TidyRow]:
    yield from _On("").row("calibration-samples", result.calibration_samples, "count")
    yield from _On("").row("max-drop", result.max_drop, "share")
    if result.float_report is not None:
        yield from _report(FLOAT, result.float_report)
    for candidate in result.candidates:
        yield from _candidate(candidate)
    for beside in result.beside:
        on = _On(result.chosen or "", samples=beside.test.samples)
        yield from _test(on, beside.test, beside.scheme)
    if result.sensitivity is not None:
        yield from _sensitivity(result.sensitivity)
    for number, attempt in enumerate(result.attempts):
        on, of = _On(attempt.scheme), f"attempt {number}"
        yield from on.row("attempt-loss", attempt.loss, "share", of)
        yield from on.row("attempt-size", attempt.size_bytes, "bytes", of)
        yield from on.row("attempt-latency", attempt.median_ms, "ms", of)
        yield from on.row("attempt-kept-operators", len(attempt.kept), "count", of)


def _candidate(candidate: Candidate) -> Iterator[TidyRow]:
    on, verdict = _On(candidate.scheme), candidate.verdict
    if candidate.artifact is not None:
        yield from on.row("size", candidate.artifact.size_bytes, "bytes")
    yield from on.row("operators", candidate.operators or None, "count")
    yield from on.row("kept-operators", len(candidate.kept), "count")
    gate = _On(candidate.scheme, verdict.measured_on, samples=verdict.samples)
    yield from gate.row("usable", float(verdict.usable), "share")
    yield from gate.row("max-relative-error", verdict.max_relative_error, "share")
    yield from gate.row("error-to-float", verdict.float_error, "share")
    yield from gate.row("latency", verdict.median_ms or None, "ms")
    if candidate.speed is not None:
        yield from on.time("latency-in-turn", candidate.speed.candidate)
        yield from on.time("latency-in-turn-float", candidate.speed.beside)
    if candidate.report is not None:
        yield from _report(candidate.scheme, candidate.report)
    target = candidate.on_target
    if target is not None:
        data = candidate.report.data if candidate.report else ""
        box = _On(candidate.scheme, target.runtime, data, target.samples)
        yield from box.row("accuracy", target.accuracy, "share", interval=target.interval)
        yield from box.row("agreement", target.agreement, "share")
        yield from box.row("same-as-fast", target.same_as_fast, "share")
        yield from box.row("error-to-float", target.error, "share")
        yield from box.row("accuracy-of-float", target.float_accuracy, "share")
        if target.primary is not None:
            yield from _measure(box, target.primary)
        if target.disputed is not None:
            few = _On(candidate.scheme, target.runtime, data, target.disputed.samples)
            yield from few.row("same-as-fast-where-disputed", target.disputed.same_as_fast, "share")
            yield from few.row("as-float-where-disputed", target.disputed.as_float, "share")


def _report(name: str, report: AccuracyReport) -> Iterator[TidyRow]:
    on = _On(name, report.runtime, report.data, report.samples)
    yield from on.row("accuracy", report.accuracy, "share", interval=report.interval)
    yield from on.row("agreement", report.agreement, "share", interval=report.agreement_interval)
    yield from on.row("error-to-float", report.error, "share")
    yield from on.row("latency", report.median_ms, "ms")
    for measure in report.figures:
        if measure.name != "accuracy":
            yield from _measure(on, measure)
    if report.paired is not None:
        yield from _test(on, report.paired, FLOAT)
    for one in report.by_output:
        yield from on.row("cosine", one.cosine, "", one.name)
        yield from on.row("sqnr-db", one.sqnr_db, "dB", one.name)
        yield from on.row("error-to-float", one.error, "share", one.name)
    yield from _classes(on, report)


def _measure(on: _On, measure: Measure) -> Iterator[TidyRow]:
    unit = "share" if measure.is_share else _UNITS.get(measure.name, "")
    yield from on.row(
        measure.name, measure.value, unit, interval=measure.interval, samples=measure.samples
    )


def _classes(on: _On, report: AccuracyReport) -> Iterator[TidyRow]:
    names = report.class_names
    for one in report.per_class:
        of = names[one.index] if one.index < len(names) else str(one.index)
        for measure in ("precision", "recall", "f1", "score"):
            yield from on.row(measure, getattr(one, measure), "share", of, samples=one.support)
    for b in report.reliability:
        of = f"{b.low:.2f}–{b.high:.2f}"
        yield from on.row("confidence", b.confidence, "share", of, samples=b.samples)
        yield from on.row("confidence-right", b.accuracy, "share", of, samples=b.samples)
    for true, counts in enumerate(report.confusion):
        for predicted, count in enumerate(counts):
            if count:
                yield from on.row(
                    "confusion", count, "count", f"{names[true]} → {names[predicted]}"
                )


def _test(on: _On, test: PairedTest, against: str) -> Iterator[TidyRow]:
    yield from on.row("difference-to", test.difference, "share", against, samples=test.samples)
    yield from on.row("p-to", test.p, "p", against, samples=test.samples)
    yield from on.row("gained-to", test.gained, "count", against, samples=test.samples)
    yield from on.row("lost-to", test.lost, "count", against, samples=test.samples)


def _sensitivity(seen: Sensitivity) -> Iterator[TidyRow]:
    on = _On("int8", seen.runtime, "calibration", seen.samples)
    for operator in seen.operators:
        of = operator.tensor
        yield from on.row("sqnr-alone", operator.isolated_sqnr_db, "dB", of)
        yield from on.row("sqnr-in-model", operator.accumulated_sqnr_db, "dB", of)
        yield from on.row("cosine-alone", operator.cosine, "", of)
        yield from on.row("rmse-per-scale", operator.rmse_per_scale, "", of)
        yield from on.row("range-low", operator.low, "", of)
        yield from on.row("range-high", operator.high, "", of)
        yield from on.row("saturated", operator.saturated, "share", of)


def _bundle(bundle: Bundle) -> Iterator[TidyRow]:
    manifest = bundle.manifest
    yield from _On(manifest.scheme).row("bundle-size", bundle.size_bytes, "bytes")
    golden = _On(manifest.scheme, manifest.golden.measured_on, "", manifest.golden.samples)
    yield from golden.row("golden-tolerance", manifest.golden.max_relative_error, "share")


def _push(push: PushResult) -> Iterator[TidyRow]:
    yield from _On("on the box").row("sent", push.sent_bytes, "bytes")
    yield from _On("on the box").row("duration", push.seconds, "s")
    if push.health is not None:
        on = _On("on the box", push.health.runtime, "golden", push.health.samples)
        yield from on.row("max-relative-error", push.health.max_relative_error, "share")
        yield from on.row("latency", push.health.median_ms, "ms")
