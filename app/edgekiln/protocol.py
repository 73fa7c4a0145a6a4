"""What the window and the child say to each other: one JSON line a message.

Window -> child: one Request. Child -> window: Ready, then Progress, Found and Log, then Done or
Failed. Done is believed only with exit code 0. Large results are files; messages carry paths.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from edgekiln.core import codec
from edgekiln.core.quantization import Attempt
from edgekiln.core.text import Text

VERSION = 2


@dataclass(frozen=True)
class Request:
    """Run `step` (a name of the closed table) with encoded `inputs` and `plan`; results go below
    `root`, the workspace. `inputs` may carry a Secret: a request is never logged."""

    step: str
    inputs: Any
    plan: Any
    root: Path


@dataclass(frozen=True)
class Ready:
    """The child is up and waits for its request."""

    version: int
    pid: int


@dataclass(frozen=True)
class Progress:
    """0…1 done (None: unknown) and what is being done."""

    fraction: float | None
    text: Text


@dataclass(frozen=True)
class Found:
    """What a search has found by now, to be shown before it ends."""

    attempt: Attempt


@dataclass(frozen=True)
class Log:
    """A line for the job's log."""

    line: str


@dataclass(frozen=True)
class Done:
    """The step's result, encoded, with absolute paths."""

    result: Any


@dataclass(frozen=True)
class Failed:
    """The step failed. `is_bug` False: a UserError, to be shown; True: ours, with a traceback."""

    what: Text
    why: Text
    do: Text
    choices: tuple[str, ...] = ()
    is_bug: bool = False
    traceback: str = ""


Message = Request | Ready | Progress | Found | Log | Done | Failed
_KINDS: tuple[type[Message], ...] = (Request, Ready, Progress, Found, Log, Done, Failed)


def to_line(message: Message) -> bytes:
    """One message as one UTF-8 line, newline included."""
    return codec.to_line(message)


def from_line(line: bytes) -> Message:
    """The message of a line; CodecError when it is none."""
    return codec.from_line(line, _KINDS)


def own_stdout() -> BinaryIO:
    """File descriptor 1, kept for messages, and from now on pointed at 2: whatever native code
    prints lands in the log and never between two messages."""
    messages = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(messages, "wb", buffering=0)
