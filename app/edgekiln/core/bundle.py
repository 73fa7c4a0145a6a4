"""What travels to a box: model, labels, golden inputs and outputs, agent, signed manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.data import Preprocessing


@dataclass(frozen=True)
class BundledFile:
    """A file of the bundle: path inside it (posix), SHA-256 in hex, size in bytes."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Figure:
    """A number with what it was measured on: name "accuracy", value 0.993, "litert 2.3.0, …"."""

    name: str
    value: float
    measured_on: str


@dataclass(frozen=True)
class Golden:
    """The health check: outputs on the box may differ from the golden ones by at most
    `max_relative_error` (max|a-b| / max|b|)."""

    inputs: str
    outputs: str
    samples: int
    max_relative_error: float
    measured_on: str  # runtime the golden outputs were made on


@dataclass(frozen=True)
class Manifest:
    """The signed list of everything in a bundle and where it came from. `release` is its id:
    time and hash, sortable by age."""

    format: int
    name: str
    release: str
    created: str  # ISO 8601, UTC
    target: str  # profile
    runtime: str  # "tflite-runtime 2.14.0": what the box must have
    scheme: str
    model: str  # path inside the bundle
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    golden: Golden
    files: tuple[BundledFile, ...]
    figures: tuple[Figure, ...]
    made_by: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Bundle:
    """A packed bundle (`.zip`), its manifest, and the key that signed it (Ed25519, hex)."""

    path: Path
    sha256: str
    size_bytes: int
    manifest: Manifest
    public_key: str
