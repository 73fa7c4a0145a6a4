"""Layers one after another, with nothing between that tells a channel from a larger one.

Between two layers may stand what is positively homogeneous and keeps channels apart:
f(s * x) = s * f(x) for one s > 0 a channel.
"""

from __future__ import annotations

from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.fuse.layers import CONVOLUTIONS, has_float_weights
from edgekiln.pipeline.fuse.tensors import float_constant, integers
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links

_LAYERS = (*CONVOLUTIONS, "FULLY_CONNECTED")
_RELU = int(schema.ActivationFunctionType.RELU)
_CLIPS = (
    int(schema.ActivationFunctionType.RELU6),
    int(schema.ActivationFunctionType.RELU_N1_TO_1),
)
_STANDING_CLIPS = ("RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")
_SAME_CHANNELS = (
    "RELU",
    "LEAKY_RELU",
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
    "RESIZE_NEAREST_NEIGHBOR",
    "RESIZE_BILINEAR",
    *_STANDING_CLIPS,
)


@dataclass(frozen=True, eq=False)
class Step:
    """From a layer to the next: what stands between them, and the operator that clips, if any."""

    layer: Operator
    between: tuple[Operator, ...]
    follower: Operator
    clip: Operator | None


@dataclass(frozen=True, eq=False)
class Chain:
    """The longest row of two or more layers from its first on, each read by the next alone."""

    subgraph: Subgraph
    steps: tuple[Step, ...]

    @property
    def layers(self) -> tuple[Operator, ...]:
        return (self.steps[0].layer, *(step.follower for step in self.steps))

    @property
    def operators(self) -> tuple[Operator, ...]:
        first = self.steps[0].layer
        return (first, *(op for step in self.steps for op in (*step.between, step.follower)))

    @property
    def inner(self) -> tuple[Tensor, ...]:
        """What is made on the way, up to the last layer."""
        return tuple(operator.outputs[0] for operator in self.operators[:-1])

    @property
    def result(self) -> Tensor:
        return self.steps[-1].follower.outputs[0]


def chains(graph: Graph) -> list[Chain]:
    """The chains of the graph, in the order their first layers run; no layer is in two."""
    found = []
    for subgraph in graph.subgraphs:
        steps = {step.layer: step for step in _steps(subgraph) if step.clip is None}
        inner = {step.follower for step in steps.values()}
        for first in steps.values():
            if first.layer in inner:
                continue
            row = [first]
            while row[-1].follower in steps:
                row.append(steps[row[-1].follower])
            found.append(Chain(subgraph, tuple(row)))
    return found


def clipped(graph: Graph) -> list[Step]:
    """The steps that only a clip to a number keeps from being in a chain."""
    return [
        step for subgraph in graph.subgraphs for step in _steps(subgraph) if step.clip is not None
    ]


def _steps(subgraph: Subgraph) -> list[Step]:
    links = Links(subgraph)
    steps = (_step(operator, links) for operator in subgraph.operators)
    return [step for step in steps if step is not None]


def _step(layer: Operator, links: Links) -> Step | None:
    if layer.name not in _LAYERS or not has_float_weights(layer):
        return None
    channels = layer.outputs[0].full_shape[-1]
    between: list[Operator] = []
    clip, last = None, layer
    while True:
        if activation(last) not in (NO_ACTIVATION, _RELU, *_CLIPS):
            return None
        if activation(last) in _CLIPS or last.name in _STANDING_CLIPS:
            clip = last
        reader = links.only_consumer(last.outputs[0])
        if reader is None or reader.inputs[0] is not last.outputs[0] or reader.is_custom:
            return None
        if reader.name in _LAYERS:
            fits = has_float_weights(reader) and _reads(reader, channels)
            return Step(layer, tuple(between), reader, clip) if fits else None
        if not _keeps(reader, channels):
            return None
        between.append(reader)
        last = reader


def _keeps(operator: Operator, channels: int) -> bool:
    """Whether the operator is homogeneous, and channels stay apart and in their order."""
    if operator.name in _SAME_CHANNELS:
        return True
    if operator.name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):  # a flattening lays them in turn
        return operator.outputs[0].full_shape[-1] % channels == 0
    if operator.name == "PRELU":
        return float_constant(operator.inputs[1]) is not None
    if operator.name == "PAD":
        pads = integers(operator.inputs[1])
        return pads is not None and not any(pads[-2:])
    if operator.name == "MEAN":
        axes, x = integers(operator.inputs[1]), operator.inputs[0]
        rank = 0 if x is None else len(x.shape)
        return axes is not None and all(axis % rank != rank - 1 for axis in axes)
    return False


def _reads(layer: Operator, channels: int) -> bool:
    """Whether each weight of the layer meets one known channel of that many."""
    x, weights = layer.inputs[:2]
    assert x is not None
    assert weights is not None
    if channels < 1:
        return False
    if layer.name == "FULLY_CONNECTED":
        return weights.shape[1] % channels == 0
    return x.shape[3] == channels
