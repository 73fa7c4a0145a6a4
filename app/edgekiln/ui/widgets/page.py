"""What every page has: a title, a sentence, a body, and its next step at the bottom right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from edgekiln.core.text import Words
from edgekiln.core.workspace import InHand
from edgekiln.jobs.job import Job
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, button, clear, column, text
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
        self._about: InHand | None = None
        self._heir: Page | None = None
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
        fills: bool = False,
    ) -> None:
        """Put all of it on the screen; a body that `fills` has all the room. Where the keyboard
        was on this page, it stays here: on the same control where that is still there, else on the
        next step."""
        at = self.window().focusWidget()
        name = at.objectName() if at is not None and (at is self or self.isAncestorOf(at)) else None
        if name is not None:
            self.setFocus()  # what goes away would hand it to the rail
        scrolled = self._scroll.verticalScrollBar().value()
        self._title.setText(title)
        self._lead.setText(lead)
        self._lead.setVisible(bool(lead))
        self.setAccessibleName(title)
        whole = _Filling(body) if fills else column(body, None, gap=0)
        whole.setProperty("box", "body")
        if not fills:
            whole.setMaximumWidth(_WIDEST)
        if (old := self._scroll.takeWidget()) is not None:
            old.deleteLater()  # not at once: a button in it may be the one that was clicked
        self._scroll.setWidget(whole)
        self._fill_footer(primary, secondary)
        if name is not None:
            self._focus_again(name, scrolled)

    def show_footer(self, primary: Action | None, secondary: tuple[Action, ...]) -> None:
        """Other next steps, where the rest of the page stays."""
        at = self.window().focusWidget()
        on_button = at is not None and self._footer.indexOf(at) >= 0
        self._fill_footer(primary, secondary)
        if on_button:
            self.focus_next()

    def _fill_footer(self, primary: Action | None, secondary: tuple[Action, ...]) -> None:
        clear(self._footer)
        made = [button(action) for action in secondary]
        for shown in made:
            self._footer.addWidget(shown)
        self._footer.addStretch(1)
        if primary is not None:
            made.append(button(primary, primary=True))
            self._footer.addWidget(made[-1])
        for shown in made:
            shown.show()  # now, not in the next turn: only what is shown keeps the keyboard

    def _focus_again(self, name: str, scrolled: int) -> None:
        same = [w for w in self.findChildren(QWidget, name) if name and takes_keys(w, self)]
        if not same:
            self.focus_next()
            return
        same[-1].setFocus()
        if self._scroll.isAncestorOf(same[-1]):
            bar = self._scroll.verticalScrollBar()
            QTimer.singleShot(0, bar, lambda: bar.setValue(scrolled))  # after the new layout

    def focus_next(self) -> None:
        """On the first field to fill in, else on the next step, else on what can be pressed."""
        usable = [w for w in self.findChildren(QWidget) if takes_keys(w, self)]
        buttons = [w for w in usable if isinstance(w, QPushButton)]
        first = [w for w in usable if w.property("first")]
        primary = [b for b in buttons if b.property("primary")]
        for found in (first or primary or buttons)[:1]:
            found.setFocus()

    def start(self, job: Job) -> None:
        """Show a job until it ends."""
        if self._heir is not None:
            self._heir.start(job)
            return
        self.job, self._about = job, self.desk.in_hand
        job.finished.connect(self.draw)
        self.draw()

    def adopt(self, other: Page) -> None:
        """Take over from the same page in another language: its job, and what its jobs still
        bring home."""
        other._heir = self
        if other.job is not None:
            self.start(other.job)

    def busy(self, stop: str = "", below: QWidget | None = None) -> BusyPanel | None:
        """The panel of the job that is at work, if one is."""
        job = self.job
        if job is None or job.ended:
            return None
        return BusyPanel(self.words, job, lambda: self.desk.lanes.cancel(job), stop, below)

    def stopped(self) -> Job | None:
        """The job that was cancelled last; None when something else is in hand by now."""
        job = self.job
        about_this = self._about is None or self._about is self.desk.in_hand
        return job if job is not None and job.state == "cancelled" and about_this else None

    def failure(self, choose: Callable[[str], object] = print, *actions: Action) -> QWidget | None:
        """What the job that failed or crashed last says, with buttons that do something about it;
        None when none did, or when something else is in hand by now."""
        job = self.job
        if job is None or job.error is None:
            return None
        if self._about is not None and self._about is not self.desk.in_hand:
            return None
        log = Action(self.words("Show the log"), lambda: self.ways.open_log(job), "show-log")
        return error_panel(self.words, self.tokens, job.error, choose, *actions, log)

    def forget_job(self) -> None:
        """The failure was read: show the page as before it."""
        self.job = None
        self.draw()


class _Filling(QWidget):
    """As high as the page; only what does not fit at all is scrolled to."""

    def __init__(self, body: QWidget) -> None:
        super().__init__()
        self._body = body
        body.setParent(self)

    def minimumSizeHint(self) -> QSize:
        """Qt."""
        wide, layout = self.width(), self._body.layout()
        high = layout.minimumHeightForWidth(wide) if layout else 0
        return QSize(0, max(high, self._body.minimumSizeHint().height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt."""
        super().resizeEvent(event)
        self._body.resize(self.size())


def takes_keys(widget: QWidget, page: QWidget) -> bool:
    """Whether Tab can reach it on that page."""
    reachable = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return reachable and widget.isEnabled() and widget.isVisibleTo(page)
