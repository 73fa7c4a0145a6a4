"""What can go wrong between here and a box, in words: what, why, do."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from edgekiln.core.device import Device
from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say


class ConnectionLost(UserError):
    """The line to the box broke while it was in use."""


class TooSlow(UserError):
    """The box did not finish a command in time."""


@contextmanager
def spoken(device: Device) -> Iterator[None]:
    """Whatever the transport raises while in use is one thing to the user: the line broke."""
    try:
        yield
    except (paramiko.SSHException, EOFError, TimeoutError, ConnectionError) as error:
        raise connection_lost(device) from error
    except OSError as error:
        if error.errno is None and str(error) != "Socket is closed":
            raise
        if error.errno in (errno.ENOENT, errno.EACCES):  # the box's own answers over SFTP
            raise
        raise connection_lost(device) from error


def connection_lost(device: Device) -> ConnectionLost:
    """The line broke in the middle of something."""
    return ConnectionLost(
        say("The connection to {name} broke.", name=device.name),
        say("{host} stopped answering.", host=device.host),
        say("Check cable and power, then try again. What was live on the box still is."),
    )


def too_slow(device: Device, seconds: float) -> TooSlow:
    """A command that had to be given up."""
    return TooSlow(
        say("{name} is too slow.", name=device.name),
        say("A command did not end within {seconds} seconds.", seconds=round(seconds)),
        say("Check what else runs on the box, then try again."),
    )


def unreachable(device: Device, error: OSError) -> UserError:
    """No TCP connection came about."""
    return UserError(
        say(
            "{name} cannot be reached at {host}:{port}.",
            name=device.name,
            host=device.host,
            port=device.port,
        ),
        _why(error),
        say("Check address, cable and power; the box may need a minute after switching on."),
    )


def _why(error: OSError) -> Text:
    if isinstance(error, socket.gaierror):
        return say("No computer of this name is known on the network.")
    if isinstance(error, ConnectionRefusedError):
        return say("There is a computer, but no SSH server answers on this port.")
    if isinstance(error, TimeoutError):
        return say("Nothing answered in time.")
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return say("There is no way to this address: is the laptop in the same network?")
    return say("The system says: {words}", words=error.strerror or str(error))


def no_handshake(device: Device, error: Exception) -> UserError:
    """TCP answers, but the two do not agree on SSH."""
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        why = say("Its SSH server only knows methods that are no longer safe.")
        do = say("Update the SSH server of the box (OpenSSH 7.6 or newer, Dropbear 2020.79).")
    else:
        why = say("What answers there does not speak SSH as expected: {words}", words=str(error))
        do = say("Check address and port; restart the box if it has just been switched on.")
    return UserError(say("No secure connection to {name}.", name=device.name), why, do)


def unknown_host(device: Device, found: str) -> UserError:
    """Nobody has confirmed this box's identity yet."""
    return UserError(
        say("The identity of {name} was never confirmed.", name=device.name),
        say("Its fingerprint is {found}, but nobody has checked it.", found=found),
        say("Add the device and confirm the fingerprint: edgekiln device add"),
    )


def changed_key(device: Device, found: str) -> UserError:
    """Another identity than the pinned one: everything stops."""
    pinned = device.host_key.fingerprint if device.host_key else ""
    return UserError(
        say("{name} is not the box it was: its identity changed.", name=device.name),
        say("Pinned is {pinned}, found {found}. Nothing was sent.", pinned=pinned, found=found),
        say(
            "If you reflashed the box, remove the device and add it again. If not, another "
            "computer may have its address: stop and find out."
        ),
    )


def no_password(device: Device) -> UserError:
    """Neither a password nor a key was given."""
    return UserError(
        say("{name} needs a password.", name=device.name),
        say("None was given, and none is in the system keyring."),
        say("Give the password of {user}, or add the device with a key file.", user=device.user),
    )


def refused_login(device: Device) -> UserError:
    """Wrong user, password or key. Said once: some boxes lock after five attempts."""
    return UserError(
        say("{name} refuses the login of {user}.", name=device.name, user=device.user),
        say("The key is not accepted.") if device.key_file else say("The password is wrong."),
        say("Check user and password. Nothing was tried twice: some boxes lock after five tries."),
    )


def unusable_key(device: Device, words: str) -> UserError:
    """The private key file is of no use."""
    return UserError(
        say("The key file {path} cannot be used.", path=str(device.key_file)),
        say("The system says: {words}", words=words),
        say("Choose a private key file; if it has a passphrase, give it as the password."),
    )
