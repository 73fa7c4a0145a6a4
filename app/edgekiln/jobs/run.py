"""One job in one child: feeds the request, listens, ends it, and judges how it ended."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTemporaryDir, QTimer, Signal

from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.errors import UserError
from edgekiln.core.files import ARTIFACTS, sweep
from edgekiln.core.text import say
from edgekiln.jobs.job import Job
from edgekiln.protocol import (
    VERSION,
    Done,
    Failed,
    Found,
    Log,
    Message,
    Progress,
    Ready,
    Request,
    from_line,
    to_line,
)

GRACE_MS = 2000
_LONGEST_LINE = 64 << 20
_PROGRESS = b'{"$": "Progress"'


class Child(QObject):
    """A worker process and its log. Ready may come before there is a job for it (a spare)."""

    message = Signal(object)
    nonsense = Signal(str)
    ended = Signal()

    def __init__(self, command: tuple[str, ...], log: Path, parent: QObject) -> None:
        super().__init__(parent)
        self.log = log
        self.ready: Ready | None = None
        self.started = True
        self._buffer = b""
        self._scratch = QTemporaryDir()
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("TMPDIR", self._scratch.path())
        self.process = QProcess(self)
        self.process.setProcessEnvironment(environment)
        self.process.setProgram(command[0])
        self.process.setArguments(list(command[1:]))
        self.process.setStandardErrorFile(str(log))
        self.process.readyReadStandardOutput.connect(self._read)
        self.process.finished.connect(self._finish)
        self.process.errorOccurred.connect(self._error)
        self.process.start()

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self.process.state() != QProcess.ProcessState.NotRunning

    def tell(self, request: Request) -> None:
        """Hand over the one request."""
        self.process.write(to_line(request))

    def end(self) -> None:
        """Terminate, and kill after two seconds."""
        self.process.terminate()
        QTimer.singleShot(GRACE_MS, self, self._kill)

    def close(self) -> None:
        """Kill now and wait: the window is going away."""
        if self.alive:
            self.process.blockSignals(True)
            self.process.kill()
            self.process.waitForFinished(GRACE_MS)
        self._scratch.remove()

    def describe_end(self) -> str:
        """How the process ended: the signal's name, or the exit code."""
        code = self.process.exitCode()
        if self.process.exitStatus() == QProcess.ExitStatus.NormalExit:
            return f"exit code {code}"
        try:
            return signal.Signals(code).name
        except ValueError:
            return f"signal {code}"

    def clean(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        normal = self.process.exitStatus() == QProcess.ExitStatus.NormalExit
        return self.started and normal and self.process.exitCode() == 0

    def _kill(self) -> None:
        if self.alive:
            self.process.kill()

    def _read(self) -> None:
        """Every message but of a burst of progress only the last: a flood must not stall the
        window."""
        self._buffer += self.process.readAllStandardOutput().data()
        *lines, self._buffer = self._buffer.split(b"\n")
        progress = [n for n, line in enumerate(lines) if line.startswith(_PROGRESS)]
        skip = set(progress[:-1])
        for number, line in enumerate(lines):
            if number not in skip:
                self._take(line)
        if len(self._buffer) > _LONGEST_LINE:
            self._take(self._buffer)

    def _take(self, line: bytes) -> None:
        try:
            message = from_line(line)
        except CodecError as error:
            self.nonsense.emit(str(error))
            return
        if isinstance(message, Ready):
            self.ready = message
        self.message.emit(message)

    def _finish(self) -> None:
        self._read()
        self._scratch.remove()
        self.ended.emit()

    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.started = False
            self.ended.emit()


class Run(QObject):
    """A job in its child until the end of both."""

    over = Signal()

    def __init__(self, job: Job, child: Child, root: Path, parent: QObject) -> None:
        super().__init__(parent)
        self.job, self.child = job, child
        task = job.task
        self._root = root
        self._request = Request(task.step, encode(task.inputs), encode(task.plan), root)
        self._answer: Done | Failed | None = None
        self._nonsense = ""
        child.setParent(self)
        child.message.connect(self._listen)
        child.nonsense.connect(self._distrust)
        child.ended.connect(self._judge)
        job.start(child.log)
        if child.ready is not None:
            self._listen(child.ready)

    def cancel(self) -> None:
        """Ask the child to end; it is killed when it does not within two seconds."""
        if self.job.state in ("starting", "running"):
            self.job.stop()
            self.child.end()

    def _listen(self, message: Message) -> None:
        if isinstance(message, Ready):
            self._hand_over(message)
        elif isinstance(message, Progress):
            self.job.progress(message.fraction, message.text)
        elif isinstance(message, Found):
            self.job.find(message.attempt)
        elif isinstance(message, Log):
            _append(self.child.log, message.line)
        elif isinstance(message, Done | Failed):
            self._answer = message

    def _hand_over(self, ready: Ready) -> None:
        if ready.version != VERSION:
            self._distrust(f"protocol {ready.version}, expected {VERSION}")
        elif self.job.state == "starting":
            self.child.tell(self._request)
            self.job.run(ready.pid)

    def _distrust(self, what: str) -> None:
        self._nonsense = what
        _append(self.child.log, f"not understood: {what}")
        self.child.end()

    def _judge(self) -> None:
        job, answer = self.job, self._answer
        if not self.child.clean() and self.child.ready is not None:
            sweep(self._root / ARTIFACTS, self.child.ready.pid)
        if job.state == "cancelling":
            job.cancelled()
        elif isinstance(answer, Failed) and not self._nonsense:
            job.fail(UserError(answer.what, answer.why, answer.do, answer.choices), answer.is_bug)
        elif isinstance(answer, Done) and self.child.clean() and not self._nonsense:
            self._decode(answer.result)
        else:
            job.crash(self._crash_error())
        self.over.emit()

    def _decode(self, encoded: dict[str, Any]) -> None:
        try:
            result = decode(self.job.task.result_type, encoded)
        except CodecError as error:
            _append(self.child.log, f"result not understood: {error}")
            self.job.crash(self._crash_error())
        else:
            self.job.done(result)

    def _crash_error(self) -> UserError:
        ended = self._nonsense[:200] or self.child.describe_end()
        if not self.child.started:
            ended = self.child.process.errorString()
        return UserError(
            say("“{title}” crashed.", title=self.job.task.title),
            say("The process ended without a result ({how}).", how=ended),
            say("Nothing was changed. Try again; the log shows where it happened."),
        )


def _append(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(line.rstrip("\n") + "\n")
