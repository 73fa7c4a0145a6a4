"""Pass: softplus in a form that cannot overflow.

log(1 + exp(x)), as the converter writes it, is infinite from x = 89 on. With y = max(x, -80) it is
y - log(sigmoid(y)): one operator more, and right everywhere. Known upstream: tensorflow #60892.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation, step_of
from edgekiln.pipeline.fuse.rewrite import unused_name
from edgekiln.pipeline.fuse.tensors import add_constant
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "softplus"
_LOWEST = -80.0  # sigmoid(-87) is the smallest float; softplus(-80) is 0 in float beside 1e-34


@dataclass(frozen=True, eq=False)
class SoftplusPlace:
    """EXP, ADD of 1, LOG, each read by the next alone."""

    subgraph: Subgraph
    operators: tuple[Operator, Operator, Operator]
    only_tanh: bool  # mish: tanh of an overflow is 1, as it should be

    @property
    def result(self) -> Tensor:
        return self.operators[2].outputs[0]


def match(graph: Graph) -> list[SoftplusPlace]:
    """The softplus whose overflow would be seen, in the order they run."""
    return [place for place in _all(graph) if not place.only_tanh]


def misses(graph: Graph) -> list[tuple[tuple[Operator, ...], Text]]:
    """Those that can stay as they are."""
    why = say("Only a TANH reads it, which makes 1 of an overflow, as it should.")
    return [(place.operators, why) for place in _all(graph) if place.only_tanh]


def apply(graph: Graph, place: SoftplusPlace) -> None:
    """MAXIMUM, LOGISTIC, LOG and SUB in place of the three."""
    subgraph, result = place.subgraph, place.result
    source = place.operators[0].inputs[0]
    assert source is not None
    name = f"{result.name}/edgekiln"
    lowest = add_constant(subgraph, f"{name}/lowest", np.array(_LOWEST))
    bounded, sigmoid, log = (
        _like(subgraph, result, f"{name}/{role}") for role in ("bounded", "sigmoid", "log")
    )
    at = subgraph.operators.index(place.operators[2])
    subgraph.operators[at : at + 1] = [
        Operator("MAXIMUM", 1, [source, lowest], [bounded], schema.MaximumMinimumOptionsT()),
        Operator("LOGISTIC", 1, [bounded], [sigmoid]),
        Operator("LOG", 1, [sigmoid], [log]),
        Operator("SUB", 1, [bounded, log], [result], schema.SubOptionsT()),
    ]
    drop_dead(graph)


def _all(graph: Graph) -> Iterator[SoftplusPlace]:
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        for exp in subgraph.operators:
            if exp.name != "EXP" or exp.is_custom or exp.outputs[0].dtype != "float32":
                continue
            add = links.only_consumer(exp.outputs[0])
            log = None if add is None else links.only_consumer(add.outputs[0])
            if add is None or log is None or log.name != "LOG" or not _adds_one(add):
                continue
            reader = links.only_consumer(log.outputs[0])
            only_tanh = reader is not None and reader.name == "TANH"
            yield SoftplusPlace(subgraph, (exp, add, log), only_tanh)


def _adds_one(operator: Operator) -> bool:
    step = step_of(operator)
    if step is None or activation(operator) != NO_ACTIVATION:
        return False
    _, scale, offset = step
    return bool((scale == 1).all() and (offset == 1).all())


def _like(subgraph: Subgraph, tensor: Tensor, name: str) -> Tensor:
    shape = tensor.shape_signature
    made = Tensor(unused_name(subgraph, name), tensor.shape, tensor.dtype, shape_signature=shape)
    subgraph.tensors.append(made)
    return made
