"""Pass: an activation or clip that stands by itself goes into the operator before it.

RELU, RELU6, RELU_N1_TO_1, MINIMUM and MAXIMUM by a number are all clips to a range; clips in a row
are one clip. What no operator can carry is left as the fewest standing operators that do it.
RELU_0_TO_1 is read but not written: it needs runtime 2.10, and no quantizer here takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.fuse.rewrite import emit_as, rename, unused_name
from edgekiln.pipeline.fuse.tensors import add_constant, float_constant, integers
from edgekiln.pipeline.fuse.walk import Misses, maker_of
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "activation-back"
Range = tuple[float, float]
_STANDING: dict[str, Range] = {
    "RELU": (0, inf),
    "RELU6": (0, 6),
    "RELU_N1_TO_1": (-1, 1),
    "RELU_0_TO_1": (0, 1),
}
_FUSED: dict[int, Range] = {
    NO_ACTIVATION: (-inf, inf),
    int(schema.ActivationFunctionType.RELU): (0, inf),
    int(schema.ActivationFunctionType.RELU6): (0, 6),
    int(schema.ActivationFunctionType.RELU_N1_TO_1): (-1, 1),
}
CARRIERS = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "ADD",
    "SUB",
    "MUL",
    "DIV",
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
)
# They move values about and compute none; PAD adds zeros, which every clip here keeps.
_MOVERS = ("CONCATENATION", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "PAD")


@dataclass(frozen=True, eq=False)
class Clip:
    """Standing operators in a row that compute `result = clip(source, *limits)`."""

    subgraph: Subgraph
    operators: tuple[Operator, ...]
    source: Tensor
    result: Tensor
    limits: Range


@dataclass(frozen=True, eq=False)
class ClipPlace:
    """A clip, the operators that take `carried` of it in, the tensors between, and what is left."""

    clip: Clip
    carriers: tuple[Operator, ...]
    touched: tuple[Tensor, ...]
    carried: Range
    left: tuple[tuple[str, float], ...]  # standing operators, with their number

    @property
    def result(self) -> Tensor:
        return self.clip.result

    @property
    def operators(self) -> tuple[Operator, ...]:
        return (*self.carriers, *self.clip.operators)


def match(graph: Graph) -> list[ClipPlace]:
    """The clips that can be done with fewer operators, in the order they run."""
    return [found for _, found in _judged(graph) if isinstance(found, ClipPlace)]


def misses(graph: Graph) -> Misses:
    """The clips that have to stand, and why."""
    return [(clip.operators, found) for clip, found in _judged(graph) if isinstance(found, Text)]


def apply(graph: Graph, place: ClipPlace) -> None:
    """Give the carriers their activation and put what is left in place of the clip."""
    clip = place.clip
    subgraph = clip.subgraph
    links = Links(subgraph)
    for carrier in place.carriers:
        carrier.options.fusedActivationFunction = _carried(carrier, place.carried)
    for tensor in place.touched:
        rename(subgraph, tensor, "clipped")
    at = subgraph.operators.index(clip.operators[-1])
    subgraph.operators = [op for op in subgraph.operators if op not in clip.operators]
    if place.left:
        at -= len(clip.operators) - 1
        subgraph.operators[at:at] = _standing(clip, place.left)
    else:
        emit_as(clip.source, clip.result, links)
    drop_dead(graph)


def _judged(graph: Graph) -> Iterator[tuple[Clip, ClipPlace | Text]]:
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        for clip in _find(subgraph, links):
            yield clip, _place(clip, links)


def _find(subgraph: Subgraph, links: Links) -> Iterator[Clip]:
    """The longest clips, in the order they run; no operator is in two."""
    taken: set[Operator] = set()
    for operator in subgraph.operators:
        step = None if operator in taken else _step(operator)
        if step is None:
            continue
        clip = Clip(subgraph, (operator,), step[0], operator.outputs[0], step[1])
        while (longer := _extend(clip, links)) is not None:
            clip = longer
        taken.update(clip.operators)
        yield clip


def _extend(clip: Clip, links: Links) -> Clip | None:
    follower = links.only_consumer(clip.result)
    step = None if follower is None else _step(follower)
    if follower is None or step is None:
        return None
    limits = _both(clip.limits, step[1])
    operators = (*clip.operators, follower)
    return Clip(clip.subgraph, operators, clip.source, follower.outputs[0], limits)


def _step(operator: Operator) -> tuple[Tensor, Range] | None:
    """One operator as (x, limits); None when it is no clip of a float tensor."""
    if operator.is_custom or not operator.outputs or operator.outputs[0].dtype != "float32":
        return None
    if operator.name in _STANDING:
        source = operator.inputs[0]
        return None if source is None else (source, _STANDING[operator.name])
    if operator.name not in ("MINIMUM", "MAXIMUM"):
        return None
    computed = [t for t in operator.inputs if t is not None and not t.is_constant]
    numbers = [float_constant(t) for t in operator.inputs if t is not None and t.is_constant]
    if len(computed) != 1 or computed[0].full_shape != operator.outputs[0].full_shape:
        return None
    if len(numbers) != 1 or numbers[0] is None or numbers[0].size != 1:
        return None
    number = float(numbers[0].reshape(-1)[0])
    if not np.isfinite(number):
        return None
    return computed[0], (-inf, number) if operator.name == "MINIMUM" else (number, inf)


def _both(first: Range, second: Range) -> Range:
    """Clipping to one range and then to another, as one range."""
    low, high = second
    return min(max(first[0], low), high), max(min(first[1], high), low)


def _place(clip: Clip, links: Links) -> ClipPlace | Text:
    way = _Way(links)
    low, high = clip.limits
    count = len(clip.operators)
    refused = way.descend(clip.source, clip.limits)
    if refused is None:
        return ClipPlace(clip, tuple(way.carriers), tuple(way.touched), clip.limits, ())
    alone = _alone(clip.limits)
    if low == 0 < high < inf and count > 1:
        way = _Way(links)
        if way.descend(clip.source, (0, inf)) is None:
            left = (("MINIMUM", high),)
            return ClipPlace(clip, tuple(way.carriers), tuple(way.touched), (0, inf), left)
    if len(alone) < count:
        return ClipPlace(clip, (), (), (-inf, inf), alone)
    return refused


def _alone(limits: Range) -> tuple[tuple[str, float], ...]:
    """The fewest standing operators for a range."""
    for name, known in _STANDING.items():
        if known == limits and name != "RELU_0_TO_1":
            return ((name, 0.0),)
    low, high = limits
    lower = (("MAXIMUM", low),) if low > -inf else ()
    upper = (("MINIMUM", high),) if high < inf else ()
    return lower + upper


class _Way:
    """The way back from a clip to operators that can carry it."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self.carriers: list[Operator] = []
        self.touched: list[Tensor] = []

    def descend(self, tensor: Tensor, limits: Range) -> Text | None:
        """Let whatever makes the tensor clip it; why not, in words."""
        maker = maker_of(tensor, self._links)
        if isinstance(maker, Text):
            return maker
        self.touched.append(tensor)
        if maker.name in CARRIERS and not maker.is_custom:
            return self._carry(maker, limits)
        if maker.name in _MOVERS and not maker.is_custom and _keeps(maker, limits):
            return self._through(maker, limits)
        return say("{operator} makes its input and cannot take it in.", operator=maker.name)

    def _carry(self, maker: Operator, limits: Range) -> Text | None:
        if maker.options is None or _carried(maker, limits) is None:
            return say("{operator} has no activation that does the same.", operator=maker.name)
        self.carriers.append(maker)
        return None

    def _through(self, maker: Operator, limits: Range) -> Text | None:
        moved = maker.inputs if maker.name == "CONCATENATION" else maker.inputs[:1]
        for tensor in moved:
            assert tensor is not None
            refused = self.descend(tensor, limits)
            if refused is not None:
                return refused
        return None


def _carried(maker: Operator, limits: Range) -> int | None:
    """The fused activation that does what the operator's own and then the clip do."""
    own = _FUSED.get(activation(maker))
    if own is None:
        return None
    wanted = _both(own, limits)
    return next((code for code, known in _FUSED.items() if known == wanted), None)


def _keeps(mover: Operator, limits: Range) -> bool:
    if mover.name == "CONCATENATION":
        return activation(mover) == NO_ACTIVATION
    if mover.name == "PAD":
        return limits[0] <= 0 <= limits[1] and integers(mover.inputs[1]) is not None
    return True


def _standing(clip: Clip, left: tuple[tuple[str, float], ...]) -> list[Operator]:
    """New operators in a row from the clip's source to its result."""
    subgraph, made, source = clip.subgraph, [], clip.source
    for i, (name, number) in enumerate(left):
        result = clip.result
        if i < len(left) - 1:
            inner = unused_name(subgraph, f"{clip.result.name}/edgekiln/{name.lower()}")
            result = Tensor(inner, source.shape, "float32", None, source.shape_signature)
            subgraph.tensors.append(result)
        inputs: list[Tensor | None] = [source]
        options = None
        if name in ("MINIMUM", "MAXIMUM"):
            at = f"{clip.result.name}/edgekiln/limit"
            inputs.append(add_constant(subgraph, at, np.array(number)))
            options = schema.MaximumMinimumOptionsT()
        made.append(Operator(name, 1, inputs, [result], options))
        source = result
    return made
