"""The tab of the samples: which are shown, the grid, and the one that is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, Qt, QTimer
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.samples import NO_CLASS, Answer, Samples, Which
from edgekiln.core.text import Words
from edgekiln.ui.overlays import OverlayPair
from edgekiln.ui.sample_grid import Names, SampleGrid
from edgekiln.ui.sample_store import SampleStore
from edgekiln.ui.theme import Tokens, Tone
from edgekiln.ui.widgets.kit import (
    Action,
    button,
    card,
    column,
    line,
    notice,
    row,
    text,
)
from edgekiln.ui.widgets.picture_view import PictureView
from edgekiln.ui.widgets.table import Cell, Row, table

_DETAIL = 248
_ROWS = 3
_SOON_MS = 150  # a sample that is looked at so long is drawn large
_AHEAD = 8


@dataclass
class Looking:
    """What of the samples is looked at, kept while the page is drawn anew."""

    which: Which = "all"
    pair: tuple[int, int] | None = None
    sample: int = 0
    tab: str = ""


class SamplesTab(QWidget):
    """All samples, those that are wrong, lost to float, or otherwise; by picture and by name."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        scheme: str,
        report: AccuracyReport,
        store: SampleStore,
        samples: Samples,
        looking: Looking,
    ) -> None:
        super().__init__()
        self._words, self._tokens, self._scheme = words, tokens, scheme
        self._samples, self._store, self._looking = samples, store, looking
        self._names = Names(words, samples, report.class_names)
        self._grid = SampleGrid(tokens, self._names, store.pictures)
        self._choice, self._order = QComboBox(), self._orders()
        self._count = line("", "muted")
        self._pair = button(Action("", lambda: self.show_pair(None), "pair"))
        self._pair.hide()
        self._nothing = text("", "muted")
        self._picture, self._name = PictureView(tokens), line("", "strong")
        self._overlay, self._why = OverlayPair(words, tokens, scheme), text("", "muted")
        self._said = line("", "muted")
        headers = (words("Answer"), "float", scheme)
        self._answers = table(tokens, words("Answers"), headers, self._no_rows(), 0, _ROWS, 48)
        self._lay_out()
        self._grid.went.connect(self._go)
        if store.pictures is not None:
            store.pictures.arrived.connect(self._show_picture)
        if store.large is not None:
            store.large.arrived.connect(self._show_picture)
        if store.drawings is not None:
            store.drawings.arrived.connect(self._show_picture)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._enlarge)
        QTimer.singleShot(0, self, self._show_all)  # once it has its place: laid out but once

    def show_pair(self, pair: tuple[int, int] | None) -> None:
        """Only samples of a label that the candidate takes for another class; None: of all."""
        self._looking.pair = pair
        if pair is not None:
            self._looking.which = "all"
            self._choice.setCurrentIndex(0)
        self._show_all()
        self._grid.setFocus()

    def _orders(self) -> tuple[Which, ...]:
        if self._samples.has_labels:
            return ("all", "wrong", "lost", "differ")
        return ("all", "differ")

    def _lay_out(self) -> None:
        words, samples = self._words, self._samples
        titles: dict[Which, str] = {
            "all": words("All samples"),
            "wrong": words("Wrong"),
            "lost": words("Right in float, wrong in {scheme}", scheme=self._scheme),
            "differ": words("Answered otherwise than by float"),
        }
        for which in self._order:
            many = len(samples.choose(which))
            self._choice.addItem(words("{title} · {count}", title=titles[which], count=many))
        self._choice.setObjectName("which")
        self._choice.setAccessibleName(words("Which samples"))
        if self._looking.which not in self._order:
            self._looking.which = "all"
        self._choice.setCurrentIndex(self._order.index(self._looking.which))
        self._choice.activated.connect(self._choose)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        detail = card(
            self._picture, self._overlay, self._why, self._name, self._said, self._answers, gap=6
        )
        detail.setMinimumWidth(_DETAIL)
        grid = column(self._nothing, self._grid, wide=1)
        middle = QWidget()
        beside = QHBoxLayout(middle)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(12)
        beside.addWidget(grid, 2)
        beside.addWidget(detail, 1 if self._store.drawings is None else 2)
        head = row(self._choice, self._pair, self._count, gap=12, wide=2)
        column(*self._warnings(), head, middle, wide=len(self._warnings()) + 1, into=self)

    def _warnings(self) -> list[QWidget]:
        words, pictures = self._words, self._store.pictures
        if pictures is None:
            said = words("The data is gone or has changed, so its pictures are not shown.")
            return [notice(self._tokens, "warn", said)]
        if pictures.error is None:
            return []
        said = words.render(pictures.error.what) + " " + words.render(pictures.error.why)
        return [notice(self._tokens, "bad", said)]

    def _choose(self, number: int) -> None:
        self._looking.which, self._looking.pair = self._order[number], None
        self._show_all()

    def _show_all(self) -> None:
        words, looking = self._words, self._looking
        shown = self._samples.choose(looking.which, looking.pair)
        self._pair.setVisible(looking.pair is not None)
        if looking.pair is not None:
            true, taken = (self._names.of(each) for each in looking.pair)
            self._pair.setText(f"{true} → {taken}  ✕")
            said = words("Label {true}, predicted {predicted}", true=true, predicted=taken)
            self._pair.setAccessibleName(said)
            self._pair.setToolTip(words("Show all again"))
        self._count.set_full(
            words("{shown} of {samples} samples", shown=len(shown), samples=len(self._samples))
        )
        self._nothing.setText(words("There is no such sample."))
        self._nothing.setVisible(not shown)
        self._grid.setVisible(bool(shown))
        self._grid.show_samples(shown, looking.sample)
        if shown:
            self._go(looking.sample if looking.sample in shown else shown[0])

    # The one that is looked at

    def _go(self, sample: int) -> None:
        self._looking.sample = sample
        samples, names = self._samples, self._names
        self._name.set_full(samples.names[sample])
        self._said.set_full(self._sentence(sample))
        self._said.setVisible(bool(self._said.full()))
        rows = self._rows(sample)
        self._answers.setVisible(bool(rows))
        self._answers.put(rows or self._no_rows(), _ROWS)
        self._picture.setAccessibleName(names.tip(sample))
        self._show_picture()
        self._soon.start()

    def _enlarge(self) -> None:
        """The one that is looked at, and the next ones, for the arrow keys."""
        shown = self._grid.shown
        drawer = self._store.drawings or self._store.large
        if drawer is not None and self._looking.sample in shown:
            at = shown.index(self._looking.sample)
            drawer.want([*shown[at : at + _AHEAD], *shown[max(0, at - 1) : at]])

    def _sentence(self, sample: int) -> str:
        words, samples, names = self._words, self._samples, self._names
        if not samples.has_classes:
            return words("apart {apart}", apart=names.caption(sample))
        return words("no label") if samples.labels[sample] == NO_CLASS else ""

    def _no_rows(self) -> list[Row]:
        return [(Cell(""), Cell("", number=True), Cell("", number=True))]

    def _rows(self, sample: int) -> list[Row]:
        """The best classes of both and the label, with the score each gives them."""
        both = [self._samples.answers(sample, of_float) for of_float in (True, False)]
        classes = list(dict.fromkeys(a.of for rank in zip(*both, strict=False) for a in rank))
        if not both[0]:
            classes = [a.of for a in both[1]]
        label = self._samples.labels[sample]
        if label != NO_CLASS:
            classes = [label, *(of for of in classes if of != label)]
        return [
            (
                Cell(("✓ " if of == label else "") + self._names.of(of)),
                *(self._score(answers, of, label) for answers in both),
            )
            for of in classes[:_ROWS]
        ]

    def _score(self, answers: tuple[Answer, ...], of: int, label: int) -> Cell:
        found = [a.score for a in answers if a.of == of]
        if not found:
            return Cell("–", number=True)
        first = answers[0].of == of
        tone: Tone = ""
        if first and label != NO_CLASS:
            tone = "good" if of == label else "bad"
        return Cell(("● " if first else "") + f"{found[0]:.3f}", tone, number=True)

    def _show_picture(self) -> None:
        sample, drawings = self._looking.sample, self._store.drawings
        error = None if drawings is None else drawings.error(sample)
        self._overlay.setVisible(drawings is not None and error is None)
        self._picture.setVisible(drawings is None or error is not None)
        said = "" if error is None else self._words.render(error.what)
        self._why.setText(said if error is None else f"{said} {self._words.render(error.why)}")
        self._why.setVisible(error is not None)
        if drawings is not None and error is None:
            self._overlay.put(drawings.drawn(sample), self._names.tip(sample))
            return
        sharp = [each for each in (self._store.large, self._store.pictures) if each is not None]
        found = (each.picture(self._looking.sample) for each in sharp)
        drawn = next((each for each in found if each is not None), None)
        self._picture.show_picture(*(drawn or (QPixmap(), QRect())))
