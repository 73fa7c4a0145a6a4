"""Where the chosen candidate errs, and the samples it sees otherwise than the float model."""

from __future__ import annotations

import io

from edgekiln.core.accuracy import AccuracyReport, Differing
from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.text import Words, say
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.source import open_data
from edgekiln.pipeline.data.thumbnails import draw
from edgekiln.pipeline.evaluate.figures import percent
from edgekiln.pipeline.evaluate.html import (
    NOTHING,
    Html,
    Part,
    gallery,
    join,
    picture,
    section,
    table,
    tag,
)

_SHOWN = 12
_SIZE = 152
_MOST_CLASSES, _MOST_PAIRS = 24, 100  # a matrix on a sheet; the pairs told instead of a larger one


def about_confusion(report: AccuracyReport, words: Words) -> Html:
    """The confusion matrix, darker where more samples are; nothing without labels."""
    if not report.confusion:
        return NOTHING
    if len(report.confusion) > _MOST_CLASSES:
        return _confused(report, words)
    largest = max(max(row) for row in report.confusion) or 1
    heads = [tag("th", ""), *(tag("th", name) for name in report.class_names)]
    rows = [tag("tr", *heads)]
    for i, counts in enumerate(report.confusion):
        cells = [_cell(n, largest, i == j) for j, n in enumerate(counts)]
        rows.append(tag("tr", tag("th", report.class_names[i]), *cells))
    lead = say(
        "Rows: the label; columns: what the chosen candidate says. {samples} samples, {runtime}.",
        samples=report.samples,
        runtime=report.runtime,
    )
    return section(
        words.render(say("Confusion matrix")),
        tag("p", words.render(lead), kind="soft"),
        tag("div", tag("table", *rows, kind="confusion"), kind="wide"),
    )


def _confused(report: AccuracyReport, words: Words) -> Html:
    """The pairs confused most often, where a matrix would be larger than a sheet."""
    names, counts = report.class_names, report.confusion
    wrong = [(counts[t][p], t, p) for t in range(len(counts)) for p in range(len(counts)) if t != p]
    wrong = sorted((pair for pair in wrong if pair[0]), reverse=True)
    lead = say(
        "{classes} classes: the {shown} pairs confused most often of {pairs}; all are in the CSV.",
        classes=len(counts),
        shown=min(_MOST_PAIRS, len(wrong)),
        pairs=len(wrong),
    )
    heads = [words.render(t) for t in (say("Label"), say("Predicted"), say("Samples"))]
    rows = [(names[t], names[p], str(count)) for count, t, p in wrong[:_MOST_PAIRS]]
    return section(
        words.render(say("Confusion matrix")),
        tag("p", words.render(lead), kind="soft"),
        table(heads, rows, frozenset((2,))),
    )


def about_differences(report: AccuracyReport, evaluation: DataSource | None, words: Words) -> Html:
    """Up to 12 samples on which candidate and float model differ, as pictures."""
    if report.agreement is None:
        return NOTHING
    lead = say(
        "The candidate agrees with the float model on {share} of {samples} samples.",
        share=percent(report.agreement),
        samples=report.samples,
    )
    shown = report.differing[:_SHOWN]
    data = _data(report, evaluation) if shown else None
    parts: list[Part] = [tag("p", words.render(lead))]
    if shown and data is None:
        gone = say("The evaluation data is gone or has changed, so its pictures are not shown.")
        parts.append(tag("p", words.render(gone), kind="soft"))
    elif data is not None:
        figures = [_figure(d, data, report, words) for d in shown]
        parts.append(gallery(figures))
    return section(words.render(say("Where the two differ")), *parts)


def _data(report: AccuracyReport, evaluation: DataSource | None) -> DataSet | None:
    """The data the report was made on; None when it is another by now."""
    if evaluation is None:
        return None
    try:
        data = open_data(evaluation)
    except UserError:  # moved or broken since: the report says so in its place
        return None
    same = data.fingerprint == report.data_fingerprint and len(data) == report.samples
    return data if same else None


def _figure(differing: Differing, data: DataSet, report: AccuracyReport, words: Words) -> Html:
    png = io.BytesIO()
    draw(data, differing.index, _SIZE).save(png, "PNG")
    lines = [
        say("float: {name}", name=_name(report, differing.float_class)),
        say("candidate: {name}", name=_name(report, differing.candidate_class)),
    ]
    if differing.label >= 0:
        lines.insert(0, say("label: {name}", name=_name(report, differing.label)))
    caption = join(tag("div", words.render(line)) for line in lines)
    about = words.render(say("sample {index}", index=differing.index))
    return picture(png.getvalue(), caption, about)


def _name(report: AccuracyReport, index: int) -> str:
    return report.class_names[index] if 0 <= index < len(report.class_names) else "–"


def _cell(count: int, largest: int, right: bool) -> Html:
    """Fired clay for errors, green for the diagonal, stronger with the count; mixed with white
    here, for what is archived (PDF/A) knows no transparency."""
    if not count:
        return tag("td", "·")
    colour = (30, 122, 68) if right else (200, 85, 61)
    strength = 0.12 + 0.48 * count / largest if right else 0.2 + 0.5 * min(1.0, 4 * count / largest)
    mixed = "".join(f"{round(255 + (part - 255) * strength):02x}" for part in colour)
    return tag("td", str(count), style=f"background-color:#{mixed}")
