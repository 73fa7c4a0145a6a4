"""Serial within a lane, parallel across."""

from __future__ import annotations

from collections.abc import Callable

from pytestqt.qtbot import QtBot

from edgekiln.core.text import say
from edgekiln.jobs.job import Job
from edgekiln.jobs.lanes import Lanes, device_lane

Submit = Callable[..., Job]


def test_one_at_a_time_in_a_lane(qtbot: QtBot, submit: Submit) -> None:
    first, second = submit("brief"), submit("brief")
    assert (first.state, second.state) == ("starting", "waiting")
    qtbot.waitUntil(lambda: first.ended, timeout=10_000)
    assert second.state == "starting"
    qtbot.waitUntil(lambda: second.ended, timeout=10_000)
    assert second.state == "done"


def test_lanes_run_beside_each_other(qtbot: QtBot, submit: Submit) -> None:
    jobs = [submit("brief", lane) for lane in ("convert", "work", device_lane("a"))]
    assert [job.state for job in jobs] == ["starting"] * 3
    qtbot.waitUntil(lambda: all(job.ended for job in jobs), timeout=10_000)


def test_a_waiting_job_is_cancelled_without_a_child(
    qtbot: QtBot, lanes: Lanes, submit: Submit
) -> None:
    first, second, third = submit("brief"), submit("brief"), submit("brief")
    lanes.cancel(second)
    assert second.state == "cancelled"
    assert lanes.active == (first, third)
    qtbot.waitUntil(lambda: third.ended, timeout=10_000)
    assert second.pid == 0


def test_a_crash_frees_the_lane(qtbot: QtBot, submit: Submit) -> None:
    crashed, after = submit("abort"), submit("answer")
    qtbot.waitUntil(lambda: after.ended, timeout=10_000)
    assert (crashed.state, after.state) == ("crashed", "done")


def test_cancelling_keeps_the_lane_until_the_child_is_gone(
    qtbot: QtBot, lanes: Lanes, submit: Submit
) -> None:
    first, second = submit("wait"), submit("answer")
    qtbot.waitUntil(lambda: first.text == say("waiting"), timeout=10_000)
    lanes.cancel(first)
    assert second.state == "waiting"
    qtbot.waitUntil(lambda: second.ended, timeout=10_000)
    assert second.state == "done"
