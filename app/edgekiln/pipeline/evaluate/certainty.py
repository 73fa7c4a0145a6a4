"""Chapters on how sure the figures are: intervals, paired tests, further figures, every class."""

from __future__ import annotations

from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.measures import Interval, Measure, figure, span, title, told
from edgekiln.core.text import Words, say
from edgekiln.pipeline.evaluate.figures import percent
from edgekiln.pipeline.evaluate.html import NOTHING, Html, Part, join, section, table, tag


def about_certainty(result: QuantResult, words: Words) -> Html:
    """Each candidate's further figures with their intervals, and the chosen one beside the others;
    nothing where nothing was measured."""
    judged = [c for c in result.candidates if c.report and c.report.measures]
    if not judged and not result.beside:
        return NOTHING
    lead = say("Small type: the interval that holds the true figure with 95 % confidence.")
    parts: list[Part] = [tag("p", words.render(lead), kind="soft"), _measures(judged, words)]
    for beside in result.beside:
        line = say(
            "{chosen} beside {scheme}: {sentence}",
            chosen=result.chosen or "–", scheme=beside.scheme,
            sentence=told(beside.test, _is_share(result)),
        )  # fmt: skip
        parts.append(tag("p", words.render(line)))
    return section(words.render(say("How sure the figures are")), *parts)


def about_classes(report: AccuracyReport, words: Words) -> Html:
    """Precision, recall and F1 of every class, and how far the model's confidence can be trusted;
    nothing without labels."""
    if not report.per_class:
        return NOTHING
    scored = report.task in ("detection", "segmentation")
    score = say("AP 50–95") if report.task == "detection" else say("IoU")
    support = {"detection": say("Boxes"), "segmentation": say("Pixels")}
    titles = (say("Class"), *((score,) if scored else ()), say("Class precision"), say("Recall"),
              say("F1"), support.get(report.task, say("Samples")))  # fmt: skip
    heads = [words.render(each) for each in titles]
    rows = []
    for c in report.per_class:
        figures = (*((c.score,) if scored else ()), c.precision, c.recall, c.f1)
        rows.append((report.class_names[c.index], *map(_share, figures), str(c.support)))
    return section(
        words.render(say("Every class")),
        table(heads, rows, frozenset(range(1, len(heads)))),
        _reliability(report, words) if report.reliability else NOTHING,
    )


def interval_of(interval: Interval | None, is_share: bool = True) -> Html:
    """The interval below its figure; nothing for none."""
    return NOTHING if interval is None else tag("div", span(interval, is_share), kind="soft")


def tested_of(candidate: Candidate, words: Words) -> Html:
    """The paired test against float in its sentence; nothing for none."""
    report = candidate.report
    if report is None or report.paired is None:
        return NOTHING
    is_share = report.first is None or report.first.is_share
    return tag("div", words.render(told(report.paired, is_share)), kind="soft")


def _is_share(result: QuantResult) -> bool:
    first = None if result.float_report is None else result.float_report.first
    return first is None or first.is_share


def _measures(judged: list[Candidate], words: Words) -> Html:
    reports = [c.report for c in judged if c.report is not None]
    names = list(dict.fromkeys(m.name for report in reports for m in report.measures))
    heads = [words.render(say("Scheme")), *(words.render(title(name)) for name in names)]
    rows = []
    for candidate, report in zip(judged, reports, strict=True):
        by_name = {measure.name: measure for measure in report.measures}
        cells = [_measure(by_name.get(name), words) for name in names]
        rows.append((candidate.scheme, *cells))
    return tag("div", table(heads, rows), kind="wide")


def _measure(measure: Measure | None, words: Words) -> Part:
    if measure is None:
        return "–"
    samples = say("{samples} samples", samples=measure.samples)
    small = [words.render(samples)]
    if measure.interval is not None:
        small.insert(0, span(measure.interval, measure.is_share))
    return join((figure(measure), *(tag("div", text, kind="soft") for text in small)))


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
