"""Starts the practice box's server in a child and ends it; for the command line and tests."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from types import TracebackType

_END_S = 3.0


class PracticeBox:
    """`with PracticeBox(sandbox) as box`: then `host`, `port`, `user`, `password`, `fingerprint`.

    Host key and port stay the same for the same sandbox, so a device added once works again.
    """

    host: str
    port: int
    user: str
    fingerprint: str

    def __init__(self, sandbox: Path) -> None:
        self.sandbox = sandbox
        self.password = secrets.token_urlsafe(12)
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PracticeBox:
        self.sandbox.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "edgekiln.ship.practice.server", str(self.sandbox)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._child = child
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{self.password}\n".encode())
        child.stdin.flush()
        line = child.stdout.readline()
        if not line:
            self._end()
            raise RuntimeError(f"the practice box did not start: exit code {child.returncode}")
        address = json.loads(line)
        self.host, self.port = str(address["host"]), int(address["port"])
        self.user, self.fingerprint = str(address["user"]), str(address["fingerprint"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        child = self._child
        if child is None:
            return
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._child = None
