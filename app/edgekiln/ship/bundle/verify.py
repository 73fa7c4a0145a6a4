"""Is this bundle what was packed? The same questions the agent asks on the box."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edgekiln.core.bundle import Bundle, Manifest
from edgekiln.core.codec import CodecError
from edgekiln.core.files import sha256
from edgekiln.core.text import say
from edgekiln.ship.bundle import manifest as manifests
from edgekiln.ship.bundle.archive import is_safe_name, unpack_files, untrusted
from edgekiln.ship.bundle.keys import is_signed_by
from edgekiln.ship.bundle.manifest import KEY, MANIFEST, SIGNATURE


def open_bundle(path: Path) -> Bundle:
    """The bundle of a `.zip` whose signature and hashes all hold; UserError otherwise."""
    return open_files(path)[0]


def open_files(path: Path) -> tuple[Bundle, dict[str, bytes]]:
    """The verified bundle and its files by name: what is checked is what is sent."""
    files = unpack_files(path)
    for name in (MANIFEST, SIGNATURE, KEY):
        if name not in files:
            raise untrusted(path, say("“{name}” is missing.", name=name))
    key = files[KEY].decode("ascii", "replace").strip()
    if not is_signed_by(key, files[MANIFEST], files[SIGNATURE]):
        raise untrusted(path, say("Its signature does not fit: it was changed after packing."))
    try:
        manifest = manifests.from_bytes(files[MANIFEST])
    except CodecError as error:
        raise untrusted(path, say("Its manifest cannot be read: {why}", why=str(error))) from error
    _refuse_changed(path, manifest, files)
    signed = hashlib.sha256(files[MANIFEST]).hexdigest(), files[SIGNATURE].hex()
    return Bundle(path, sha256(path), path.stat().st_size, manifest, key, *signed), files


def _refuse_changed(path: Path, manifest: Manifest, files: dict[str, bytes]) -> None:
    listed = {file.path: file for file in manifest.files}
    needed = {manifest.model, manifest.golden.inputs, manifest.golden.outputs}
    for name in sorted(needed - set(listed)):
        raise untrusted(path, say("“{name}” is missing.", name=name))
    for name in sorted(set(files) - set(listed) - {MANIFEST, SIGNATURE, KEY}):
        raise untrusted(path, say("“{name}” does not belong in a bundle.", name=name))
    for name, file in listed.items():
        if not is_safe_name(name) or name in (MANIFEST, SIGNATURE, KEY):
            raise untrusted(path, say("“{name}” does not belong in a bundle.", name=name))
        if name not in files:
            raise untrusted(path, say("“{name}” is missing.", name=name))
        data = files[name]
        if len(data) != file.size_bytes or hashlib.sha256(data).hexdigest() != file.sha256:
            raise untrusted(path, say("“{name}” was changed after packing.", name=name))
