"""Finds a child for each job: a fresh one, or the spare that has TensorFlow loaded already."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from time import strftime

from PySide6.QtCore import QObject

from edgekiln.jobs.job import Job
from edgekiln.jobs.run import Child, Run

# -P: a file random.py where the user stands is not the module we import
WORKER: tuple[str, ...] = (sys.executable, "-P", "-m", "edgekiln", "worker")
WARM = "edgekiln.pipeline.convert.warm"
WARM_STEPS = frozenset(("inspect-source", "convert"))
_LOGS_KEPT = 100


class Runner(QObject):
    """Runs jobs in children of the worker `command`; logs go below `<root>/logs`."""

    def __init__(
        self, root: Path, command: tuple[str, ...] = WORKER, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._root = root
        self._command = command
        self._logs = root / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._numbers = count(1)
        self._runs: dict[Job, Run] = {}
        self._spare: Child | None = None
        self._forget_old_logs()

    def run(self, job: Job) -> None:
        """Start the job in a child of its own."""
        run = Run(job, self._child_for(job), self._root, self)
        self._runs[job] = run
        run.over.connect(lambda: self._forget(job))
        if not run.child.started:  # it failed before anyone listened
            run.child.ended.emit()

    def cancel(self, job: Job) -> None:
        """Terminate the job's child, kill it after two seconds."""
        if run := self._runs.get(job):
            run.cancel()

    def warm_up(self) -> None:
        """Have a child import TensorFlow now, for the next job that needs it."""
        if self._spare is None or not self._spare.alive:
            self._spare = self._child(WARM)

    def close(self) -> None:
        """Kill every child and wait for the end of it."""
        children = [run.child for run in self._runs.values()]
        if self._spare is not None:
            children.append(self._spare)
        for child in children:
            child.close()
        self._runs.clear()
        self._spare = None

    def _child_for(self, job: Job) -> Child:
        spare = self._spare
        if job.task.step in WARM_STEPS and spare is not None and spare.alive:
            self._spare = None
            return spare
        return self._child()

    def _child(self, *arguments: str) -> Child:
        log = self._logs / f"{strftime('%Y%m%d-%H%M%S')}-{next(self._numbers)}.log"
        log.touch()
        return Child((*self._command, *arguments), log, self)

    def _forget(self, job: Job) -> None:
        if run := self._runs.pop(job, None):
            run.deleteLater()

    def _forget_old_logs(self) -> None:
        for log in sorted(self._logs.glob("*.log"))[:-_LOGS_KEPT]:
            log.unlink(missing_ok=True)
