"""Passwords of boxes in the system's keyring; where there is none, they are asked each time.

Never in a file of ours, and never through a backend that writes plain text.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edgekiln.core.device import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_SERVICE = "edgekiln"
_SAFE = frozenset(
    f"keyring.backends.{name}"
    for name in ("SecretService", "libsecret", "kwallet", "macOS", "Windows")
)


def recall(device_name: str) -> Secret | None:
    """The password kept for a box; None when there is none or no keyring to ask."""
    backend = _backend()
    if backend is None:
        return None
    try:
        value = backend.get_password(_SERVICE, device_name)
    except Exception as error:  # noqa: BLE001  (backends raise what D-Bus raises: ask the user)
        _tell(error)
        return None
    return Secret(value) if value is not None else None


def remember(device_name: str, secret: Secret) -> bool:
    """Keep a password; False where no safe keyring takes it."""
    backend = _backend()
    if backend is None:
        return False
    try:
        backend.set_password(_SERVICE, device_name, secret.value)
    except Exception as error:  # noqa: BLE001
        _tell(error)
        return False
    return True


def forget(device_name: str) -> None:
    """Remove a box's password, if one is kept."""
    backend = _backend()
    if backend is None:
        return
    try:
        if backend.get_password(_SERVICE, device_name) is not None:
            backend.delete_password(_SERVICE, device_name)
    except Exception as error:  # noqa: BLE001
        _tell(error)


def _backend() -> KeyringBackend | None:
    """The safe one among what keyring found; loaded when first needed, it costs 0.1 s."""
    import keyring

    try:
        chosen = keyring.get_keyring()
    except Exception as error:  # noqa: BLE001
        _tell(error)
        return None
    for backend in getattr(chosen, "backends", (chosen,)):
        if type(backend).__module__ in _SAFE:
            return backend
    return None


def _tell(error: Exception) -> None:
    print(f"keyring: {type(error).__name__}: {error}", file=sys.stderr)
