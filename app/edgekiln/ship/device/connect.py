"""A connection to one box whose identity is pinned; and the step that reads the identity."""

from __future__ import annotations

import base64
import hashlib
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko

from edgekiln.core.device import Contact, Device, HostKey, ReadHostKeyPlan
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.ship.device import faults
from edgekiln.ship.device.run import Session
from edgekiln.ship.device.watchdog import WatchedSocket, watched

_LOST_AFTER_S = 15.0


def read_host_key(inputs: Contact, plan: ReadHostKeyPlan, out_dir: Path, report: Report) -> HostKey:
    """The identity a box shows before anybody logs in; the user compares its fingerprint."""
    del out_dir
    report(None, say("Asking {name} who it is", name=inputs.device.name))
    with _handshake(inputs.device, plan.timeout_s) as transport:
        return _identity(transport)


@contextmanager
def connect(contact: Contact, timeout_s: float = 20.0) -> Iterator[Session]:
    """A session with the pinned box. UserError when it cannot be had; ConnectionLost when nothing
    came from the box for 15 s, or `timeout_s` if less (a pulled cable sends no goodbye)."""
    device = contact.device
    with _handshake(device, timeout_s) as transport:
        _check_identity(device, _identity(transport))
        _log_in(contact, transport)
        with watched(transport, min(timeout_s, _LOST_AFTER_S)):
            yield Session(device, transport, timeout_s)


@contextmanager
def _handshake(device: Device, timeout_s: float) -> Iterator[paramiko.Transport]:
    transport = paramiko.Transport(_dial(device, timeout_s))
    try:
        transport.banner_timeout = timeout_s
        transport.handshake_timeout = timeout_s
        transport.auth_timeout = timeout_s
        transport.channel_timeout = timeout_s
        _prefer(transport, device.host_key)
        try:
            transport.start_client(timeout=timeout_s)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise faults.no_handshake(device, error) from error
        if not transport.initial_kex_done:  # start_client just returns when its time is over
            raise faults.unreachable(device, TimeoutError())
        yield transport
    finally:
        transport.close()


def _dial(device: Device, timeout_s: float) -> WatchedSocket:
    try:
        plain = socket.create_connection((device.host, device.port), timeout_s)
    except OSError as error:
        raise faults.unreachable(device, error) from error
    connection = WatchedSocket(fileno=plain.detach())
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform.startswith("linux"):
        milliseconds = round(min(timeout_s, _LOST_AFTER_S) * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return connection


def _prefer(transport: paramiko.Transport, pinned: HostKey | None) -> None:
    """Ask first for the kind of key that is pinned: a box has several, and only that one counts."""
    options = transport.get_security_options()
    kind = pinned.kind if pinned else "ssh-ed25519"
    wanted = "rsa-sha2-512" if kind == "ssh-rsa" else kind
    if wanted in options.key_types:
        options.key_types = [wanted, *(other for other in options.key_types if other != wanted)]


def _identity(transport: paramiko.Transport) -> HostKey:
    key = transport.get_remote_server_key()
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return HostKey(key.get_name(), key.get_base64(), f"SHA256:{digest}")


def _check_identity(device: Device, found: HostKey) -> None:
    pinned = device.host_key
    if pinned is None:
        raise faults.unknown_host(device, found.fingerprint)
    if (pinned.kind, pinned.key) != (found.kind, found.key):
        raise faults.changed_key(device, found.fingerprint)


def _log_in(contact: Contact, transport: paramiko.Transport) -> None:
    """One attempt, with what the user gave; no agent, no keys lying about."""
    if contact.password is None and contact.device.key_file is None:
        raise faults.no_password(contact.device)
    device, password = contact.device, contact.password.value if contact.password else ""
    try:
        if device.key_file:
            transport.auth_publickey(device.user, _private_key(device, password))
        else:
            transport.auth_password(device.user, password)
    except paramiko.AuthenticationException as error:
        raise faults.refused_login(device) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise faults.no_handshake(device, error) from error


def _private_key(device: Device, passphrase: str) -> paramiko.PKey:
    assert device.key_file is not None
    try:
        return paramiko.PKey.from_path(device.key_file, passphrase or None)
    except (OSError, ValueError, TypeError, paramiko.SSHException) as error:
        raise faults.unusable_key(device, str(error)) from error
