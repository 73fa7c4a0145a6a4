"""The peer of the start: a bare PySide6 window with one label; prints ms since process start."""

from __future__ import annotations

import os
import time
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow


def since_start_ms() -> float:
    """Milliseconds since this process was started (field 22 of proc(5) `stat`, clock ticks)."""
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    started = ticks / os.sysconf("SC_CLK_TCK")
    return (time.clock_gettime(time.CLOCK_BOOTTIME) - started) * 1000


application = QApplication([])
window = QMainWindow()
window.setCentralWidget(QLabel("bare"))
window.show()
QTimer.singleShot(0, application.quit)
application.exec()
print(since_start_ms())
