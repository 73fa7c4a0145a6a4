"""Commands and files on a connected box."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass

import paramiko

from edgekiln.core.device import Device
from edgekiln.ship.device import faults

_BOUND = 1 << 20
_CHUNK = 1 << 15
_POLL_S = 0.005
KILLED = -1


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code (-1: killed by a signal) and at most 1 MiB of each stream."""

    code: int
    out: bytes
    err: bytes


class Session:
    """A logged-in connection to one box."""

    def __init__(self, device: Device, transport: paramiko.Transport, timeout_s: float) -> None:
        self.device, self.timeout_s = device, timeout_s
        self._transport = transport

    def run(
        self, argv: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None
    ) -> Outcome:
        """Run a command, its arguments quoted for the box's shell; both streams are drained, so
        that no amount of output blocks it. TooSlow, ConnectionLost."""
        limit = timeout_s or self.timeout_s
        with faults.spoken(self.device):
            channel = self._transport.open_session(timeout=self.timeout_s)
            with channel:
                channel.settimeout(self.timeout_s)
                channel.exec_command(shlex.join(argv))
                channel.sendall(stdin)
                channel.shutdown_write()
                out, err = self._drain(channel, time.monotonic() + limit, limit)
                code = channel.recv_exit_status()
        if code == KILLED and not self._transport.is_active():
            raise faults.connection_lost(self.device)
        return Outcome(code, out, err)

    def sftp(self) -> paramiko.SFTPClient:
        """A file channel; the caller closes it."""
        with faults.spoken(self.device):
            client = paramiko.SFTPClient.from_transport(self._transport)
            assert client is not None
            return client

    def _drain(self, channel: paramiko.Channel, end: float, limit: float) -> tuple[bytes, bytes]:
        out, err = bytearray(), bytearray()
        while True:
            ended = channel.exit_status_ready() and channel.eof_received
            idle = True
            if channel.recv_ready():
                _keep(out, channel.recv(_CHUNK))
                idle = False
            if channel.recv_stderr_ready():
                _keep(err, channel.recv_stderr(_CHUNK))
                idle = False
            if idle and (ended or channel.closed or not self._transport.is_active()):
                return bytes(out), bytes(err)
            if time.monotonic() > end:
                raise faults.too_slow(self.device, limit)
            if idle:
                time.sleep(_POLL_S)


def _keep(kept: bytearray, data: bytes) -> None:
    kept.extend(data[: max(0, _BOUND - len(kept))])
