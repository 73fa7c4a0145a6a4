"""The recommendation: the smallest candidate that runs right on the box and keeps its accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekiln.core.accuracy import AccuracyReport, Candidate, TargetReport
from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.text import Text, say

# Sizes that differ by less are equal; then the one that computes in integers is the faster one.
_SAME_SIZE = 1.03
_PREFERENCE: tuple[SchemeName, ...] = (
    "int8",
    "int8-float-io",
    "int8-uint8-io",
    "mixed",
    "dynamic-range",
    "weight-int8",
    "weight-int4",
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
    candidates: Sequence[Candidate], float_report: AccuracyReport, max_drop: float, target: str
) -> tuple[SchemeName | None, Text]:
    """The scheme to take (None when nothing is usable), and why, in one sentence.

    A dynamic-range or weight-only candidate slower than float is never taken.
    """
    entries = [entry for c in candidates if (entry := _entry(c, float_report)) is not None]
    if not entries:
        return None, say("No candidate runs right on {target}.", target=target)
    within = [entry for entry in entries if entry.loss <= max_drop]
    if within:
        taken = _smallest(within)
        return taken.scheme, _reason(taken, float_report, max_drop)
    taken = min(entries, key=lambda entry: (entry.loss, entry.artifact.size_bytes))
    return taken.scheme, say(
        "No candidate loses {limit} points or less; {scheme} loses least: {figures}.",
        limit=_points(max_drop),
        scheme=taken.scheme,
        figures=_figures(taken, float_report),
    )


def _entry(candidate: Candidate, float_report: AccuracyReport) -> _Entry | None:
    report = candidate.report
    if not candidate.verdict.usable or candidate.artifact is None or report is None:
        return None
    if candidate.is_slower and candidate.scheme in _ONLY_SMALL:
        return None
    loss = _loss(report, candidate.on_target, float_report)
    return _Entry(candidate.scheme, candidate.artifact, report, candidate.on_target, loss)


def _loss(
    report: AccuracyReport, on_target: TargetReport | None, float_report: AccuracyReport
) -> float:
    """Accuracy lost, as a fraction; without labels the share of changed answers; without classes
    the relative error of the outputs."""
    changed = (report.error or 0.0) if report.agreement is None else 1 - report.agreement
    if float_report.accuracy is not None and report.accuracy is not None:
        changed = float_report.accuracy - report.accuracy
    if on_target is None or on_target.same_as_fast >= _SAME_ANSWERS:
        return changed
    apart = 1 - (on_target.same_as_fast if on_target.agreement is None else on_target.agreement)
    return max(changed, apart)


def _smallest(entries: Sequence[_Entry]) -> _Entry:
    limit = min(entry.artifact.size_bytes for entry in entries) * _SAME_SIZE
    same = [entry for entry in entries if entry.artifact.size_bytes <= limit]
    return min(same, key=lambda entry: _PREFERENCE.index(entry.scheme))


def _reason(taken: _Entry, float_report: AccuracyReport, max_drop: float) -> Text:
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


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _points(share: float) -> str:
    return f"{share * 100:.1f}"
