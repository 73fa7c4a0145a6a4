"""What every page has: a title, a sentence, a body, and its next step at the bottom right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from edgekiln.core.text import Words
from edgekiln.jobs.job import Job
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, button, column, text
from edgekiln.ui.widgets.panels import BusyPanel, error_panel

_WIDEST = 1120


@dataclass(frozen=True)
class Ways:
    """What a page may ask of the window: go to a place, open a model, show a job's log."""

    go: Callable[[str], object]
    open_model: Callable[[Path], object]
    open_log: Callable[[Job], object]


class Page(QWidget):
    """`draw` draws the state the page is in; it is called anew when that changes."""

    def __init__(self, words: Words, tokens: Tokens, desk: Desk, ways: Ways) -> None:
        super().__init__()
        self.words, self.tokens, self.desk, self.ways = words, tokens, desk, ways
        self.job: Job | None = None
        self._title, self._lead = text("", "title"), text("", "lead")
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._footer = QHBoxLayout()
        self._footer.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 24, 32, 16)
        layout.setSpacing(8)
        layout.addWidget(self._title)
        layout.addWidget(self._lead)
        layout.addSpacing(8)
        layout.addWidget(self._scroll, 1)
        layout.addLayout(self._footer)

    def draw(self) -> None:
        """Draw the page's state."""
        raise NotImplementedError

    def repeat(self) -> None:
        """F5: do again what this page does; nothing where that makes no sense."""

    def show_page(
        self,
        title: str,
        lead: str,
        body: QWidget,
        primary: Action | None = None,
        secondary: tuple[Action, ...] = (),
    ) -> None:
        """Put all of it on the screen. Where the keyboard was on this page, it stays here."""
        at = self.window().focusWidget()
        focused = at is not None and self.isAncestorOf(at)
        self._title.setText(title)
        self._lead.setText(lead)
        self._lead.setVisible(bool(lead))
        self.setAccessibleName(title)
        whole = column(body, None, gap=0)
        whole.setProperty("box", "body")
        whole.setMaximumWidth(_WIDEST)
        if (old := self._scroll.takeWidget()) is not None:
            old.deleteLater()  # not at once: a button in it may be the one that was clicked
        self._scroll.setWidget(whole)
        _clear(self._footer)
        for action in secondary:
            self._footer.addWidget(button(action))
        self._footer.addStretch(1)
        if primary is not None:
            self._footer.addWidget(button(primary, primary=True))
        if focused:
            self.focus_next()

    def focus_next(self) -> None:
        """On the next step where there is one, else on the first thing that can be pressed."""
        buttons = [b for b in self.findChildren(QPushButton) if b.isEnabled() and not b.isHidden()]
        primary = [b for b in buttons if b.property("primary")]
        for found in (primary or buttons)[:1]:
            found.setFocus()

    def start(self, job: Job) -> None:
        """Show a job until it ends."""
        self.job = job
        job.finished.connect(self.draw)
        self.draw()

    def adopt(self, other: Page) -> None:
        """Take over the job of the same page in another language."""
        if other.job is not None:
            self.start(other.job)

    def busy(self) -> BusyPanel | None:
        """The panel of the job that is at work, if one is."""
        job = self.job
        if job is None or job.ended:
            return None
        return BusyPanel(self.words, job, lambda: self.desk.lanes.cancel(job))

    def failure(self, choose: Callable[[str], object] = print, *actions: Action) -> QWidget | None:
        """What the job that failed or crashed last says, with buttons that do something about it;
        None when none did."""
        job = self.job
        if job is None or job.error is None:
            return None
        log = Action(self.words("Show the log"), lambda: self.ways.open_log(job), "show-log")
        return error_panel(self.words, self.tokens, job.error, choose, *actions, log)

    def forget_job(self) -> None:
        """The failure was read: show the page as before it."""
        self.job = None
        self.draw()


def _clear(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
