"""The window as the user meets it: pages, drafts, the tray, jobs that end badly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFrame,
    QLabel,
    QSpinBox,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from edgekiln.core.device import PushResult
from edgekiln.core.flow import FuseDraft
from edgekiln.core.plans import InspectPlan
from edgekiln.core.text import say
from edgekiln.core.workspace import InHand, Workspace
from edgekiln.jobs.job import Job, Task
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.marks import marks
from edgekiln.ui.settings import Settings, load_settings, save_settings
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.kit import CutLabel
from ui import examples
from ui.conftest import Compose
from ui.test_screenshots import have


def button(window: QWidget, name: str) -> QAbstractButton:
    QApplication.processEvents()  # Qt shows what was added to a layout in the next turn
    found = [b for b in window.findChildren(QAbstractButton, name) if b.isVisible()]
    assert found, name
    return found[-1]


def click(qtbot: QtBot, window: QWidget, name: str) -> None:
    qtbot.mouseClick(button(window, name), Qt.MouseButton.LeftButton)


def strip(window: MainWindow) -> list[str]:
    labels = [window.findChild(CutLabel, f"strip-{n}") for n in range(3)]
    return [label.full() for label in labels if label is not None]


def task(step: str) -> Task[InspectPlan]:
    return Task(step, InspectPlan(), InspectPlan(), InspectPlan, say("A job"))


def test_the_strip_tells_model_target_and_release(
    compose: Compose, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    assert strip(window) == ["none", "This computer", "nothing yet"]
    have(desk, tmp_path, "quantized")
    desk.add_device(examples.DEVICE)
    assert strip(window) == [
        "digits-classifier",
        "line-3-cabinet · D-Robotics RDK X5",
        "int8 · 44.5 kB · 98.9 %",
    ]


def test_what_is_in_hand_and_drafts_survive_the_window(desk: Desk, tmp_path: Path) -> None:
    desk.put_model(examples.model(tmp_path))
    desk.put_fusion(examples.fusion(tmp_path))
    desk.save_fuse_draft(FuseDraft(skip=("affine-forward",)))
    again = Desk(Workspace(desk.workspace.root), desk.lanes, desk.practice, desk.netron)
    assert again.in_hand == desk.in_hand
    assert again.fuse_draft.skip == ("affine-forward",)
    assert again.recent.models == (tmp_path / "digits-classifier",)


def test_another_candidate_unpacks_the_release(desk: Desk, tmp_path: Path) -> None:
    have(desk, tmp_path, "bundle")
    assert desk.in_hand.quantized is not None
    desk.choose(desk.in_hand.quantized.candidate("int8"))
    assert desk.in_hand.bundle is not None
    desk.choose(desk.in_hand.quantized.candidate("int16x8"))
    assert desk.in_hand.bundle is None
    assert desk.chosen == examples.candidate(tmp_path, "int16x8")


def test_an_unusable_candidate_cannot_be_chosen(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "quantized")
    window.go("quantize")
    view = window.findChild(QTableView, "candidates")
    assert view is not None
    view.clicked.emit(view.model().index(2, 0))  # dynamic-range, refused by the gate
    assert desk.chosen is not None
    assert desk.chosen.scheme == "int8"
    view.clicked.emit(view.model().index(5, 0))
    assert desk.chosen.scheme == "int16x8"


def test_pinning_dynamic_sizes_opens_the_way(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    desk.put(InHand(model=examples.model(tmp_path, dynamic=True)))
    assert not button(window, "next").isEnabled()
    for axis in (1, 2):
        field = window.findChild(QSpinBox, f"size-image-{axis}")
        assert field is not None
        field.setValue(32)
        field.editingFinished.emit()
    assert desk.model_draft.plan().sizes == (("image", (1, 32, 32, 1)),)
    assert button(window, "next").isEnabled()


def test_the_data_answers_for_dynamic_sizes(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    desk.put(InHand(model=examples.model(tmp_path, dynamic=True)))
    assert button(window, "offer-folder").isEnabled()  # no data at hand yet: one may be chosen
    (tmp_path / "digits").mkdir()
    desk.save_quant_draft(replace(desk.quant_draft, calibration=tmp_path / "digits"))
    desk.changed.emit()
    assert "digits" in button(window, "offer").text()
    button(window, "offer").click()
    qtbot.waitUntil(lambda: desk.model_draft.sizes != (), timeout=10_000)
    assert desk.model_draft.plan().sizes == (("image", (1, 32, 24, 1)),)
    qtbot.waitUntil(lambda: button(window, "next").isEnabled(), timeout=5_000)


def test_a_model_no_box_can_run_goes_no_further(
    compose: Compose, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    model = replace(
        examples.model(tmp_path), obstacles=(say("Not available: {names}.", names="Erf"),)
    )
    desk.put(InHand(model=model))
    assert not button(window, "next").isEnabled()
    assert any("Erf" in label.text() for label in window.findChildren(QLabel))


def test_a_dropped_folder_is_opened(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    window.dropEvent(
        QDropEvent(
            QPoint(5, 5),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    job = desk.lanes.jobs[-1]
    assert (job.task.step, job.task.inputs) == ("identify", tmp_path)
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)  # the fake worker does not know it
    assert window.findChild(QFrame, "error-panel") is not None


def test_a_choice_of_an_error_opens_that_path(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    page = window.pages["model"]
    page.job = Job(task("identify"), print, desk)
    page.job.start(desk.workspace.root / "logs" / "a.log")
    page.job.fail(examples.ERROR)
    window.go("model")
    click(qtbot, window, "choice-0")
    job = desk.lanes.jobs[-1]
    assert job.task.inputs == Path("/data/models/resnet/2")
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)


def test_the_tray_cancels_and_shows_the_log(compose: Compose, qtbot: QtBot, desk: Desk) -> None:
    window = compose()
    job = desk.run(task("wait"), print)
    qtbot.waitUntil(lambda: job.text == say("waiting"), timeout=10_000)
    click(qtbot, window, "tray-toggle")
    click(qtbot, window, "tray-cancel")
    qtbot.waitUntil(lambda: job.state == "cancelled", timeout=10_000)
    assert desk.workspace.history()[0][1:3] == ("wait", "cancelled")
    line = window.findChild(CutLabel, "tray-line")
    assert line is not None
    assert line.full() == "A job · stopped"


def test_closing_asks_while_something_runs(compose: Compose, qtbot: QtBot, desk: Desk) -> None:
    window = compose()
    job = desk.run(task("wait"), print)
    qtbot.waitUntil(lambda: job.state == "running", timeout=10_000)
    assert not window.close()
    assert window.isVisible()
    click(qtbot, window, "tray-yes")
    assert not window.isVisible()


def test_wrong_kind_of_box_cannot_be_pushed_to(
    compose: Compose, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "bundle")
    desk.add_device(replace(examples.OTHER_DEVICE, name="laptop"))
    window.go("deploy")
    assert not button(window, "push").isEnabled()
    desk.add_device(examples.DEVICE)
    assert button(window, "push").isEnabled()


def test_the_device_form_says_what_is_missing(compose: Compose, qtbot: QtBot) -> None:
    window = compose()
    window.go("devices")
    click(qtbot, window, "add-device")
    click(qtbot, window, "read-key")
    said = [w.text() for w in window.findChildren(QLabel) if w.isVisible()]
    assert "Enter the device's address." in said


def test_marks(desk: Desk, tmp_path: Path) -> None:
    nothing = marks(InHand(), None, None, [])
    assert set(nothing.values()) == {"empty"}
    crashed = Job(task("fuse"), print, desk)
    crashed.start(tmp_path / "log")
    crashed.crash(examples.CRASH)
    have(desk, tmp_path, "quantized")
    refused = PushResult("refused", "", None)
    shown = marks(
        desk.in_hand, examples.DEVICE, refused, [crashed, Job(task("probe"), print, desk)]
    )
    assert shown == {
        "model": "done",
        "fuse": "attention",
        "quantize": "done",
        "preview": "done",
        "devices": "running",
        "deploy": "attention",
    }
    none = replace(desk.in_hand, quantized=examples.quantized(tmp_path, None))
    assert marks(none, None, None, [])["quantize"] == "attention"


def test_settings_are_kept(desk: Desk) -> None:
    assert load_settings(desk.workspace) == Settings()
    save_settings(desk.workspace, Settings("zh_CN", "dark"))
    assert load_settings(desk.workspace) == Settings("zh_CN", "dark")
