"""Chapters on how sure the figures are: intervals, paired tests, further figures, every class."""

from __future__ import annotations

from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.artifact import SchemeName
from edgekiln.core.measures import Interval, Measure, figure, span, title, told
from edgekiln.core.text import Words, say
from edgekiln.pipeline.evaluate.figures import percent, points
from edgekiln.pipeline.evaluate.html import NOTHING, Html, Part, join, section, table, tag


def about_certainty(result: QuantResult, words: Words) -> Html:
    """The figures of the float model and of each candidate with their intervals, and the chosen one
    beside the others; nothing where nothing was measured."""
    judged = {c.scheme: c.report for c in result.candidates if c.report and c.report.figures}
    if not judged and not result.beside:
        return NOTHING
    lead = say("Small type: the interval that holds the true figure with 95 % confidence.")
    parts: list[Part] = [
        tag("p", words.render(lead), kind="soft"),
        _figures(result.float_report, judged, words),
    ]
    for beside in result.beside:
        line = say(
            "{chosen} beside {scheme}: {sentence}",
            chosen=result.chosen or "–", scheme=beside.scheme,
            sentence=told(beside.test, _is_share(result)),
        )  # fmt: skip
        parts.append(tag("p", words.render(line)))
    return section(words.render(say("How sure the figures are")), *parts)


def about_classes(report: AccuracyReport, words: Words) -> Html:
    """Precision, recall, F1, AP or IoU of every class, and how far the model's confidence can be
    trusted; nothing without labels."""
    if not report.per_class:
        return NOTHING
    heads = [words.render(t) for t in (say("Class"), say("Class precision"), say("Recall"),
                                       say("F1"), say("AP or IoU"), say("Samples"))]  # fmt: skip
    names = report.class_names
    rows = [
        (
            names[c.index] if c.index < len(names) else str(c.index),
            *map(_share, (c.precision, c.recall, c.f1, c.score)),
            str(c.support),
        )
        for c in report.per_class
    ]
    if all(c.score is None for c in report.per_class):
        heads, rows = [*heads[:4], heads[5]], [(*row[:4], row[5]) for row in rows]
    return section(
        words.render(say("Every class")),
        table(heads, rows, frozenset(range(1, len(heads)))),
        _reliability(report, words) if report.reliability else NOTHING,
    )


def _is_share(result: QuantResult) -> bool:
    first = None if result.float_report is None else result.float_report.first
    return first is None or first.is_share


def about_outputs(report: AccuracyReport, words: Words) -> Html:
    """Each output of the chosen candidate beside the float model's; nothing where there is one."""
    if not report.by_output:
        return NOTHING
    heads = [words.render(t) for t in (say("Output"), say("Cosine"), say("SQNR"), say("Error"))]
    rows = [
        (
            one.name,
            f"{one.cosine:.4f}",
            "–" if one.sqnr_db is None else f"{one.sqnr_db:.1f} dB",
            _share(one.error),
        )
        for one in report.by_output
    ]
    return section(words.render(say("Every output")), table(heads, rows, frozenset((1, 2, 3))))


def interval_of(interval: Interval | None, is_share: bool = True) -> Html:
    """The interval below its figure; nothing for none."""
    return NOTHING if interval is None else tag("div", span(interval, is_share), kind="soft")


def tested_of(candidate: Candidate, words: Words) -> Html:
    """The paired test against float in its sentence; nothing for none."""
    test = None if candidate.report is None else candidate.report.paired
    first = None if candidate.report is None else candidate.report.first
    is_share = first is None or first.is_share
    return NOTHING if test is None else tag("div", words.render(told(test, is_share)), kind="soft")


def _figures(
    reference: AccuracyReport | None, judged: dict[SchemeName, AccuracyReport], words: Words
) -> Html:
    names = list(dict.fromkeys(m.name for report in judged.values() for m in report.figures))
    heads = [words.render(say("Scheme")), *(words.render(title(name)) for name in names)]
    of_float = {} if reference is None else {each.name: each for each in reference.figures}
    rows = []
    if of_float:
        rows.append(
            (words.render(say("float")), *(_cell(of_float.get(n), None, words) for n in names))
        )
    for scheme, report in judged.items():
        own = {each.name: each for each in report.figures}
        rows.append((scheme, *(_cell(own.get(n), of_float.get(n), words) for n in names)))
    return tag("div", table(heads, rows), kind="wide")


def _cell(measure: Measure | None, reference: Measure | None, words: Words) -> Part:
    if measure is None:
        return "–"
    samples = say("{samples} samples", samples=measure.samples)
    small = [words.render(samples)]
    if measure.interval is not None:
        small.insert(0, span(measure.interval, measure.is_share))
    parts = (tag("div", text, kind="soft") for text in small)
    return join((figure(measure), change_of(measure, reference, words), *parts))


def change_of(measure: Measure, reference: Measure | None, words: Words) -> Html:
    """The difference to float, in points for shares; nothing without one."""
    if reference is None:
        return NOTHING
    apart = measure.value - reference.value
    if measure.is_share and measure.name != "ece":  # an error, whose fall is good
        return points(apart, words)
    return tag("span", f" ({apart:+.3g})", kind="soft")


def _reliability(report: AccuracyReport, words: Words) -> Html:
    heads = [words.render(t) for t in (say("Confidence"), say("Mean confidence"),
                                       say("Share right"), say("Samples"))]  # fmt: skip
    rows = [
        (f"{b.low:.2f}–{b.high:.2f}", percent(b.confidence), percent(b.accuracy), str(b.samples))
        for b in report.reliability
    ]
    return table(heads, rows, frozenset((1, 2, 3)))


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)
