"""A `.tflite` on the disk as an `Artifact`."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.files import sha256
from edgekiln.pipeline.graph.describe import signature_of
from edgekiln.pipeline.graph.read import read_graph


def artifact_of(
    path: Path, *, scheme: SchemeName, made_from: str, made_by: tuple[tuple[str, str], ...]
) -> Artifact:
    """The artifact of a file that is already complete: its hash, size and default signature."""
    return Artifact(
        path=path,
        sha256=sha256(path),
        size_bytes=path.stat().st_size,
        signature=signature_of(read_graph(path)),
        scheme=scheme,
        made_from=made_from,
        made_by=made_by,
    )
