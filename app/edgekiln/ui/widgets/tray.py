"""The job tray: one line when closed, every job with progress, cancel and log when open."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QFrame,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from edgekiln.core.text import Words
from edgekiln.jobs.job import Job, JobState
from edgekiln.jobs.lanes import Lanes
from edgekiln.ui.theme import Tokens, Tone
from edgekiln.ui.widgets.kit import Action, button, column, icon, line, row, text, word
from edgekiln.ui.widgets.panels import bar, show_progress

_LOG_LINES = 400
_SHEET_HEIGHT = 264
_REFRESH_MS = 1000
_TONES: dict[JobState, Tone] = {"done": "good", "failed": "bad", "crashed": "bad"}


class Tray(QFrame):
    """Shows the lanes' jobs; asks before something that runs is ended by a key."""

    def __init__(self, words: Words, tokens: Tokens, lanes: Lanes) -> None:
        super().__init__()
        self.setProperty("box", "tray")
        self._words, self._tokens, self._lanes = words, tokens, lanes
        self._shown: Job | None = None
        self._watched: set[Job] = set()
        self._line = line(words("No job is running"))
        self._line.setObjectName("tray-line")
        self._bar = bar(words("Progress"))
        self._bar.setFixedWidth(200)
        self._toggle = button(Action(words("Jobs"), self._flip, "tray-toggle"), flat=True)
        self._cancel = button(
            Action(words("Cancel"), self._cancel_running, "tray-cancel"), flat=True
        )
        self._question = QFrame()
        self._question.hide()
        self._log = _log_view(words)
        self._list = QScrollArea()
        self._list.setWidgetResizable(True)
        self._list.setAccessibleName(words("Jobs"))
        self._sheet = row(self._list, self._log, gap=16)
        self._sheet.setFixedHeight(_SHEET_HEIGHT)
        self._sheet.hide()
        self._lay_out()
        self._refresh = QTimer(self)
        self._refresh.timeout.connect(self._show_log)
        lanes.changed.connect(self.show_jobs)
        self.show_jobs()

    def ask(self, question: str, answer: str, do: Callable[[], object]) -> None:
        """A question above the tray's line, answered by a button or let be."""

        def answered() -> None:
            self._question.hide()
            do()

        yes = button(Action(answer, answered, "tray-yes"))
        no = button(Action(self._words("Go on"), lambda: self._question.hide(), "tray-no"))
        self._show_above("tray-question", "warn", line(question), yes, no)
        yes.setFocus()

    def tell(self, what: str) -> None:
        """Something the user must know, above the tray's line, until it is put away."""
        away = button(Action(self._words("Put it away"), lambda: self._question.hide(), "tray-ok"))
        self._show_above("tray-notice", "bad", text(what), away)

    def _show_above(self, name: str, kind: str, *parts: QWidget) -> None:
        old = self._question
        self._question = QFrame()
        self._question.setObjectName(name)
        self._question.setProperty("box", kind)
        row(*parts, margin=8, wide=0, into=self._question)
        self.layout().replaceWidget(old, self._question)  # type: ignore[union-attr]
        old.hide()
        old.deleteLater()

    def ask_cancel(self) -> None:
        """Esc: end what runs, after a question."""
        if running := self._running():
            title = self._words.render(running.task.title)
            self.ask(
                self._words("Stop “{title}”?", title=title),
                self._words("Stop it"),
                lambda: self._lanes.cancel(running),
            )

    def open_log(self, job: Job) -> None:
        """Show the log of a job."""
        self._shown = job
        if self._sheet.isHidden():
            self._flip()
        self._show_log()

    def show_jobs(self) -> None:
        """The lanes changed."""
        for job in set(self._lanes.jobs) - self._watched:
            self._watched.add(job)
            job.progressed.connect(self._show_line)
        if not self._running() and self._question.objectName() == "tray-question":
            self._question.hide()
        self._show_line()
        if self._sheet.isVisible():
            self._show_list()

    def _lay_out(self) -> None:
        head = row(self._line, self._bar, self._cancel, self._toggle, gap=16, wide=0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 6, 24, 6)
        layout.setSpacing(8)
        for part in (self._question, head, self._sheet):
            layout.addWidget(part)

    def _running(self) -> Job | None:
        started = [job for job in self._lanes.active if job.state != "waiting"]
        return started[-1] if started else None

    def _flip(self) -> None:
        opening = self._sheet.isHidden()
        self._sheet.setVisible(opening)
        self._toggle.setIcon(icon("chevron-down" if opening else "chevron-up", self._tokens.text))
        if opening:
            self._show_list()
            self._refresh.start(_REFRESH_MS)
        else:
            self._refresh.stop()

    def _show_line(self) -> None:
        job = self._running()
        self._bar.setVisible(job is not None)
        self._cancel.setVisible(job is not None)
        if job is not None:
            more = len(self._lanes.active) - 1
            self._line.set_full(self._describe(job) + (f"  (+{more})" if more else ""))
            show_progress(self._bar, job)
        elif self._lanes.jobs:
            self._line.set_full(self._describe(self._lanes.jobs[-1]))
        else:
            self._line.set_full(self._words("No job is running"))
        if self._toggle.icon().isNull():
            self._toggle.setIcon(icon("chevron-up", self._tokens.text))

    def _describe(self, job: Job) -> str:
        title = self._words.render(job.task.title)
        if job.state == "running":
            return f"{title} · {self._words.render(job.text)}"
        return f"{title} · {self._state(job.state)}"

    def _state(self, state: JobState) -> str:
        said = {
            "waiting": self._words("waiting"),
            "starting": self._words("starting"),
            "running": self._words("running"),
            "cancelling": self._words("stopping"),
            "done": self._words("done"),
            "failed": self._words("failed"),
            "crashed": self._words("crashed"),
            "cancelled": self._words("stopped"),
        }
        return said[state]

    def _cancel_running(self) -> None:
        if running := self._running():
            self._lanes.cancel(running)

    def _show_list(self) -> None:
        rows = [self._row(job) for job in reversed(self._lanes.jobs)]
        body = column(*rows, None, gap=4)
        body.setProperty("box", "body")
        if (old := self._list.takeWidget()) is not None:
            old.deleteLater()
        self._list.setWidget(body)
        if self._shown is None and self._lanes.jobs:
            self._shown = self._lanes.jobs[-1]
        self._show_log()

    def _row(self, job: Job) -> QWidget:
        title = line(self._words.render(job.task.title))
        state = word(self._state(job.state), tone=_TONES.get(job.state, "muted"))
        seconds = word(self._words("{seconds} s", seconds=int(job.seconds)), "muted")
        log = button(Action(self._words("Log"), lambda: self.open_log(job), "log"), flat=True)
        items = [title, state, seconds, log]
        if not job.ended:
            cancel = Action(self._words("Cancel"), lambda: self._lanes.cancel(job), "cancel-job")
            items.append(button(cancel, flat=True))
        return row(*items, wide=0)

    def _show_log(self) -> None:
        shown = ""
        if self._shown is not None and self._shown.log is not None and self._shown.log.exists():
            with self._shown.log.open(encoding="utf-8", errors="replace") as file:
                shown = "".join(deque(file, maxlen=_LOG_LINES))
        if shown != self._log.toPlainText():
            self._log.setPlainText(shown)
            self._log.verticalScrollBar().setValue(self._log.verticalScrollBar().maximum())


def _log_view(words: Words) -> QPlainTextEdit:
    view = QPlainTextEdit()
    view.setReadOnly(True)
    view.setAccessibleName(words("Log"))
    view.setPlaceholderText(words("The log of the chosen job"))
    view.setMinimumWidth(320)
    return view
