"""The preview with samples as a child lists them, and its other tabs and troubles."""

from __future__ import annotations

from array import array
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QTabWidget

from edgekiln.core.accuracy import AccuracyReport
from edgekiln.core.data import PER_SHEET, SHEET_COLUMNS, Thumbnails
from edgekiln.core.samples import TOPS, ListInputs, SampleList
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.preview_page import PreviewPage
from edgekiln.ui.sample_store import SIDE, SampleStore, Wanted
from edgekiln.ui.state import Desk


def listed(root: Path, report: AccuracyReport) -> SampleList:
    """Samples whose answers are those of the confusion matrix; float has the first of the wrong
    ones right."""
    pairs = [
        (true, taken)
        for true, counts in enumerate(report.confusion)
        for taken, count in enumerate(counts)
        for _ in range(count)
    ]
    pairs.sort(key=lambda pair: (7 * pair[0] + 3 * pair[1]) % 11)
    labels = array("i", (true for true, _ in pairs))
    classes, float_classes = array("i"), array("i")
    scores, float_scores, apart = array("f"), array("f"), array("f")
    for n, (true, taken) in enumerate(pairs):
        float_top = true if n % 2 else taken
        classes.extend((taken, (taken + 1) % 10, (taken + 2) % 10, true))
        float_classes.extend((float_top, (float_top + 1) % 10, (float_top + 2) % 10, true))
        scores.extend((0.82, 0.11, 0.03, 0.01))
        float_scores.extend((0.91, 0.05, 0.02, 0.01))
        apart.append(float(float_top != taken))
    numbers, names = root / "numbers.bin", root / "names.txt"
    columns = (labels, float_classes, classes, float_scores, scores, apart)
    numbers.write_bytes(b"".join(column.tobytes() for column in columns))
    names.write_text("\n".join(f"digits/{true}/{n:04d}.png" for n, (true, _) in enumerate(pairs)))
    return SampleList(len(pairs), TOPS, names, numbers, True)


def sheets(root: Path, count: int) -> Thumbnails:
    """Digits, drawn."""
    made = []
    for start in range(0, count, PER_SHEET):
        image = QImage(SIDE * SHEET_COLUMNS, SIDE * 6, QImage.Format.Format_ARGB32)
        image.fill(QColor("#202020"))
        painter = QPainter(image)
        painter.setPen(QColor("#f0f0f0"))
        font = painter.font()
        font.setPixelSize(SIDE - 16)
        painter.setFont(font)
        for n in range(start, min(count, start + PER_SHEET)):
            row, column = divmod(n - start, SHEET_COLUMNS)
            cell = (column * SIDE, row * SIDE, SIDE, SIDE)
            painter.drawText(*cell, Qt.AlignmentFlag.AlignCenter, str(n % 10))
        painter.end()
        made.append(root / f"sheet-{start}.png")
        image.save(str(made[-1]))
    return Thumbnails(tuple(made))


def show_samples(window: MainWindow, desk: Desk, root: Path) -> None:
    """As if children had listed and drawn the samples of the chosen candidate."""
    page, result = window.pages["preview"], desk.in_hand.quantized
    assert isinstance(page, PreviewPage)
    assert result is not None
    assert result.float_report is not None
    report = result.candidate(result.chosen or "int8").report
    assert report is not None
    inputs = ListInputs(report.outputs, result.float_report.outputs, desk.data())
    store = SampleStore(desk.lanes, Wanted(inputs, report.data_fingerprint))
    store.take(listed(root, report))
    assert store.pictures is not None
    assert store.samples is not None
    indexes = list(range(len(store.samples)))
    store.pictures.take(indexes, sheets(root, len(indexes)))
    page.store = store


def on_tab(window: MainWindow, desk: Desk, root: Path, name: str) -> str:
    from ui.test_screenshots import have

    have(desk, root, "quantized")
    show_samples(window, desk, root)
    page = window.pages["preview"]
    assert isinstance(page, PreviewPage)
    page.looking.tab = name
    window.go("preview")
    tabs = window.findChild(QTabWidget, "looks")
    assert tabs is not None
    assert tabs.currentWidget().objectName() == name
    return ""


def preview_figures(window: MainWindow, desk: Desk, root: Path) -> str:
    return on_tab(window, desk, root, "figures")


def preview_confusion(window: MainWindow, desk: Desk, root: Path) -> str:
    return on_tab(window, desk, root, "confusion")


PREVIEW_STATES = (preview_figures, preview_confusion)
