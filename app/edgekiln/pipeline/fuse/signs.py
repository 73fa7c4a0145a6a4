"""Pass: no NEG and no SQUARE, which the int8 kernels lack: a sum with what NEG made is a
difference, a square a product. Layer normalisation then stays in int8 throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.fuse.rewrite import rename
from edgekiln.pipeline.fuse.walk import each
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "signs"
_OTHER = {"ADD": "SUB", "SUB": "ADD"}


@dataclass(frozen=True, eq=False)
class SignPlace:
    """A SQUARE; or a sum or difference, the NEG it takes in, and the products between the two."""

    subgraph: Subgraph
    operator: Operator
    negation: Operator | None = None
    between: tuple[Operator, ...] = ()
    index: int = 0  # the operand that is negated

    @property
    def result(self) -> Tensor:
        return self.operator.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        first = () if self.negation is None else (self.negation, *self.between)
        return (*first, self.operator)


def match(graph: Graph) -> list[SignPlace]:
    """The places, in the order they run."""
    return each(graph, _place)


def apply(graph: Graph, place: SignPlace) -> None:
    """Turn the sum into a difference or back, or the square into a product."""
    operator = place.operator
    if place.negation is None:
        operator.name, operator.version = "MUL", 1
        operator.inputs = [operator.inputs[0]] * 2
        operator.options = schema.MulOptionsT()
        return
    negated, source = place.negation.outputs[0], place.negation.inputs[0]
    for reader in (*place.between, operator):
        reader.inputs = [source if read is negated else read for read in reader.inputs]
    for product in place.between:
        rename(place.subgraph, product.outputs[0], "unsigned")
    _turn(operator, place.index)
    drop_dead(graph)


def _turn(operator: Operator, index: int) -> None:
    kept = activation(operator)
    operator.name = _OTHER[operator.name]
    made = schema.SubOptionsT if operator.name == "SUB" else schema.AddOptionsT
    operator.options = made(fusedActivationFunction=kept)
    if index == 0:  # -a + b = b - a
        operator.inputs.reverse()
    shapes = [tensor.shape for tensor in operator.inputs if tensor is not None]
    wide = len(operator.outputs[0].shape) > 4 and shapes[0] != shapes[1]
    operator.version = 3 if wide and operator.name == "SUB" else 1


def _place(subgraph: Subgraph, operator: Operator, links: Links) -> SignPlace | None:
    if operator.is_custom or not operator.outputs or operator.outputs[0].dtype != "float32":
        return None
    if operator.name == "SQUARE":
        return SignPlace(subgraph, operator)
    for index, tensor in enumerate(operator.inputs):
        turns = operator.name == "ADD" or (operator.name == "SUB" and index == 1)
        if not turns or tensor is None:
            continue
        found = _negation(tensor, links)
        if found is not None:
            return SignPlace(subgraph, operator, found[0], found[1:], index)
    return None


def _negation(tensor: Tensor, links: Links) -> tuple[Operator, ...] | None:
    """The NEG whose sign the tensor has, then the products between, each read once."""
    maker = links.producer(tensor)
    if maker is None or maker.is_custom or links.only_consumer(tensor) is None:
        return None
    if maker.name == "NEG":
        return (maker,)
    if maker.name not in ("MUL", "DIV") or activation(maker) != NO_ACTIVATION:
        return None
    for operand in maker.inputs:
        found = None if operand is None else _negation(operand, links)
        if found is not None:
            return (*found, maker)
    return None
