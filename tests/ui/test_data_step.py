"""The wizard's data step by clicks: chosen, dropped, recognised, split, judged as declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QSpinBox
from pytestqt.qtbot import QtBot

from edgekiln import assets
from edgekiln.core.task import Judging
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.quant_data import Picker, facts
from edgekiln.ui.state import Desk
from ui import quant_states as states
from ui.conftest import Compose
from ui.data_states import LOOK, data_not_recognised
from ui.test_quant_wizard import last_plan, shown, stop
from ui.test_rough_use import said
from ui.test_window import button, click


def at_data(window: MainWindow, desk: Desk, root: Path) -> None:
    states.put(desk, root, "data")
    window.go("quantize")


def drop(window: MainWindow, name: str, path: Path) -> None:
    """A path dragged from the desktop onto a picker."""
    picker = shown(window, Picker, f"{name}-drop")
    assert isinstance(picker, Picker)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    copy = Qt.DropAction.CopyAction
    enter = QDragEnterEvent(QPointF(5, 5).toPoint(), copy, mime, buttons, none)
    picker.dragEnterEvent(enter)
    assert enter.isAccepted()
    picker.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, buttons, none))


def test_dropped_data_is_recognised_and_a_preprocessing_proposed(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    at_data(window, desk, tmp_path)
    (tmp_path / "set").mkdir()
    drop(window, "calibration", tmp_path / "set")
    assert desk.quant_draft.calibration == tmp_path / "set"
    assert desk.in_hand.model is not None  # the window did not open it as a model
    qtbot.waitUntil(lambda: "A folder by class · pictures: 64" in said(window), timeout=10_000)
    assert "4 without a label" in said(window)
    qtbot.waitUntil(lambda: "Proposed: imagenet" in said(window), timeout=10_000)
    assert "right on 60 of 64" in said(window)
    assert button(window, "next").text() == "Calibrate with 64 pictures"
    looks = [j for j in desk.lanes.jobs if j.task.step == "look-at-data"]
    window.go("model")
    window.go("quantize")
    assert [j for j in desk.lanes.jobs if j.task.step == "look-at-data"] == looks


def test_one_source_is_split(compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path) -> None:
    window = compose()
    at_data(window, desk, tmp_path)
    click(qtbot, window, "split")
    assert not [f for f in window.findChildren(QFrame, "evaluation-drop") if f.isVisible()]
    told = shown(window, QLabel, "split-said")
    assert isinstance(told, QLabel)
    qtbot.waitUntil(lambda: "13 samples may calibrate, 51 evaluate" in told.text(), timeout=10_000)
    share = shown(window, QSpinBox, "share")
    assert isinstance(share, QSpinBox)
    share.setValue(50)
    assert "32 samples may calibrate, 32 evaluate" in told.text()
    assert button(window, "next").text() == "Calibrate with 32 pictures"
    click(qtbot, window, "next")
    plan = last_plan(desk)
    assert plan.calibration is not None
    assert plan.evaluation == replace(plan.calibration, limit=None, part="evaluation")
    assert (plan.calibration.part, plan.calibration.share) == ("calibration", 0.5)
    assert desk.data() == plan.evaluation
    stop(qtbot, desk)


def test_one_of_several_is_taken_by_a_click(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    window.go(data_not_recognised(window, desk, tmp_path))
    assert "There are several sets of data" in said(window)
    assert "The data has 12 classes, the model tells 10 apart." in said(window)
    click(qtbot, window, "take-1")
    assert desk.quant_draft.evaluation == Path("/data/line-3/train-images-idx3-ubyte")
    assert "is not there any more" in said(window)
    assert not button(window, "next").isEnabled()


def test_what_is_declared_goes_into_the_plan(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    at_data(window, desk, tmp_path)
    click(qtbot, window, "expert")
    for name, number in (("task", 2), ("decoder", 3)):
        field = shown(window, QComboBox, name)
        assert isinstance(field, QComboBox)
        field.setCurrentIndex(number)
        field.activated.emit(number)
    click(qtbot, window, "next")
    assert last_plan(desk).judging == Judging("detection", "yolov8")
    stop(qtbot, desk)


def test_facts_are_what_was_seen() -> None:
    english = assets.words("en")
    assert facts(english, LOOK) == [
        "Files with a table of labels, packed",
        "pictures: 1200",
        "classes: 10 (A, B, C, D, E, F, G, H, …)",
        "12 without a label",
        "columns: camera, shift",
    ]
    bare = replace(
        LOOK, kind="npy", packed=False, content="numbers", truth="none", classes=0, labelled=0,
        size="4", columns=(),
    )  # fmt: skip
    assert facts(english, bare) == ["A NumPy array", "samples: 1200", "4", "no labels"]
