"""Children that answer, fail, crash, hang, flood and lie."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from edgekiln.core.plans import InspectPlan
from edgekiln.core.text import say
from edgekiln.jobs.job import Job, Task
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.runner import Runner
from edgekiln.ui.stall import StallMonitor

Submit = Callable[..., Job]


def wait_end(qtbot: QtBot, job: Job, timeout: int = 10_000) -> None:
    qtbot.waitUntil(lambda: job.ended, timeout=timeout)


def test_an_answer_is_decoded(qtbot: QtBot, submit: Submit) -> None:
    job = submit("answer")
    wait_end(qtbot, job)
    assert job.state == "done"
    assert job.result == InspectPlan()
    assert job.text == say("half")
    assert job.pid > 0


def test_a_failure_carries_what_why_do_and_choices(qtbot: QtBot, submit: Submit) -> None:
    job = submit("fail")
    wait_end(qtbot, job)
    assert job.state == "failed"
    assert job.error is not None
    assert str(job.error) == "What Why Do"
    assert job.error.choices == ("a", "b")


def test_a_crash_is_an_outcome_with_the_stack_in_the_log(qtbot: QtBot, submit: Submit) -> None:
    job = submit("abort")
    wait_end(qtbot, job)
    assert job.state == "crashed"
    assert job.error is not None
    assert "SIGABRT" in str(job.error)
    assert job.log is not None
    assert "fake_worker.py" in job.log.read_text()
    assert "in main" in job.log.read_text()


@pytest.mark.parametrize(
    ("step", "how"),
    [("done-then-die", "SIGSEGV"), ("done-but-1", "exit code 1"), ("nothing", "exit code 0")],
)
def test_done_is_believed_only_with_exit_code_0(
    qtbot: QtBot, submit: Submit, step: str, how: str
) -> None:
    job = submit(step)
    wait_end(qtbot, job)
    assert job.state == "crashed"
    assert job.result is None
    assert how in str(job.error)


@pytest.mark.parametrize("step", ["nonsense", "wrong-type"])
def test_what_is_not_understood_is_not_believed(qtbot: QtBot, submit: Submit, step: str) -> None:
    job = submit(step)
    wait_end(qtbot, job)
    assert job.state == "crashed"
    assert job.log is not None
    assert "not understood" in job.log.read_text()


def test_another_protocol_is_refused(
    qtbot: QtBot, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_WORKER_VERSION", "99")
    job = submit("answer")
    wait_end(qtbot, job)
    assert job.state == "crashed"
    assert "protocol 99" in str(job.error)


def test_cancel_ends_a_willing_child_at_once(qtbot: QtBot, lanes: Lanes, submit: Submit) -> None:
    job = submit("wait")
    qtbot.waitUntil(lambda: job.text == say("waiting"))
    began = time.monotonic()
    lanes.cancel(job)
    assert job.state == "cancelling"
    wait_end(qtbot, job)
    assert job.state == "cancelled"
    assert time.monotonic() - began < 1.5
    assert job.error is None


def test_a_deaf_child_is_killed_after_two_seconds(
    qtbot: QtBot, lanes: Lanes, submit: Submit
) -> None:
    job = submit("hang")
    qtbot.waitUntil(lambda: job.text == say("deaf"))
    began = time.monotonic()
    lanes.cancel(job)
    wait_end(qtbot, job)
    assert job.state == "cancelled"
    assert 1.8 < time.monotonic() - began < 4
    with pytest.raises(ProcessLookupError):
        os.kill(job.pid, 0)


def test_cancel_before_ready(qtbot: QtBot, lanes: Lanes, submit: Submit) -> None:
    job = submit("wait")
    assert job.state == "starting"
    lanes.cancel(job)
    wait_end(qtbot, job)
    assert job.state == "cancelled"


def test_a_flood_does_not_stall_the_window(qtbot: QtBot, submit: Submit) -> None:
    with StallMonitor() as monitor:
        job = submit("flood")
        wait_end(qtbot, job, timeout=20_000)
    assert job.state == "done"
    assert job.text == say("flood")
    assert monitor.longest_ms < 500


def test_the_log_takes_lines_of_the_protocol(qtbot: QtBot, submit: Submit) -> None:
    job = submit("log")
    wait_end(qtbot, job)
    assert job.log is not None
    assert "a line of the log" in job.log.read_text()


def test_a_program_that_is_not_there(qtbot: QtBot, tmp_path: Path) -> None:
    lanes = Lanes(Runner(tmp_path, (str(tmp_path / "no-such-program"),)))
    task = Task("answer", InspectPlan(), InspectPlan(), InspectPlan, say("A job"))
    job = lanes.submit(task, lambda _: None)
    wait_end(qtbot, job)
    assert job.state == "crashed"
    lanes.close()


def test_the_spare_child_takes_the_next_conversion(
    qtbot: QtBot, lanes: Lanes, submit: Submit
) -> None:
    lanes.warm_up()
    lanes.warm_up()  # still one
    other = submit("answer")
    job = submit("convert", lane="convert")
    wait_end(qtbot, other)
    wait_end(qtbot, job)
    assert job.log is not None
    assert job.log.read_text() == "warm edgekiln.pipeline.convert.warm\n"
    assert other.log is not None
    assert other.log.read_text() == ""


def test_close_leaves_no_child(qtbot: QtBot, lanes: Lanes, submit: Submit) -> None:
    lanes.warm_up()
    job = submit("hang")
    qtbot.waitUntil(lambda: job.text == say("deaf"))
    lanes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(job.pid, 0)


def test_old_logs_go(qtbot: QtBot, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(120):
        (logs / f"20200101-000000-{number:03}.log").touch()
    Runner(tmp_path)
    assert len(list(logs.iterdir())) == 100
