"""The step `sensitivity`: what int8 does to each operator, and which cost the model most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.quantization import (
    OperatorError,
    Precision,
    Sensitivity,
    SensitivityInputs,
    SensitivityPlan,
)
from edgekiln.core.report import Report, silent
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.evaluate.infer import Refused, in_words, name_runtime
from edgekiln.pipeline.fuse.names import short_name
from edgekiln.pipeline.graph.graph import Graph, Tensor
from edgekiln.pipeline.graph.links import Links
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import to_bytes
from edgekiln.pipeline.quantize.compare import Sums
from edgekiln.pipeline.quantize.costs import costs_of
from edgekiln.pipeline.quantize.problems import Seen, problem_of, why_float
from edgekiln.pipeline.quantize.ranking import rank
from edgekiln.pipeline.quantize.trial import FAST
from edgekiln.pipeline.quantize.twin import Pair, Twin, build_twin

_THREADS = 2
_PRECISIONS: Mapping[str, Precision] = {"int8": "int8", "int16": "int16x8"}


def sensitivity(
    inputs: SensitivityInputs, plan: SensitivityPlan, out_dir: Path, report: Report
) -> Sensitivity:
    """Every operator of a float model against its int8 form, on the first calibration samples."""
    del out_dir
    samples = {n: rows[: plan.samples] for n, rows in load_arrays(inputs.samples).items()}
    return sense(inputs.model.path, inputs.quantized.path, samples, report)


def sense(
    model: Path, quantized: Path, samples: Mapping[str, Array], report: Report = silent
) -> Sensitivity:
    """The sensitivity of a float `.tflite` to the int8 file made from it, on `samples`
    (`[samples, *shape without batch]` by input name). Loads LiteRT into this process.

    UserError for a model with operators in subgraphs: they cannot be put side by side; and for one
    that the runtime will not have in that form.
    """
    graph, other = read_graph(model), read_graph(quantized)
    _refuse_subgraphs(graph)
    names, ends = [name for name, _ in _inputs(graph)], tuple(graph.main.outputs)
    twin = build_twin(graph, other)
    sums = {pair.output: Sums(pair) for pair in twin.pairs if pair.is_measured}
    count = len(next(iter(samples.values())))
    run = _Run.load(twin)
    for i in range(count):
        report(i / count, say("Comparing operators, sample {i} of {count}", i=i + 1, count=count))
        run.feed([_sample(samples, name)[i] for name in names])
        for each in sums.values():
            each.add(run.real)
    return _result(twin, sums, ends, count)


def _refuse_subgraphs(graph: Graph) -> None:
    if len(graph.subgraphs) > 1:
        raise _not_comparable(say("Some of them stand in subgraphs, in a loop or a branch."))


def _not_comparable(why: Text) -> UserError:
    return UserError(
        say("The operators of this model cannot be compared one by one."),
        why,
        say("Choose a scheme as a whole; the candidates' own figures are right."),
    )


def _inputs(graph: Graph) -> list[tuple[str, Tensor]]:
    """Inputs in the order of the file with their names in the signature."""
    names = {id(tensor): name for entry in graph.signatures for name, tensor in entry.inputs}
    return [(names.get(id(t), t.name), t) for t in graph.main.inputs]


def _sample(samples: Mapping[str, Array], name: str) -> Array:
    return samples[name] if name in samples else next(iter(samples.values()))


@dataclass(frozen=True)
class _Run:
    """The loaded twin: tensor -> its place in the interpreter."""

    interpreter: Any
    inputs: tuple[tuple[int, Tensor], ...]
    places: Mapping[Tensor, int]

    @classmethod
    def load(cls, twin: Twin) -> _Run:
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(model_content=to_bytes(twin.graph), num_threads=_THREADS)
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            refusal = Refused(str(error))
            raise _not_comparable(in_words(name_runtime(FAST), refusal)) from error
        main = twin.graph.main
        fed = [detail["index"] for detail in interpreter.get_input_details()]
        # The interpreter's index of a tensor is its place in the file.
        places = {tensor: i for i, tensor in enumerate(main.tensors)}
        return cls(interpreter, tuple(zip(fed, main.inputs, strict=True)), places)

    def feed(self, values: list[Array]) -> None:
        for (index, tensor), value in zip(self.inputs, values, strict=True):
            fitting = np.ascontiguousarray(value, tensor.dtype).reshape(tensor.shape)
            self.interpreter.set_tensor(index, fitting)
        self.interpreter.invoke()

    def real(self, tensor: Tensor) -> Array:
        """A tensor's values as floats, flat."""
        values: Array = self.interpreter.tensor(self.places[tensor])().ravel()
        quantization = tensor.quantization
        if quantization is None:
            return values
        centred: Array = values.astype(np.float32)
        centred -= np.float32(quantization.zero_points[0])
        centred *= np.float32(quantization.scales[0])
        return centred


def _result(
    twin: Twin, sums: Mapping[Tensor, Sums], ends: Sequence[Tensor], count: int
) -> Sensitivity:
    links = Links(twin.graph.main)
    operators = tuple(_error(pair, sums.get(pair.output), links) for pair in twin.pairs)
    own = {error.tensor for error in operators if error.isolated_sqnr_db is not None}
    order = rank(costs_of(twin.pairs, sums, ends), [tensor.name for tensor in ends])
    ranking = tuple(name for name in order if name in own)
    return Sensitivity(operators, ranking, count, name_runtime(FAST))


def _error(pair: Pair, sums: Sums | None, links: Links) -> OperatorError:
    """What is told of an operator."""
    name = pair.output.name
    known = (name, pair.operator.name, short_name(name))
    precision = _precision(pair)
    if sums is None or pair.isolated is None:
        why = why_float(pair.operator, precision)
        apart = None if sums is None else sums.sqnr_db(sums.accumulated)
        low, high = (0.0, 0.0) if sums is None else (sums.low, sums.high)
        return OperatorError(*known, None, apart, None, None, low, high, 0.0, precision, why)
    isolated, saturated = sums.sqnr_db(sums.isolated), sums.outside / max(sums.values, 1)
    widths = [edge.width for edge in sums.edges]
    channels = np.asarray(sums.channels)
    operator = pair.operator
    seen = Seen(operator, links, isolated, sums.low, sums.high, saturated, widths, channels)
    return OperatorError(
        *known,
        isolated,
        sums.sqnr_db(sums.accumulated),
        sums.cosine,
        sums.rmse_per_scale,
        sums.low,
        sums.high,
        saturated,
        precision,
        problem_of(seen),
    )


def _precision(pair: Pair) -> Precision:
    dtype = "float32" if pair.accumulated is None else pair.accumulated.dtype
    return _PRECISIONS.get(dtype, "float32")
