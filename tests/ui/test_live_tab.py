"""The live tab with real models in its real child: answers, refusals, crashes, latency."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QAbstractButton, QFrame, QLabel, QProgressBar, QTabWidget
from pytestqt.qtbot import QtBot

from edgekiln import assets
from edgekiln.core.data import PRESETS
from edgekiln.core.live import LiveAnswer, LiveRefusal, LiveStart
from edgekiln.core.workspace import InHand
from edgekiln.jobs.live import Live
from edgekiln.ui import theme
from edgekiln.ui.camera import why_no_camera
from edgekiln.ui.live_tab import LiveTab, live_start
from edgekiln.ui.state import Desk
from pipeline.test_data_finder import brightness
from ui import examples
from ui.conftest import Compose
from ui.test_rough_use import said
from ui.test_screenshots import have

WAIT = 20_000
# A tab that is a window of its own, on no screen
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def start(tmp_path: Path) -> LiveStart:
    """A float model that splits light from dark at 128, and a candidate that does at 90."""
    models = []
    for name, level in (("float", 128.0), ("candidate", 90.0)):
        (tmp_path / name).mkdir()
        models.append(brightness(tmp_path / name, level))
    return LiveStart(models[0], models[1], PRESETS[0], ("dark", "light"))


@pytest.fixture
def live(desk: Desk) -> Live:
    return desk.live


def shade(folder: Path, value: int, side: int = 4) -> Path:
    file = folder / f"{value}.png"
    Image.new("RGB", (side, side), (value,) * 3).save(file)
    return file


def answered(qtbot: QtBot, live: Live) -> LiveAnswer:
    qtbot.waitUntil(lambda: not live.waiting, timeout=WAIT)
    assert isinstance(live.last, LiveAnswer), live.last or live.crash
    return live.last


def test_both_models_answer(qtbot: QtBot, live: Live, start: LiveStart, tmp_path: Path) -> None:
    live.ask(start, shade(tmp_path, 200))
    same = answered(qtbot, live)
    assert [same.reference.top[0].name, same.candidate.top[0].name] == ["light", "light"]
    live.ask(start, shade(tmp_path, 110))
    apart = answered(qtbot, live)
    assert [apart.reference.top[0].name, apart.candidate.top[0].name] == ["dark", "light"]
    # two logits, (128 - v, v - 128): the softmax of them
    assert apart.reference.top[0].share == pytest.approx(1 / (1 + 2.718281828**-36), abs=1e-6)
    assert sum(guess.share for guess in apart.candidate.top) == pytest.approx(1)
    assert apart.cosine == pytest.approx(-1.0, abs=1e-6)
    assert apart.runtime.startswith("litert ")


def test_a_picture_after_the_first_is_quick(
    qtbot: QtBot, live: Live, start: LiveStart, tmp_path: Path
) -> None:
    live.ask(start, shade(tmp_path, 1))
    answered(qtbot, live)
    took = []
    for value in range(2, 12):
        file = shade(tmp_path, value, 1024)
        began = time.monotonic()
        live.ask(start, file)
        qtbot.waitUntil(lambda: not live.waiting, timeout=WAIT)
        took.append(time.monotonic() - began)
    assert sorted(took)[5] < 0.3


def test_what_cannot_be_run_is_said(
    qtbot: QtBot, live: Live, start: LiveStart, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(b"broken")
    for bad in (tmp_path / "b.png", tmp_path / "gone.png", tmp_path):
        live.ask(start, bad)
        qtbot.waitUntil(lambda: not live.waiting, timeout=WAIT)
        assert isinstance(live.last, LiveRefusal)
    live.ask(start, shade(tmp_path, 3))
    assert answered(qtbot, live).reference.top[0].name == "dark"
    (tmp_path / "no.tflite").write_bytes(start.candidate.path.read_bytes()[:200])
    other = replace(start, candidate=replace(start.candidate, path=tmp_path / "no.tflite"))
    live.ask(other, shade(tmp_path, 3))
    qtbot.waitUntil(lambda: not live.waiting, timeout=WAIT)
    assert not isinstance(live.last, LiveAnswer)


def test_a_child_that_dies_is_started_again(
    qtbot: QtBot, live: Live, start: LiveStart, tmp_path: Path
) -> None:
    live.ask(start, shade(tmp_path, 3))
    answered(qtbot, live)
    assert live._process is not None
    os.kill(live._process.processId(), signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(live.crash), timeout=WAIT)
    live.ask(start, shade(tmp_path, 3))
    answered(qtbot, live)


def test_a_child_that_cannot_be_started(qtbot: QtBot, start: LiveStart, tmp_path: Path) -> None:
    for command in ((str(tmp_path / "none"),), (sys.executable, "-c", "print('hello')")):
        live = Live(tmp_path / "root", command)
        live.ask(start, shade(tmp_path, 3))
        qtbot.waitUntil(lambda: bool(live.crash), timeout=WAIT)  # noqa: B023
        assert not live.waiting
        live.close()


def test_no_classes_no_names(qtbot: QtBot, live: Live, start: LiveStart, tmp_path: Path) -> None:
    live.ask(replace(start, class_names=()), shade(tmp_path, 100))
    told = answered(qtbot, live)
    assert told.reference.top == ()
    assert told.reference.values == pytest.approx((28.0, -28.0), abs=1e-3)
    assert told.candidate.values == pytest.approx((-10.0, 10.0), abs=1e-3)


# In the window


def texts(tab: LiveTab) -> str:
    return "\n".join(w.text() for w in tab.findChildren(QLabel) if not w.isHidden())


def tab_of(qtbot: QtBot, live: Live, start: LiveStart) -> LiveTab:
    tab = LiveTab(assets.words("en"), theme.load("light"), live, start, "int8")
    qtbot.addWidget(tab)
    tab.resize(900, 600)
    tab.show()
    return tab


def drop(tab: LiveTab, file: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file))])
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    tab.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, none))


def test_a_dropped_picture(qtbot: QtBot, live: Live, start: LiveStart, tmp_path: Path) -> None:
    tab = tab_of(qtbot, live, start)
    assert "Drop a picture or a WAV file here" in texts(tab)
    drop(tab, shade(tmp_path, 110))
    assert "Running 110.png …" in texts(tab)
    qtbot.waitUntil(lambda: "✕ float says dark, int8 says light" in texts(tab), timeout=WAIT)
    sides = [f.objectName() for f in tab.findChildren(QFrame) if f.objectName() in
             ("live-float", "live-int8")]  # fmt: skip
    assert sides == ["live-float", "live-int8"]
    assert all(b.accessibleName() for b in tab.findChildren(QProgressBar))
    drop(tab, shade(tmp_path, 250))
    qtbot.waitUntil(lambda: "✓ Both say light" in texts(tab), timeout=WAIT)
    drop(tab, tmp_path / "gone.png")
    qtbot.waitUntil(lambda: "It is not there any more, or is a folder." in texts(tab), timeout=WAIT)


def test_another_candidate_gets_the_same_picture(
    qtbot: QtBot, live: Live, start: LiveStart, tmp_path: Path
) -> None:
    tab = tab_of(qtbot, live, start)
    drop(tab, shade(tmp_path, 110))
    qtbot.waitUntil(lambda: "✕ float says dark" in texts(tab), timeout=WAIT)
    equal = tab_of(qtbot, live, replace(start, candidate=start.reference))
    qtbot.waitUntil(lambda: "✓ Both say dark" in texts(equal), timeout=WAIT)


def test_no_camera_is_said(qtbot: QtBot, live: Live, start: LiveStart) -> None:
    why = why_no_camera()
    if why is None:
        pytest.skip("there is a camera")
    tab = tab_of(qtbot, live, start)
    switch = tab.findChild(QAbstractButton, "live-camera")
    assert switch is not None
    assert not switch.isEnabled()
    assert assets.words("en").render(why) in texts(tab)


def test_it_is_the_last_tab_of_the_preview(
    compose: Compose, desk: Desk, tmp_path: Path, start: LiveStart
) -> None:
    window = compose()
    have(desk, tmp_path, "quantized")
    window.go("preview")
    book = window.findChild(QTabWidget, "looks")
    assert book is not None
    assert isinstance(book.widget(book.count() - 1), LiveTab)
    book.setCurrentIndex(book.count() - 1)
    assert "Drop a picture or a WAV file here" in said(window)
    result = desk.in_hand.quantized
    assert result is not None
    candidate = result.candidate("int8")
    made = live_start(desk, result, candidate)
    assert made is not None
    assert made.reference == examples.fusion(tmp_path).artifact
    assert made.class_names == examples.CLASSES
    assert live_start(desk, result, replace(candidate, artifact=None)) is None
    desk.in_hand = InHand()
    assert live_start(desk, result, candidate) is None
