"""A Job: one step on its way through a child, from waiting to an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from PySide6.QtCore import QObject, Signal

from edgekiln.core.errors import UserError
from edgekiln.core.quantization import Attempt
from edgekiln.core.text import Text, say

T = TypeVar("T")

JobState = Literal[
    "waiting", "starting", "running", "cancelling", "done", "failed", "crashed", "cancelled"
]

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    "waiting": frozenset(("starting", "cancelled")),
    "starting": frozenset(("running", "cancelling", "failed", "crashed")),
    "running": frozenset(("cancelling", "done", "failed", "crashed")),
    "cancelling": frozenset(("cancelled",)),
    "done": frozenset(),
    "failed": frozenset(),
    "crashed": frozenset(),
    "cancelled": frozenset(),
}


@dataclass(frozen=True)
class Task(Generic[T]):
    """What to run: a step of the closed table, its result's type, and the lane it queues in."""

    step: str
    inputs: object
    plan: object
    result_type: type[T]
    title: Text
    lane: str = "work"


class Job(QObject):
    """A task being worked on. `changed` tells a new state, `progressed` a new fraction or text,
    `found` one more attempt, `finished` the end; then `result` or `error` is there (neither when
    cancelled)."""

    changed = Signal()
    progressed = Signal()
    finished = Signal()
    found = Signal()

    def __init__(self, task: Task[T], on_done: Callable[[T], None], parent: QObject | None) -> None:
        super().__init__(parent)
        self.task = task
        self.state: JobState = "waiting"
        self.fraction: float | None = None
        self.text: Text = say("Waiting for its turn")
        self.log: Path | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self.result: object = None
        self.error: UserError | None = None
        self.is_bug = False
        self.pid = 0
        self._on_done: Callable[[Any], None] = on_done  # of the task's type: T ends here
        self._started = self._ended = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen to it."""
        return not TRANSITIONS[self.state]

    @property
    def seconds(self) -> float:
        """How long its child has been at it, in seconds."""
        if not self._started:
            return 0.0
        return (self._ended or time.monotonic()) - self._started

    def start(self, log: Path) -> None:
        """A child was found for it."""
        self.log = log
        self._started = time.monotonic()
        self.text = say("Starting")
        self._move("starting")

    def run(self, pid: int) -> None:
        """The child has the request."""
        self.pid = pid
        self._move("running")

    def progress(self, fraction: float | None, text: Text) -> None:
        """The child got further."""
        self.fraction, self.text = fraction, text
        self.progressed.emit()

    def find(self, attempt: Attempt) -> None:
        """The child found something worth showing before it ends."""
        self.attempts = (*self.attempts, attempt)
        self.found.emit()

    def stop(self) -> None:
        """The user asked for an end, and the child was told."""
        self.text = say("Stopping")
        self._move("cancelling")

    def done(self, result: object) -> None:
        """The result is there."""
        self.fraction, self.result = 1.0, result
        self._ended = time.monotonic()
        self._move("done")
        try:
            self._on_done(result)
        finally:
            self.finished.emit()

    def fail(self, error: UserError, is_bug: bool = False) -> None:
        """The step said why it cannot."""
        self.error, self.is_bug = error, is_bug
        self._end("failed")

    def crash(self, error: UserError) -> None:
        """The child died without an answer to be believed."""
        self.error = error
        self._end("crashed")

    def cancelled(self) -> None:
        """It ended because the user asked."""
        self._end("cancelled")

    def _end(self, state: JobState) -> None:
        self._ended = time.monotonic()
        self._move(state)
        self.finished.emit()

    def _move(self, state: JobState) -> None:
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"a job that is {self.state} cannot become {state}")
        self.state = state
        self.changed.emit()
