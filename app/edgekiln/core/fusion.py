"""What was fused, what was not, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekiln.core.artifact import Artifact
from edgekiln.core.drawing import Drawing
from edgekiln.core.text import Text

GroupState = Literal["by-converter", "by-edgekiln", "possible", "not-possible"]

_SLOWER = 1.02  # a ratio of medians below it is noise whatever the quartiles say


@dataclass(frozen=True)
class FusionGroup:
    """Operators of the source model that could be one: `pattern` "Conv2D + BatchNorm + Relu6".

    `fused_by` and `tensor` name the place for `FusionPlan.leave`. `operators` finds the group in
    the drawings: names of the tensors its operators make.
    """

    pattern: str
    place: str  # name of the layer or tensor, short
    state: GroupState
    why: Text
    fused_by: str = ""  # the pass, for by-edgekiln and possible
    tensor: str = ""  # the whole name of its result, for by-edgekiln and possible
    operators: tuple[str, ...] = ()


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
class Latency:
    """Times of one sample in milliseconds, on this computer, with `runs` taken in turn with those
    of the model it is compared with; `low` and `high` are the quartiles."""

    median: float
    low: float
    high: float
    runs: int
    runtime: str
    threads: int

    def is_slower_than(self, other: Latency) -> bool:
        """Whether it is slower beyond noise: by more than 2 %, and the quartiles apart."""
        return self.median > other.median * _SLOWER and self.low > other.high


@dataclass(frozen=True)
class SourceLatency:
    """The source model on TensorFlow, on this computer: its plain graph, and compiled by XLA where
    XLA takes it."""

    plain: Latency
    xla: Latency | None
    why_no_xla: Text | None = None


@dataclass(frozen=True)
class Price:
    """What a model costs for one sample. `bytes_moved`: all tensors each operator reads and writes;
    `arena_bytes`: the memory its inner tensors need at once, as the runtime plans it."""

    operators: int
    macs: int
    bytes_moved: int
    arena_bytes: int
    file_bytes: int
    latency: Latency | None = None


@dataclass(frozen=True)
class FusionResult:
    """The fused artifact, with its proof and its price. Errors are against the unfused artifact's
    outputs."""

    artifact: Artifact
    before: Price
    after: Price
    max_abs_error: float
    max_relative_error: float
    proof_samples: int
    proof_data: str  # "calibration" or "random"
    runtime: str
    passes: tuple[PassOutcome, ...]
    groups: tuple[FusionGroup, ...]
    drawing_before: Drawing
    drawing_after: Drawing
    interface: tuple[Text, ...] = ()  # what is now fed or given otherwise than before
    notes: tuple[Text, ...] = ()  # that it is slower, that it could not be timed


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
