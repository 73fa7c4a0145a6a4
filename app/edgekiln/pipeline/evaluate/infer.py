"""The step `infer`: a `.tflite` on one runtime, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.inference import BRIEF, InferInputs, InferPlan, InferResult, RuntimeFamily
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, read_chunks, save_arrays

DISTRIBUTIONS: Mapping[RuntimeFamily, str] = {
    "litert": "ai-edge-litert",
    "tflite-runtime": "tflite-runtime",
}
BATCH = 16  # more gains nothing, and memory grows with it
_SAME = 1e-6
REPORT_EVERY_S = 0.2


class Refused(Exception):
    """The runtime would not load or run the model; the text holds its own words."""


def infer(inputs: InferInputs, plan: InferPlan, out_dir: Path, report: Report) -> InferResult:
    """Run the model on every sample and write its outputs, in real values, to `inputs.outputs`.

    Values that are not finite are kept: judging them is the caller's. What the runtime refuses
    comes back as `refused`, with nothing written.
    """
    del out_dir
    runtime = name_runtime(plan.runtime)
    size = 1 if plan.brief or plan.in_order else BATCH  # inner tensors are large
    try:
        many = Many(inputs.model, plan)
        with read_chunks(inputs.samples, size) as (count, chunks):
            outputs = _run_all(many, chunks, count, plan.brief, report)
    except Refused as refusal:
        return InferResult(runtime, 0, 0.0, in_words(runtime, refusal))
    save_arrays(inputs.outputs, outputs)
    return InferResult(runtime, count, many.median_ms)


def name_runtime(family: RuntimeFamily) -> str:
    """ "tflite-runtime 2.14.0": a family with its release here."""
    return f"{family} {metadata.version(DISTRIBUTIONS[family])}"


def in_words(runtime: str, refusal: Refused) -> Text:
    """A refusal for the user, in the runtime's own words."""
    words = " ".join(str(refusal).split())[:400]
    return say("{runtime} refuses the model: {words}", runtime=runtime, words=words)


def _run_all(
    many: Many,
    chunks: Iterable[Mapping[str, Array]],
    count: int,
    brief: tuple[str, ...],
    report: Report,
) -> dict[str, Array]:
    outputs: dict[str, Array] = {}
    done, told = 0, 0.0
    for chunk in chunks:
        for name, values in many.run(chunk).items():
            kept = min(count, BRIEF) if name in brief else count
            put_rows(outputs, name, values[: max(0, kept - done)], done, kept)
        done += rows_of(chunk)
        if time.monotonic() - told > REPORT_EVERY_S:
            told = time.monotonic()
            report(done / count, say("Sample {i} of {count}", i=done, count=count))
    return outputs


def rows_of(chunk: Mapping[str, Array]) -> int:
    """How many samples a chunk has."""
    return len(next(iter(chunk.values())))


def put_rows(outputs: dict[str, Array], name: str, values: Array, start: int, count: int) -> None:
    """`values` [n, …] as the rows from `start` on of an output of `count`."""
    rows = outputs.setdefault(name, np.empty((count, *values.shape[1:]), values.dtype))
    if rows.shape[1:] != values.shape[1:]:
        raise Refused(f"output {name} changes its shape: {rows.shape[1:]}, then {values.shape[1:]}")
    rows[start : start + len(values)] = values


class Many:
    """A loaded model that takes samples by the chunk: as one batch where that changes nothing.

    A model made for one sample can be given several at once (`resize_tensor_input`), but what it
    has inside may mix or refuse them. So the first BATCH samples go through both ways; unless the
    outputs are the same (to 1e-6 of the largest value) it stays with one at a time.
    """

    def __init__(self, model: Path, plan: InferPlan) -> None:
        self._model, self._plan = model, plan
        self._one = Net.load(model, plan)
        self._wide: Net | None = None
        self._tried = False
        self._times: list[float] = []

    @property
    def median_ms(self) -> float:
        """Of one bare invoke with one sample."""
        return float(np.median(self._times)) if self._times else 0.0

    @property
    def in_batches(self) -> bool:
        """Whether batches were found to change nothing."""
        return self._wide is not None

    def run(self, chunk: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs [n, …] of samples [n, …] by input name. Raises Refused."""
        rows = rows_of(chunk)
        if self._wide is not None and rows == BATCH:
            return self._wide.run_batch(chunk)[0]
        outputs: dict[str, Array] = {}
        for i in range(rows):
            result, milliseconds = self._one.run({name: a[i] for name, a in chunk.items()})
            self._times.append(milliseconds)
            for name, value in result.items():
                put_rows(outputs, name, value[None], i, rows)
        if rows == BATCH and not self._tried:
            self._tried = True
            self._wide = self._exact(chunk, outputs)
        return outputs

    def _exact(self, chunk: Mapping[str, Array], singly: Mapping[str, Array]) -> Net | None:
        try:
            wide = Net.load(self._model, self._plan)
            together = wide.run_batch(chunk)[0]
        except Refused:
            return None
        return wide if all(_same(together[name], singly[name]) for name in singly) else None


def _same(one: Array, other: Array) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if np.array_equal(one, other, equal_nan=True):
        return True
    largest = float(np.abs(other).max(initial=0.0))
    return bool(np.isfinite(largest) and np.abs(one - other).max() <= _SAME * largest)


@dataclass(frozen=True)
class Port:
    """One input or output of a loaded model. `scale` 0: not quantized."""

    index: int
    shape: tuple[int, ...]
    dtype: Any
    scale: float
    zero_point: int

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> Port:
        """From what the interpreter tells of a tensor."""
        scale, zero_point = detail["quantization"]
        shape = tuple(int(size) for size in detail["shape"])
        return cls(int(detail["index"]), shape, detail["dtype"], float(scale), int(zero_point))

    def store(self, value: Array) -> Array:
        """Real values as the tensor stores them: q = round(x / scale) + zero_point, clipped."""
        if not np.issubdtype(self.dtype, np.integer):
            return value.astype(self.dtype).reshape(self.shape)
        limits = np.iinfo(self.dtype)
        if self.scale:
            value = np.rint(value / np.float32(self.scale)) + self.zero_point
        return np.clip(value, limits.min, limits.max).astype(self.dtype).reshape(self.shape)

    def real(self, stored: Array) -> Array:
        """Stored values as real ones: x = scale * (q - zero_point)."""
        if not np.issubdtype(self.dtype, np.integer):
            return np.asarray(stored, np.float32)
        if not self.scale:
            return np.asarray(stored)
        return (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


@dataclass(frozen=True)
class Net:
    """A loaded model with its inputs and outputs by name."""

    interpreter: Any
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    resets: bool = True

    @classmethod
    def load(cls, model: Path, plan: InferPlan) -> Net:
        """Raises Refused when the runtime will not have the model."""
        with _refusals():
            interpreter = _interpreter_class(plan.runtime)(
                model_path=str(model), num_threads=plan.threads
            )
            interpreter.allocate_tensors()
            return cls(interpreter, *_ports(interpreter), not plan.in_order)

    def run(self, sample: Mapping[str, Array]) -> tuple[dict[str, Array], float]:
        """The outputs of one sample, without the batch, and the milliseconds of the bare invoke."""
        batch = {name: value[None] for name, value in sample.items()}
        outputs, milliseconds = self.run_batch(batch)
        single = {name: v[0] if v.ndim and len(v) == 1 else v for name, v in outputs.items()}
        return single, milliseconds

    def run_batch(self, batch: Mapping[str, Array]) -> tuple[dict[str, Array], float]:
        """The outputs of samples [n, …] as the model gives them, and the milliseconds of the bare
        invoke."""
        with _refusals():
            ports = self._fitted(batch)
            for name, port in ports.items():
                self.interpreter.set_tensor(port.index, port.store(self._value(batch, name)))
            if self.resets:
                self.interpreter.reset_all_variables()
            start = time.perf_counter()
            self.interpreter.invoke()
            milliseconds = (time.perf_counter() - start) * 1000
            result = {
                name: (port := Port.of(detail)).real(self.interpreter.get_tensor(port.index))
                for name, detail in self.outputs.items()
            }
        return result, milliseconds

    def _input_ports(self) -> dict[str, Port]:
        shapes = {d["index"]: d["shape"] for d in self.interpreter.get_input_details()}
        return {
            name: Port.of({**detail, "shape": shapes[detail["index"]]})
            for name, detail in self.inputs.items()
        }

    def _value(self, sample: Mapping[str, Array], name: str) -> Array:
        if name in sample:
            return sample[name]
        if len(sample) == len(self.inputs) == 1:  # one of each: the name is a formality
            return next(iter(sample.values()))
        raise KeyError(f"no samples for input {name!r}; there are {sorted(sample)}")

    def _fitted(self, batch: Mapping[str, Array]) -> dict[str, Port]:
        """The inputs, a dynamic size or another batch given the size of the samples."""
        ports, resized = self._input_ports(), False
        for name, port in ports.items():
            value = self._value(batch, name)
            if value.size != int(np.prod(port.shape)):
                self.interpreter.resize_tensor_input(port.index, value.shape)
                resized = True
        if not resized:
            return ports
        self.interpreter.allocate_tensors()
        return self._input_ports()


def _ports(interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs by signature name; by tensor name where there is no signature."""
    main = {d["index"]: d["name"] for d in interpreter.get_input_details()}
    keys = sorted(interpreter.get_signature_list(), key=lambda key: key != "serving_default")
    for key in keys:
        runner = interpreter.get_signature_runner(key)
        inputs = runner.get_input_details()
        # set_tensor and invoke reach the main subgraph alone
        if {d["index"]: d["name"] for d in inputs.values()} == main:
            return inputs, runner.get_output_details()
    return (
        {d["name"]: d for d in interpreter.get_input_details()},
        {d["name"]: d for d in interpreter.get_output_details()},
    )


def _interpreter_class(runtime: RuntimeFamily) -> Any:
    """One family a process: two of them loaded break each other's allocate_tensors."""
    if runtime == "litert":
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tflite_runtime.interpreter import Interpreter
    return Interpreter


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise Refused(str(error)) from error
