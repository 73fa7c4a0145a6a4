"""Notices a pulled cable: paramiko alone would wait for ever (paramiko issues 333 and 2207).

On Linux TCP_USER_TIMEOUT does most of it; this works everywhere, and through proxies that keep
acknowledging for a box that is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import socket

import paramiko

_PINGS_PER_LIMIT = 3


class WatchedSocket(socket):
    """A socket that remembers when it last received something."""

    heard = 0.0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As a socket's; notes the time."""
        data = super().recv(size, flags)
        self.heard = time.monotonic()
        return data


@contextmanager
def watched(transport: paramiko.Transport, limit_s: float) -> Iterator[None]:
    """While the block runs: ask for a sign of life every `limit_s / 3`, close the socket when
    nothing came for `limit_s`. Whoever waits for the box then gets an error instead of nothing."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(transport, limit_s, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(limit_s)


def _watch(transport: paramiko.Transport, limit_s: float, ended: threading.Event) -> None:
    line = transport.sock
    assert isinstance(line, WatchedSocket)
    line.heard = time.monotonic()
    pinger = threading.Thread(target=_ping, args=(transport, limit_s, ended), daemon=True)
    pinger.start()
    while not ended.wait(limit_s / 10):
        if time.monotonic() - line.heard > limit_s:
            line.close()
            return


def _ping(transport: paramiko.Transport, limit_s: float, ended: threading.Event) -> None:
    """In a thread of its own: on a dead line even sending blocks."""
    while not ended.wait(limit_s / _PINGS_PER_LIMIT) and transport.is_active():
        with suppress(paramiko.SSHException, EOFError, OSError):  # the watcher sees the silence
            transport.global_request("keepalive@openssh.com", wait=True)
