"""What was fused, what was not, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekiln.core.artifact import Artifact
from edgekiln.core.text import Text

GroupState = Literal["by-converter", "by-edgekiln", "possible", "not-possible"]


@dataclass(frozen=True)
class FusionGroup:
    """Operators of the source model that could be one: `pattern` "Conv2D + BatchNorm + Relu6"."""

    pattern: str
    place: str  # name of the layer or tensor
    state: GroupState
    why: Text
    fused_by: str = ""  # the pass, for by-edgekiln and possible


@dataclass(frozen=True)
class PassOutcome:
    """One pass: how often it applied and the largest error it caused on the proof samples."""

    name: str
    title: Text
    applied: int
    skipped: bool  # switched off by the user
    taken_back: bool  # its proof failed: our bug, and the graph is as before
    max_abs_error: float
    max_relative_error: float


@dataclass(frozen=True)
class FusionResult:
    """The fused artifact, with its proof. Errors are against the unfused artifact's outputs."""

    artifact: Artifact
    ops_before: int
    ops_after: int
    macs_before: int
    macs_after: int
    max_abs_error: float
    max_relative_error: float
    proof_samples: int
    proof_data: str  # "calibration" or "random"
    runtime: str
    passes: tuple[PassOutcome, ...]
    groups: tuple[FusionGroup, ...]


@dataclass(frozen=True)
class SourceGroup:
    """Operators of the frozen TensorFlow graph that belong together, found before conversion.

    `convert` leaves them beside its artifact as `source_groups.json`, an encoded tuple. `members`
    are node names in order, `output` the last of them.
    """

    pattern: str  # "Conv2D + BatchNorm + Relu6"
    place: str  # name of the layer
    members: tuple[str, ...]
    output: str
