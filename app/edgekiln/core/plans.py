"""What the user decided, before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekiln.core.artifact import SCHEMES, SchemeName
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.model import Signature
from edgekiln.core.quantization import Kept
from edgekiln.core.task import DERIVED, Judging


@dataclass(frozen=True)
class InspectPlan:
    """Nothing to decide."""


@dataclass(frozen=True)
class ConvertPlan:
    """`signature` "" takes the default. `sizes` pins dynamic sizes by input name, whole shapes;
    an unpinned batch becomes 1, any other unpinned size is an error."""

    signature: str = ""
    sizes: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True)
class SizePlan:
    """The signature whose open sizes are asked for."""

    signature: Signature


@dataclass(frozen=True)
class FusionPlan:
    """`skip`: passes not to apply; `extra`: passes to apply that are off unless asked for; `leave`:
    single places to leave, as (pass, tensor) of a FusionGroup. `data`: samples to prove equality on
    (None: random inputs). `timed`: runs of the model before and after, in turn (0: none)."""

    skip: tuple[str, ...] = ()
    data: DataSource | None = None
    preprocessing: Preprocessing | None = None
    samples: int = 32
    extra: tuple[str, ...] = ()
    leave: tuple[tuple[str, str], ...] = ()
    timed: int = 30


@dataclass(frozen=True)
class TablePlan:
    """The data a quantization is made from; see QuantPlan."""

    calibration: DataSource | None
    evaluation: DataSource | None = None
    preprocessing: Preprocessing | None = None
    judging: Judging = DERIVED


Goal = Literal["size", "latency"]
Limit = Literal["accuracy", "agreement"]


@dataclass(frozen=True)
class QuantPlan:
    """Which candidates to make, on what data, for which box profile, and what may be lost.

    `calibration` None: random numbers, good for latency alone, and no accuracy is told.
    `preprocessing` None lets the finder choose on the labelled calibration data. `limit_on`: what
    `max_drop` is a fraction of: accuracy, or answers that agree with the float model's.
    """

    calibration: DataSource | None
    evaluation: DataSource | None
    target: str = "this-computer"
    schemes: tuple[SchemeName, ...] = SCHEMES
    preprocessing: Preprocessing | None = None
    # Evaluation samples that are also run on the target's runtime, at most: no longer than 15 s a
    # candidate, but 32 at least
    target_samples: int = 200
    max_drop: float = 0.01  # what may be lost, as a fraction
    goal: Goal = "size"  # among those that lose no more: the smallest, or the fastest
    limit_on: Limit = "accuracy"
    kept: Kept = ()  # operators of "mixed" chosen by hand; none: they are searched for
    search_seconds: float = 180.0  # for the search of operators to keep; 0: no search
    calibration_file: Path | None = None  # ranges seen before, instead of calibrating again
    cluster: str = ""  # address of a Dask scheduler; "": the cores of this computer
    judging: Judging = DERIVED

    @property
    def table(self) -> TablePlan:
        """The part that decides the data."""
        return TablePlan(self.calibration, self.evaluation, self.preprocessing, self.judging)


@dataclass(frozen=True)
class EvalPlan:
    """`slices`: by what figures are told of parts of the data, as in SlicePlan; () not at all."""

    data: DataSource
    runtime: str = "litert"
    preprocessing: Preprocessing | None = None
    judging: Judging = DERIVED
    slices: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackPlan:
    """`golden_samples` inputs with their outputs travel with the model for the health check."""

    name: str
    target: str
    data: DataSource
    preprocessing: Preprocessing
    labels: tuple[str, ...] = ()
    golden_samples: int = 8


@dataclass(frozen=True)
class DeployPlan:
    """`keep`: how many releases stay on the box, `current` included."""

    app: str = "edgekiln"
    keep: int = 3
    timeout_s: float = 20.0
