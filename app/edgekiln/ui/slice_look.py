"""What both models are worth on each slice of the data: a class, a size, a column's value."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from edgekiln.core import measures
from edgekiln.core.accuracy import SliceInputs, SliceTable
from edgekiln.core.measures import SliceFigures
from edgekiln.core.text import Words
from edgekiln.jobs.job import Job
from edgekiln.jobs.lanes import Lanes
from edgekiln.ui import tasks
from edgekiln.ui.preview_tiles import difference, tone_of
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, clear, column, text
from edgekiln.ui.widgets.panels import BusyPanel, error_panel
from edgekiln.ui.widgets.table import Cell, Row, Rows, dressed


class SliceLook(QWidget):
    """Asks a child when it is first looked at, then shows a row for each slice."""

    def __init__(
        self, words: Words, tokens: Tokens, lanes: Lanes, inputs: SliceInputs, max_drop: float
    ) -> None:
        super().__init__()
        self._words, self._tokens, self._lanes = words, tokens, lanes
        self._inputs, self._max_drop = inputs, max_drop
        self._job: Job | None = None
        self._place = column()
        column(self._place, into=self)

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: somebody looks."""
        super().showEvent(event)
        if self._job is None:
            self._ask()

    def _ask(self) -> None:
        job = self._lanes.submit(tasks.slices(self._inputs), lambda _: None)
        self._job = job
        job.finished.connect(self._show)
        self._put(BusyPanel(self._words, job, lambda: self._lanes.cancel(job)), None)

    def _show(self) -> None:
        job, words = self._job, self._words
        again = Action(words("Try again"), self._ask, "again-slices")
        if job is not None and isinstance(job.result, SliceTable):
            self._put(*self._table(job.result))
        elif job is not None and job.error is not None:
            self._put(error_panel(words, self._tokens, job.error, print, again), None)
        else:
            self._put(text(words("The slices were not made."), "muted"), None)

    def _put(self, *shown: QWidget | None) -> None:
        layout = self._place.layout()
        assert layout is not None
        clear(layout)
        whole = column(*shown, wide=1 if len(shown) > 1 and shown[1] is not None else None)
        layout.addWidget(whole)

    def _table(self, made: SliceTable) -> tuple[QWidget, QWidget | None]:
        words = self._words
        if not made.slices:
            return text(words("The data has no slices: one class, one size."), "muted"), None
        headers = (
            words("By"), words("Value"), words("Samples"), words("Candidate"), words("float"),
            words("Difference"), words("95 % interval"), "",
        )  # fmt: skip
        rows = [self._row(each) for each in made.slices]
        view = dressed(words("Slices"), Rows(self._tokens, headers, rows), 7, 80)
        view.setObjectName("slices-table")
        return text(words("≈: the difference is within noise for so few samples."), "muted"), view

    def _row(self, each: SliceFigures) -> Row:
        own, words = each.primary, self._words
        by = {"class": words("class"), "size": words("size")}.get(each.by, each.by)
        first = (Cell(by), Cell(each.value), Cell(f"{each.samples:,}", number=True))
        if own is None:
            return (*first, *(Cell("–", number=True) for _ in range(4)), Cell(""))
        tone = tone_of(own, each.float_primary, self._max_drop)
        noise = each.paired is not None and each.paired.is_noise
        told = words.render(measures.told(each.paired, own.is_share)) if each.paired else ""
        theirs = measures.figure(each.float_primary) if each.float_primary else "–"
        change = difference(words, own, each.float_primary)
        return (
            *first,
            Cell(measures.figure(own), number=True),
            Cell(theirs, number=True),
            Cell(change, "muted" if noise else tone, number=True, tip=f"{change}\n{told}"),
            Cell(measures.span(own.interval, own.is_share), number=True),
            Cell("≈" if noise else "", tip=told),
        )
