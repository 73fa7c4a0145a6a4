"""The preview by clicks and keys, with real children that list and draw the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFrame,
    QLabel,
    QListWidget,
    QTableView,
    QTabWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from edgekiln import assets
from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.data import PRESETS, DataSource
from edgekiln.core.measures import ClassFigures
from edgekiln.core.workspace import InHand, Workspace
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.netron import Netron
from edgekiln.jobs.practice import PracticeBox
from edgekiln.jobs.runner import Runner
from edgekiln.pipeline.data.arrays import save_arrays
from edgekiln.pipeline.data.source import open_data
from edgekiln.ui import theme
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.overlays import Drawings, OverlayPair
from edgekiln.ui.preview_page import PreviewPage
from edgekiln.ui.sample_grid import SampleGrid
from edgekiln.ui.sample_store import LARGE
from edgekiln.ui.settings import Settings
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.confusion import ConfusionMatrix
from edgekiln.ui.widgets.kit import CutLabel
from ui import examples

PATIENCE_MS = 30_000
COUNT = 400
WRONG = tuple(range(5, COUNT, 40))  # int8 takes these for the next class
BOTH_WRONG = WRONG[::5]  # and float does, too


class Preview:
    """What a user does with the page."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot, self.window = qtbot, window

    def wait_for_samples(self) -> None:
        def there() -> bool:
            grids = self.window.findChildren(SampleGrid)
            return any(grid.isVisible() and grid.shown for grid in grids)

        self.qtbot.waitUntil(there, timeout=PATIENCE_MS)

    @property
    def page(self) -> PreviewPage:
        page = self.window.pages["preview"]
        assert isinstance(page, PreviewPage)
        return page

    @property
    def grid(self) -> SampleGrid:
        return [g for g in self.window.findChildren(SampleGrid) if g.isVisible()][-1]

    @property
    def tabs(self) -> QTabWidget:
        return self.window.findChildren(QTabWidget, "looks")[-1]

    def find(self, kind: type[QWidget], name: str) -> QWidget:
        return [w for w in self.window.findChildren(kind, name) if w.isVisible()][-1]

    def answers(self) -> list[list[str]]:
        view = [v for v in self.grid.window().findChildren(QTableView) if v.isVisible()][-1]
        model = view.model()
        return [
            [model.index(r, c).data() for c in range(model.columnCount())]
            for r in range(model.rowCount())
        ]


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path) -> Iterator[Desk]:
    root = tmp_path / "workspace"
    lanes = Lanes(Runner(root))
    box, netron = PracticeBox(root), Netron(root)
    desk = Desk(Workspace(root), lanes, box, netron)
    data = tmp_path / "d.npz"
    labels = np.arange(COUNT) % 10
    shades = np.arange(COUNT, dtype=np.uint8)[:, None, None, None]
    np.savez(data, x=np.broadcast_to(shades, (COUNT, 8, 8, 1)), y=labels)
    desk.put(judged(tmp_path, data, labels))
    desk.quant_draft = replace(desk.quant_draft, calibration=data, evaluation=data, step="result")
    yield desk
    netron.close()
    lanes.close()
    box.close()


def judged(root: Path, data: Path, labels: np.ndarray) -> InHand:
    """Float and int8 on 400 samples, wrong where WRONG and BOTH_WRONG say."""
    fingerprint = open_data(DataSource(data)).fingerprint
    ours, theirs = labels.copy(), labels.copy()
    ours[list(WRONG)] = (labels[list(WRONG)] + 1) % 10
    theirs[list(BOTH_WRONG)] = (labels[list(BOTH_WRONG)] + 1) % 10

    def report(name: str, predicted: np.ndarray) -> AccuracyReport:
        scores = np.full((COUNT, 10), 0.02, np.float32)
        scores[np.arange(COUNT), predicted] = 0.82
        outputs = root / f"{name}.npz"
        save_arrays(outputs, {"scores": scores, "predicted": predicted, "labels": labels})
        counts = np.zeros((10, 10), int)
        np.add.at(counts, (labels, predicted), 1)
        return replace(
            examples.report(root, float((predicted == labels).mean()), 1.0),
            samples=COUNT,
            data_fingerprint=fingerprint,
            confusion=tuple(tuple(row) for row in counts.tolist()),
            outputs=outputs,
        )

    result = examples.quantized(root)
    made = tuple(
        replace(
            c,
            report=report(
                "int8" if c.scheme == "int8" else "float", ours if c.scheme == "int8" else theirs
            ),
        )
        for c in result.candidates
    )
    result = replace(result, candidates=made, float_report=report("float", theirs))
    return InHand(
        model=examples.model(root),
        converted=examples.artifact(root),
        fusion=examples.fusion(root),
        quantized=result,
    )


@pytest.fixture
def preview(qtbot: QtBot, qapp: QApplication, desk: Desk) -> Iterator[Preview]:
    tokens = theme.apply(qapp, "light", "en")
    window = MainWindow(assets.words("en"), tokens, desk, Settings(), lambda _: None)
    window.resize(1280, 800)
    window.show()
    window.go("preview")
    yield Preview(qtbot, window)
    window.hide()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_the_samples_are_listed_and_drawn(preview: Preview) -> None:
    preview.wait_for_samples()
    assert len(preview.grid.shown) == COUNT
    store = preview.page.store
    assert store is not None
    assert store.pictures is not None
    pictures = store.pictures
    preview.qtbot.waitUntil(lambda: pictures.has(0), timeout=PATIENCE_MS)
    for sample in (0, 7, 30):
        drawn = pictures.picture(sample)
        assert drawn is not None
        sheet, place = drawn
        assert sheet.toImage().pixelColor(place.center()).red() == sample
    large = store.large
    assert large is not None
    preview.qtbot.waitUntil(lambda: large.has(0), timeout=PATIENCE_MS)
    looked_at = large.picture(0)
    assert looked_at is not None
    assert looked_at[1].width() == LARGE
    assert not pictures.has(COUNT - 1)
    bar = preview.grid.verticalScrollBar()
    bar.setValue(bar.maximum())
    preview.qtbot.waitUntil(lambda: pictures.has(COUNT - 1), timeout=PATIENCE_MS)


def test_filters_and_keys(preview: Preview) -> None:
    preview.wait_for_samples()
    which = preview.find(QComboBox, "which")
    assert isinstance(which, QComboBox)
    assert [which.itemText(n) for n in range(which.count())] == [
        "All samples · 400",
        "Wrong · 10",
        "Right in float, wrong in int8 · 8",
        "Answered otherwise than by float · 8",
    ]
    which.setFocus()
    preview.qtbot.keyClick(which, Qt.Key.Key_Down)
    assert preview.grid.shown == list(WRONG)
    preview.qtbot.keyClick(which, Qt.Key.Key_Down)
    lost = [i for i in WRONG if i not in BOTH_WRONG]
    assert preview.grid.shown == lost
    preview.qtbot.keyClick(preview.grid, Qt.Key.Key_Right)
    assert preview.page.looking.sample == lost[1]
    label = str(lost[1] % 10)
    assert preview.answers()[0] == [f"✓ {label}", "● 0.820", "0.020"]
    assert preview.answers()[1][2] == "● 0.820"
    preview.qtbot.keyClick(preview.grid, Qt.Key.Key_Left)
    assert preview.page.looking.sample == lost[0]


def test_a_cell_of_the_confusion_shows_its_samples(preview: Preview) -> None:
    preview.wait_for_samples()
    preview.tabs.setCurrentIndex(
        [preview.tabs.widget(n).objectName() for n in range(preview.tabs.count())].index(
            "confusion"
        )
    )
    matrix = preview.find(ConfusionMatrix, "matrix")
    assert isinstance(matrix, ConfusionMatrix)
    place = matrix._place(5, 6)
    empty = matrix._place(1, 7)
    preview.qtbot.mouseClick(
        matrix, Qt.MouseButton.LeftButton, pos=QPoint(int(empty.x()) + 4, int(empty.y()) + 4)
    )
    assert preview.tabs.currentIndex() != 0
    preview.qtbot.mouseClick(
        matrix, Qt.MouseButton.LeftButton, pos=QPoint(int(place.x()) + 4, int(place.y()) + 4)
    )
    assert preview.tabs.currentIndex() == 0
    assert preview.grid.shown == list(WRONG)  # all of them are 5 taken for 6
    chip = preview.find(QAbstractButton, "pair")
    assert isinstance(chip, QAbstractButton)
    assert chip.text() == "5 → 6  ✕"
    preview.qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
    assert len(preview.grid.shown) == COUNT


def test_another_candidate_by_key(preview: Preview, desk: Desk) -> None:
    preview.wait_for_samples()
    first = preview.page.store
    listed = preview.find(QListWidget, "candidates")
    assert isinstance(listed, QListWidget)
    listed.setFocus()
    preview.qtbot.keyClick(listed, Qt.Key.Key_Down)
    focused = preview.window.focusWidget()
    assert isinstance(focused, QListWidget)
    assert focused.currentItem().text().startswith("int8-float-io")
    preview.wait_for_samples()
    ship = preview.find(QAbstractButton, "ship")
    assert isinstance(ship, QAbstractButton)
    assert preview.page.store is not first
    assert first is not None
    assert preview.page.store is not None
    assert preview.page.store.pictures is first.pictures  # the same data: drawn once
    preview.qtbot.mouseClick(ship, Qt.MouseButton.LeftButton)
    assert desk.in_hand.quantized is not None
    assert desk.in_hand.quantized.chosen == "int8-float-io"


def test_data_that_changed_has_no_pictures(preview: Preview, desk: Desk, tmp_path: Path) -> None:
    preview.wait_for_samples()
    (tmp_path / "d.npz").unlink()
    preview.page.repeat()
    preview.wait_for_samples()
    assert preview.page.store is not None
    assert preview.page.store.pictures is None
    assert len(preview.grid.shown) == COUNT


def test_answers_that_are_gone_are_an_error_with_a_way_out(
    preview: Preview, desk: Desk, tmp_path: Path
) -> None:
    preview.wait_for_samples()
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"broken")
    result = desk.in_hand.quantized
    assert result is not None
    made = tuple(
        replace(c, report=c.report and replace(c.report, outputs=broken)) for c in result.candidates
    )
    desk.put_quantized(replace(result, candidates=made))

    def told() -> bool:
        return any(p.isVisible() for p in preview.window.findChildren(QFrame, "error-panel"))

    preview.qtbot.waitUntil(told, timeout=PATIENCE_MS)
    broken.write_bytes((tmp_path / "int8.npz").read_bytes())
    again = preview.find(QAbstractButton, "again")
    assert isinstance(again, QAbstractButton)
    preview.qtbot.mouseClick(again, Qt.MouseButton.LeftButton)
    preview.wait_for_samples()


def test_classes_are_sorted_by_a_click_on_a_header(preview: Preview, desk: Desk) -> None:
    preview.wait_for_samples()
    result = desk.in_hand.quantized
    assert result is not None
    recalls = [0.9, 0.7, None, 0.8]
    rows = tuple(ClassFigures(n, 0.5, recall, 0.5, 10 - n) for n, recall in enumerate(recalls))
    made = tuple(
        replace(c, report=c.report and replace(c.report, per_class=rows)) for c in result.candidates
    )
    desk.put_quantized(replace(result, candidates=made))
    names = [preview.tabs.widget(n).objectName() for n in range(preview.tabs.count())]
    preview.tabs.setCurrentIndex(names.index("classes"))
    view = preview.find(QTableView, "classes")
    assert isinstance(view, QTableView)

    def click(column: int) -> list[str]:
        header = view.horizontalHeader()
        at = QPoint(header.sectionViewportPosition(column) + 8, 8)
        preview.qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
        return [view.model().index(r, 0).data() for r in range(4)]

    assert click(3) == ["1", "3", "0", "2"]  # what is not known comes last
    assert click(3) == ["2", "0", "3", "1"]
    assert click(1) == ["3", "2", "1", "0"]
    desk.put_quantized(desk.in_hand.quantized or result)  # drawn anew: the tab stays
    assert preview.tabs.currentWidget().objectName() == "classes"


def test_slices_are_made_when_they_are_looked_at(preview: Preview, desk: Desk) -> None:
    preview.wait_for_samples()
    assert not [j for j in desk.lanes.jobs if j.task.step == "slices"]
    names = [preview.tabs.widget(n).objectName() for n in range(preview.tabs.count())]
    preview.tabs.setCurrentIndex(names.index("slices"))

    def made() -> bool:
        return any(v.isVisible() for v in preview.window.findChildren(QTableView, "slice-table"))

    preview.qtbot.waitUntil(made, timeout=PATIENCE_MS)
    view = preview.find(QTableView, "slice-table")
    assert isinstance(view, QTableView)
    model = view.model()
    rows = [[model.index(r, c).data() for c in range(7)] for r in range(model.rowCount())]
    worst = rows[0]
    assert worst[:3] == ["5", "40", "75.00 %"]  # 10 of its 40 are taken for 6
    assert worst[4:6] == ["95.00 %", "▼ −20.0 points"]  # float: 2 of them


def test_pictures_that_are_drawn_do_not_keep_the_window_open(preview: Preview, desk: Desk) -> None:
    assert [job.task.step for job in desk.lanes.active] == ["list-samples"]
    assert preview.window.close()


def found(root: Path, name: str, boxes: dict[int, list[tuple[float, ...]]]) -> Path:
    """`outputs` of a detector: boxes (corners, class, score) of some samples, else none."""
    rows = [row for i in range(COUNT) for row in boxes.get(i, [])]
    flat = np.array(rows, np.float64).reshape(-1, 6)
    starts = np.cumsum([0, *(len(boxes.get(i, [])) for i in range(COUNT))])
    none = np.full(COUNT, -1)
    arrays = {"corners": flat[:, :4].astype(np.float32), "classes": flat[:, 4].astype(np.int64)}
    arrays |= {"box_scores": flat[:, 5].astype(np.float32), "starts": starts}
    arrays |= {"predicted": none, "labels": none, "scores": np.zeros((COUNT, 1), np.float32)}
    file = root / name
    save_arrays(file, arrays)
    return file


def as_detector(desk: Desk, own: Path, other: Path) -> None:
    """The judged model's reports as those of a detector."""
    result = desk.in_hand.quantized
    assert result is not None
    assert result.float_report is not None

    def of(report: AccuracyReport | None, outputs: Path) -> AccuracyReport | None:
        plain = PRESETS[1]
        return report and replace(
            report, task="detection", outputs=outputs, confusion=(), accuracy=None,
            preprocessing=plain,
        )  # fmt: skip

    made = tuple(replace(c, report=of(c.report, own)) for c in result.candidates)
    desk.put_quantized(
        replace(result, candidates=made, float_report=of(result.float_report, other))
    )


def test_boxes_of_both_models_are_drawn_over_the_sample(
    preview: Preview, desk: Desk, tmp_path: Path
) -> None:
    preview.wait_for_samples()
    cat, dog = (0.1, 0.1, 0.5, 0.5, 3, 0.9), (0.6, 0.55, 0.9, 0.95, 5, 0.7)
    own = found(tmp_path, "own.npz", {0: [cat, dog], COUNT - 1: [dog]})
    other = found(tmp_path, "other.npz", {0: [cat], COUNT - 1: [dog]})
    as_detector(desk, own, other)
    preview.wait_for_samples()

    def told() -> list[str]:
        return [
            label.full() for label in preview.window.findChildren(CutLabel) if label.isVisible()
        ]

    def says(*captions: str) -> bool:
        return set(captions) <= set(told())

    qtbot = preview.qtbot
    qtbot.waitUntil(lambda: says("boxes: 1", "boxes: 2, 1 as float's"), timeout=PATIENCE_MS)
    pair = preview.find(OverlayPair, "")
    colours = {
        QColor(pair.grab().toImage().pixel(x, y)).name()
        for x in range(pair.width()) for y in range(pair.height())
    }  # fmt: skip
    assert {"#56b4e9", "#d55e00"} <= colours  # agreed, and alone
    qtbot.keyClick(preview.grid, Qt.Key.Key_End)
    assert not says("boxes: 1")  # until it is drawn
    qtbot.waitUntil(lambda: says("boxes: 1", "boxes: 1, 1 as float's"), timeout=PATIENCE_MS)


def test_a_drawing_nobody_waits_for_is_ended(preview: Preview, desk: Desk, tmp_path: Path) -> None:
    preview.wait_for_samples()
    outputs = found(tmp_path, "own.npz", {})
    as_detector(desk, outputs, outputs)
    preview.wait_for_samples()
    store = preview.page.store
    assert store is not None
    assert store.wanted.overlay is not None
    drawings = Drawings(desk.lanes, store.wanted.overlay, store.wanted.fingerprint, LARGE)
    drawings.want([200])
    first = drawings.job
    assert first is not None
    drawings.want([300])
    preview.qtbot.waitUntil(lambda: drawings.drawn(300) is not None, timeout=PATIENCE_MS)
    assert first.state == "cancelled"
    assert drawings.drawn(200) is None


def test_data_that_is_gone_is_told_where_the_drawing_would_be(
    preview: Preview, desk: Desk, tmp_path: Path
) -> None:
    preview.wait_for_samples()
    outputs = found(tmp_path, "own.npz", {})
    as_detector(desk, outputs, outputs)
    preview.wait_for_samples()
    pair = preview.find(OverlayPair, "")
    (tmp_path / "d.npz").unlink()
    preview.qtbot.keyClick(preview.grid, Qt.Key.Key_End)
    preview.qtbot.waitUntil(lambda: not pair.isVisible(), timeout=PATIENCE_MS)
    said = [label.text() for label in preview.window.findChildren(QLabel) if label.isVisible()]
    assert any("d.npz" in each.replace("\u200b", "") for each in said)
