"""The recommendation: the smallest candidate that runs right on the box and keeps its accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekiln.core.accuracy import AccuracyReport, Candidate, TargetReport
from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.measures import Measure, figure, title
from edgekiln.core.plans import Goal, Limit, QuantPlan
from edgekiln.core.quantization import Attempt
from edgekiln.core.text import Text, say

# Sizes that differ by less are equal; then the one that computes in integers is the faster one.
_SAME_SIZE = 1.03
_SAME_TIME = 1.05  # nor do times
_PREFERENCE: tuple[SchemeName, ...] = (
    "int8",
    "int8-uint8-io",
    "int8-float-io",
    "mixed",
    "dynamic-range",
    "weight-int4",
    "weight-int8",
    "int16x8",
    "float16",
    "float32",
)
# Weights alone are small in them: float does the same, and where it is faster they have no point.
_ONLY_SMALL: frozenset[SchemeName] = frozenset(("dynamic-range", "weight-int8", "weight-int4"))
# With fewer equal answers on both runtimes, the target's own figures count.
_SAME_ANSWERS = 0.98


@dataclass(frozen=True)
class _Entry:
    scheme: SchemeName
    artifact: Artifact
    report: AccuracyReport
    on_target: TargetReport | None
    loss: float


def choose(
    candidates: Sequence[Candidate],
    float_report: AccuracyReport,
    max_drop: float,
    target: str,
    goal: Goal = "size",
    limit_on: Limit = "accuracy",
) -> tuple[SchemeName | None, Text]:
    """The scheme to take (None when nothing is usable), and why, in one sentence.

    A dynamic-range or weight-only candidate slower than float is never taken.
    """
    entries = [e for c in candidates if (e := _entry(c, float_report, limit_on)) is not None]
    if not entries:
        return None, say("No candidate runs right on {target}.", target=target)
    within = [entry for entry in entries if entry.loss <= max_drop]
    if within:
        taken = _fastest(within) if goal == "latency" else _smallest(within)
        return taken.scheme, _reason(taken, float_report, max_drop, goal)
    taken = min(entries, key=lambda entry: (entry.loss, entry.artifact.size_bytes))
    return taken.scheme, say(
        "No candidate loses {limit} points or less; {scheme} loses least: {figures}.",
        limit=_points(max_drop),
        scheme=taken.scheme,
        figures=_figures(taken, float_report),
    )


def choose_without_data(
    candidates: Sequence[Candidate], target: str
) -> tuple[SchemeName | None, Text]:
    """The fastest usable scheme of candidates made from random numbers."""
    usable = [c for c in candidates if c.verdict.usable and c.report is not None]
    if not usable:
        return None, say("No candidate runs right on {target}.", target=target)
    taken = min(usable, key=lambda c: c.report.median_ms if c.report else 0.0)
    assert taken.report is not None
    return taken.scheme, say(
        "{scheme} is the fastest here ({latency} ms, {runtime}); its accuracy is unknown without "
        "data.",
        scheme=taken.scheme,
        latency=f"{taken.report.median_ms:.3g}",
        runtime=taken.report.runtime,
    )


def attempt_of(candidate: Candidate, float_report: AccuracyReport, plan: QuantPlan) -> Attempt:
    """A candidate as a point of the search; `loss` None where it has no figures."""
    artifact, report, usable = candidate.artifact, candidate.report, candidate.verdict.usable
    loss = None
    if report is not None and plan.calibration is not None:
        loss = loss_of(report, candidate.on_target, float_report, plan.limit_on)
    return Attempt(
        candidate.scheme,
        candidate.kept,
        candidate.operators,
        0 if artifact is None else artifact.size_bytes,
        loss,
        None if report is None else report.median_ms,
        usable,
        usable and loss is not None and loss <= plan.max_drop,
    )


def _entry(candidate: Candidate, float_report: AccuracyReport, limit_on: Limit) -> _Entry | None:
    report = candidate.report
    if not candidate.verdict.usable or candidate.artifact is None or report is None:
        return None
    if candidate.is_slower and candidate.scheme in _ONLY_SMALL:
        return None
    loss = loss_of(report, candidate.on_target, float_report, limit_on)
    return _Entry(candidate.scheme, candidate.artifact, report, candidate.on_target, loss)


def loss_of(
    report: AccuracyReport,
    on_target: TargetReport | None,
    float_report: AccuracyReport,
    limit_on: Limit,
) -> float:
    """What is lost of the accuracy (mAP, mIoU, AUC, recall), as a fraction; without truth, and when
    the limit is on agreement, the share of changed answers; of values their relative error."""
    # 1 - 0.99 is no more than 0.01, though floats say so
    return round(_loss(report, on_target, float_report, limit_on), 9)


def _loss(
    report: AccuracyReport,
    on_target: TargetReport | None,
    float_report: AccuracyReport,
    limit_on: Limit,
) -> float:
    changed = (report.error or 0.0) if report.agreement is None else 1 - report.agreement
    before, left = float_report.share, report.share
    if before is not None and left is not None and limit_on == "accuracy":
        changed = before - left
    if on_target is None or on_target.same_as_fast >= _SAME_ANSWERS:
        return changed
    before, left = on_target.float_share, on_target.share
    if before is not None and left is not None and limit_on == "accuracy":
        return max(changed, before - left)
    if on_target.error is not None:
        return max(changed, on_target.error)
    apart = 1 - (on_target.same_as_fast if on_target.agreement is None else on_target.agreement)
    return max(changed, apart)


def _smallest(entries: Sequence[_Entry]) -> _Entry:
    limit = min(entry.artifact.size_bytes for entry in entries) * _SAME_SIZE
    same = [entry for entry in entries if entry.artifact.size_bytes <= limit]
    return min(same, key=lambda entry: _PREFERENCE.index(entry.scheme))


def _fastest(entries: Sequence[_Entry]) -> _Entry:
    limit = min(entry.report.median_ms for entry in entries) * _SAME_TIME
    same = [entry for entry in entries if entry.report.median_ms <= limit]
    return min(same, key=lambda entry: (entry.artifact.size_bytes, entry.loss))


def _reason(taken: _Entry, float_report: AccuracyReport, max_drop: float, goal: Goal) -> Text:
    if goal == "latency":
        return say(
            "{scheme} is the fastest on this computer ({latency} ms) that loses at most {limit} "
            "points: {figures}.",
            scheme=taken.scheme,
            latency=f"{taken.report.median_ms:.3g}",
            limit=_points(max_drop),
            figures=_figures(taken, float_report),
        )
    return say(
        "{scheme} is the smallest that loses at most {limit} points: {figures}.",
        scheme=taken.scheme,
        limit=_points(max_drop),
        figures=_figures(taken, float_report),
    )


def _figures(taken: _Entry, float_report: AccuracyReport) -> Text:
    measured = taken.report
    where = f"{measured.runtime}, {measured.data}"
    size = f"{taken.artifact.size_bytes / 1000:.0f} kB"
    if measured.accuracy is None and measured.primary is not None:
        return _primary(measured.primary, float_report.primary, where, size)
    if float_report.accuracy is not None and measured.accuracy is not None:
        return say(
            "{accuracy} beside {float} of the float model on {samples} samples ({where}), {size}",
            accuracy=_percent(measured.accuracy),
            float=_percent(float_report.accuracy),
            samples=measured.samples,
            where=where,
            size=size,
        )
    if measured.error is not None:
        return say(
            "outputs {error} away from the float model's on {samples} samples ({where}), {size}",
            error=_percent(measured.error),
            samples=measured.samples,
            where=where,
            size=size,
        )
    if measured.agreement is None:
        return say("{size}; its accuracy could not be measured", size=size)
    return say(
        "{agreement} of {samples} answers as the float model's ({where}), {size}",
        agreement=_percent(measured.agreement),
        samples=measured.samples,
        where=where,
        size=size,
    )


def _primary(own: Measure, reference: Measure | None, where: str, size: str) -> Text:
    return say(
        "{name} {own} beside {float} of the float model on {samples} samples ({where}), {size}",
        name=title(own.name),
        own=figure(own),
        float="–" if reference is None else figure(reference),
        samples=own.samples,
        where=where,
        size=size,
    )


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _points(share: float) -> str:
    return f"{share * 100:.1f}"
