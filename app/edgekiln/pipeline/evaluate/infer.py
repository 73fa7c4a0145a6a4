"""The step `infer`: a `.tflite` on one runtime, sample by sample, in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.inference import BRIEF, InferInputs, InferPlan, InferResult, RuntimeFamily
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, load_arrays, save_arrays

DISTRIBUTIONS: Mapping[RuntimeFamily, str] = {
    "litert": "ai-edge-litert",
    "tflite-runtime": "tflite-runtime",
}
_REPORT_EVERY_S = 0.2


class Refused(Exception):
    """The runtime would not load or run the model; the text holds its own words."""


def infer(inputs: InferInputs, plan: InferPlan, out_dir: Path, report: Report) -> InferResult:
    """Run the model on every sample and write its outputs, in real values, to `inputs.outputs`.

    Values that are not finite are kept: judging them is the caller's. What the runtime refuses
    comes back as `refused`, with nothing written.
    """
    del out_dir
    runtime = name_runtime(plan.runtime)
    samples = load_arrays(inputs.samples)
    try:
        net = Net.load(inputs.model, plan)
        outputs, times = _run_all(net, samples, plan.brief, report)
    except Refused as refusal:
        return InferResult(runtime, 0, 0.0, in_words(runtime, refusal))
    save_arrays(inputs.outputs, outputs)
    return InferResult(runtime, len(times), float(np.median(times)) if times else 0.0)


def name_runtime(family: RuntimeFamily) -> str:
    """ "tflite-runtime 2.14.0": a family with its release here."""
    return f"{family} {metadata.version(DISTRIBUTIONS[family])}"


def in_words(runtime: str, refusal: Refused) -> Text:
    """A refusal for the user, in the runtime's own words."""
    words = " ".join(str(refusal).split())[:400]
    return say("{runtime} refuses the model: {words}", runtime=runtime, words=words)


def _run_all(
    net: Net, samples: Mapping[str, Array], brief: tuple[str, ...], report: Report
) -> tuple[dict[str, Array], list[float]]:
    count = min(len(array) for array in samples.values())
    outputs: dict[str, Array] = {}
    times: list[float] = []
    told = 0.0
    for i in range(count):
        result, milliseconds = net.run({name: array[i] for name, array in samples.items()})
        times.append(milliseconds)
        for name, value in result.items():
            kept = min(count, BRIEF) if name in brief else count
            if i < kept:
                _put(outputs, name, value, i, kept)
        if time.monotonic() - told > _REPORT_EVERY_S:
            told = time.monotonic()
            report(i / count, say("Sample {i} of {count}", i=i + 1, count=count))
    return outputs, times


def _put(outputs: dict[str, Array], name: str, value: Array, i: int, count: int) -> None:
    rows = outputs.setdefault(name, np.empty((count, *value.shape), value.dtype))
    if rows.shape[1:] != value.shape:
        raise Refused(f"output {name} changes its shape: {rows.shape[1:]}, then {value.shape}")
    rows[i] = value


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
        """Stored values as real ones, without the batch: x = scale * (q - zero_point)."""
        value = stored[0] if stored.ndim and stored.shape[0] == 1 else stored
        if not np.issubdtype(self.dtype, np.integer):
            return np.asarray(value, np.float32)
        if not self.scale:
            return np.asarray(value)
        return (value.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


@dataclass(frozen=True)
class Net:
    """A loaded model with its inputs and outputs by name."""

    interpreter: Any
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, model: Path, plan: InferPlan) -> Net:
        """Raises Refused when the runtime will not have the model."""
        with _refusals():
            interpreter = _interpreter_class(plan.runtime)(
                model_path=str(model), num_threads=plan.threads
            )
            interpreter.allocate_tensors()
            return cls(interpreter, *_ports(interpreter))

    def run(self, sample: Mapping[str, Array]) -> tuple[dict[str, Array], float]:
        """The outputs of one sample and the milliseconds of the bare invoke."""
        with _refusals():
            self._fit(sample)
            for name, port in self._input_ports().items():
                self.interpreter.set_tensor(port.index, port.store(self._value(sample, name)))
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

    def _fit(self, sample: Mapping[str, Array]) -> None:
        """Give a dynamic size, or a batch that is not 1, the size of the sample."""
        resized = False
        for name, port in self._input_ports().items():
            value = self._value(sample, name)
            if value.size != int(np.prod(port.shape)):
                self.interpreter.resize_tensor_input(port.index, (1, *value.shape))
                resized = True
        if resized:
            self.interpreter.allocate_tensors()


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
