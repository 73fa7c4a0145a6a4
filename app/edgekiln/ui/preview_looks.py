"""The tabs beside the samples: figures, confusion, classes, operators, latency, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from edgekiln.core import measures
from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.measures import Measure
from edgekiln.core.text import Words
from edgekiln.ui.preview_tiles import difference, primary, tone_of
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.confusion import ConfusionMatrix
from edgekiln.ui.widgets.kit import column, text
from edgekiln.ui.widgets.panels import scrolled
from edgekiln.ui.widgets.table import Cell, Row, table


@dataclass(frozen=True)
class Looks:
    """What the tabs are drawn from."""

    words: Words
    tokens: Tokens
    result: QuantResult
    candidate: Candidate
    report: AccuracyReport

    def all(self, show_pair: Callable[[int, int], object]) -> Iterator[tuple[str, str, QWidget]]:
        """Name, title and content of each tab this model has."""
        words = self.words
        yield "figures", words("Figures"), scrolled(self._figures())
        if self.report.confusion:
            yield "confusion", words("Confusion"), scrolled(self._confusion(show_pair))

    def _figures(self) -> QWidget:
        words = self.words
        headers = (
            words("Figure"), words("Value"), words("float"), words("Difference"),
            words("95 % interval"), words("Samples"),
        )  # fmt: skip
        rows = [self._figure(each) for each in _measures(self.report)]
        return table(self.tokens, words("Figures"), headers, rows, 0, 16)

    def _figure(self, own: Measure) -> Row:
        words, reference = self.words, self._of_float(own)
        tone = tone_of(own, reference, self.result.max_drop)
        return (
            Cell(words.render(measures.title(own.name))),
            Cell(measures.figure(own), number=True),
            Cell(measures.figure(reference) if reference else "–", number=True),
            Cell(difference(words, own, reference), tone, number=True),
            Cell(measures.span(own.interval, own.is_share), number=True),
            Cell(f"{own.samples:,}", number=True),
        )

    def _of_float(self, own: Measure) -> Measure | None:
        if self.result.float_report is None:
            return None
        theirs = _measures(self.result.float_report)
        return next((each for each in theirs if each.name == own.name), None)

    def _confusion(self, show_pair: Callable[[int, int], object]) -> QWidget:
        words, report = self.words, self.report
        matrix = ConfusionMatrix(words, self.tokens, report.confusion, report.class_names)
        matrix.setObjectName("matrix")
        matrix.chosen.connect(show_pair)
        lead = words("Rows: label. Columns: predicted. A click shows the samples of a cell.")
        return column(text(lead, "muted"), matrix)


def _measures(report: AccuracyReport) -> tuple[Measure, ...]:
    """The first figure, then the others, each once."""
    first = primary(report)
    others = [m for m in report.measures if first is None or m.name != first.name]
    return (*others,) if first is None else (first, *others)
