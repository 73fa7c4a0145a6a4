"""The states of a page: empty, busy, error."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QLabel, QProgressBar, QScrollArea, QSizePolicy, QWidget

from edgekiln.core.errors import UserError
from edgekiln.core.text import Words
from edgekiln.jobs.job import Job
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import (
    Action,
    button,
    card,
    column,
    icon,
    line,
    picture,
    row,
    text,
    word,
)

_SKELETON_WIDTHS = (560, 480, 520)
_STEPS = 1000
_SECOND = 1000


def empty_panel(tokens: Tokens, symbol: str, title: str, what: str, *actions: Action) -> QWidget:
    """Nothing here yet: what to drop or click."""
    buttons = row(*(button(a, primary=not n) for n, a in enumerate(actions)), None)
    return card(
        picture(symbol, tokens.muted, 40), text(title, "strong"), text(what, "muted"), buttons
    )


def error_panel(
    words: Words,
    tokens: Tokens,
    error: UserError,
    choose: Callable[[str], object],
    *actions: Action,
) -> QFrame:
    """What happened, why, what to do, and the buttons that do it."""
    choices = [
        Action(choice, lambda c=choice: choose(c), f"choice-{n}")  # type: ignore[misc]
        for n, choice in enumerate(error.choices)
    ]
    head = row(
        picture("alert-circle-outline", tokens.bad, 24),
        text(words.render(error.what), "strong"),
        wide=1,
    )
    panel = card(
        head,
        text(words.render(error.why)),
        text(words.render(error.do)),
        column(*(row(button(a, wide=True), None) for a in choices)),
        row(*(button(a, primary=not n and not choices) for n, a in enumerate(actions)), None),
        kind="bad",
    )
    panel.setObjectName("error-panel")
    panel.setAccessibleName(words.render(error.what))
    return panel


def folded(
    words: Words,
    tokens: Tokens,
    body: QWidget,
    unfolded: bool = False,
    remember: Callable[[bool], object] = bool,
) -> QWidget:
    """Expert settings, shown when asked for; `remember` is told when they are."""
    if not unfolded:
        body.hide()
    toggle = button(Action(words("Expert settings"), lambda: None, "expert"), flat=True)
    toggle.setCheckable(True)
    toggle.setChecked(unfolded)

    def point(on: bool) -> None:
        toggle.setIcon(icon("chevron-down" if on else "chevron-right", tokens.text))

    point(unfolded)
    toggle.toggled.connect(point)
    toggle.toggled.connect(body.setVisible)
    toggle.toggled.connect(remember)
    return column(row(toggle, None), body)


def bar(name: str) -> QProgressBar:
    """A thin bar for 0…1."""
    made = QProgressBar()
    made.setTextVisible(False)
    made.setAccessibleName(name)
    return made


def show_progress(shown: QProgressBar, job: Job) -> None:
    """The job's fraction in a bar; a moving one where it is unknown."""
    if job.fraction is None:
        shown.setRange(0, 0)
    else:
        shown.setRange(0, _STEPS)
        shown.setValue(round(job.fraction * _STEPS))


class BusyPanel(QFrame):
    """A job at work: what it does now, how far it is, for how long, and Cancel (or what `stop`
    calls it). `below`: what there is to see of it by now."""

    def __init__(
        self,
        words: Words,
        job: Job,
        cancel: Callable[[], object],
        stop: str = "",
        below: QWidget | None = None,
    ) -> None:
        super().__init__()
        self._words, self._job = words, job
        self._bar = bar(words.render(job.task.title))
        self._text = line("")
        self._time = word("", "muted")
        self._cancel = button(Action(stop or words("Cancel"), cancel, "cancel"))
        inner = card(
            text(words.render(job.task.title), "strong"),
            self._bar,
            row(self._text, self._time, self._cancel, wide=0),
        )
        if below is None:
            below = column(*(_skeleton(w) for w in _SKELETON_WIDTHS), gap=16, margin=16)
        column(inner, below, gap=16, into=self)
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._show)
        self._clock.start(_SECOND)
        job.progressed.connect(self._show)
        job.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        show_progress(self._bar, self._job)
        self._text.set_full(self._words.render(self._job.text))
        self._time.setText(self._words("{seconds} s", seconds=int(self._job.seconds)))
        can = self._job.state in ("waiting", "starting", "running")
        if not can and self._cancel is self.window().focusWidget():
            self.setFocus()  # a button that cannot be pressed would hand the keyboard to the rail
        self._cancel.setEnabled(can)


def tile(number: str, caption: str, *below: QLabel) -> QFrame:
    """One figure with what it is, and what else is to be said of it."""
    frame = QFrame()
    frame.setProperty("box", "card")
    column(
        word(number, "number"), text(caption, "muted"), *below, None, gap=4, margin=10, into=frame
    )
    frame.setAccessibleName(f"{caption}: {number}")
    frame.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return frame


def tiles(*shown: QFrame) -> QWidget:
    """Figures beside each other."""
    return row(*shown, gap=8)


def scrolled(content: QWidget) -> QScrollArea:
    """As high as it needs to be; what has no room is scrolled to."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    whole = column(content, None)
    whole.setProperty("box", "body")
    area.setWidget(whole)
    return area


def _skeleton(width: int) -> QFrame:
    made = QFrame()
    made.setProperty("box", "skeleton")
    made.setFixedSize(width, 16)
    return made
