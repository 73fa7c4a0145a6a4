"""Pass: an affine folds back through what lies before it into the layers that feed it.

concat(a, b) * s + t = concat(a * s + t, b * s + t), and so with sums, pooling, reshapes, resizing:
exact where each tensor on the way is read once and every end of the way is a layer or a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.activation_back import CARRIERS
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Affine, Vector, activation, find_affines
from edgekiln.pipeline.fuse.rewrite import emit_as, rename
from edgekiln.pipeline.fuse.tensors import float_constant, integers, replace_constant
from edgekiln.pipeline.fuse.walk import maker_of
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "affine-back"
_RELU = int(schema.ActivationFunctionType.RELU)
_STANDING = {
    _RELU: "RELU",
    int(schema.ActivationFunctionType.RELU6): "RELU6",
    int(schema.ActivationFunctionType.RELU_N1_TO_1): "RELU_N1_TO_1",
}
# Where a layer keeps its bias, and which axis of its weights counts the output channels.
LAYERS = {
    "CONV_2D": (2, 0),
    "DEPTHWISE_CONV_2D": (2, 3),
    "FULLY_CONNECTED": (2, 0),
    "TRANSPOSE_CONV": (3, 0),
}
_SAME_CHANNELS = ("AVERAGE_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")
_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


@dataclass(frozen=True, eq=False)
class Fold:
    """One end of the way: the constant `operator.inputs[index]` becomes `values`."""

    operator: Operator
    index: int
    role: str
    values: Vector


@dataclass(frozen=True, eq=False)
class BackPlace:
    """An affine, the constants that take it in, and the tensors between whose values change."""

    affine: Affine
    folds: tuple[Fold, ...]
    touched: tuple[Tensor, ...]

    @property
    def result(self) -> Tensor:
        return self.affine.result

    @property
    def operators(self) -> tuple[Operator, ...]:
        return (*dict.fromkeys(fold.operator for fold in self.folds), *self.affine.operators)


def match(graph: Graph) -> list[BackPlace]:
    """The affines that fold back exactly and leave fewer operators, in the order they run."""
    places = []
    for subgraph in graph.subgraphs:
        links = Links(subgraph)
        for affine in find_affines(subgraph, links):
            found = place_before(affine, links)
            if isinstance(found, BackPlace):
                places.append(found)
    return places


def place_before(affine: Affine, links: Links) -> BackPlace | Text:
    """Where the affine folds back to, or why it cannot."""
    alone = len(affine.operators) == 1 and not _carries(links.producer(affine.source))
    if affine.activation != NO_ACTIVATION and (alone or affine.activation not in _STANDING):
        return say("Its activation would have to stand alone.")
    way = _Way(links)
    refused = way.descend(affine.source, affine.scale, affine.offset)
    return refused or BackPlace(affine, tuple(way.folds), tuple(way.touched))


def apply(graph: Graph, place: BackPlace) -> None:
    """Change the constants; the affine's operators go. An activation it carried goes to what makes
    its source, or stands."""
    affine = place.affine
    subgraph = affine.subgraph
    links = Links(subgraph)
    for fold in place.folds:
        perform(subgraph, fold, fold.operator)
    for tensor in place.touched:
        rename(subgraph, tensor, "scaled")
    maker = links.producer(affine.source)
    if affine.activation == NO_ACTIVATION or _carries(maker):
        if maker is not None and affine.activation != NO_ACTIVATION:
            maker.options.fusedActivationFunction = affine.activation
        emit_as(affine.source, affine.result, links)
        subgraph.operators = [op for op in subgraph.operators if op not in affine.operators]
    else:
        at = subgraph.operators.index(affine.operators[-1])
        name = _STANDING[affine.activation]
        subgraph.operators[at] = Operator(name, 1, [affine.source], [affine.result])
    drop_dead(graph)


def _carries(maker: Operator | None) -> bool:
    """Whether the operator takes one of the standing activations, and has none yet."""
    return maker is not None and maker.name in CARRIERS and activation(maker) == NO_ACTIVATION


def perform(subgraph: Subgraph, fold: Fold, operator: Operator) -> None:
    """Give an operator the fold's constant. A layer that gains a bias is another version:
    FULLY_CONNECTED 6 has none, TRANSPOSE_CONV takes one from 3 on."""
    replace_constant(subgraph, operator, fold.index, fold.role, fold.values)
    if operator.name == "FULLY_CONNECTED" and fold.index == 2:
        operator.version = 5 if operator.options.keepNumDims else 1
    elif operator.name == "TRANSPOSE_CONV" and fold.index == 3:
        operator.version = max(operator.version, 3)


class _Way:
    """The way back from an affine: what has to change, gathered tensor by tensor."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self.folds: list[Fold] = []
        self.touched: list[Tensor] = []

    def descend(self, tensor: Tensor, scale: Vector, offset: Vector) -> Text | None:
        """Let whatever makes the tensor make `tensor * scale + offset`; why not, in words."""
        maker = maker_of(tensor, self._links)
        if isinstance(maker, Text):
            return maker
        if not _commutes(activation(maker), scale, offset):
            return say("An activation stands between the two.")
        self.touched.append(tensor)
        return self._through(maker, scale, offset)

    def _through(self, maker: Operator, scale: Vector, offset: Vector) -> Text | None:
        name = maker.name
        if maker.is_custom:
            return _cannot(maker)
        if name in LAYERS:
            return self._into_layer(maker, scale, offset)
        if name == "CONCATENATION":
            return self._concatenation(maker, scale, offset)
        if name in ("ADD", "SUB"):
            return self._sum(maker, scale, offset)
        if name == "MUL":
            return self._product(maker, scale, offset)
        passed = _passed(maker, scale, offset)
        source = maker.inputs[0]
        if passed is None or source is None:
            return _cannot(maker)
        return self.descend(source, *passed)

    def _into_layer(self, layer: Operator, scale: Vector, offset: Vector) -> Text | None:
        folds = folds_into(layer, scale, offset)
        if isinstance(folds, Text):
            return folds
        self.folds += folds
        return None

    def _concatenation(self, maker: Operator, scale: Vector, offset: Vector) -> Text | None:
        rank = len(maker.outputs[0].shape)
        along_channels = maker.options.axis % rank == rank - 1
        start = 0
        for index, part in enumerate(maker.inputs):
            assert part is not None
            end = start + part.shape[-1]
            chosen = slice(start, end) if along_channels else slice(None)
            refused = self._operand(maker, index, scale[chosen], offset[chosen])
            if refused is not None:
                return refused
            start = end
        return None

    def _sum(self, maker: Operator, scale: Vector, offset: Vector) -> Text | None:
        """(a ± b) * s + t = (a * s + t) ± b * s; the offset goes to a constant if there is one."""
        left, right = maker.inputs
        assert left is not None
        assert right is not None
        zero = np.zeros_like(offset)
        to_right = right.is_constant
        sign = -1.0 if maker.name == "SUB" else 1.0
        offsets = (zero, sign * offset) if to_right else (offset, zero)
        for index, part in enumerate(offsets):
            refused = self._operand(maker, index, scale, part)
            if refused is not None:
                return refused
        return None

    def _product(self, maker: Operator, scale: Vector, offset: Vector) -> Text | None:
        index = next((i for i, t in enumerate(maker.inputs) if t and t.is_constant), None)
        if index is None or offset.any():
            return _cannot(maker)
        return self._operand(maker, index, scale, offset)

    def _operand(self, maker: Operator, index: int, scale: Vector, offset: Vector) -> Text | None:
        tensor = maker.inputs[index]
        assert tensor is not None
        if not tensor.is_constant:
            if len(tensor.full_shape) != len(maker.outputs[0].full_shape) or (
                tensor.full_shape[-1] != len(scale)
                or (maker.name != "CONCATENATION" and tensor.full_shape != _shape(maker))
            ):
                return say("The channels of the two do not line up.")
            return self.descend(tensor, scale, offset)
        values = float_constant(tensor)
        if values is None or (values.size > 1 and values.shape[-1] != len(scale)):
            return say("The channels of the two do not line up.")
        self.folds.append(Fold(maker, index, "constant", values * scale + offset))
        return None


def folds_into(layer: Operator, scale: Vector, offset: Vector) -> list[Fold] | Text:
    """The constants with which the layer makes result * scale + offset, or why there are none."""
    at, axis = LAYERS[layer.name]
    weights = float_constant(layer.inputs[1])
    stored = layer.inputs[at] if len(layer.inputs) > at else None
    bias = np.zeros(len(scale)) if stored is None else float_constant(stored)
    if weights is None or bias is None or getattr(layer.options, "weightsFormat", 0) != 0:
        return say("The weights are not float constants.")
    if weights.shape[axis] != len(scale) or bias.size != len(scale):
        return say("The channels of the two do not line up.")
    shape = [-1 if i == axis else 1 for i in range(weights.ndim)]
    folds = [Fold(layer, 1, "weights", weights * scale.reshape(shape))]
    if stored is not None or offset.any():
        folds.append(Fold(layer, at, "bias", bias.reshape(-1) * scale + offset))
    return folds


def _commutes(fused: int, scale: Vector, offset: Vector) -> bool:
    """relu(x) * s = relu(x * s) for s >= 0; nothing else passes an activation."""
    if fused == NO_ACTIVATION:
        return True
    return fused == _RELU and not offset.any() and bool((scale >= 0).all())


def _passed(maker: Operator, scale: Vector, offset: Vector) -> tuple[Vector, Vector] | None:
    """The affine of the operator's input that makes the wanted one of its result."""
    name, source = maker.name, maker.inputs[0]
    assert source is not None
    if name in _SAME_CHANNELS:
        return scale, offset
    if name == "MAX_POOL_2D":
        return (scale, offset) if (scale >= 0).all() else None
    if name == "MEAN":
        axes = integers(maker.inputs[1])
        rank = len(source.shape)
        outside = axes is not None and all(axis % rank != rank - 1 for axis in axes)
        return (scale, offset) if outside else None
    if name == "PAD":
        paddings = integers(maker.inputs[1])
        inside = paddings is not None and not any(paddings[-2:])
        return (scale, offset) if inside and not offset.any() else None
    if name == "LOGISTIC":  # 1 - sigmoid(x) = sigmoid(-x)
        turned = (scale == -1).all() and (offset == 1).all()
        return (scale, np.zeros_like(offset)) if turned else None
    if name == "TANH":  # -tanh(x) = tanh(-x)
        return (scale, offset) if (scale == -1).all() and not offset.any() else None
    if name == "TRANSPOSE":
        order = integers(maker.inputs[1])
        if order is not None and order[-1] == len(order) - 1:
            return scale, offset
        return _regrouped(source, scale, offset, uniform_only=True)
    if name in _RESHAPES:
        return _regrouped(source, scale, offset)
    return None


def _regrouped(
    source: Tensor, scale: Vector, offset: Vector, *, uniform_only: bool = False
) -> tuple[Vector, Vector] | None:
    """The two vectors for the last axis before a reshape; None when they differ inside it."""
    size = source.full_shape[-1] if source.full_shape else 0
    if size < 1:
        return None
    both = np.stack([scale, offset])
    if (both == both[:, :1]).all():
        both = np.broadcast_to(both[:, :1], (2, size))
    elif uniform_only:
        return None
    elif len(scale) % size == 0:  # channels laid side by side, as a flattening does
        rows = both.reshape(2, -1, size)
        if not (rows == rows[:, :1]).all():
            return None
        both = rows[:, 0]
    elif size % len(scale) == 0:
        both = np.tile(both, size // len(scale))
    else:
        return None
    return both[0].copy(), both[1].copy()


def _shape(operator: Operator) -> tuple[int, ...]:
    return operator.outputs[0].full_shape


def _cannot(maker: Operator) -> Text:
    return say("{operator} makes its input and cannot take it in.", operator=maker.name)
