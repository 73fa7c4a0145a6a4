"""The calibration samples on which every candidate is tried, against the float model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekiln.core.artifact import Artifact
from edgekiln.core.inference import InferResult, RuntimeFamily
from edgekiln.core.text import Text
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_arrays
from edgekiln.pipeline.evaluate import metrics
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.joined import Joined, joined_outputs
from edgekiln.pipeline.graph.read import read_graph

if TYPE_CHECKING:
    from edgekiln.pipeline.quantize.table import Table

Outputs = Mapping[str, Array]  # output name -> [samples, *shape without batch], real values
FAST: RuntimeFamily = "litert"
GATE_SAMPLES = 32


@dataclass(frozen=True)
class Trial:
    """`samples`: all of them, `[samples, …]` by input name; `few`: the first ones, for the gate.

    `labels` are -1 where unlabelled; `reference` is what the float model computes on the fast
    runtime, `main` the output that is judged; `joined`: the outputs that are joined of parts.
    Outputs of a run are put below `folder`.
    """

    samples: Path
    few: Path
    labels: tuple[int, ...]
    reference: Outputs
    main: str
    folder: Path
    joined: Mapping[str, Joined] = field(default_factory=dict)
    classes: bool = True  # whether answers are classes; else likeness alone counts

    @classmethod
    def of(cls, table: Table, model: Artifact, folder: Path) -> Trial:
        """The trial on a table's calibration samples."""
        samples = table.calibration
        reference = load_arrays(table.reference)
        main = model.signature.outputs[0].name
        joined = joined_outputs(read_graph(model.path))
        classes = samples.truth is None and table.judging.has_classes
        return cls(
            samples.path, table.few, samples.labels, reference, main, folder, joined, classes
        )

    @property
    def short(self) -> Trial:
        """The trial on the few samples alone: for what there is no choice to be made from."""
        reference = {name: rows[:GATE_SAMPLES] for name, rows in self.reference.items()}
        labels = self.labels[:GATE_SAMPLES]
        return replace(self, samples=self.few, labels=labels, reference=reference)


@dataclass(frozen=True)
class Run:
    """A model on a runtime; no outputs when it was refused."""

    result: InferResult
    outputs: Outputs

    @property
    def refused(self) -> Text | None:
        return self.result.refused

    def first(self, count: int) -> Outputs:
        """The outputs of the first samples."""
        return {name: rows[:count] for name, rows in self.outputs.items()}


@dataclass(frozen=True)
class Score:
    """How near a candidate is to the float model. `error`: root mean square of the difference over
    that of the float outputs."""

    accuracy: float | None
    agreement: float | None
    error: float

    @property
    def share(self) -> float | None:
        """Accuracy where there are labels, else agreement; None for no classifier."""
        return self.agreement if self.accuracy is None else self.accuracy


def first_rows(samples: Path, count: int, out: Path) -> Path:
    """The first `count` samples of an `.npz`, written to `out`."""
    save_arrays(out, {name: rows[:count] for name, rows in load_arrays(samples).items()})
    return out


def run_on(model: Path, samples: Path, runtime: str, folder: Path) -> Run:
    """`model` on `samples` with a runtime, in a child; what it refuses comes back as `refused`."""
    out = folder / f"{model.stem}-{samples.stem}-{runtime.replace(' ', '-')}.npz"
    result = run_model(model, samples, runtime, out, folder)
    return Run(result, {} if result.refused is not None else load_arrays(out))


def score(outputs: Outputs, trial: Trial) -> Score:
    """Outputs of a candidate on all trial samples, against labels and the float model."""
    error = mean_error(parted(outputs, trial.joined), parted(trial.reference, trial.joined))
    labels = np.asarray(trial.labels, np.int64)
    float_scores = metrics.scores_of(trial.reference[trial.main], bool((labels >= 0).any()))
    scores = metrics.scores_of(outputs[trial.main])
    if scores is None or float_scores is None or not trial.classes:
        return Score(None, None, error)
    seen = metrics.top1(scores)
    agreement = metrics.agreement(seen, metrics.top1(float_scores))
    return Score(metrics.accuracy(seen, labels), agreement, error)


def parted(outputs: Outputs, joined: Mapping[str, Joined]) -> Outputs:
    """Outputs that are joined as their parts, each under a name of its own."""
    return {
        f"{name}:{i}": part
        for name, rows in outputs.items()
        for i, part in enumerate(joined[name].parts(rows) if name in joined else [rows])
    }


def is_finite(outputs: Outputs) -> bool:
    """Whether every value is a number."""
    return all(bool(np.isfinite(rows).all()) for rows in outputs.values())


def mean_error(outputs: Outputs, reference: Outputs) -> float:
    """The worst output's sqrt(sum (a-b)^2 / sum b^2); infinite for values that are not finite."""
    return max(_mean_error(outputs[name], reference[name]) for name in reference)


def largest_error(outputs: Outputs, reference: Outputs) -> float:
    """The worst output's max|a-b| / max|b|; infinite for values that are not finite."""
    return max(_largest_error(outputs[name], reference[name]) for name in reference)


def _mean_error(a: Array, b: Array) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return _ratio(float(np.sqrt(np.sum((a - b) ** 2))), float(np.sqrt(np.sum(b**2))))


def _largest_error(a: Array, b: Array) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return _ratio(float(np.max(np.abs(a - b), initial=0.0)), float(np.max(np.abs(b), initial=0.0)))


def _ratio(difference: float, size: float) -> float:
    if not np.isfinite(difference) or not np.isfinite(size):
        return float("inf")
    if size == 0.0:
        return 0.0 if difference == 0.0 else float("inf")
    return difference / size
