"""The proof that a fused graph computes what the unfused one did: both run on the same samples."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekiln.core.artifact import Artifact
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import Report
from edgekiln.core.task import UNJUDGED
from edgekiln.core.text import Text
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_arrays
from edgekiln.pipeline.data.noise import random_inputs
from edgekiln.pipeline.data.source import limited, write_samples
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.interface import Interface, read_interface, translated
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph

MAX_RELATIVE_ERROR = 1e-4  # float rounding in another order stays below 1e-5
_THREADS = 2
_CHUNK = 1 << 16  # values


@dataclass(frozen=True)
class Difference:
    """The largest error over all outputs and samples: max|a-b|, and max|a-b| / max|a|."""

    max_abs: float = 0.0
    max_relative: float = 0.0

    @property
    def is_equal(self) -> bool:
        """Whether the pass that caused it may be kept."""
        return self.max_relative <= MAX_RELATIVE_ERROR


# Another shape, another name, no run at all: as far apart as JSON can say.
INCOMPARABLE = Difference(sys.float_info.max, sys.float_info.max)


@dataclass(frozen=True)
class Run:
    """A model's outputs on the proof samples, or why the runtime refused it."""

    outputs: Path
    runtime: str
    samples: int
    refused: Text | None
    interface: Interface
    inner: tuple[str, ...] = ()  # outputs that are none of the model's own

    def arrays(self, known: Interface, *, own: bool = False) -> dict[str, Array]:
        """The outputs by the names they had in the model with the interface `known`; with `own`
        those of the model alone."""
        parted = tuple(item for item in self.interface.parted if item not in known.parted)
        without = self.inner if own else ()
        return Interface(parted=parted).joined(load_arrays(self.outputs, without))


class Proof:
    """Runs models on one set of samples, each in a child, and compares what they compute.

    Compared are the model's outputs and `probes`, inner tensors by name: a softmax at the end would
    hide almost any error before it. Samples are written when the first model runs.
    """

    def __init__(self, artifact: Artifact, plan: FusionPlan, scratch: Path, report: Report) -> None:
        self._artifact, self._plan = artifact, plan
        self.scratch, self._report = scratch, report
        self._interface = read_interface(read_graph(artifact.path))
        self._samples: Path | None = None
        self._runs: dict[Path, Run] = {}
        self._probed = 0

    @property
    def data(self) -> str:
        """What the samples are: "calibration" or "random"."""
        return "random" if self._plan.data is None else "calibration"

    @property
    def first(self) -> Run | None:
        """The run of the unfused model; None when nothing had to be proven."""
        return self._runs.get(self._artifact.path)

    def run(self, model: Path, probes: tuple[str, ...] = (), *, brief: bool = False) -> Run:
        """The model on the proof samples, with `brief` the probes on the first of them alone; a
        crash counts as a refusal."""
        self._probed += 1
        probed = self.scratch / f"probed-{self._probed}.tflite"
        outputs = probed.with_suffix(".npz")
        interface, inner = _write_probed(model, probes, probed)
        samples = self._samples_for(interface)
        kept = inner if brief else ()
        done = run_model(
            probed, samples, "litert", outputs, self.scratch, threads=_THREADS, brief=kept
        )
        self._runs[model] = Run(outputs, done.runtime, done.samples, done.refused, interface, inner)
        return self._runs[model]

    def difference(self, before: Path, after: Path, *, mends: bool = False) -> Difference:
        """How far the outputs of `after`, probes included, are from those of `before`, both run
        already with the same probes; INCOMPARABLE when `after` was refused. With `mends` samples
        on which `before` overflowed do not count."""
        first, second = self._runs[before], self._runs[after]
        if second.refused is not None:
            return INCOMPARABLE
        known = self._interface
        return _compared(first.arrays(known), second.arrays(known), mends=mends)

    def output_difference(self, before: Path, after: Path, *, mends: bool = False) -> Difference:
        """The same for the model's own outputs alone."""
        return _compared(self._outputs(before), self._outputs(after), mends=mends)

    def values(self, model: Path, names: tuple[str, ...]) -> dict[str, Array] | None:
        """What inner tensors hold on the samples, `[samples, …]`; None when the model is refused.

        Only for the unfused model: its outputs of before stay as they are."""
        before = self._runs.get(model)
        run = self.run(model, names)
        if before is not None:
            self._runs[model] = before
        return None if run.refused is not None else load_arrays(run.outputs)

    def _outputs(self, model: Path) -> dict[str, Array]:
        arrays = self._runs[model].arrays(self._interface, own=True)
        own = [spec.name for spec in self._artifact.signature.outputs if spec.name in arrays]
        return {name: arrays[name] for name in own}

    def _samples_for(self, interface: Interface) -> Path:
        """The samples as a model with this interface takes them."""
        if interface.fed == self._interface.fed:
            return self.samples()
        path = self.scratch / f"samples-{self._probed}.npz"
        save_arrays(path, translated(load_arrays(self.samples()), self._interface, interface))
        return path

    def samples(self) -> Path:
        """The samples, written when they are first asked for."""
        if self._samples is None:
            self._samples = self.scratch / "samples.npz"
            self._write_samples(self._samples)
        return self._samples

    def _write_samples(self, path: Path) -> None:
        plan, signature = self._plan, self._artifact.signature
        if plan.data is None:
            inputs = {spec.name: random_inputs(spec, plan.samples) for spec in signature.inputs}
            save_arrays(path, inputs)
            return
        data = limited(plan.data, plan.samples)
        write_samples(data, plan.preprocessing, signature, path, self._report, judging=UNJUDGED)


def _write_probed(
    model: Path, probes: tuple[str, ...], path: Path
) -> tuple[Interface, tuple[str, ...]]:
    """The model with inner tensors as further outputs; its interface, and what those are."""
    graph = read_graph(model)
    tensors, added = {tensor.name: tensor for tensor in graph.main.tensors}, []
    for name in probes:
        tensor = tensors.get(name)
        if tensor is None or tensor in graph.main.outputs:
            continue
        added.append(name)
        graph.main.outputs.append(tensor)
        for entry in graph.signatures:
            if entry.subgraph is graph.main:
                entry.outputs.append((name, tensor))
    write_graph(graph, path)
    return read_interface(graph), tuple(added)


def _compared(before: dict[str, Array], after: dict[str, Array], *, mends: bool) -> Difference:
    if mends:
        good = _finite_samples(before)
        if not good.any():
            return INCOMPARABLE
        before, after = ({n: a[good] for n, a in arrays.items()} for arrays in (before, after))
    return compare(before, after)


def _finite_samples(arrays: dict[str, Array]) -> Array:
    """Which samples no array has an overflow for; the first axis counts the samples."""
    finite = [np.isfinite(a.astype(np.float64)).reshape(len(a), -1) for a in arrays.values()]
    good: Array = np.concatenate(finite, axis=1).all(axis=1)
    return good


def compare(before: dict[str, Array], after: dict[str, Array]) -> Difference:
    """The largest difference over all outputs; INCOMPARABLE when names, shapes or NaNs differ."""
    if before.keys() != after.keys():
        return INCOMPARABLE
    each = [_compare_one(before[name], after[name]) for name in before]
    return Difference(
        max((difference.max_abs for difference in each), default=0.0),
        max((difference.max_relative for difference in each), default=0.0),
    )


def _compare_one(before: Array, after: Array) -> Difference:
    if before.shape != after.shape:
        return INCOMPARABLE
    error = largest = 0.0
    values, others = before.reshape(-1), after.reshape(-1)
    for start in range(0, values.size, _CHUNK):  # in doubles, whole layers would be large
        a = values[start : start + _CHUNK].astype(np.float64)
        b = others[start : start + _CHUNK].astype(np.float64)
        finite = np.isfinite(a)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return INCOMPARABLE
        error = max(error, float(np.abs(a[finite] - b[finite]).max(initial=0.0)))
        largest = max(largest, float(np.abs(a[finite]).max(initial=0.0)))
    return Difference(error, error / largest if largest else error)
