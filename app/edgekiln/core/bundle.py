"""What travels to a box: model, labels, golden inputs and outputs, agent, signed manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.accuracy import Candidate
from edgekiln.core.data import DataSource, Preprocessing


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
    """A packed bundle (`.zip`), its manifest, the key that signed it (Ed25519, hex), the hash of
    the bytes that are signed, and their signature in hex."""

    path: Path
    sha256: str
    size_bytes: int
    manifest: Manifest
    public_key: str
    manifest_sha256: str = ""
    signature: str = ""


@dataclass(frozen=True)
class PackInputs:
    """A judged candidate and its golden samples, made on the target's runtime.

    `golden_inputs` and `golden_outputs`: `.npz` as in InferInputs, one array `[samples, *shape
    without batch]` per input and output name, real values. The signing key lies below `workspace`
    (None: the default root).
    """

    candidate: Candidate
    runtime: str  # "tflite-runtime 2.14.0": what the box must have
    golden_inputs: Path
    golden_outputs: Path
    golden_measured_on: str
    max_relative_error: float
    destination: Path  # the `.zip` to write
    workspace: Path | None = None


@dataclass(frozen=True)
class BundleInputs:
    """A candidate to pack, the data its golden inputs come from, and the `.zip` to write."""

    candidate: Candidate
    data: DataSource
    destination: Path
