"""The manifest as bytes: one JSON text for one manifest, so that its signature means something."""

from __future__ import annotations

import json
from typing import Any

from edgekiln.core.bundle import Manifest
from edgekiln.core.codec import CodecError, decode, encode

FORMAT = 1
MANIFEST, SIGNATURE, KEY = "manifest.json", "manifest.sig", "key.pub"


def to_bytes(manifest: Manifest) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, no NaN, no type tags."""
    text = json.dumps(
        _untagged(encode(manifest)),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return text.encode()


def from_bytes(data: bytes) -> Manifest:
    """The manifest of canonical bytes; CodecError for anything else."""
    try:
        manifest = decode(Manifest, json.loads(data), where="manifest")
    except (ValueError, RecursionError) as error:
        raise CodecError(str(error)) from error
    if manifest.format != FORMAT:
        raise CodecError(f"manifest: format {manifest.format}, known is {FORMAT}")
    if to_bytes(manifest) != data:
        raise CodecError("manifest: not in canonical form")
    return manifest


def _untagged(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _untagged(value) for key, value in data.items() if key != "$"}
    return [_untagged(item) for item in data] if isinstance(data, list) else data
