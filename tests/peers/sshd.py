"""A real OpenSSH server on 127.0.0.1, with a throw-away login and a box to break."""

from __future__ import annotations

import getpass
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from edgekiln.core.device import Contact, Device, HostKey, ReadHostKeyPlan, Secret
from edgekiln.core.errors import UserError
from edgekiln.core.report import silent
from edgekiln.ship.device.connect import read_host_key

_PROGRAM = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
_PREFIX = "ekbox-"


def unavailable() -> str:
    """Why no server can be started here; "" when one can."""
    return "" if _PROGRAM else "the system package openssh-server is not installed"


class Sshd:
    """The server. As root its user has a password; else the current user logs in by key."""

    def __init__(self, folder: Path, user: str, password: str) -> None:
        self.folder, self.user, self._password = folder, user, password
        self.home, self.bin = folder / "home", folder / "bin"
        self.port = _free_port()
        self.bin.mkdir()
        self.use_python("")
        self._child: subprocess.Popen[bytes] | None = None
        self._new_host_key()
        _keygen(folder / "login")

    def use_python(self, options: str, before: str = "") -> None:
        """What `python3` is on the box: this environment's, with options, after shell lines."""
        python = self.bin / "python3"
        script = f'#!/bin/sh\n{before}\nexec {shlex.quote(sys.executable)} {options} "$@"\n'
        python.write_text(script)
        python.chmod(0o755)

    def reflash(self) -> None:
        """Another identity, in the same process."""
        assert self._child is not None
        before, starts = self.host_key(self._device()), self._starts()
        self._new_host_key()
        self._child.send_signal(signal.SIGHUP)
        for _ in range(100):
            # Until it listens anew the old one may answer with the new key, and be gone right after
            if self._starts() > starts:
                with suppress(UserError):
                    if self.host_key(self._device()) != before:
                        return
            time.sleep(0.05)
        raise RuntimeError("sshd keeps its key")

    def _starts(self) -> int:
        return (self.folder / "sshd.log").read_text().count("Server listening")

    def _new_host_key(self) -> None:
        for name in ("host", "host.pub"):
            (self.folder / name).unlink(missing_ok=True)
        _keygen(self.folder / "host")

    def start(self) -> None:
        """Start and wait until it answers."""
        config = self.folder / "sshd_config"
        config.write_text(self._config())
        with (self.folder / "sshd.log").open("ab") as log:
            self._child = subprocess.Popen(
                [str(_PROGRAM), "-D", "-e", "-f", str(config)], stderr=log, stdout=log
            )
        for _ in range(100):
            if self._child.poll() is not None:
                raise RuntimeError((self.folder / "sshd.log").read_text())
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("sshd does not answer")

    def stop(self) -> None:
        """End the server; connections in progress live on, as with the real one."""
        if self._child is not None:
            self._child.terminate()
            self._child.wait()

    def contact(self, port: int | None = None) -> Contact:
        """A pinned login, through another port if a relay stands between."""
        device = self._device()
        device = replace(device, host_key=self.host_key(device), port=port or self.port)
        if self._password:
            return Contact(device, Secret(self._password))
        return Contact(replace(device, key_file=self.folder / "login"))

    def key_contact(self) -> Contact:
        """The same login by key."""
        return Contact(replace(self.contact().device, key_file=self.folder / "login"))

    def host_key(self, device: Device) -> HostKey:
        """What the box shows now."""
        return read_host_key(Contact(device), ReadHostKeyPlan(), self.folder, silent)

    def _device(self) -> Device:
        return Device("box", "127.0.0.1", self.port, self.user, "this-computer")

    def _config(self) -> str:
        return f"""
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.folder}/host
AuthorizedKeysFile {self.folder}/login.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication {"yes" if self._password else "no"}
KbdInteractiveAuthentication no
AllowUsers {self.user}
UseDNS no
PrintMotd no
Subsystem sftp internal-sftp
SetEnv PATH={self.bin}:/usr/bin:/bin HOME={self.home}
"""


@contextmanager
def running_sshd(folder: Path) -> Iterator[Sshd]:
    """A started server with its login; both are gone afterwards."""
    home = folder / "home"
    home.mkdir()
    with _login(home) as (user, password):
        server = Sshd(folder, user, password)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _login(home: Path) -> Iterator[tuple[str, str]]:
    """As root a user of its own with a password nobody knows. It shares root's number, because
    this environment's Python may lie where no other user can read."""
    if os.geteuid() != 0 or not shutil.which("useradd"):
        yield getpass.getuser(), ""
        return
    Path("/run/sshd").mkdir(exist_ok=True)
    _remove_left_behind()
    user, password = f"{_PREFIX}{os.getpid()}", secrets.token_urlsafe(18)
    add = ["useradd", "-o", "-u", "0", "-g", "0", "-M", "-N", "-d", str(home), "-s", "/bin/sh"]
    subprocess.run([*add, user], check=True, capture_output=True)
    try:
        subprocess.run(["chpasswd"], input=f"{user}:{password}".encode(), check=True)
        yield user, password
    finally:
        _remove(user)


def _remove_left_behind() -> None:
    for entry in pwd.getpwall():
        if entry.pw_name.startswith(_PREFIX):
            owner = entry.pw_name.removeprefix(_PREFIX)
            if not Path(f"/proc/{owner}").exists():
                _remove(entry.pw_name)


def _remove(user: str) -> None:
    subprocess.run(["userdel", "-f", user], check=False, capture_output=True)


def _keygen(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
