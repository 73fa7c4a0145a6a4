"""The practice box: a real SSH and SFTP server on this computer, over one folder.

    python -m edgekiln.ship.practice.server SANDBOX

The first line on stdin is the password. One JSON line on stdout says where it listens; it ends when
stdin closes. It listens on 127.0.0.1 alone. Commands run as this user with the sandbox as home:
it is a box to practise on, not a jail.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import shlex
import signal
import sys
from pathlib import Path

import asyncssh

HOST, USER = "127.0.0.1", "practice"
_CHUNK = 1 << 16
_OWN = ".practice"  # the server's own files in the sandbox


class _Login(asyncssh.SSHServer):
    def __init__(self, password: str) -> None:
        self._password = password

    def begin_auth(self, username: str) -> bool:
        """Everybody has to log in."""
        del username
        return True

    def password_auth_supported(self) -> bool:
        """By password alone."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """One user, one password."""
        return username == USER and hmac.compare_digest(password.encode(), self._password.encode())


class _Files(asyncssh.SFTPServer):
    """Absolute paths mean the same as in a command, but end at the sandbox."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], sandbox: Path) -> None:
        super().__init__(channel)
        self._sandbox = sandbox

    def map_path(self, path: bytes) -> bytes:
        """The path itself, when it is inside."""
        full = Path(os.path.normpath(self._sandbox / os.fsdecode(path)))
        if not full.is_relative_to(self._sandbox):
            raise asyncssh.SFTPPermissionDenied("outside of the practice box")
        return os.fsencode(full)


async def serve(sandbox: Path, password: str) -> None:
    """Serve until stdin closes."""
    key = _host_key(sandbox)
    environment = {
        "HOME": str(sandbox),
        "USER": USER,
        "PATH": f"{_shim(sandbox)}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "EDGEKILN_SANDBOX": str(sandbox),
    }

    async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await _run(process, sandbox, environment)

    server = await _listen(sandbox, key, password, run)
    port = server.get_port()
    (sandbox / _OWN / "port").write_text(str(port))
    address = {"host": HOST, "port": port, "user": USER, "fingerprint": key.get_fingerprint()}
    print(json.dumps(address), flush=True)
    await _until_stdin_closes()
    server.close()
    await server.wait_closed()


async def _listen(
    sandbox: Path, key: asyncssh.SSHKey, password: str, run: asyncssh.SSHServerProcessFactory[bytes]
) -> asyncssh.SSHAcceptor:
    """On the port of last time, so that a device added then is found again; else on any."""
    for port in (_last_port(sandbox), 0):
        try:
            return await asyncssh.create_server(
                lambda: _Login(password),
                HOST,
                port,
                server_host_keys=[key],
                process_factory=run,
                sftp_factory=lambda channel: _Files(channel, sandbox),
                allow_scp=False,
                encoding=None,
            )
        except OSError:
            if port == 0:
                raise
    raise AssertionError("unreachable")


async def _run(
    process: asyncssh.SSHServerProcess[bytes], sandbox: Path, environment: dict[str, str]
) -> None:
    """A command by the local shell, its three streams connected; it ends with its connection."""
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        *(("-c", process.command) if process.command else ()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=sandbox,
        env=environment,
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
    try:
        await asyncio.gather(
            _copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr)
        )
        code = await child.wait()
        process.exit(code if code >= 0 else 128 - code)
    except (BrokenPipeError, ConnectionError):
        pass  # the client is gone, and its command goes with it
    finally:
        feeding.cancel()
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()


# WORKAROUND: asyncssh's `process.redirect` of an asyncio stream starts a second reader when the
# client's window opens again ("read() called while another coroutine is already waiting"), which
# breaks the connection on any large output. So the three streams are copied here.
async def _copy(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()


async def _feed(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    except (BrokenPipeError, ConnectionError, asyncssh.Error):
        return  # the command does not read on, or the client is gone
    finally:
        sink.close()


def _host_key(sandbox: Path) -> asyncssh.SSHKey:
    path = sandbox / _OWN / "host_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    return asyncssh.read_private_key(path)


def _last_port(sandbox: Path) -> int:
    try:
        return int((sandbox / _OWN / "port").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _shim(sandbox: Path) -> Path:
    """A folder with a `python3` that is this environment's: it has numpy and the runtimes."""
    folder = sandbox / _OWN / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return folder


async def _until_stdin_closes() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, reader.feed_eof)
    while await reader.read(1024):
        pass


def main() -> int:
    """Serve the sandbox named on the command line."""
    sandbox = Path(sys.argv[1]).resolve()
    sandbox.mkdir(parents=True, exist_ok=True)
    with open(0, "rb", buffering=0, closefd=False) as stdin:  # leave the rest to the event loop
        password = stdin.readline().decode().rstrip("\n")
    asyncio.run(serve(sandbox, password or "practice"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
