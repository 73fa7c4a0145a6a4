"""What is left of the accuracy, and what it was measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.artifact import Artifact, SchemeName, Verdict
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.fusion import Latency
from edgekiln.core.measures import (
    ClassFigures,
    Interval,
    Measure,
    PairedTest,
    ReliabilityBin,
    SliceFigures,
)
from edgekiln.core.plans import Goal, Limit
from edgekiln.core.quantization import Attempt, Kept, Sensitivity
from edgekiln.core.task import Decoder, Task
from edgekiln.core.text import Text


@dataclass(frozen=True)
class Differing:
    """A sample the candidate sees otherwise than the float model: its index in the data as loaded,
    its label (-1: unlabelled), and both predicted classes."""

    index: int
    label: int
    float_class: int
    candidate_class: int


@dataclass(frozen=True)
class OutputLikeness:
    """One of several outputs beside the float model's: the mean cosine of the samples, SQNR (None
    where there is no noise), and the error as in AccuracyReport."""

    name: str
    cosine: float
    sqnr_db: float | None
    error: float | None


@dataclass(frozen=True)
class AccuracyReport:
    """What a model's answers are worth on `samples` samples, by the kind of its `task`.

    `primary`: the task's first figure against the truth, None without one. `agreement`: share of
    answers (top-1, boxes, pixels) as the float model's. `accuracy`: top-1, of a classifier alone;
    `confusion[true][predicted]` counts.

    `outputs` is an `.npz`: `labels` [samples] int64 (-1: unlabelled), `predicted` [samples] int64
    (-1 where the task has no classes), `scores` float32 [samples, …]: class scores, else values.
    Of a detector also `starts`, `corners` (fractions of the model's input), `classes` and
    `box_scores`: sample i has the rows from starts[i] on; of a segmenter `masks` uint8 [samples,
    height, width]; of an autoencoder `rebuilt` [samples], the mean squared error, and `abnormal`.
    What is true of them is there by the same names after `true_`; further outputs after `output:`.
    """

    runtime: str  # "litert 2.3.0"
    data: str
    data_fingerprint: str
    samples: int
    accuracy: float | None
    agreement: float | None
    confusion: tuple[tuple[int, ...], ...]
    class_names: tuple[str, ...]
    outputs: Path
    median_ms: float  # one inference on this computer, one thread; never a figure for the box
    preprocessing: Preprocessing
    differing: tuple[Differing, ...] = ()  # from the float model's top-1, the first of them
    notes: tuple[Text, ...] = ()  # what was said of the data while it was read
    # without agreement: sqrt(sum (a-b)^2 / sum b^2) against the float model's outputs, of the worst
    # output or part where they are joined of parts
    error: float | None = None
    interval: Interval | None = None  # of the accuracy
    agreement_interval: Interval | None = None
    paired: PairedTest | None = None  # the primary figure against the float model's
    measures: tuple[Measure, ...] = ()
    per_class: tuple[ClassFigures, ...] = ()  # of more than 100 classes the worst
    reliability: tuple[ReliabilityBin, ...] = ()
    task: Task = "classification"
    task_why: Text | None = None
    decoder: Decoder | None = None  # of a detector
    primary: Measure | None = None
    by_output: tuple[OutputLikeness, ...] = ()  # where there are several
    slices: tuple[SliceFigures, ...] = ()  # where they were asked for

    @property
    def share(self) -> float | None:
        """The fraction of which a candidate may lose some: accuracy, mAP, mIoU, AUC, recall; None
        where the task has none, or the data no truth."""
        return _share(self.accuracy, self.primary)

    @property
    def first(self) -> Measure | None:
        """The figure against the truth; of a classifier its accuracy. None without a truth."""
        return self.primary or _accuracy(self.accuracy, self.samples, self.interval)

    @property
    def figures(self) -> tuple[Measure, ...]:
        """The first figure, then the others, each once."""
        first = self.first
        if first is None:
            return self.measures
        return (first, *(each for each in self.measures if each.name != first.name))


def _accuracy(value: float | None, samples: int, interval: Interval | None) -> Measure | None:
    return None if value is None else Measure("accuracy", value, samples, interval)


def _share(accuracy: float | None, primary: Measure | None) -> float | None:
    return primary.value if primary is not None and primary.is_share else accuracy


@dataclass(frozen=True)
class Disputed:
    """Samples that the candidate sees otherwise than the float model on the fast runtime, asked on
    the target's too. They were chosen for that: what is true of them is no estimate of accuracy."""

    samples: int
    of: int  # so many such samples there are
    same_as_fast: float  # share of answers that are on the target as on the fast runtime
    as_float: float  # share that are there as the float model's


@dataclass(frozen=True)
class TargetReport:
    """The same samples on the fast runtime and on the target's: where do the two differ?"""

    runtime: str
    samples: int
    accuracy: float | None
    agreement: float | None  # with the float model
    same_as_fast: float  # share of answers (top-1, boxes, pixels) that are so on both runtimes
    error: float | None = None  # without classes: as in AccuracyReport
    interval: Interval | None = None  # of the accuracy
    float_accuracy: float | None = None  # of the float model on the same samples
    primary: Measure | None = None  # as in AccuracyReport
    float_primary: Measure | None = None
    disputed: Disputed | None = None  # beside the `samples`, which were chosen without looking

    @property
    def first(self) -> Measure | None:
        """As in AccuracyReport."""
        return self.primary or _accuracy(self.accuracy, self.samples, self.interval)

    @property
    def share(self) -> float | None:
        """As in AccuracyReport."""
        return _share(self.accuracy, self.primary)

    @property
    def float_share(self) -> float | None:
        """The float model's on the same samples."""
        return _share(self.float_accuracy, self.float_primary)


@dataclass(frozen=True)
class EvalInputs:
    """An artifact to judge, and the float model it should agree with."""

    artifact: Artifact
    against: Artifact | None = None


@dataclass(frozen=True)
class SliceInputs:
    """A report, and the float model's, on `data`."""

    report: AccuracyReport
    reference: AccuracyReport | None
    data: DataSource


@dataclass(frozen=True)
class SlicePlan:
    """By what to slice: "class", "size", a table's column; () by all there is."""

    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class SliceTable:
    """What both models are worth on each slice."""

    slices: tuple[SliceFigures, ...]


@dataclass(frozen=True)
class Speed:
    """One inference of a candidate and of the float model, in turn on the runtime that stands for
    the target's, on this computer."""

    candidate: Latency
    beside: Latency  # the float model's

    @property
    def is_slower(self) -> bool:
        """Whether the candidate is slower than float, beyond noise."""
        return self.candidate.is_slower_than(self.beside)


@dataclass(frozen=True)
class Candidate:
    """One quantized form of the model, judged. Without `artifact` it could not even be made.

    `speed` is None where it was not timed.
    """

    scheme: SchemeName
    artifact: Artifact | None
    engine: str
    verdict: Verdict
    report: AccuracyReport | None
    on_target: TargetReport | None
    kept: Kept = ()  # of "mixed": the operators that are not int8
    operators: int = 0
    speed: Speed | None = None

    @property
    def is_slower(self) -> bool:
        """Whether it was seen to be slower than the float model."""
        return self.speed is not None and self.speed.is_slower


@dataclass(frozen=True)
class Beside:
    """The chosen candidate's primary figure against that of `scheme`."""

    scheme: SchemeName
    test: PairedTest


@dataclass(frozen=True)
class QuantResult:
    """All candidates of one float model and the one to take, with the reason in a sentence."""

    float_report: AccuracyReport | None
    candidates: tuple[Candidate, ...]
    chosen: SchemeName | None
    reason: Text
    target: str
    preprocessing: Preprocessing
    preprocessing_evidence: Text
    calibration_samples: int
    notes: tuple[Text, ...] = ()
    sensitivity: Sensitivity | None = None  # of the float model's operators to int8
    attempts: tuple[Attempt, ...] = ()  # all that was tried, in the order it was found
    goal: Goal = "size"
    limit_on: Limit = "accuracy"
    max_drop: float = 0.01
    calibration: Path | None = None  # the file with the ranges, to be used again
    random: bool = False  # made from random numbers: its accuracy is unknown
    beside: tuple[Beside, ...] = ()

    def candidate(self, scheme: str) -> Candidate:
        """The candidate of a scheme; KeyError when it was not asked for."""
        for candidate in self.candidates:
            if candidate.scheme == scheme:
                return candidate
        raise KeyError(scheme)
