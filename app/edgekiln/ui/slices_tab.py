"""What both models are worth by class, size and every column of the data's table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QFrame, QWidget

from edgekiln.core import measures
from edgekiln.core.accuracy import SliceInputs, SliceTable
from edgekiln.core.measures import PairedTest, SliceFigures
from edgekiln.core.text import Words
from edgekiln.ui.data_looks import Looks, Told
from edgekiln.ui.preview_tiles import difference, tone_of
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import clear, column, row, text, word
from edgekiln.ui.widgets.table import Cell, Row, Table, table

_MOST_ROWS, _LEAST = 14, 96


class SlicesTab(QFrame):
    """Asks a child when it is first looked at. The slices that lose most come first."""

    def __init__(
        self, words: Words, tokens: Tokens, looks: Looks, inputs: SliceInputs, max_drop: float
    ) -> None:
        super().__init__()
        self.setObjectName("slices")
        self._words, self._tokens, self._looks = words, tokens, looks
        self._inputs, self._max_drop = inputs, max_drop
        self._slices: tuple[SliceFigures, ...] = ()
        self._kinds: tuple[str, ...] = ()
        self._asked = False
        self._rows = column(gap=0)
        column(gap=12, margin=8, into=self)

    def showEvent(self, event: QShowEvent) -> None:
        """Ask, once."""
        super().showEvent(event)
        layout = self.layout()
        if not self._asked and layout is not None:
            self._asked = True
            job = self._looks.slices(self._inputs)
            layout.addWidget(Told(self._words, self._tokens, job, self._shown, print))
            layout.addWidget(column(None))

    def _shown(self, result: object) -> Sequence[QWidget]:
        assert isinstance(result, SliceTable)
        words = self._words
        self._slices = result.slices
        self._kinds = tuple(dict.fromkeys(each.by for each in result.slices))
        if not self._kinds:
            said = words("The data has no labels and no columns: there is nothing to slice by.")
            return (text(said, "muted"),)
        names = {"class": words("Class"), "size": words("Size")}
        choice = QComboBox()
        choice.setObjectName("figures-by")
        choice.setAccessibleName(words("Figures by"))
        choice.addItems([names.get(kind, kind) for kind in self._kinds])
        choice.setMinimumWidth(160)
        choice.currentIndexChanged.connect(self._show)
        hint = text(words("Slices that lose most first; few samples can show little."), "muted")
        self._rows = column(gap=0)
        self._show(0)
        return (row(word(words("Figures by"), "strong"), choice, hint, gap=16, wide=2), self._rows)

    def _show(self, number: int) -> None:
        kind = self._kinds[number]
        layout = self._rows.layout()
        assert layout is not None
        clear(layout)
        own = [each for each in self._slices if each.by == kind]
        layout.addWidget(self._table(sorted(own, key=_loss)))

    def _table(self, shown: list[SliceFigures]) -> Table:
        words = self._words
        figure = next((each.primary for each in shown if each.primary is not None), None)
        headers = (
            words("Value"),
            words("Samples"),
            words.render(measures.title(figure.name)) if figure else words("Figure"),
            words("95 % interval"),
            words("float"),
            words("Difference"),
            words("Chance"),
        )
        rows = [self._row(each) for each in shown]
        made = table(self._tokens, words("Figures by slice"), headers, rows, 0, _MOST_ROWS, _LEAST)
        made.setObjectName("slice-table")
        return made

    def _row(self, each: SliceFigures) -> Row:
        words, own, reference = self._words, each.primary, each.float_primary
        if own is None:
            dashes = [Cell("–", number=True) for _ in range(4)]
            return (Cell(each.value), Cell(f"{each.samples:,}", number=True), *dashes, Cell("–"))
        return (
            Cell(each.value),
            Cell(f"{each.samples:,}", number=True),
            Cell(measures.figure(own), number=True),
            Cell(measures.span(own.interval, own.is_share), number=True),
            Cell(measures.figure(reference) if reference else "–", number=True),
            Cell(
                difference(words, own, reference),
                tone_of(own, reference, self._max_drop),
                number=True,
            ),
            self._chance(each.paired, own.is_share),
        )

    def _chance(self, paired: PairedTest | None, is_share: bool) -> Cell:
        words = self._words
        if paired is None:
            return Cell("–")
        said = words("within noise") if paired.is_noise else words("more than noise")
        return Cell(said, tip=words.render(measures.told(paired, is_share)))


def _loss(each: SliceFigures) -> float:
    """Least first: what lost most; what has no figure last."""
    if each.primary is None or each.float_primary is None:
        return float("inf")
    return each.primary.value - each.float_primary.value
