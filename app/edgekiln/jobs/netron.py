"""Netron, the viewer of whole models: one child per file, where the package is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Signal

from edgekiln.jobs.run import GRACE_MS

# It serves on this computer only and opens the browser itself. It cannot be run with `-m`, and it
# would outlive a window that crashes: the end of its standard input ends it.
_SERVE = """
import os, sys, threading
from netron import main
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
main()
"""
SERVER: tuple[str, ...] = (sys.executable, "-c", _SERVE)


def is_installed() -> bool:
    """Whether this environment has the package."""
    return find_spec("netron") is not None


class Netron(QObject):
    """Starts and ends the viewers. `failed`: one ended by itself; its last words."""

    failed = Signal(str)

    def __init__(self, root: Path, command: tuple[str, ...] = SERVER) -> None:
        super().__init__()
        self._log, self._command = root / "logs" / "netron.log", command
        self._viewers: dict[Path, QProcess] = {}

    def open(self, model: Path) -> None:
        """Show a model in the browser; returns at once. One shown before is served anew."""
        self._end(model)
        viewer = QProcess(self)
        viewer.setProgram(self._command[0])
        viewer.setArguments([*self._command[1:], str(model), "--browse", "--host", "127.0.0.1"])
        self._log.parent.mkdir(parents=True, exist_ok=True)
        viewer.setStandardOutputFile(str(self._log), QProcess.OpenModeFlag.Append)
        viewer.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        viewer.errorOccurred.connect(self._look)
        viewer.finished.connect(self._look)
        self._viewers[model] = viewer
        viewer.start()

    def shown(self) -> tuple[Path, ...]:
        """The models that are being served."""
        return tuple(self._viewers)

    def close(self) -> None:
        """End all of them."""
        for model in self.shown():
            self._end(model)

    def _end(self, model: Path) -> None:
        viewer = self._viewers.pop(model, None)
        if viewer is None:
            return
        viewer.blockSignals(True)
        viewer.kill()  # it keeps nothing that could be lost
        viewer.waitForFinished(GRACE_MS)
        viewer.deleteLater()

    def _look(self) -> None:
        """One of them ended by itself, or could not be started."""
        idle = QProcess.ProcessState.NotRunning
        for model in [m for m, viewer in self._viewers.items() if viewer.state() == idle]:
            viewer = self._viewers.pop(model)
            log = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
            self.failed.emit(log.strip().rpartition("\n")[2] or viewer.errorString())
            viewer.deleteLater()
