"""The tabs beside the samples: figures, confusion, classes, operators, latency, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from edgekiln.core import measures
from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.measures import Measure
from edgekiln.core.text import Words
from edgekiln.ui.preview_tiles import difference, tone_of
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
        rows = [self._figure(each) for each in self.report.figures]
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
        theirs = self.result.float_report.figures
        return next((each for each in theirs if each.name == own.name), None)

    def _confusion(self, show_pair: Callable[[int, int], object]) -> QWidget:
        words, report = self.words, self.report
        matrix = ConfusionMatrix(words, self.tokens, report.confusion, report.class_names)
        matrix.setObjectName("matrix")
        matrix.chosen.connect(show_pair)
        lead = words("Rows: label. Columns: predicted. A click shows the samples of a cell.")
        return column(text(lead, "muted"), matrix)
