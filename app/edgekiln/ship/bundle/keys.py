"""The Ed25519 key that signs bundles: made on first use, readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edgekiln.core.errors import UserError
from edgekiln.core.files import sync_folder
from edgekiln.core.text import say
from edgekiln.core.workspace import default_root


def signing_key(workspace: Path | None = None) -> Ed25519PrivateKey:
    """The key in `<workspace>/keys/signing.pem`; a new one when there is none."""
    path = (workspace or default_root()) / "keys" / "signing.pem"
    if not path.exists():
        _make(path)
    try:
        path.chmod(0o600)
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable(path, type(key).__name__)
    return key


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half in hex, as it travels in a bundle."""
    return key.public_key().public_bytes_raw().hex()


def is_signed_by(public_key: str, message: bytes, signature: bytes) -> bool:
    """Whether `signature` of `message` was made by the owner of the key (hex)."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(signature, message)
    except (ValueError, InvalidSignature):
        return False
    return True


def _make(path: Path) -> None:
    """Linked into place, so that of two processes that make one at once only one key stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            part.rename(path) if os.name == "nt" else _link(part, path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _link(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return  # another process was first: its key is the key


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(
        say("The signing key cannot be used."),
        say("{path}: {why}", path=str(path), why=why),
        say("Put back a copy of this file: boxes that trust its key refuse bundles of another."),
    )
