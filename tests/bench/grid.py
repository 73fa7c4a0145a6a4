"""The longest stall of the window's event loop, in ms, while a grid of many samples is scrolled.

The whole window on the preview, offscreen, 1280 x 800; a real child lists the samples and others
draw them (32 x 32 pictures of an .npz) while one scrolls from the first to the last, 240 pixels
every 16 ms, and back by whole screens. `opening`: from the list's arrival to the first scroll.
Nothing may hold the window up for more than 50 ms. `grid.py [COUNT …]`
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QScrollBar

from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.artifact import Artifact, Verdict
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.model import InspectedModel, ModelSource, Signature
from edgekiln.core.text import say
from edgekiln.core.workspace import InHand
from edgekiln.gui import Window
from edgekiln.pipeline.data.arrays import save_arrays
from edgekiln.pipeline.data.source import open_data
from edgekiln.ui.preview_page import PreviewPage
from edgekiln.ui.sample_grid import SampleGrid
from edgekiln.ui.stall import TICK_MS, StallMonitor

COUNTS = (10_000,)
BAR_MS = 50
STEP, EVERY_MS = 240, 16
SETTLE_MS = 1500
IDLE_MS = 10_000
SHOWN_MS = 200  # the window itself is on the screen by then; no child has answered yet
CLASSES = 10


def judged(root: Path, count: int) -> tuple[InHand, Path]:
    """A result on `count` random pictures: int8 has 1 of 20 otherwise than float."""
    random = np.random.default_rng(0)
    data = root / "pictures.npz"
    labels = random.integers(0, CLASSES, count)
    np.savez(data, x=random.integers(0, 256, (count, 32, 32, 3), np.uint8), y=labels)
    fingerprint = open_data(DataSource(data)).fingerprint

    def report(name: str, share_right: float) -> AccuracyReport:
        right = random.random(count) < share_right
        predicted = np.where(right, labels, (labels + 1) % CLASSES)
        scores = np.full((count, CLASSES), 0.02, np.float32)
        scores[np.arange(count), predicted] = 0.8
        outputs = root / f"{name}.npz"
        save_arrays(outputs, {"scores": scores, "predicted": predicted, "labels": labels})
        accuracy = float((predicted == labels).mean())
        return AccuracyReport(
            "litert", "pictures.npz", fingerprint, count, accuracy, 0.95, (),
            tuple(map(str, range(CLASSES))), outputs, 1.0, Preprocessing(),
        )  # fmt: skip

    path = root / "int8.tflite"
    path.touch()
    artifact = Artifact(path, "00" * 32, 1, Signature("x", (), ()), "int8")
    verdict = Verdict(True, "litert", "litert", count, 0.0, "")
    candidate = Candidate("int8", artifact, "", verdict, report("int8", 0.9), None)
    result = QuantResult(
        report("float", 0.95), (candidate,), "int8", say("Preview"), "this-computer",
        Preprocessing(), say("Preview"), count,
    )  # fmt: skip
    source = ModelSource(root, "saved-model", "00" * 32)
    model = InspectedModel(source, (), (artifact.signature,), "", (), 1, 1, 1, ())
    return InHand(model=model, converted=artifact, quantized=result), data


class Busy:
    """The longest turn of the event loop in CPU time of its own, in ms: what other programs take
    of a shared computer is not in it. Ticks as StallMonitor's."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._last = time.thread_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    def _tick(self) -> None:
        now = time.thread_time()
        self.longest_ms = max(self.longest_ms, (now - self._last) * 1000)
        self._last = now


class Walk:
    """Scrolls down by small steps, then up by screens, then ends."""

    def __init__(self, bar: QScrollBar, application: QApplication) -> None:
        self._bar, self._application = bar, application
        self._down = True
        self.steps = 0
        self._timer = QTimer()
        self._timer.timeout.connect(self._go)
        self._timer.start(EVERY_MS)

    def _go(self) -> None:
        self.steps += 1
        by = STEP if self._down else -10 * self._bar.pageStep()
        self._bar.setValue(self._bar.value() + by)
        if self._bar.value() == self._bar.maximum():
            self._down = False
        elif not self._down and self._bar.value() == 0:
            self._timer.stop()
            QTimer.singleShot(SETTLE_MS, self._application.exit)


def idle(application: QApplication) -> float:
    """The peer: the longest stall of a loop that does nothing for as long, in ms; on a busy
    computer that is not nothing."""
    monitor = StallMonitor()
    monitor.start()
    QTimer.singleShot(IDLE_MS, application.exit)
    application.exec()
    return monitor.stop()


def watch(application: QApplication, count: int) -> tuple[float, float]:
    """Longest stall of opening and of scrolling, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        composed = Window(application, root / "workspace")
        in_hand, data = judged(root, count)
        composed.desk.put(in_hand)
        draft = composed.desk.quant_draft
        composed.desk.quant_draft = replace(draft, calibration=data, evaluation=data)
        composed.window.resize(1280, 800)
        composed.window.show()
        monitor = StallMonitor()
        composed.window.go("preview")
        page = composed.window.pages["preview"]
        assert isinstance(page, PreviewPage)
        opened = _until_listed(application, page, monitor)
        grid = page.findChild(SampleGrid)
        assert grid is not None
        assert len(grid.shown) == count
        monitor.start()
        busy = Busy()
        began, walk = time.perf_counter(), Walk(grid.verticalScrollBar(), application)
        application.exec()
        scrolled = monitor.stop()
        store = page.store
        assert store is not None
        assert store.pictures is not None
        seen = sum(store.pictures.has(i) for i in range(count))
        print(
            f"{count:,} samples: opening {opened:.1f} ms, scrolling {scrolled:.1f} ms, "
            f"{busy.longest_ms:.1f} ms of its own CPU time (bar {BAR_MS} ms; {walk.steps} steps in "
            f"{time.perf_counter() - began:.0f} s, {seen:,} drawn on the way); peak "
            f"{_peak_mb():.0f} MB",
            flush=True,
        )
        composed.close()
        composed.window.deleteLater()
    return opened, scrolled


def _until_listed(application: QApplication, page: PreviewPage, monitor: StallMonitor) -> float:
    store = page.store
    assert store is not None
    store.listed.connect(lambda: QTimer.singleShot(SETTLE_MS, application.exit))
    QTimer.singleShot(SHOWN_MS, monitor.start)
    application.exec()
    return monitor.stop()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main(counts: tuple[int, ...]) -> None:
    """Print the stalls for each size."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication([])
    for count in counts:
        print(f"a loop that does nothing: {idle(application):.1f} ms", flush=True)
        watch(application, count)


if __name__ == "__main__":
    main(tuple(int(count) for count in sys.argv[1:]) or COUNTS)
