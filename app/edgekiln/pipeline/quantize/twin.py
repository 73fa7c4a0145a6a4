"""A float model with its int8 self beside it, as one graph: one run measures every operator.

Beside each float operator stand, all fed with what the float model computes: its int8 operator on
the rounded inputs (the isolated error), and the float operator on each rounded input alone (what
the rounding of that tensor does to this operator). The whole int8 model runs along as well (the
accumulated error).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import SIDE_EFFECTS, Links


@dataclass(frozen=True)
class Edge:
    """An input of an operator that int8 rounds: the float tensor, the same rounded (int8) and as
    the int8 model has it (real values); and the float operator's first output when this input
    alone is the one or the other."""

    source: Tensor
    rounded: Tensor
    through: Tensor
    reached: Tensor
    passed_on: Tensor


@dataclass(frozen=True)
class Pair:
    """A float operator and what there is of it in the int8 model.

    `isolated` and `stored`: its first output by the int8 operator on exact inputs, and by the float
    operator rounded to the int8 tensor's scale; None where the operator stays float, or cannot be
    run by itself. `accumulated`: the tensor of the int8 model, if it is there under its name.
    """

    operator: Operator
    isolated: Tensor | None = None
    stored: Tensor | None = None
    accumulated: Tensor | None = None
    edges: tuple[Edge, ...] = ()

    @property
    def is_measured(self) -> bool:
        """Whether there are numbers of its own to compare."""
        return self.accumulated is not None

    @property
    def output(self) -> Tensor:
        """The exact first output."""
        return self.operator.outputs[0]


@dataclass(frozen=True)
class Twin:
    """The graph to run: inputs as the float model's, outputs all that is to be compared."""

    graph: Graph
    pairs: tuple[Pair, ...]


def build_twin(model: Graph, quantized: Graph) -> Twin:
    """The twin of a float graph and its int8 form; both are used up. Only main subgraphs."""
    main = model.main
    floats = [operator for operator in main.operators if operator.outputs]
    ends = list(main.outputs)
    _join(model, quantized)
    known = _makers(quantized.main)
    bench = _Bench(main, {t.name: t for op in quantized.main.operators for t in op.outputs})
    pairs = tuple(bench.pair(op, known.get(op.outputs[0].name)) for op in floats)
    main.outputs = list(dict.fromkeys([*ends, *_compared(pairs)]))
    main.tensors = list(dict.fromkeys(main.tensors))
    model.signatures = []
    return Twin(model, pairs)


def _compared(pairs: Iterable[Pair]) -> Iterable[Tensor]:
    for pair in pairs:
        if pair.accumulated is None:
            continue
        made = (pair.output, pair.isolated, pair.stored, pair.accumulated)
        yield from (tensor for tensor in made if tensor is not None)
        for edge in pair.edges:
            yield from (edge.source, edge.rounded, edge.through, edge.reached, edge.passed_on)


def _join(model: Graph, quantized: Graph) -> None:
    """The int8 model's operators behind the float ones, fed with the same inputs."""
    main, other = model.main, quantized.main
    fed = dict(zip(other.inputs, _in_order(model, quantized), strict=True))
    for theirs, ours in fed.items():
        if theirs.dtype != ours.dtype:
            main.operators.append(Operator("QUANTIZE", 1, [ours], [theirs]))
    same = {theirs: ours for theirs, ours in fed.items() if theirs.dtype == ours.dtype}
    for operator in other.operators:
        operator.inputs = [same.get(t, t) if t is not None else None for t in operator.inputs]
    main.operators.extend(other.operators)
    main.tensors.extend(tensor for tensor in other.tensors if tensor not in same)


def _makers(quantized: Subgraph) -> Mapping[str, Operator]:
    """The operators of an int8 model by the name of their first output. At the edges TensorFlow's
    quantizer gives that name to the conversion behind the operator."""
    links = Links(quantized)
    makers = {}
    for operator in quantized.operators:
        maker = None
        if operator.name in ("QUANTIZE", "DEQUANTIZE") and operator.inputs[0] is not None:
            maker = links.producer(operator.inputs[0])
        for tensor in operator.outputs[:1]:
            makers[tensor.name] = maker or operator
    return makers


def _in_order(model: Graph, quantized: Graph) -> Sequence[Tensor]:
    """The float model's inputs in the order of the int8 model's, by their names."""
    names = {tensor.name: tensor for tensor in model.main.inputs}
    given = [names.get(tensor.name) for tensor in quantized.main.inputs]
    found = [tensor for tensor in given if tensor is not None]
    return found if len(found) == len(given) else model.main.inputs


class _Bench:
    """A subgraph that operators are added to."""

    def __init__(self, main: Subgraph, known: Mapping[str, Tensor]) -> None:
        self._main = main
        self._known = known  # what the int8 model computes
        self._reached: dict[Tensor, Tensor] = {}
        self._rounded: dict[tuple[Tensor, object], tuple[Tensor, Tensor]] = {}

    def pair(self, operator: Operator, known: Operator | None) -> Pair:
        """The operator with its comparisons; alone where the int8 model has no such operator."""
        if known is None or operator.outputs[0].dtype != "float32":
            return Pair(operator)
        made = known.outputs[0]
        if not _is_integer(operator, known):
            return Pair(operator, accumulated=made)
        flowing = [
            (i, exact, given)
            for i, (exact, given) in enumerate(zip(operator.inputs, known.inputs, strict=False))
            if _flows(exact) and exact is not None and given is not None and given is not exact
        ]
        inputs, edges = list(known.inputs), []
        for i, exact, given in flowing:
            rounded, real = self._round(exact, given)
            inputs[i] = rounded
            reached = self._real(self._known.get(exact.name, rounded))
            through, passed_on = (
                self._copy(operator, [*operator.inputs[:i], other, *operator.inputs[i + 1 :]])
                for other in (real, reached)
            )
            edges.append(Edge(exact, rounded, through, reached, passed_on))
        isolated = self._copy(known, inputs)
        return Pair(operator, isolated, self._round(operator.outputs[0], made)[0], made, (*edges,))

    def _round(self, exact: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """An exact tensor stored as `like` is, and what that means in real values."""
        key = (exact, like.quantization)
        if key not in self._rounded:
            stored = replace(like, name=f"{exact.name}#rounded", data=None, shape=exact.shape)
            self._main.tensors.append(stored)
            self._main.operators.append(Operator("QUANTIZE", 1, [exact], [stored]))
            self._rounded[key] = stored, self._real(stored)
        return self._rounded[key]

    def _real(self, stored: Tensor) -> Tensor:
        """A stored tensor in real values."""
        if stored.dtype == "float32":
            return stored
        if stored not in self._reached:
            real = self._reached[stored] = Tensor(f"{stored.name}#real", stored.shape, "float32")
            self._main.tensors.append(real)
            self._main.operators.append(Operator("DEQUANTIZE", 2, [stored], [real]))
        return self._reached[stored]

    def _copy(self, operator: Operator, inputs: Sequence[Tensor | None]) -> Tensor:
        """The operator once more on other inputs; its first output."""
        outputs = [replace(tensor, name=f"{tensor.name}#") for tensor in operator.outputs]
        self._main.tensors.extend(outputs)
        copied = replace(operator, inputs=list(inputs), outputs=outputs)
        self._main.operators.append(copied)
        return outputs[0]


def _flows(tensor: Tensor | None) -> bool:
    return tensor is not None and not tensor.is_constant and tensor.dtype == "float32"


def _is_integer(operator: Operator, known: Operator) -> bool:
    """Whether the int8 model has this very operator in integers, and it can be run by itself."""
    return (
        operator.name == known.name
        and operator.name not in SIDE_EFFECTS
        and not operator.is_custom
        and not operator.intermediates
        and known.outputs[0].dtype in ("int8", "int16")
        and not any(getattr(t.rest, "isVariable", False) for t in operator.inputs if t is not None)
    )
