"""What a search has found so far: a plot, a table, the best of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtWidgets import QButtonGroup, QFrame, QRadioButton, QWidget

from edgekiln.core.quantization import Attempt
from edgekiln.core.text import Words
from edgekiln.jobs.job import Job
from edgekiln.ui import attempts as told
from edgekiln.ui.attempts import Across, Terms
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import card, column, row, text, word
from edgekiln.ui.widgets.scatter import Scatter
from edgekiln.ui.widgets.table import table

_MOST_ROWS = 6


class Findings(QFrame):
    """Attempts as they come; `switched` is told what the plot shall show across."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        terms: Terms,
        across: Across,
        switched: Callable[[Across], object],
    ) -> None:
        super().__init__()
        self._words, self._terms, self._across, self._switched = words, terms, across, switched
        self._attempts: tuple[Attempt, ...] = ()
        self._best = text("", "strong")
        self._best.setObjectName("best")
        self.plot = Scatter(tokens, words("Candidates, loss against size or latency"))
        self.plot.setObjectName("plot")
        self._below = text("", "muted")
        self._table = table(tokens, words("Tried so far"), told.headers(words, terms), (), 4)
        self._table.setObjectName("attempts")
        head = row(*self._choice(), None, *self._legend(), gap=16)
        column(card(self._best, head, self.plot, self._below), self._table, gap=16, into=self)
        self.show_attempts(())

    def follow(self, job: Job) -> None:
        """Show what the job finds, when it finds it."""
        self._job = job
        job.found.connect(self._take)
        self._take()

    def show_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Show these."""
        words, terms = self._words, self._terms
        self._attempts = shown = told.latest(attempts)
        chart = told.chart(words, shown, terms, self._across)
        nothing = words("Candidates appear here as they are judged.")
        self.plot.show_dots(chart.dots, chart.x, chart.y, chart.limit, nothing)
        self._best.setText(told.sentence(words, shown, terms))
        self._below.setText(self._left_out(len(shown) - len(chart.dots)))
        self._below.setVisible(bool(self._below.text()))
        best = told.best(shown, terms)
        first = [each for each in shown if each is best]
        newest = [each for each in reversed(shown) if each is not best]
        rows = [told.row_of(words, each, terms, each is best) for each in first + newest]
        self._table.put(rows, _MOST_ROWS)

    def _take(self) -> None:
        self.show_attempts(self._job.attempts)

    def _left_out(self, count: int) -> str:
        if self._terms.random:
            return self._words("Made from random numbers: accuracy is unknown without data.")
        if not count:
            return ""
        return self._words("{count} without figures are not in the plot.", count=count)

    def _choice(self) -> list[QWidget]:
        words = self._words
        if self._terms.random:
            return []
        group = QButtonGroup(self)
        made: list[QWidget] = []
        titles: dict[Across, str] = {"size": words("Size"), "latency": words("Latency here")}
        for across, title in titles.items():
            radio = QRadioButton(title)
            radio.setObjectName(f"across-{across}")
            radio.setAccessibleName(words("Plot against: {what}", what=title))
            radio.setChecked(across == self._across)
            radio.toggled.connect(partial(self._switch, across))
            group.addButton(radio)
            made.append(radio)
        return [word(words("Plot against"), "muted"), *made]

    def _switch(self, across: Across, on: bool) -> None:
        if not on:
            return
        self._across = across
        self._switched(across)
        self.show_attempts(self._attempts)

    def _legend(self) -> list[QWidget]:
        words = self._words
        taken = words("best") if self._terms.taken is None else words("chosen")
        best = word("◎ " + taken, "muted")
        unusable = word("✕ " + words("not usable"), tone="bad")
        if self._terms.random:
            return [word("● " + words("usable"), "muted"), unusable, best]
        return [
            word("● " + words("holds the limit"), tone="good"),
            word("◇ " + words("loses more"), tone="warn"),
            unusable,
            best,
        ]
