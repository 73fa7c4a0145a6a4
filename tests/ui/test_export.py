"""The export dialog by clicks, with the real child; and how it looks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from edgekiln.core.workspace import Workspace
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.netron import Netron
from edgekiln.jobs.practice import PracticeBox
from edgekiln.jobs.runner import Runner
from edgekiln.ui.export_dialog import ExportDialog
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import ThemeName
from ui.conftest import Compose
from ui.test_screenshots import have

Shown = TypeVar("Shown", bound=QWidget)
# What there is without a screen cannot tell a window manager the smallest size of a dialog.
pytestmark = pytest.mark.qt_log_ignore("does not support propagateSizeHints")


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    """With the real worker: what is asked for is written."""
    root = tmp_path / "workspace"
    lanes, box, netron = Lanes(Runner(root)), PracticeBox(root), Netron(root)
    yield Desk(Workspace(root), lanes, box, netron)
    netron.close()
    lanes.close()
    box.close()


def dialog_of(compose: Compose, desk: Desk, root: Path, language: str, theme: ThemeName = "light",
              ) -> ExportDialog:  # fmt: skip
    """Opened by its button on the preview page."""
    window = compose(language, theme)
    have(desk, root, "bundle")
    window.go("preview")
    press(window.pages["preview"], "export")
    (dialog,) = window.findChildren(ExportDialog)
    assert dialog.isVisible()
    return dialog


def seen(owner: QWidget, kind: type[Shown], name: str) -> Shown:
    """The one that is shown: those of an earlier drawing go with the event loop."""
    QApplication.processEvents()
    (widget,) = [w for w in owner.findChildren(kind, name) if w.isVisible()]
    return widget


def press(owner: QWidget, name: str) -> None:
    seen(owner, QPushButton, name).click()


def texts(dialog: ExportDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def shoot(dialog: ExportDialog, name: str, tmp_path: Path) -> None:
    folder = Path(os.environ.get("EDGEKILN_SHOTS", tmp_path))
    QApplication.processEvents()
    dialog.adjustSize()
    dialog.grab().save(str(folder / f"export-{name}.png"))


def test_every_format_in_both_languages(
    compose: Compose, desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = dialog_of(compose, desk, tmp_path, "en")
    opened: list[Path] = []
    dialog._show_folder = opened.append
    dialog.choose(tmp_path / "out")
    for form in ("csv", "json", "tensorboard"):
        seen(dialog, QCheckBox, f"export-{form}").click()
    languages = seen(dialog, QComboBox, "export-language")
    languages.setCurrentIndex(2)
    languages.activated.emit(2)
    press(dialog, "start-export")
    qtbot.waitUntil(lambda: "7 files were written." in texts(dialog), timeout=30_000)
    shoot(dialog, "done", tmp_path)
    made = sorted(p.name for p in (tmp_path / "out").iterdir())
    name = "digits-classifier-report"
    assert made == sorted((f"{name}-en.html", f"{name}-zh_CN.html", f"{name}-en.pdf",
                           f"{name}-zh_CN.pdf", f"{name}.csv", f"{name}.json",
                           f"{name}-tensorboard"))  # fmt: skip
    press(dialog, "open-folder")
    assert opened == [tmp_path / "out"]
    press(dialog, "close-export")
    assert not dialog.isVisible()


def test_nothing_chosen_and_a_folder_that_refuses(
    compose: Compose, desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = dialog_of(compose, desk, tmp_path, "zh_CN")
    for form in ("html", "pdf"):
        seen(dialog, QCheckBox, f"export-{form}").click()
    start = seen(dialog, QPushButton, "start-export")
    assert not start.isEnabled()
    assert start.toolTip() == "请先选择一种格式。"
    seen(dialog, QCheckBox, "export-csv").click()
    (tmp_path / "file").touch()
    dialog.choose(tmp_path / "file")
    press(dialog, "start-export")
    qtbot.waitUntil(lambda: "无法把报告写到" in texts(dialog), timeout=30_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_looks(
    compose: Compose, desk: Desk, tmp_path: Path, language: str, theme: ThemeName
) -> None:
    dialog = dialog_of(compose, desk, tmp_path, language, theme)
    dialog.choose(Path("/home/engineer/reports"))
    shoot(dialog, f"{language}-{theme}", tmp_path)
    for box in dialog.findChildren(QCheckBox):
        assert box.width() >= box.sizeHint().width()
