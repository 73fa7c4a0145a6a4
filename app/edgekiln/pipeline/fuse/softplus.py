"""Pass: softplus and mish in a form that cannot overflow.

log(1 + exp(x)), as the converter writes it, is infinite from x = 89 on (tensorflow #60892). With
y = max(x, -80) it is y - log(sigmoid(y)): one operator more, and right everywhere; as many where x
is known to be above -80. No three operators do it for any x: each three have one exponential of x
or -x that leaves the floats at one end (log(1 + exp(x)) and -log(sigmoid(-x)) above 88,
x - log(sigmoid(x)) below -87), and no operator before carries a bound as low as -80 (RELU 0,
RELU_N1_TO_1 -1).

mish(x) = x * tanh(log(1 + exp(x))) does not show the overflow, since tanh(inf) = 1, but quantized
it has an exponential whose range leaves nothing of the rest. With y = -x it is
y * tanh(log(sigmoid(y))): as many operators, and the sign goes back into the layer that makes x.
Seen with two convolutions, int8 by ai-edge-quantizer 0.10: as converted, runtime 2.14 computes
wrong numbers or aborts, for both; in this form it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation, step_of
from edgekiln.pipeline.fuse.lowest import lowest_of
from edgekiln.pipeline.fuse.rewrite import unused_name
from edgekiln.pipeline.fuse.tensors import add_constant
from edgekiln.pipeline.fuse.walk import Misses, each
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "softplus"
_LOWEST = -80.0  # sigmoid(-87) is the smallest float; softplus(-80) is 0 in float beside 1e-34


@dataclass(frozen=True, eq=False)
class SoftplusPlace:
    """EXP, ADD of 1, LOG, each read by the next alone; for a mish then TANH and MUL by `source`."""

    subgraph: Subgraph
    operators: tuple[Operator, ...]
    source: Tensor
    bounded: bool  # no value of the source is below -80
    only_tanh: bool

    @property
    def result(self) -> Tensor:
        return self.operators[-1].outputs[0]

    @property
    def is_mish(self) -> bool:
        """Whether it goes on to the product."""
        return self.operators[-1].name == "MUL"


def match(graph: Graph) -> list[SoftplusPlace]:
    """The mish, and the softplus whose overflow would be seen, in the order they run."""
    return [place for place in each(graph, _place) if place.is_mish or not place.only_tanh]


def misses(graph: Graph) -> Misses:
    """Those that can stay as they are."""
    why = say("Only a TANH reads it, which makes 1 of an overflow, as it should.")
    places = (place for place in each(graph, _place) if place.only_tanh and not place.is_mish)
    return [(place.operators, why) for place in places]


def apply(graph: Graph, place: SoftplusPlace) -> None:
    """Put the other form in place of the operators."""
    row = _Row(place)
    if place.is_mish:
        negated = row.add("MUL", "negated", place.source, row.number("minus-one", -1.0))
        logarithm = row.add("LOG", "log", row.add("LOGISTIC", "sigmoid", negated))
        row.end("MUL", negated, row.add("TANH", "tanh", logarithm))
    else:
        y = place.source
        if not place.bounded:
            y = row.add("MAXIMUM", "bounded", y, row.number("lowest", _LOWEST))
        row.end("SUB", y, row.add("LOG", "log", row.add("LOGISTIC", "sigmoid", y)))
    at = place.subgraph.operators.index(place.operators[-1])
    place.subgraph.operators[at : at + 1] = row.operators
    drop_dead(graph)


class _Row:
    """New operators one after another, all of the result's shape."""

    def __init__(self, place: SoftplusPlace) -> None:
        self._subgraph, self._result = place.subgraph, place.result
        self.operators: list[Operator] = []

    def add(self, name: str, role: str, *inputs: Tensor) -> Tensor:
        """One more operator; what it makes."""
        like, at = self._result, f"{self._result.name}/edgekiln/{role}"
        made = Tensor(unused_name(self._subgraph, at), like.shape, like.dtype)
        made.shape_signature = like.shape_signature
        self._subgraph.tensors.append(made)
        self._put(name, made, inputs)
        return made

    def end(self, name: str, *inputs: Tensor) -> None:
        """The operator that makes the result."""
        self._put(name, self._result, inputs)

    def number(self, role: str, value: float) -> Tensor:
        """A constant of one value."""
        name = f"{self._result.name}/edgekiln/{role}"
        return add_constant(self._subgraph, name, np.array(value))

    def _put(self, name: str, made: Tensor, inputs: tuple[Tensor, ...]) -> None:
        options = _OPTIONS[name]() if name in _OPTIONS else None
        self.operators.append(Operator(name, 1, [*inputs], [made], options))


_OPTIONS = {
    "MAXIMUM": schema.MaximumMinimumOptionsT,
    "MUL": schema.MulOptionsT,
    "SUB": schema.SubOptionsT,
}


def _place(subgraph: Subgraph, exp: Operator, links: Links) -> SoftplusPlace | None:
    if exp.name != "EXP" or exp.is_custom or exp.outputs[0].dtype != "float32":
        return None
    add = links.only_consumer(exp.outputs[0])
    log = None if add is None else links.only_consumer(add.outputs[0])
    source = exp.inputs[0]
    if add is None or log is None or source is None or log.name != "LOG" or not _adds_one(add):
        return None
    operators: tuple[Operator, ...] = (exp, add, log)
    tanh = links.only_consumer(log.outputs[0])
    only_tanh = tanh is not None and tanh.name == "TANH"
    if tanh is not None and only_tanh:
        product = links.only_consumer(tanh.outputs[0])
        if product is not None and _multiplies(product, source, tanh.outputs[0]):
            operators = (*operators, tanh, product)
    bounded = lowest_of(source, links) >= _LOWEST
    return SoftplusPlace(subgraph, operators, source, bounded, only_tanh)


def _adds_one(operator: Operator) -> bool:
    step = step_of(operator)
    if step is None or activation(operator) != NO_ACTIVATION:
        return False
    _, scale, offset = step
    return bool((scale == 1).all() and (offset == 1).all())


def _multiplies(operator: Operator, one: Tensor, other: Tensor) -> bool:
    plain = operator.name == "MUL" and activation(operator) == NO_ACTIVATION
    return plain and {one, other} == set(operator.inputs)
