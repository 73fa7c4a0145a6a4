"""The classes one by one, sorted by any column, and how far confidence can be trusted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.measures import ClassFigures
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.preview_tiles import LEAST_CHANGE
from edgekiln.ui.theme import Tokens, Tone
from edgekiln.ui.widgets.kit import card, column, line, row, text
from edgekiln.ui.widgets.reliability import Reliability
from edgekiln.ui.widgets.table import Cell, Row, table

_MOST = 12
_Key = Callable[[ClassFigures], float | str]


class ClassLook(QWidget):
    """A row each: support, precision, recall, F1 and, of boxes and pixels, the score; recall (or
    score) beside the float model's. A click on a header sorts, a second one the other way."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        report: AccuracyReport,
        reference: AccuracyReport | None,
    ) -> None:
        super().__init__()
        self._words, self._report = words, report
        of_float = reference.per_class if reference is not None else ()
        self._of_float = {each.index: each for each in of_float}
        self._scored = any(each.score is not None for each in report.per_class)
        self._by, self._falling = 0, False
        headers = self._headers()
        self._table = table(tokens, words("Classes"), headers, self._rows(), 0, _MOST, 96)
        self._table.setObjectName("classes")
        header = self._table.horizontalHeader()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.sectionClicked.connect(self.sort)
        items: list[QWidget] = [self._table]
        if report.reliability:
            bins = reference.reliability if reference is not None else ()
            items.append(
                row(
                    card(
                        line(words("Confidence and share right"), "strong"),
                        Reliability(words, tokens, report.reliability, bins),
                        text(words("■ candidate  — float  ┄ as sure as right"), "muted"),
                    ),
                    None,
                )
            )
        column(*items, gap=12, into=self)

    def sort(self, by: int) -> None:
        """By a column; numbers begin with the lowest: that is where the trouble is."""
        self._falling = by == self._by and not self._falling
        self._by = by
        order = Qt.SortOrder.DescendingOrder if self._falling else Qt.SortOrder.AscendingOrder
        self._table.horizontalHeader().setSortIndicator(by, order)
        self._table.put(self._rows(), _MOST)

    def _headers(self) -> tuple[str, ...]:
        words = self._words
        first = (words("Class"), words("Support"), words("Of those said, right"), words("Recall"))
        score = (words("Score"),) if self._scored else ()
        return (*first, words("F1"), *score, words("Against float"))

    def _rows(self) -> list[Row]:
        keys: list[_Key] = [
            lambda each: each.index,
            lambda each: each.support,
            lambda each: _number(each.precision),
            lambda each: _number(each.recall),
            lambda each: _number(each.f1),
            *([lambda each: _number(each.score)] if self._scored else []),
            lambda each: _number(self._change(each)),
        ]
        ranked = sorted(self._report.per_class, key=keys[self._by], reverse=self._falling)
        return [self._row(each) for each in ranked]

    def _row(self, each: ClassFigures) -> Row:
        names, change = self._report.class_names, self._change(each)
        shares = [each.precision, each.recall, each.f1, *([each.score] if self._scored else [])]
        said: str = "–"
        tone: Tone = ""
        if change is not None:
            said = figures.points(self._words, change)
            tone = "" if abs(change) < LEAST_CHANGE else "good" if change > 0 else "bad"
        return (
            Cell(names[each.index] if each.index < len(names) else str(each.index)),
            Cell(f"{each.support:,}", number=True),
            *(Cell(figures.percent(share), number=True) for share in shares),
            Cell(said, tone, number=True),
        )

    def _change(self, each: ClassFigures) -> float | None:
        """Recall, of boxes and pixels the score, against the float model's."""
        other = self._of_float.get(each.index)
        if other is None:
            return None
        own, theirs = (c.score if self._scored else c.recall for c in (each, other))
        return None if own is None or theirs is None else own - theirs


def _number(value: float | None) -> float:
    return 2.0 if value is None else value  # what is not known comes after all shares
