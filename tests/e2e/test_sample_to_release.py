"""From the sample to a live release on the practice box, by clicks; a job is cancelled and another
crashed on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QFrame
from pytestqt.qtbot import QtBot

from edgekiln.gui import Window
from edgekiln.jobs.job import Job
from edgekiln.jobs.practice import NAME

PATIENCE_MS = 180_000


@pytest.fixture
def composed(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Window]:
    monkeypatch.setenv("EDGEKILN_LANGUAGE", "en")
    made = Window(qapp, tmp_path / "workspace")
    made.window.show()
    yield made
    made.close()
    made.window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


class User:
    """Sees what is on the page and clicks it."""

    def __init__(self, qtbot: QtBot, composed: Window) -> None:
        self._qtbot, self._composed = qtbot, composed

    def sees(self, name: str) -> QAbstractButton | None:
        """The button of that name, when it can be clicked."""
        found = self._composed.window.findChildren(QAbstractButton, name)
        ready = [b for b in found if b.isVisible() and b.isEnabled()]
        return ready[-1] if ready else None

    def click(self, name: str) -> None:
        """Wait for a button and click it."""
        self.wait(lambda: self.sees(name) is not None)
        found = self.sees(name)
        assert found is not None
        self._qtbot.mouseClick(found, Qt.MouseButton.LeftButton)

    def wait(self, until: Callable[[], bool]) -> None:
        """Patiently; what went wrong is said by the jobs."""
        try:
            self._qtbot.waitUntil(until, timeout=PATIENCE_MS)
        except AssertionError:
            pytest.fail("\n".join(self.jobs()))

    def running(self, step: str) -> Job:
        """The job of that step, once its child works on it."""
        lanes = self._composed.lanes

        def found() -> bool:
            return any(j.task.step == step and j.state == "running" for j in lanes.active)

        self.wait(found)
        return next(j for j in lanes.active if j.task.step == step)

    def keep_picture(self, name: str) -> None:
        """A picture of the window as it is now, where $EDGEKILN_SHOTS asks for them."""
        if folder := os.environ.get("EDGEKILN_SHOTS"):
            QApplication.processEvents()
            self._composed.window.grab().save(str(Path(folder) / f"walk-{name}.png"))

    def jobs(self) -> list[str]:
        """Every job and how it ended, with the end of its log."""
        lines = []
        for job in self._composed.lanes.jobs:
            lines.append(f"{job.task.title}: {job.state} {job.text} {job.error or ''}")
            if job.error is not None and job.log is not None:
                lines.append(job.log.read_text()[-2000:])
        return lines


def test_from_the_sample_to_a_live_release(qtbot: QtBot, composed: Window) -> None:
    user, desk = User(qtbot, composed), composed.desk

    user.click("open-sample")
    user.wait(lambda: desk.in_hand.model is not None)
    assert desk.quant_draft.evaluation is not None

    user.keep_picture("model")
    user.click("next")  # to Fuse
    user.click("next")  # convert and fuse
    cancelled = user.running("convert")
    user.click("cancel")
    user.wait(lambda: cancelled.ended)
    assert cancelled.state == "cancelled"
    assert desk.in_hand.converted is None

    user.click("next")
    crashed = user.running("convert")
    os.kill(crashed.pid, signal.SIGSEGV)
    user.wait(lambda: crashed.ended)
    assert crashed.state == "crashed"
    assert "SIGSEGV" in str(crashed.error)
    assert crashed.log is not None
    assert "Fatal Python error" in crashed.log.read_text()
    assert composed.window.findChild(QFrame, "error-panel") is not None

    user.click("again")
    user.wait(lambda: desk.in_hand.fusion is not None)
    assert desk.in_hand.fusion is not None
    assert desk.in_hand.fusion.max_relative_error < 1e-4

    user.keep_picture("fuse")
    user.click("next")  # to Quantize: the target
    user.click("target-rdk-x5")
    for _ in ("data", "run"):
        user.click("next")
    user.wait(lambda: desk.in_hand.quantized is not None)
    assert desk.chosen is not None
    assert desk.chosen.verdict.usable

    user.keep_picture("quantize")
    while desk.quant_draft.step != "result":
        user.click("next")  # to look inside, to choose
        user.keep_picture(f"quantize-{desk.quant_draft.step}")
    user.click("next")  # to Preview
    user.wait(lambda: not composed.lanes.active)
    user.keep_picture("preview")
    user.click("next")  # to Devices
    user.click("start-practice")
    user.wait(lambda: NAME in desk.facts)
    assert desk.device is not None
    assert desk.device.host_key is not None

    user.keep_picture("devices")
    assert desk.quant_draft.target == "rdk-x5"  # the practice box stands in for it
    user.click("next")  # to Deploy
    user.click("pack")
    user.wait(lambda: desk.in_hand.bundle is not None)
    user.click("push")
    user.wait(lambda: desk.push_result is not None and NAME in desk.statuses)
    assert desk.push_result is not None
    assert desk.push_result.state == "live", user.jobs()
    release = desk.push_result.release
    live = [r for r in desk.statuses[NAME].releases if r.current]
    assert [r.id for r in live] == [release]
    user.wait(lambda: composed.window.findChild(QFrame, "push-live") is not None)
    user.keep_picture("deploy")
    assert not composed.lanes.active
