"""What the children say of the data that was chosen, as soon as they say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFrame, QWidget

from edgekiln.core.accuracy import SliceInputs
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataLook, DataSource, FindPlan, Proposal
from edgekiln.core.errors import UserError
from edgekiln.core.text import Words
from edgekiln.jobs.job import Job, Task
from edgekiln.ui import tasks
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, button, clear, column, line, notice, row, text

T = TypeVar("T")


class Looks(QObject):
    """One look at each source, one proposal for each model and source. `told`: one has ended."""

    told = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self.jobs: dict[object, Job] = {}

    def look(self, source: DataSource) -> Job:
        """What was recognised; looked at now where it was not yet."""
        return self._once(source, tasks.look_at_data(source))

    def known(self, source: DataSource | None) -> DataLook | None:
        """What was recognised, where that is known by now."""
        job = None if source is None else self.jobs.get(source)
        return job.result if job is not None and isinstance(job.result, DataLook) else None

    def proposal(self, artifact: Artifact, plan: FindPlan) -> Job:
        """The preprocessing the finder would take."""
        return self._once((artifact.sha256, plan), tasks.propose(artifact, plan))

    def slices(self, inputs: SliceInputs) -> Job:
        """What two models are worth on each slice of the data they were judged on."""
        reference = None if inputs.reference is None else inputs.reference.outputs
        key = (inputs.report.outputs, reference, inputs.data)
        return self._once(key, tasks.slices(inputs))

    def forget(self) -> None:
        """The data may be other data by now."""
        self.jobs = {key: job for key, job in self.jobs.items() if not job.ended}

    def _once(self, key: object, task: Task[T]) -> Job:
        job = self.jobs.get(key)
        if job is None or job.state == "cancelled":
            job = self.jobs[key] = self._desk.run(task, lambda _: None)
            job.finished.connect(self.told)
        return job


class Told(QFrame):
    """What a job says: that it is at work, its result as `show` puts it, or why there is none with
    buttons that `choose` something else; nothing of that without `choose`: it is told elsewhere."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        job: Job,
        show: Callable[[object], Sequence[QWidget]],
        choose: Callable[[str], object] | None = None,
    ) -> None:
        super().__init__()
        self._words, self._tokens, self._job = words, tokens, job
        self._show, self._choose = show, choose
        column(gap=8, into=self)
        job.finished.connect(self._tell)
        self._tell()

    def _tell(self) -> None:
        layout = self.layout()
        assert layout is not None
        clear(layout)
        for made in self._said():
            layout.addWidget(made)

    def _said(self) -> Sequence[QWidget]:
        job, words = self._job, self._words
        if job.error is not None:
            return self._refused(job.error)
        if job.result is None:
            stopped = job.state == "cancelled"
            said = words("Stopped.") if stopped else words.render(job.task.title) + " …"
            return (line(said, "muted"),)
        return self._show(job.result)

    def _refused(self, error: UserError) -> Sequence[QWidget]:
        words, choose = self._words, self._choose
        if choose is None:
            return ()
        said = " ".join(words.render(each) for each in (error.what, error.why, error.do))
        takes = [
            Action(each, partial(choose, each), f"take-{n}") for n, each in enumerate(error.choices)
        ]
        choices = [row(button(take, wide=True), None) for take in takes]
        return (notice(self._tokens, "bad", said), *choices)


def proposed(words: Words, result: object) -> Sequence[QWidget]:
    """A proposal in words."""
    assert isinstance(result, Proposal)
    name = words("Proposed: {name}", name=result.preprocessing.name)
    return (line(name), text(words.render(result.evidence), "muted"))
