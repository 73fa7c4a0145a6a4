"""How many samples there are of each class, size, or value of a column."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QFrame, QWidget

from edgekiln.core.data import Slice
from edgekiln.core.text import Words
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.bars import Bar, Bars
from edgekiln.ui.widgets.kit import clear, column, row, word
from edgekiln.ui.widgets.table import Cell, Table, table

_MOST_ROWS = 10


class Counts(QFrame):
    """Bars and a table of one kind of slice; which, is chosen where there are several."""

    def __init__(self, words: Words, tokens: Tokens, slices: tuple[Slice, ...], both: bool) -> None:
        super().__init__()
        self.setProperty("box", "card")
        self._words, self._tokens, self._slices, self._both = words, tokens, slices, both
        names = {"class": words("Class"), "size": words("Size")}
        self._kinds = tuple(dict.fromkeys(each.by for each in slices))
        self._choice = QComboBox()
        self._choice.setObjectName("slices-by")
        self._choice.setAccessibleName(words("Count samples by"))
        self._choice.addItems([names.get(kind, kind) for kind in self._kinds])
        self._choice.setMinimumWidth(160)
        self._choice.currentIndexChanged.connect(self._show)
        self._place = column(gap=12)
        head = row(word(words("Count samples by"), "strong"), self._choice, None, *self._legend())
        head.layout().setSpacing(16)  # type: ignore[union-attr]
        column(head, self._place, gap=12, margin=16, into=self)
        if slices:
            self._show(0)
        else:
            self.hide()

    def _legend(self) -> tuple[QWidget, ...]:
        words = self._words
        if not self._both:
            return ()
        return (
            word("■ " + words("to calibrate"), "muted"),
            word("— " + words("to evaluate"), "muted"),
        )

    def _show(self, number: int) -> None:
        words, kind = self._words, self._kinds[number]
        shown = tuple(each for each in self._slices if each.by == kind)
        bars = Bars(
            self._tokens,
            words("Samples by {kind}", kind=self._choice.itemText(number)),
            words("Samples"),
            tuple(self._bar(each) for each in shown),
        )
        bars.setObjectName("counts")
        rows = self._table(number, shown)
        bars.chosen.connect(rows.selectRow)
        layout = self._place.layout()
        assert layout is not None
        clear(layout)
        layout.addWidget(bars)
        layout.addWidget(rows)

    def _bar(self, each: Slice) -> Bar:
        words = self._words
        tip = words("{name}: {samples} samples", name=each.value, samples=each.samples)
        if self._both:
            tip = words(
                "{name}: {samples} to calibrate, {evaluation} to evaluate",
                name=each.value, samples=each.samples, evaluation=each.evaluation,
            )  # fmt: skip
        none = not each.samples or (self._both and not each.evaluation)
        across = float(each.evaluation) if self._both else None
        return Bar(float(each.samples), across, tip, warn=none)

    def _table(self, number: int, shown: tuple[Slice, ...]) -> Table:
        words = self._words
        kind = self._choice.itemText(number)
        headers = [kind, words("Samples")]
        if self._both:
            headers = [kind, words("to calibrate"), words("to evaluate")]
        made = table(
            self._tokens,
            words("Samples by {kind}", kind=kind),
            headers,
            [
                (
                    Cell(each.value),
                    Cell(f"{each.samples:,}", number=True),
                    *((Cell(f"{each.evaluation:,}", number=True),) if self._both else ()),
                )
                for each in shown
            ],
            most_rows=_MOST_ROWS,
        )
        made.setObjectName("counts-table")
        return made
