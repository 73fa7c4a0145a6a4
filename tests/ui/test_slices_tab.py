"""The slices of the preview by clicks: asked for when looked at, the worst first."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QComboBox, QTableView, QTabWidget
from pytestqt.qtbot import QtBot

from edgekiln.core.accuracy import SliceInputs
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.slices_tab import SlicesTab
from edgekiln.ui.state import Desk
from ui.conftest import Compose
from ui.test_quant_wizard import shown, table
from ui.test_screenshots import have


def open_slices(window: MainWindow) -> SlicesTab:
    book = shown(window, QTabWidget, "looks")
    assert isinstance(book, QTabWidget)
    tab = next(book.widget(n) for n in range(book.count())
               if book.widget(n).objectName() == "slices")  # fmt: skip
    assert isinstance(tab, SlicesTab)
    book.setCurrentWidget(tab)
    return tab


def tables(window: MainWindow) -> list[QTableView]:
    return [t for t in window.findChildren(QTableView, "slice-table") if t.isVisible()]


def test_the_slices_that_lose_most_come_first(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "quantized")
    window.go("preview")
    assert not [j for j in desk.lanes.jobs if j.task.step == "slices"]
    open_slices(window)
    (job,) = [j for j in desk.lanes.jobs if j.task.step == "slices"]
    result = desk.in_hand.quantized
    assert result is not None
    data = desk.data()
    assert data is not None
    expected = SliceInputs(
        result.candidate("int8").report,
        result.float_report,
        data,  # type: ignore[arg-type]
    )
    assert job.task.inputs == expected
    qtbot.waitUntil(lambda: bool(tables(window)), timeout=10_000)
    rows = table(window, "slice-table")
    assert [row[0] for row in rows] == ["night", "day"]
    assert rows[0][1:] == [
        "99", "81.00 %", "76.00–82.00 %", "95.00 %", "▼ −14.0 points", "more than noise",
    ]  # fmt: skip
    assert rows[1][-2:] == ["= no change", "within noise"]
    choice = shown(window, QComboBox, "figures-by")
    assert isinstance(choice, QComboBox)
    choice.setCurrentIndex(1)
    qtbot.waitUntil(lambda: len(tables(window)) == 1, timeout=10_000)
    assert [row[0] for row in table(window, "slice-table")] == ["640×480"]
    window.go("model")
    window.go("preview")
    qtbot.waitUntil(lambda: bool(tables(window)), timeout=10_000)
    assert [j for j in desk.lanes.jobs if j.task.step == "slices"] == [job]
