"""A step in a child, awaited: for steps that need another process, and for the command line.

What `jobs` is to the window. One TFLite interpreter lives in a process, TensorFlow in another, so
a step that needs both asks for the other here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, TypeVar

from edgekiln.core.codec import decode, encode
from edgekiln.core.errors import UserError
from edgekiln.core.files import ARTIFACTS, sweep
from edgekiln.core.report import Report, silent
from edgekiln.core.text import say
from edgekiln.protocol import (
    Done,
    Failed,
    Found,
    Message,
    Progress,
    Ready,
    Request,
    from_line,
    to_line,
)

T = TypeVar("T")
_LOG_TAIL = 200  # a stack of 100 frames, which is all that faulthandler tells, and what came before


class ChildCrashed(Exception):
    """The child died without an answer; `log` is the end of what it printed."""

    def __init__(self, step: str, returncode: int, log: str) -> None:
        self.step, self.returncode, self.log = step, returncode, log
        super().__init__(f"{step} ended with {describe_exit(returncode)}\n{log}")


class StepFailed(Exception):
    """An error of ours inside the child, with its traceback."""


def describe_exit(returncode: int) -> str:
    """A process's end in words: the signal's name, or the exit code."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


class Spare:
    """A child that waits to be asked; `warm` names a module it loads meanwhile. It answers once,
    and is ended and cleared away when the block ends."""

    def __init__(self, warm: str = "") -> None:
        with ExitStack() as opened:
            self.log: IO[bytes] = opened.enter_context(tempfile.TemporaryFile())
            scratch = tempfile.TemporaryDirectory(prefix="edgekiln-", ignore_cleanup_errors=True)
            self.process = subprocess.Popen(
                # -P: a file random.py where the user stands is not the module we import
                [sys.executable, "-P", "-m", "edgekiln", "worker", warm],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                env={**os.environ, "TMPDIR": opened.enter_context(scratch)},
            )
            opened.callback(_end, self.process)
            self._opened = opened.pop_all()

    def __enter__(self) -> Spare:
        return self

    def __exit__(self, *raised: object) -> None:
        self._opened.close()


def run_step(
    step: str,
    inputs: Any,
    plan: Any,
    root: Path,
    result_type: type[T],
    report: Report = silent,
    spare: Spare | None = None,
) -> T:
    """Run a step in a child, in the `spare` one where there is such, and return its result.

    Raises UserError as the step does, ChildCrashed when native code took the child down,
    StepFailed for an error of ours. Ends the child when this process is interrupted, and removes
    what an ended or crashed child left unfinished.
    """
    with spare or Spare() as started:
        child = started.process
        try:
            answer = _converse(child, Request(step, encode(inputs), encode(plan), root), report)
        finally:
            _end(child)
            if child.returncode != 0:
                sweep(root, child.pid)
                sweep(root / ARTIFACTS, child.pid)
        if isinstance(answer, Done) and child.returncode == 0:
            return decode(result_type, answer.result)
        if isinstance(answer, Failed):
            _raise(answer)
        raise ChildCrashed(step, child.returncode, _tail(started.log))


def _converse(child: subprocess.Popen[bytes], request: Request, report: Report) -> Message | None:
    assert child.stdin is not None
    assert child.stdout is not None
    answer: Message | None = None
    fraction, text = None, say("Working")
    for message in _messages(child.stdout):
        if isinstance(message, Ready):
            child.stdin.write(to_line(request))
            child.stdin.flush()
        elif isinstance(message, Progress):
            fraction, text = message.fraction, message.text
            report(fraction, text)
        elif isinstance(message, Found):
            report(fraction, text, message.attempt)
        elif isinstance(message, Done | Failed):
            answer = message
    child.wait()
    return answer


def _messages(stream: IO[bytes]) -> Iterator[Message]:
    for line in stream:
        yield from_line(line)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()


def _raise(failed: Failed) -> None:
    if failed.is_bug:
        raise StepFailed(failed.traceback)
    raise UserError(failed.what, failed.why, failed.do, failed.choices)


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    lines = deque(log, maxlen=_LOG_TAIL)
    return b"".join(lines).decode("utf-8", "replace")


def crash_error(crashed: ChildCrashed) -> UserError:
    """A crash of native code, in words for the user."""
    return UserError(
        say("The step “{step}” crashed.", step=crashed.step),
        say("Native code ended the process ({how}).", how=describe_exit(crashed.returncode)),
        say("Nothing was changed. The log shows where; try again or leave this step out."),
    )
