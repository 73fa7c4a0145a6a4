"""Who may run beside whom: one job at a time in a lane, lanes beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from edgekiln.jobs.job import Job, Task
from edgekiln.jobs.runner import Runner

T = TypeVar("T")

CONVERT = "convert"
WORK = "work"
PICTURES = "pictures"  # what is looked at meanwhile
DATA = "data"
LOOK = "look"  # short: never behind a check


def device_lane(device: str) -> str:
    """The lane of one box: two jobs never talk to it at once."""
    return f"device:{device}"


class Lanes(QObject):
    """The queues. `changed` tells that a job came, moved or ended."""

    changed = Signal()

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self.jobs: list[Job] = []

    @property
    def active(self) -> tuple[Job, ...]:
        """Jobs that have not ended, oldest first."""
        return tuple(job for job in self.jobs if not job.ended)

    def submit(self, task: Task[T], on_done: Callable[[T], None]) -> Job:
        """Queue a task; `on_done` gets its result. It starts as soon as its lane is free."""
        job = Job(task, on_done, self)
        self.jobs.append(job)
        job.changed.connect(self.changed)
        job.finished.connect(self._advance)
        self._advance()
        self.changed.emit()
        return job

    def cancel(self, job: Job) -> None:
        """Take it out of the queue, or end its child."""
        if job.state == "waiting":
            job.cancelled()
        else:
            self._runner.cancel(job)

    def warm_up(self) -> None:
        """A model was opened: the next conversion should not wait for TensorFlow's import."""
        self._runner.warm_up()

    def close(self) -> None:
        """End everything at once."""
        for job in self.active:
            job.blockSignals(True)
        self._runner.close()

    def _advance(self) -> None:
        busy = {job.task.lane for job in self.active if job.state != "waiting"}
        for job in self.active:
            if job.state == "waiting" and job.task.lane not in busy:
                busy.add(job.task.lane)
                self._runner.run(job)
