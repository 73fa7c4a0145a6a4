"""A window over a fake worker, in a language and a theme; closed at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from edgekiln import assets
from edgekiln.core.errors import UserError
from edgekiln.core.plans import InspectPlan
from edgekiln.core.text import Text, say
from edgekiln.core.workspace import Workspace
from edgekiln.jobs.job import Job, Task
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.netron import Netron
from edgekiln.jobs.practice import PracticeBox
from edgekiln.jobs.runner import Runner
from edgekiln.ui import theme
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.settings import Settings
from edgekiln.ui.state import Desk

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "jobs" / "fake_worker.py"))
Compose = Callable[..., MainWindow]


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "workspace"
    lanes = Lanes(Runner(root, FAKE_WORKER))
    box = PracticeBox(root)
    netron = Netron(root)
    desk = Desk(Workspace(root), lanes, box, netron)
    yield desk
    desk.live.close()
    netron.close()
    lanes.close()
    box.close()


@pytest.fixture
def compose(qtbot: QtBot, qapp: QApplication, desk: Desk) -> Iterator[Compose]:
    """`compose("zh_CN", "dark")`: the window, shown, 1280 × 800."""
    made: list[MainWindow] = []

    def compose(language: str = "en", name: theme.ThemeName = "light") -> MainWindow:
        tokens = theme.apply(qapp, name, language)
        window = MainWindow(assets.words(language), tokens, desk, Settings(), lambda _: None)
        made.append(window)
        window.resize(1280, 800)
        window.show()
        return window

    yield compose
    for window in made:
        window.hide()
        window.deleteLater()
    # No event loop runs between tests: without this the windows pile up, and each new style sheet
    # is put on all of them.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def job_at_work(desk: Desk, title: Text, fraction: float | None, text: Text) -> Job:
    """A job that runs, without a child."""
    job = Job(Task("fuse", InspectPlan(), InspectPlan(), InspectPlan, title), print, desk)
    log = desk.workspace.root / "logs" / "example.log"
    log.write_text("loading the model\n")
    job.start(log)
    job.run(1)
    job.progress(fraction, text)
    return job


def failed_job(desk: Desk, error: UserError) -> Job:
    """A job that failed."""
    job = job_at_work(desk, say("Fuse operators"), 0.4, say("Fuse operators"))
    job.fail(error)
    return job
