"""One engineer at a time: the lock on a box, kept alive while it is held."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from edgekiln.ship.deploy.box import Box
from edgekiln.ship.deploy.refusals import Refused
from edgekiln.ship.device.faults import ConnectionLost

_BEAT_S = 60.0


@dataclass
class Hold:
    """A lock in our hands. `token` says to the box that it is ours, and to this laptop whose."""

    box: Box
    token: str
    _last: float = field(default_factory=time.monotonic)

    def ask(self, command: str, *arguments: str) -> dict[str, object]:
        """A command that changes the box."""
        return self.box.ask(command, *arguments, self.token)

    def beat(self) -> None:
        """A sign of life, when one is due."""
        if time.monotonic() - self._last > _BEAT_S:
            self._last = time.monotonic()
            self.box.ask("lock", owner(), self.token)


def new_token() -> str:
    """Computer, process and chance."""
    return f"{uuid.getnode():x}-{os.getpid()}-{secrets.token_hex(8)}"


@contextmanager
def locked(box: Box, token: str) -> Iterator[Hold]:
    """The box, ours; Refused ("locked") when somebody else is at it. Always given back, if the
    line still holds."""
    try:
        box.ask("lock", owner(), token)
    except Refused as refused:
        if refused.code != "locked" or not is_dead(str(refused.values["token"])):
            raise
        box.ask("lock", owner(), token, str(refused.values["token"]))
    try:
        yield Hold(box, token)
    finally:
        with suppress(ConnectionLost):  # `push` tries once more on a new line
            box.ask("unlock", token)


def owner() -> str:
    """Who is at it, for the other engineer's eyes."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def is_dead(token: str) -> bool:
    """Whether a token is of a process of this very computer that is gone."""
    node, _, rest = token.partition("-")
    pid = rest.partition("-")[0]
    if node != f"{uuid.getnode():x}" or not pid.isdigit() or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
