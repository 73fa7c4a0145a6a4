"""The live child: started at the first picture, alive for all that follow."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Signal

from edgekiln.core.codec import CodecError
from edgekiln.core.live import LiveAnswer, LiveAsk, LiveRefusal, LiveStart, from_line, to_line
from edgekiln.jobs.run import GRACE_MS

CHILD: tuple[str, ...] = (sys.executable, "-P", "-m", "edgekiln.pipeline.evaluate.live")


class Live(QObject):
    """One picture at a time through both models. `changed`: `last`, `crash` or `waiting`."""

    changed = Signal()

    def __init__(self, root: Path, command: tuple[str, ...] = CHILD) -> None:
        super().__init__()
        self.start: LiveStart | None = None
        self.file: Path | None = None  # the last one asked for
        self.last: LiveAnswer | LiveRefusal | None = None
        self.crash = ""  # the last words of a child that died
        self.waiting = False
        self._command, self._log = command, root / "logs" / "live.log"
        self._process: QProcess | None = None

    def ask(self, start: LiveStart, file: Path) -> None:
        """Run a file through these two models; one that is being asked about is answered first."""
        if self._process is None:
            self._process = self._started()
            self.start = None
        if start != self.start:
            self.start = start
            self._process.write(to_line(start))
        self.file, self.waiting, self.crash = file, True, ""
        self._process.write(to_line(LiveAsk(file)))
        self.changed.emit()

    def close(self) -> None:
        """End the child and wait for the end."""
        process, self._process = self._process, None
        self.waiting = False
        if process is None:
            return
        process.blockSignals(True)
        process.closeWriteChannel()
        if not process.waitForFinished(GRACE_MS):
            process.kill()
            process.waitForFinished(GRACE_MS)
        process.deleteLater()

    def _started(self) -> QProcess:
        process = QProcess(self)
        process.setProgram(self._command[0])
        process.setArguments(list(self._command[1:]))
        self._log.parent.mkdir(parents=True, exist_ok=True)
        process.setStandardErrorFile(str(self._log))
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._ended)
        process.errorOccurred.connect(self._ended)
        process.start()
        return process

    def _read(self) -> None:
        while self._process is not None and self._process.canReadLine():
            self._take(bytes(self._process.readLine().data()))

    def _take(self, line: bytes) -> None:
        try:
            message = from_line(line)
        except CodecError as error:
            self._fail(str(error))
            return
        if isinstance(message, LiveAnswer) and message.file != self.file:
            return  # another one was asked for since
        if isinstance(message, LiveAnswer | LiveRefusal):
            self.last, self.waiting = message, False
            self.changed.emit()

    def _ended(self) -> None:
        """By itself: it crashed, or could not be started."""
        if self._process is None or self._process.state() != QProcess.ProcessState.NotRunning:
            return
        log = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        self._fail(log.strip().rpartition("\n")[2] or self._process.errorString())

    def _fail(self, words: str) -> None:
        self.close()
        self.last, self.crash = None, words
        self.changed.emit()
