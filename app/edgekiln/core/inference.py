"""A model run on one runtime, in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.fusion import Latency
from edgekiln.core.model import Signature
from edgekiln.core.text import Text

RuntimeFamily = Literal["litert", "tflite-runtime"]
BRIEF = 3  # samples


@dataclass(frozen=True)
class InferInputs:
    """`model`: a `.tflite`. `samples`: an `.npz`, one array `[samples, *shape without batch]` per
    signature input name, in real (float) values; quantized inputs are quantized by the runner and
    quantized outputs come back in real values."""

    model: Path
    samples: Path
    outputs: Path  # `.npz` to write: one array `[samples, *shape without batch]` per output name


@dataclass(frozen=True)
class InferPlan:
    """Which runtime family of this environment, and how many threads. `brief`: outputs that are
    kept for the first BRIEF samples alone; inner tensors of a network are large. `in_order`: the
    model's state lasts from sample to sample; else each starts anew."""

    runtime: RuntimeFamily
    threads: int = 1
    brief: tuple[str, ...] = ()
    in_order: bool = False


@dataclass(frozen=True)
class InferResult:
    """`refused` says why the runtime would not load or run the model; then `samples` is 0."""

    runtime: str  # "tflite-runtime 2.14.0"
    samples: int
    median_ms: float
    refused: Text | None = None


@dataclass(frozen=True)
class AnswerInputs:
    """Models to ask side by side, and the `data` (of that `fingerprint`) they are asked about."""

    models: tuple[Artifact, ...]
    data: Path
    fingerprint: str


@dataclass(frozen=True)
class AnswerPlan:
    """Which `rows` of the data, as it is read, and how a row becomes the inputs of `signature`.
    `labels`: the model's classes, where they are known; some kinds of data are read by them."""

    runtime: RuntimeFamily
    rows: tuple[int, ...]
    preprocessing: Preprocessing
    signature: Signature
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """By model: the `.npz` of its outputs as in InferInputs, the milliseconds of one inference, and
    why the runtime refused it."""

    runtime: str
    outputs: tuple[Path | None, ...]
    median_ms: tuple[float, ...]
    refused: tuple[Text | None, ...]


@dataclass(frozen=True)
class TimeInputs:
    """`models` to compare, fed with the first of `samples` (as in InferInputs)."""

    models: tuple[Path, ...]
    samples: Path


@dataclass(frozen=True)
class TimePlan:
    """How often each model runs, in turn with the others; fewer after `seconds`, but at least 5."""

    runs: int = 30
    seconds: float = 10.0
    runtime: RuntimeFamily = "litert"
    threads: int = 1


@dataclass(frozen=True)
class TimeResult:
    """One latency a model, in that order; none where the runtime `refused` one of them."""

    latencies: tuple[Latency, ...]
    refused: Text | None = None


@dataclass(frozen=True)
class RuntimeInputs:
    """A runtime to add to this computer, "family release", and the Python it is for."""

    runtime: str
    python: Path


@dataclass(frozen=True)
class RuntimePlan:
    """Where its wheels come from: a folder, or pip's own settings."""

    wheels: Path | None = None


@dataclass(frozen=True)
class StockPlan:
    """TensorFlow's own quantizer on a float `.tflite`: calibration samples as in InferInputs."""

    samples: Path
    scheme: str
