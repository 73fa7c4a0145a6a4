"""The practice box: a real SSH server in a child, over a folder of this computer."""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, Signal

from edgekiln.core.codec import CodecError, decode
from edgekiln.core.device import Secret
from edgekiln.jobs.run import GRACE_MS

SERVER: tuple[str, ...] = (sys.executable, "-m", "edgekiln.ship.practice.server")
NAME = "practice-box"


@dataclass(frozen=True)
class PracticeAddress:
    """How to reach the practice box; its fingerprint comes from its own process."""

    host: str
    port: int
    user: str
    fingerprint: str


class PracticeBox(QObject):
    """Starts and ends the server. `ready` when it listens, `failed` with its last words."""

    ready = Signal(object)
    failed = Signal(str)

    def __init__(self, root: Path, command: tuple[str, ...] = SERVER) -> None:
        super().__init__()
        self.address: PracticeAddress | None = None
        self.password = Secret(secrets.token_urlsafe(16))
        self._log = root / "logs" / "practice-box.log"
        self._process = QProcess(self)
        self._process.setProgram(command[0])
        self._process.setArguments([*command[1:], str(root / NAME)])
        self._process.setStandardErrorFile(str(self._log))
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._ended)

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    def start(self) -> None:
        """Start it, or say again where it is."""
        if self.address is not None and self.running:
            self.ready.emit(self.address)
        elif not self.running:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            self._process.start()
            self._process.write(f"{self.password.value}\n".encode())

    def close(self) -> None:
        """End it and wait for the end."""
        self._process.blockSignals(True)
        self._process.terminate()
        if self.running and not self._process.waitForFinished(GRACE_MS):
            self._process.kill()
            self._process.waitForFinished(GRACE_MS)
        self.address = None

    def _read(self) -> None:
        while self._process.canReadLine():
            line = bytes(self._process.readLine().data())
            if self.address is None:
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            self.address = decode(PracticeAddress, json.loads(line))
        except (ValueError, CodecError):
            self.failed.emit(line.decode("utf-8", "replace").strip())
            self._process.kill()
        else:
            self.ready.emit(self.address)

    def _ended(self) -> None:
        self.address = None
        log = self._log.read_text("utf-8", "replace") if self._log.exists() else ""
        self.failed.emit(log.strip().rpartition("\n")[2])
