"""Lanes over the fake worker, closed at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from edgekiln.core.plans import InspectPlan
from edgekiln.core.text import say
from edgekiln.jobs.job import Job, Task
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.runner import Runner

FAKE_WORKER = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))


@pytest.fixture
def lanes(qtbot: QtBot, tmp_path: Path) -> Iterator[Lanes]:
    runner = Runner(tmp_path, FAKE_WORKER)
    made = Lanes(runner)
    yield made
    made.close()


@pytest.fixture
def submit(lanes: Lanes) -> Callable[..., Job]:
    """`submit("abort", lane="work")`: the fake worker is asked to do that."""

    def submit(step: str, lane: str = "work") -> Job:
        task = Task(step, InspectPlan(), InspectPlan(), InspectPlan, say("A job"), lane)
        return lanes.submit(task, lambda _: None)

    return submit
