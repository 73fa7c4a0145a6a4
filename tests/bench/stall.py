"""The longest stall of the window's event loop, in ms, while the sample is read and converted.

stall.py job       as EdgeKiln does it: the window open, the step in a child
stall.py thread    the peer: the same conversion in a thread of the window's process
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel

from edgekiln import assets
from edgekiln.core.artifact import Artifact
from edgekiln.core.model import InspectedModel, ModelSource
from edgekiln.core.plans import ConvertPlan
from edgekiln.gui import Window
from edgekiln.ui import tasks
from edgekiln.ui.stall import StallMonitor

SAMPLE = assets.path("sample/saved_model")
SETTLE_MS = 500


def watch_job(application: QApplication, root: Path) -> float:
    """Identify, inspect and convert in children, the whole window on the screen."""
    composed = Window(application, root)
    composed.window.show()
    monitor = StallMonitor()

    def begin() -> None:
        monitor.start()
        composed.lanes.submit(tasks.identify(SAMPLE), inspect)

    def inspect(source: ModelSource) -> None:
        composed.lanes.submit(tasks.inspect(source), convert)

    def convert(model: InspectedModel) -> None:
        composed.lanes.submit(tasks.convert(model.source, ConvertPlan()), finish)

    def finish(artifact: Artifact) -> None:
        assert artifact.path.exists()
        application.quit()

    QTimer.singleShot(SETTLE_MS, begin)
    application.exec()
    longest = monitor.stop()
    composed.close()
    return longest


def watch_thread(application: QApplication) -> float:
    """TensorFlow imported and the converter run in a thread beside a bare window."""
    window = QLabel("bare")
    window.show()
    monitor = StallMonitor()

    def convert() -> None:
        import tensorflow as tf

        tf.lite.TFLiteConverter.from_saved_model(str(SAMPLE)).convert()

    worker = threading.Thread(target=convert)

    def begin() -> None:
        monitor.start()
        worker.start()

    def look() -> None:
        if not worker.is_alive():
            application.quit()

    QTimer.singleShot(SETTLE_MS, begin)
    ended = QTimer()
    ended.timeout.connect(look)
    QTimer.singleShot(SETTLE_MS * 2, lambda: ended.start(50))
    application.exec()
    return monitor.stop()


def main(mode: str) -> None:
    """Print the longest stall of one way."""
    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        if mode == "job":
            print(watch_job(application, Path(folder)))
        else:
            print(watch_thread(application))


if __name__ == "__main__":
    main(sys.argv[1])
