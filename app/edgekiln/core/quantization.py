"""How a candidate is made operator by operator, and what is known of each operator's error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.data import Preprocessing
from edgekiln.core.text import Text

Precision = Literal["int8", "int16x8", "float32"]

# How a tensor's range is chosen from what calibration saw: the extremes of all samples, shares of
# the samples' own extremes, a percentile of all values, or the range of least error.
RangeRule = Literal["extremes", "p95", "p75", "percentile", "mse", "kl"]

# Operators that are not to be int8: (name of the operator's first output tensor, its precision).
Kept = tuple[tuple[str, Precision], ...]


@dataclass(frozen=True)
class SensitivityInputs:
    """A float model, its int8 form, and calibration samples as in InferInputs."""

    model: Artifact
    quantized: Artifact
    samples: Path


@dataclass(frozen=True)
class SensitivityPlan:
    """How many of the samples, the first ones, are compared."""

    samples: int = 10


@dataclass(frozen=True)
class OperatorError:
    """What int8 does to one operator of the float model, measured on calibration samples.

    `isolated`: the operator in int8 on exact inputs; `accumulated`: in the whole int8 model. SQNR
    in dB, 10 log10(sum x^2 / sum (x - x')^2); None where it could not be measured (the operator
    stays float, or its output is no number of its own). `rmse_per_scale` is near 0.289 (1/sqrt 12)
    for pure rounding. `saturated`: share of the values outside the range.
    """

    tensor: str  # name of its first output
    operator: str  # "CONV_2D"
    place: str  # short name of the layer
    isolated_sqnr_db: float | None
    accumulated_sqnr_db: float | None
    cosine: float | None  # of the isolated output and the exact one
    rmse_per_scale: float | None
    low: float
    high: float
    saturated: float
    precision: Precision  # what it has in the int8 candidate; "float32": it stays float
    why: Text | None = None  # the problem in words, or why it stays float; None when it is fine


@dataclass(frozen=True)
class Sensitivity:
    """Every operator of a float model in the order it runs, on `samples` calibration samples.

    `ranking`: names of first outputs, the operator that costs the int8 model most first.
    """

    operators: tuple[OperatorError, ...]
    ranking: tuple[str, ...]
    samples: int
    runtime: str
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One point of the search as it is found: a candidate's figures, before it is chosen or not."""

    scheme: SchemeName
    kept: Kept  # operators that are not int8
    operators: int  # of the whole model
    size_bytes: int
    loss: float | None  # accuracy lost (without labels: answers changed), as a fraction
    median_ms: float | None  # one inference on this computer, one thread
    usable: bool  # on the target; of an attempt without the gate it is not known: False
    within: bool  # loses no more than the plan allows; after the gate also: and is usable
    gated: bool = True  # whether the target's runtime was asked


@dataclass(frozen=True)
class Provenance:
    """What a calibration was made from: whose it is, and with what it may be used again."""

    model_sha256: str
    data: str  # what a person calls the data
    data_fingerprint: str
    samples_digest: str  # of the values the model was fed, whatever they were made from
    samples: int
    preprocessing: Preprocessing
    runtime: str  # "litert 2.3.0"
    made: str  # ISO 8601 date and time, UTC


@dataclass(frozen=True)
class CalibrationInputs:
    """A float model and what to calibrate it on.

    `samples`: an `.npz` as in InferInputs; `digest`: of its values (`pipeline.data.arrays.digest`).
    `labels`: one per sample, -1 where unlabelled, or none; `class_names` in their order.
    """

    model: Artifact
    samples: Path
    digest: str
    data: str = ""
    data_fingerprint: str = ""
    labels: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class CalibrationPlan:
    """`preprocessing`: what the samples have been through. `carry_on`: a file outside the step's
    folder where a calibration that was cut off is taken up again; it has no say in the result."""

    preprocessing: Preprocessing
    carry_on: Path | None = None


@dataclass(frozen=True)
class CalibrationResult:
    """`calibration`: one `.npz` (`pipeline.quantize.calibration_file`); `means`: another, the mean
    input of each layer with weights, by the tensor's name; `notes`: what is to be known of how far
    it can be trusted."""

    calibration: Path
    means: Path
    provenance: Provenance
    notes: tuple[Text, ...] = ()
