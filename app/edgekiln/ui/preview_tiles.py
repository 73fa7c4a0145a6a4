"""What a candidate is worth, as tiles: figure, difference to float, interval, samples."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QLabel, QWidget

from edgekiln.core import measures
from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.measures import Interval, Measure, MeasureName
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.theme import Tone
from edgekiln.ui.widgets.kit import line, text
from edgekiln.ui.widgets.panels import tile, tiles

LEAST_CHANGE = 0.0005  # less does not show in a tenth of a point
_LOW_IS_GOOD: frozenset[MeasureName] = frozenset(("ece", "mae", "rmse", "kl"))


def primary(report: AccuracyReport) -> Measure | None:
    """The figure against the truth; None without one."""
    return report.first


def difference(words: Words, own: Measure, reference: Measure | None) -> str:
    """Signed and with a shape, in points for shares: "▼ −0.3 points"; a dash for none."""
    if reference is None or reference.name != own.name:
        return "–"
    apart = own.value - reference.value
    if own.is_share:
        return figures.points(words, apart)
    if abs(apart) < 1e-12:
        return words("= no change")
    return f"{'▲' if apart > 0 else '▼'} {apart:+.3g}".replace("-", "−")


def tone_of(own: Measure, reference: Measure | None, max_drop: float) -> Tone:
    """Whether the difference is within what may be lost."""
    if reference is None or reference.name != own.name:
        return "muted"
    apart = own.value - reference.value
    gained = -apart if own.name in _LOW_IS_GOOD else apart
    if own.is_share:
        return figures.drop_tone(gained, max_drop)
    return "good" if gained >= 0 else "warn"


def metric_tiles(
    words: Words, result: QuantResult, candidate: Candidate, report: AccuracyReport, size: QFrame
) -> QWidget:
    """The first figure, the agreement with float, the target's figure, the size."""
    return tiles(
        _primary_tile(words, result, report),
        _agreement_tile(words, report),
        _target_tile(words, candidate, report),
        size,
    )


def _primary_tile(words: Words, result: QuantResult, report: AccuracyReport) -> QFrame:
    own, reference = primary(report), None
    if result.float_report is not None:
        reference = primary(result.float_report)
    if own is None:
        return tile("–", words("No labels"), text(_samples(words, report.samples), "muted"))
    drop = line(difference(words, own, reference), tone=tone_of(own, reference, result.max_drop))
    spread = _interval(words, own.interval, own.is_share, own.samples)
    shown = figures.percent(own.value) if own.is_share else measures.figure(own)
    return tile(shown, words.render(measures.title(own.name)), drop, spread)


def _agreement_tile(words: Words, report: AccuracyReport) -> QFrame:
    if report.agreement is None:
        far = words("Error against float")
        samples = text(_samples(words, report.samples), "muted")
        return tile(figures.error(report.error), far, samples)
    count = round((1 - report.agreement) * report.samples)
    return tile(
        figures.percent(report.agreement),
        words("Agreement with float"),
        line(words("{count} differ", count=count), "muted"),
        _interval(words, report.agreement_interval, True, report.samples),
    )


def _target_tile(words: Words, candidate: Candidate, report: AccuracyReport) -> QFrame:
    target = candidate.on_target
    if target is None:
        return tile("–", words("On the target"), text(words("not measured"), "muted"))
    same = words(
        "{samples} samples, {share} as here",
        samples=target.samples,
        share=figures.percent(target.same_as_fast),
    )
    shown = "–"
    if target.share is not None:
        shown = figures.percent(target.share)
    elif target.primary is not None:
        shown = measures.figure(target.primary)
    elif report.accuracy is None:
        shown = figures.percent(target.same_as_fast)
    return tile(shown, words("On {runtime}", runtime=target.runtime), text(same, "muted"))


def _samples(words: Words, count: int) -> str:
    return words("{samples} samples", samples=count)


def _interval(words: Words, interval: Interval | None, is_share: bool, samples: int) -> QLabel:
    """ "95 %: 97.1–99.5 %, 359 samples"."""
    if interval is None:
        return text(_samples(words, samples), "muted")
    span = measures.span(interval, is_share)
    if is_share:
        span = f"{100 * interval.low:.1f}–{100 * interval.high:.1f} %"
    said = words("95 %: {span}, {samples} samples", span=span, samples=samples)
    return text(said, "muted")
