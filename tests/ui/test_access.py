"""Without a mouse and without eyes: names on all controls, keys for all places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from edgekiln.core.text import say
from edgekiln.ui.main_window import SMALLEST, MainWindow
from edgekiln.ui.state import Desk
from ui.conftest import Compose, job_at_work
from ui.test_screenshots import STATES, State

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
)
OWN_PARTS = (QAbstractSpinBox, QComboBox, QAbstractItemView)


def controls(window: QWidget) -> Iterator[QWidget]:
    """Every control on the screen that is not a part of another one."""
    for kind in CONTROLS:
        for found in window.findChildren(kind):
            inner = any(isinstance(p, OWN_PARTS) for p in parents(found))
            if found.isVisible() and not inner:
                yield found


def parents(widget: QWidget) -> Iterator[QWidget]:
    while (widget := widget.parentWidget()) is not None:
        yield widget


def active(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """Shortcuts work in the active window only."""
    with qtbot.waitActive(window):
        window.activateWindow()
    return window


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_control_has_a_name(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path, state: State
) -> None:
    window = compose()
    if place := state(window, desk, tmp_path):
        window.go(place)
    found = list(controls(window))
    assert len(found) >= 8
    assert [type(c).__name__ + c.objectName() for c in found if not c.accessibleName()] == []
    unreachable = [
        c.accessibleName()
        for c in found
        if c.isEnabled()
        and not isinstance(c, QProgressBar)
        and not c.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert unreachable == []


def test_keys_go_to_the_places(compose: Compose, qtbot: QtBot) -> None:
    window = active(compose(), qtbot)
    for number, place in enumerate(window.pages, start=1):
        qtbot.keyClick(
            window, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier
        )
        assert window.here == place


def test_tab_reaches_the_next_step(compose: Compose, qtbot: QtBot) -> None:
    window = compose()
    names = set()
    for _ in range(60):
        focused = window.focusWidget()
        names.add(focused.objectName())
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert {"open-folder", "open-sample", "place-model", "place-deploy", "tray-toggle"} <= names


def test_esc_asks_before_it_ends_what_runs(compose: Compose, qtbot: QtBot, desk: Desk) -> None:
    window = active(compose(), qtbot)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert window.findChild(QWidget, "tray-question") is None
    job = job_at_work(desk, say("Fuse operators"), None, say("Fuse operators"))
    desk.lanes.jobs.append(job)
    desk.lanes.changed.emit()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    question = window.findChild(QWidget, "tray-question")
    assert question is not None
    qtbot.waitUntil(question.isVisible)
    assert job.state == "running"
    desk.lanes.jobs.remove(job)


def test_the_smallest_size(compose: Compose, qtbot: QtBot) -> None:
    window = compose()
    window.resize(*SMALLEST)
    for place in window.pages:
        window.go(place)
        assert (window.width(), window.height()) == SMALLEST
