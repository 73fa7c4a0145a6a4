"""The states of a job, by the one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekiln.core.plans import InspectPlan
from edgekiln.core.text import say
from edgekiln.jobs.job import TRANSITIONS, Job, Task


def new_job() -> Job:
    return Job(Task("s", InspectPlan(), InspectPlan(), InspectPlan, say("A")), lambda _: None, None)


def test_every_state_leads_to_an_end() -> None:
    ends = {state for state, after in TRANSITIONS.items() if not after}
    assert ends == {"done", "failed", "crashed", "cancelled"}
    for state in TRANSITIONS:
        seen, ahead = set(), {state}
        while ahead:
            seen |= ahead
            ahead = {after for s in ahead for after in TRANSITIONS[s]} - seen
        assert seen & ends


def test_an_ended_job_cannot_move(tmp_path: Path) -> None:
    job = new_job()
    job.cancelled()
    assert job.ended
    with pytest.raises(RuntimeError, match="cannot become starting"):
        job.start(tmp_path / "log")


def test_a_waiting_job_cannot_be_done() -> None:
    with pytest.raises(RuntimeError, match="cannot become done"):
        new_job().done(InspectPlan())


def test_the_result_is_taken_before_the_end_is_told(tmp_path: Path) -> None:
    seen: list[str] = []
    task = Task("s", InspectPlan(), InspectPlan(), InspectPlan, say("A"))
    job = Job(task, lambda result: seen.append(f"{job.state} {result}"), None)
    job.finished.connect(lambda: seen.append("finished"))
    job.start(tmp_path / "log")
    job.run(1)
    job.done(InspectPlan())
    assert seen == ["done InspectPlan()", "finished"]
    assert job.seconds >= 0
