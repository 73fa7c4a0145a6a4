"""The window in hurried hands: double clicks, changed minds, lost files, another language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QLineEdit, QRadioButton, QWidget
from pytestqt.qtbot import QtBot

from edgekiln import assets
from edgekiln.core.device import Contact, HostKey
from edgekiln.core.errors import UserError
from edgekiln.core.flow import QuantDraft
from edgekiln.core.passes import FUSION_PASSES
from edgekiln.core.text import say
from edgekiln.core.workspace import InHand
from edgekiln.gui import Window, refusal
from edgekiln.ui.devices_page import DevicesPage, Talk
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.table import shared
from ui import examples
from ui.conftest import Compose, failed_job, job_at_work
from ui.test_screenshots import have
from ui.test_window import button, click, task


def said(window: QWidget) -> str:
    """Everything that is written on the screen."""
    QApplication.processEvents()
    return "\n".join(w.text() for w in window.findChildren(QLabel) if w.isVisible())


def test_the_keyboard_stays_where_it_was(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "fusion")
    desk.quant_draft = QuantDraft(step="target")
    window.go("quantize")
    radio = window.findChild(QRadioButton, "target-rdk-x5")
    assert radio is not None
    radio.setFocus()
    qtbot.keyClick(radio, Qt.Key.Key_Space)
    assert desk.quant_draft.target == "rdk-x5"
    assert window.focusWidget().objectName() == "target-rdk-x5"


def test_after_a_job_the_keyboard_is_on_the_next_step(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "model")
    window.go("fuse")
    job = job_at_work(desk, say("Fuse operators"), None, say("Fuse operators"))
    window.pages["fuse"].start(job)
    assert window.focusWidget().objectName() == "cancel"
    desk.put_fusion(examples.fusion(tmp_path))
    job.done(None)
    assert window.focusWidget().objectName() == "next"


def test_the_second_click_of_a_double_click_presses_nothing_new(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "fusion")
    desk.quant_draft = replace(desk.quant_draft, step="target")
    window.go("quantize")
    click(qtbot, window, "next")
    again = button(window, "next")  # drawn where the first one was
    centre = QPointF(again.rect().center())
    for kind in (QEvent.Type.MouseButtonDblClick, QEvent.Type.MouseButtonRelease):
        left, no_keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        event = QMouseEvent(kind, centre, again.mapToGlobal(centre), left, left, no_keys)
        QApplication.sendEvent(again, event)
    assert desk.quant_draft.step == "data"
    qtbot.mouseClick(again, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert desk.quant_draft.step == "run"


def test_another_model_ends_what_was_made_from_the_old_one(
    qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    old, probe = desk.run(task("convert"), print), desk.run(task("probe"), print)
    desk.put_model(examples.model(tmp_path))
    qtbot.waitUntil(lambda: old.ended and probe.ended, timeout=10_000)
    assert old.state == "cancelled"
    assert probe.state != "cancelled"


def test_another_language_goes_on_with_the_job(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    old, new = compose(), compose("zh_CN", "dark")
    have(desk, tmp_path, "model")
    first = job_at_work(desk, say("Fuse operators"), None, say("Fuse operators"))
    old.pages["fuse"].start(first)
    new.pages["fuse"].adopt(old.pages["fuse"])
    assert new.pages["fuse"].job is first
    second = job_at_work(desk, say("Fuse operators"), None, say("Fuse operators"))
    old.pages["fuse"].start(second)  # as a callback of the first one does
    assert new.pages["fuse"].job is second


def test_what_lost_its_file_is_not_in_hand(compose: Compose, desk: Desk, tmp_path: Path) -> None:
    window = compose()
    have(desk, tmp_path, "bundle")
    window.go("quantize")
    (tmp_path / "float32.tflite").unlink()
    window.go("quantize")
    assert desk.in_hand == InHand(model=desk.in_hand.model, bundle=desk.in_hand.bundle)
    assert button(window, "go-fuse").isEnabled()
    (tmp_path / "digits.zip").unlink()
    window.go("deploy")
    assert desk.in_hand.bundle is None


def test_a_failure_is_forgotten_with_what_it_was_about(
    compose: Compose, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "model")
    window.go("fuse")
    window.pages["fuse"].start(failed_job(desk, examples.CRASH))
    assert "crashed" in said(window)
    desk.put_model(examples.model(tmp_path))
    assert "crashed" not in said(window)


def test_the_practice_box_stands_in_for_any_device(
    compose: Compose, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "bundle")
    desk.add_device(examples.OTHER_DEVICE)
    window.go("deploy")
    assert "The practice box is not running." in said(window)
    assert button(window, "start-practice").isEnabled()
    assert desk.target_title == "D-Robotics RDK X5"
    have(desk, tmp_path, "fusion")
    desk.choose_device(examples.OTHER_DEVICE)
    assert desk.quant_draft.target == "rdk-x5"


def test_a_failed_probe_offers_ways_out(compose: Compose, qtbot: QtBot, desk: Desk) -> None:
    window = compose()
    desk.add_device(examples.DEVICE)
    page = window.pages["devices"]
    page.job = failed_job(desk, examples.CRASH)
    page.job.task = replace(page.job.task, step="probe", inputs=Contact(examples.DEVICE))
    window.go("devices")
    assert button(window, "again").property("primary")
    click(qtbot, window, "password-anew")
    assert window.focusWidget().objectName() == "password"
    click(qtbot, window, "no-log-in")
    click(qtbot, window, f"edit-{examples.DEVICE.name}")
    host = window.findChild(QLineEdit, "host")
    assert host is not None
    assert host.text() == examples.DEVICE.host
    assert window.focusWidget() is host


def test_a_name_is_not_given_twice(compose: Compose, qtbot: QtBot, desk: Desk) -> None:
    window = compose()
    desk.add_device(examples.DEVICE)
    window.go("devices")
    click(qtbot, window, "add-device")
    for field, value in (("name", examples.DEVICE.name), ("host", "10.0.0.2"), ("password", "x")):
        line = window.pages["devices"].findChild(QLineEdit, field)
        assert line is not None
        line.setText(value)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert "There is a device line-3-cabinet already: choose another name." in said(window)
    assert desk.lanes.jobs == []


def test_a_new_fingerprint_is_held_against_the_old(compose: Compose, desk: Desk) -> None:
    window = compose()
    desk.add_device(examples.DEVICE)
    page = window.pages["devices"]
    assert isinstance(page, DevicesPage)
    other = HostKey("ssh-ed25519", "BBBB", "SHA256:other")
    page.talk = Talk(new=Contact(examples.DEVICE), key=other)
    window.go("devices")
    assert f"Until now it was {examples.KEY.fingerprint}" in said(window)


def test_all_or_no_passes(compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path) -> None:
    window = compose()
    have(desk, tmp_path, "model")
    desk.fuse_draft = replace(desk.fuse_draft, step="choose")
    window.go("fuse")
    click(qtbot, window, "no-passes")
    usual = {info.name for info in FUSION_PASSES if not info.asked}
    assert set(desk.fuse_draft.skip) == usual
    first = window.pages["fuse"].findChild(QCheckBox, f"pass-{FUSION_PASSES[0].name}")
    assert first is not None
    first.click()
    assert FUSION_PASSES[0].name not in desk.fuse_draft.skip
    click(qtbot, window, "all-passes")
    assert desk.fuse_draft.skip == ()
    asked = window.pages["fuse"].findChild(QCheckBox, "pass-split-output")
    assert asked is not None
    assert not asked.isChecked()
    asked.click()
    assert desk.fuse_draft.extra == ("split-output",)


def test_an_error_of_ours_is_told(compose: Compose, qtbot: QtBot, desk: Desk) -> None:
    window = compose()
    window.tell(OSError(28, "No space left on device"), Path("window.log"))
    desk.lanes.changed.emit()
    assert "No space left on device" in said(window)
    click(qtbot, window, "tray-ok")
    assert "No space left on device" not in said(window)


def test_a_workspace_that_cannot_be_written_is_refused_in_words(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError) as refused:
        Window(qapp, tmp_path / "file" / "workspace")
    box = refusal(refused.value, assets.words("en"))
    qtbot.addWidget(box)
    assert box.text() == str(refused.value.what)
    assert str(refused.value.do) in box.informativeText()


@pytest.mark.parametrize(
    ("wanted", "room", "widths"),
    [
        ([100, 50, 300], 600, [100, 50, 450]),
        ([400, 50, 300], 570, [300, 50, 220]),
        ([60, 60, 60], 100, [48, 48, 60]),
    ],
)
def test_columns_share_the_room(wanted: list[int], room: int, widths: list[int]) -> None:
    assert shared(wanted, 2, room) == widths
