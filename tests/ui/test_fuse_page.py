"""The fusion page under the hands of a user: filter, switches, undo, drawings, what stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QTableView,
    QTabWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from edgekiln.core.drawing import Drawing
from edgekiln.core.flow import FuseDraft, Switches
from edgekiln.core.fusion import FusionResult, SourceLatency
from edgekiln.core.passes import FUSION_PASSES
from edgekiln.core.text import say
from edgekiln.jobs.netron import Netron
from edgekiln.ui import fuse_wizard
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.graph_view import GraphView
from ui import examples
from ui.conftest import Compose, failed_job
from ui.test_screenshots import have
from ui.test_window import button, click

W = TypeVar("W", bound=QWidget)
LEFT = Qt.MouseButton.LeftButton
CONV2 = ("affine-forward", "net/conv2")


def find(window: QWidget, kind: type[W], name: str) -> W:
    found = window.findChildren(kind, name)
    assert found, name
    return found[-1]


@pytest.fixture
def page(compose: Compose, desk: Desk, tmp_path: Path) -> MainWindow:
    """The result of the example, as it is after a run."""
    window = compose()
    have(desk, tmp_path, "fusion")
    desk.fuse_draft = FuseDraft(step="result", made=Switches())
    window.go("fuse")
    QApplication.processEvents()
    return window


def show(window: MainWindow, desk: Desk, result: FusionResult) -> None:
    desk.put_fusion(result)
    window.go("fuse")


def column(window: MainWindow, name: str, place: int) -> list[str]:
    model = find(window, QTableView, name).model()
    return [str(model.index(n, place).data()) for n in range(model.rowCount())]


def select(qtbot: QtBot, window: MainWindow, number: int) -> None:
    view = find(window, QTableView, "groups")
    centre = view.visualRect(view.model().index(number, 1)).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=centre)


def switch(qtbot: QtBot, view: QTableView, number: int) -> None:
    """A click on the box at the left of a row."""
    rect = view.visualRect(view.model().index(number, 0))
    qtbot.mouseClick(view.viewport(), LEFT, pos=QPoint(rect.left() + 18, rect.center().y()))


def drawn(window: MainWindow, side: str) -> str:
    return find(window, GraphView, f"graph-{side}").accessibleDescription()


def said(window: QWidget) -> str:
    return "\n".join(w.text() for w in window.findChildren(QLabel) if w.isVisible())


def test_groups_are_filtered_by_text_and_state(page: MainWindow, qtbot: QtBot) -> None:
    assert column(page, "groups", 1) == ["conv1", "norm2/conv2", "head", "skip"]
    field = find(page, QLineEdit, "filter-text")
    qtbot.keyClicks(field, "NORM2")
    assert column(page, "groups", 1) == ["norm2/conv2"]
    field.clear()
    kinds = find(page, QComboBox, "filter-state")
    assert [kinds.itemText(n).rpartition(": ")[2] for n in range(kinds.count())] == list("41111")
    kinds.setCurrentIndex(kinds.findData("possible"))
    assert column(page, "groups", 2) == ["○ possible"]
    qtbot.keyClicks(field, "no such thing")
    assert column(page, "groups", 1) == []
    assert "No group matches the filter." in said(page)


def test_the_drawing_has_the_operators_of_the_group(page: MainWindow, qtbot: QtBot) -> None:
    select(qtbot, page, 1)
    qtbot.waitUntil(lambda: "MUL" in drawn(page, "before"))
    before = drawn(page, "before").split("; ")
    assert [line.split(" ")[1] for line in before] == ["MUL", "ADD", "CONV_2D"]
    assert [line.split(" ")[0] for line in before] == ["◆✕", "◆✕", "◆"]
    after = drawn(page, "after").split("; ")
    assert after == ["◆≠ CONV_2D + RELU6 3×3 SAME · 1×8×8×16"]
    select(qtbot, page, 3)
    qtbot.waitUntil(lambda: drawn(page, "after") == "None of its operators is in this graph.")
    assert "not possible" in said(page)


def test_a_place_is_switched_off_and_comes_back(page: MainWindow, qtbot: QtBot, desk: Desk) -> None:
    view = find(page, QTableView, "groups")
    switch(qtbot, view, 1)
    assert desk.fuse_draft.plan().leave == (CONV2,)
    assert column(page, "groups", 2)[1] == "● to be left"
    assert button(page, "fuse-again").property("primary")
    assert find(page, QTableView, "groups") is view, "the list was drawn anew"
    click(qtbot, page, "undo")
    assert desk.fuse_draft.plan().leave == ()
    assert column(page, "groups", 2)[1] == "✓ EdgeKiln"
    assert button(page, "next").property("primary")
    click(qtbot, page, "redo")
    assert desk.fuse_draft.plan().leave == (CONV2,)
    assert not button(page, "redo").isEnabled()


def test_space_switches_a_place(page: MainWindow, qtbot: QtBot, desk: Desk) -> None:
    view = find(page, QTableView, "groups")
    view.setCurrentIndex(view.model().index(1, 0))
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert desk.fuse_draft.plan().leave == (CONV2,)


def test_undo_by_the_keyboard(page: MainWindow, qtbot: QtBot, desk: Desk) -> None:
    with qtbot.waitActive(page):
        page.activateWindow()
    view = find(page, QTableView, "groups")
    switch(qtbot, view, 1)
    qtbot.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert desk.fuse_draft.leave == ()
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(view, Qt.Key.Key_Z, both)
    assert desk.fuse_draft.leave == (CONV2,)


def test_a_pass_takes_its_places_with_it(page: MainWindow, qtbot: QtBot, desk: Desk) -> None:
    find(page, QTabWidget, "").setCurrentIndex(1)
    names = [info.name for info in FUSION_PASSES]
    view = find(page, QTableView, "passes")
    switch(qtbot, view, names.index("affine-forward"))
    assert desk.fuse_draft.skip == ("affine-forward",)
    groups = find(page, QTableView, "groups").model()
    assert column(page, "groups", 2)[1] == "● to be left"
    assert not groups.flags(groups.index(1, 0)) & Qt.ItemFlag.ItemIsUserCheckable
    assert groups.flags(groups.index(2, 0)) & Qt.ItemFlag.ItemIsUserCheckable
    switch(qtbot, view, names.index("affine-forward"))
    assert not desk.fuse_draft.changed


def test_fusing_again_keeps_the_result_until_there_is_another(
    page: MainWindow, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    good = desk.in_hand.fusion
    switch(qtbot, find(page, QTableView, "groups"), 1)
    click(qtbot, page, "fuse-again")
    job = desk.lanes.jobs[-1]
    assert (job.task.step, job.task.plan.leave) == ("fuse", (CONV2,))
    assert desk.in_hand.fusion is good
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)  # the fake worker does not know the step
    assert desk.in_hand.fusion is good
    click(qtbot, page, "back")
    page.pages["fuse"]._fused(replace(examples.fusion(tmp_path), proof_samples=16))  # type: ignore[attr-defined]
    assert desk.in_hand.fusion is not good
    assert desk.fuse_draft.made == desk.fuse_draft.switches
    assert "16 samples" in said(page)
    assert not desk.fuse_draft.changed


def test_zoom_and_move(page: MainWindow, qtbot: QtBot) -> None:
    view = find(page, GraphView, "graph-before")
    start = view.transform().m11()
    for _ in range(3):
        qtbot.keyClick(view, Qt.Key.Key_Plus)
    near = view.transform().m11()
    assert near > start * 1.5
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert view.transform().m11() < near
    for key, bar in (
        (Qt.Key.Key_Down, view.verticalScrollBar()),
        (Qt.Key.Key_Right, view.horizontalScrollBar()),
    ):
        was = bar.value()
        qtbot.keyClick(view, key)
        assert bar.value() > was
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.transform().m11() == pytest.approx(start)
    at = QPointF(view.rect().center())
    wheel = QWheelEvent(
        at, view.mapToGlobal(at), QPoint(), QPoint(0, -240), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    view.wheelEvent(wheel)
    assert view.transform().m11() < start
    click(qtbot, page, "zoom-group")
    assert view.transform().m11() == pytest.approx(start)


def test_a_drag_moves_the_drawing(page: MainWindow, qtbot: QtBot) -> None:
    view = find(page, GraphView, "graph-before")
    was = view.verticalScrollBar().value()
    qtbot.mousePress(view.viewport(), LEFT, pos=QPoint(80, 80))
    qtbot.mouseMove(view.viewport(), QPoint(80, 40))
    qtbot.mouseRelease(view.viewport(), LEFT, pos=QPoint(80, 40))
    assert view.verticalScrollBar().value() == was + 40


def test_two_hundred_operators_around_a_group(
    page: MainWindow, desk: Desk, tmp_path: Path, qtbot: QtBot
) -> None:
    long = examples.drawing(tuple(f"layer{n}" for n in range(260)))
    result = replace(examples.fusion(tmp_path), drawing_before=long, drawing_after=long)
    group = replace(result.groups[1], operators=("net/layer130",))
    show(page, desk, replace(result, groups=(group,)))
    view = find(page, GraphView, "graph-before")
    qtbot.waitUntil(lambda: len(view.scene().items()) > 200)
    assert len(view.scene().items()) == 201  # the operators, and all edges as one
    qtbot.keyClick(view, Qt.Key.Key_Home)
    seen = view.mapToScene(view.viewport().rect()).boundingRect()
    assert seen.height() > 10 * 78  # far more than the group, and it is in the middle
    (box,) = (i for i in view.scene().items() if i.toolTip().startswith("net/layer130\n"))
    assert abs(seen.center().y() - box.sceneBoundingRect().center().y()) < 20


def test_what_was_taken_back_is_said_to_be_our_fault(
    page: MainWindow, desk: Desk, tmp_path: Path, qtbot: QtBot
) -> None:
    result = examples.fusion(tmp_path)
    back = replace(result.passes[0], taken_back=True)
    show(page, desk, replace(result, passes=(back, *result.passes[1:])))
    assert "This is a fault of EdgeKiln" in said(page)
    click(qtbot, page, "show-passes")
    names = [info.name for info in FUSION_PASSES]
    place = names.index("affine-forward")
    assert column(page, "passes", 2)[place] == "! taken back"
    assert find(page, QTableView, "passes").currentIndex().row() == place
    assert "relative 1.1e-07" in said(page)


def test_nothing_to_fuse(page: MainWindow, desk: Desk, tmp_path: Path) -> None:
    result = examples.fusion(tmp_path)
    empty = replace(
        result, after=result.before, groups=(), passes=(), proof_samples=0, runtime="",
        drawing_before=Drawing(()), drawing_after=Drawing(()),
    )  # fmt: skip
    show(page, desk, empty)
    assert "the converter had done all of it" in said(page)
    assert "there is nothing to prove" in said(page)
    assert "no convolution, dense or normalisation layers" in said(page)


def test_notes_and_a_changed_interface(
    page: MainWindow, desk: Desk, tmp_path: Path, qtbot: QtBot
) -> None:
    note = say("What")
    show(page, desk, replace(examples.fusion(tmp_path), interface=(note,)))
    click(qtbot, page, "show-notes")
    tabs = find(page, QTabWidget, "")
    assert tabs.tabText(tabs.currentIndex()) == "! Notes: 1"
    assert "What" in said(tabs)


def test_tensorflow_is_timed_when_asked(
    page: MainWindow, desk: Desk, qtbot: QtBot, tmp_path: Path
) -> None:
    desk.save_fuse_draft(replace(desk.fuse_draft, time_source=True))
    page.pages["fuse"]._fused(examples.fusion(tmp_path))  # type: ignore[attr-defined]
    job = desk.lanes.jobs[-1]
    assert job.task.step == "time-source"
    assert "TensorFlow is being timed." in said(page)
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)
    view = find(page, QTableView, "groups")
    plain = examples._latency(9.5)
    desk.put_source_latency(SourceLatency(plain, None, say("Why")))
    assert "9.5 (9.21–9.97)" in said(page)
    assert "Why" in said(page)
    assert find(page, QTableView, "groups") is view, "the list was drawn anew"


def test_the_expert_switch_is_folded(page: MainWindow, desk: Desk, qtbot: QtBot) -> None:
    click(qtbot, page, "back")
    box = find(page, QAbstractButton, "time-source")
    assert not box.isVisible()
    click(qtbot, page, "expert")
    assert box.isVisible()
    box.click()
    assert desk.fuse_draft.time_source
    click(qtbot, page, "to-result")
    assert column(page, "groups", 1)


@pytest.mark.parametrize("installed", [True, False])
def test_netron_where_it_is_installed(
    page: MainWindow,
    desk: Desk,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    installed: bool,
) -> None:
    monkeypatch.setattr(fuse_wizard.netron, "is_installed", lambda: installed)
    desk.netron = Netron(tmp_path, (str(tmp_path / "no-such-program"),))
    desk.netron.failed.connect(page.pages["fuse"]._tell)  # type: ignore[attr-defined]
    show(page, desk, replace(examples.fusion(tmp_path), proof_samples=8))
    for name in ("netron-before", "netron-after"):
        assert button(page, name).isEnabled() == installed
        assert ("pip install netron" in button(page, name).toolTip()) != installed
    if installed:
        click(qtbot, page, "netron-after")
        qtbot.waitUntil(lambda: "Netron ended" in said(page), timeout=10_000)


def test_a_failed_run_leads_back_to_the_result(page: MainWindow, qtbot: QtBot, desk: Desk) -> None:
    page.pages["fuse"].start(failed_job(desk, examples.CRASH))
    assert "crashed" in said(page)
    click(qtbot, page, "to-result")
    assert column(page, "groups", 1)
