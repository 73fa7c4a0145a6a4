"""The preview with samples as a child lists them, and its other tabs and troubles."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QTabWidget

from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult, Speed
from edgekiln.core.data import PER_SHEET, SHEET_COLUMNS, Thumbnails
from edgekiln.core.fusion import Latency
from edgekiln.core.measures import ClassFigures, Interval, Measure, PairedTest, ReliabilityBin
from edgekiln.core.samples import TOPS, ListInputs, SampleList
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.preview_page import PreviewPage
from edgekiln.ui.sample_store import SIDE, SampleStore, Wanted
from edgekiln.ui.state import Desk
from ui import examples
from ui.quant_states import put, searched


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


def measured(root: Path) -> QuantResult:
    """A result with all the figures a classifier can have."""
    result = searched(root)
    speeds = {"float32": 3.1, "float16": 3.0, "int8": 1.2, "int16x8": 2.4}

    def full(report: AccuracyReport | None, less: float) -> AccuracyReport | None:
        if report is None:
            return None
        rows = tuple(
            ClassFigures(n, 0.98 - less * n, 0.97 - less * n, 0.975 - less * n, 34 + n)
            for n in range(10)
        )
        bins = tuple(
            ReliabilityBin(n / 10, (n + 1) / 10, 10 + n, n / 10 + 0.05, min(1.0, n / 10 + less * 9))
            for n in range(3, 10)
        )
        accuracy = report.accuracy or 0.0
        span = Interval(accuracy - 0.013, min(1.0, accuracy + 0.006), "wilson")
        figures = (
            Measure("accuracy", accuracy, 359, span),
            Measure("top5", 0.999, 359, Interval(0.985, 1.0, "wilson")),
            Measure("macro-f1", accuracy - 0.004 - less, 359, span),
            Measure("ece", 0.021 + less, 359),
            Measure("kl", 0.0123, 359),
        )
        return replace(
            report,
            per_class=rows,
            reliability=bins,
            measures=figures,
            interval=span,
            primary=figures[0],
            agreement_interval=Interval(0.976, 0.998, "wilson"),
            paired=PairedTest(-0.002, 0.61, 359, "mcnemar", 1, 2),
        )

    def timed(candidate: Candidate) -> Candidate:
        median = speeds.get(candidate.scheme)
        report = full(candidate.report, 0.004)
        if median is None:
            return replace(candidate, report=report)
        own, beside = (
            Latency(ms, ms * 0.96, ms * 1.07, 30, examples.LITERT, 1) for ms in (median, 3.1)
        )
        return replace(candidate, report=report, speed=Speed(own, beside))

    return replace(
        result,
        float_report=full(result.float_report, 0.001),
        candidates=tuple(timed(c) for c in result.candidates),
    )


def on_tab(window: MainWindow, desk: Desk, root: Path, name: str) -> str:
    put(desk, root, "result", measured(root))
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


def preview_classes(window: MainWindow, desk: Desk, root: Path) -> str:
    return on_tab(window, desk, root, "classes")


def preview_operators(window: MainWindow, desk: Desk, root: Path) -> str:
    return on_tab(window, desk, root, "operators")


def preview_latency(window: MainWindow, desk: Desk, root: Path) -> str:
    return on_tab(window, desk, root, "latency")


def preview_memory(window: MainWindow, desk: Desk, root: Path) -> str:
    return on_tab(window, desk, root, "memory")


def preview_lost(window: MainWindow, desk: Desk, root: Path) -> str:
    page = window.pages["preview"]
    assert isinstance(page, PreviewPage)
    page.looking.which = "lost"
    return on_tab(window, desk, root, "samples")


PREVIEW_STATES = (
    preview_figures,
    preview_confusion,
    preview_classes,
    preview_operators,
    preview_latency,
    preview_memory,
    preview_lost,
)
