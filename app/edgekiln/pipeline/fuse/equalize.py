"""Pass, when asked: cross-layer equalization of the channels between layers.

With relu(s * x) = s * relu(x) for s > 0, a channel i between two layers can be made s_i times
narrower by the first and wider again by the second. Quantized with one scale a tensor, all
channels get most of its steps where s_i = sqrt(r1_i / r2_i) = (1 / r2_i) * sqrt(r1_i * r2_i), r1_i
and r2_i being the widest of the weights that make and that read it (Nagel et al. 2019, Data-Free
Quantization Through Weight Equalization and Bias Correction, eq. 9 to 11). In a chain each step
changes its neighbours, so they are taken in turn until nothing changes. Their absorption of high
biases (eq. 14) is not done: it is not exact.

Off unless asked for: per-channel scales, which most targets have, need none of it, and it does not
always gain. Seen with int8 weights of one scale a tensor on the evaluation kit: DS-CNN 34.7 to 36.1
dB of signal to noise, MobileNetV1 0.25 22.8 to 24.6 dB, but ResNet8, whose chains are pairs, 22.6
to 21.0 dB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgekiln.core.text import say
from edgekiln.pipeline.fuse.affine import Vector
from edgekiln.pipeline.fuse.affine_back import LAYERS
from edgekiln.pipeline.fuse.chain import Chain, chains, clipped
from edgekiln.pipeline.fuse.layers import bias_of, spread
from edgekiln.pipeline.fuse.rewrite import rename
from edgekiln.pipeline.fuse.tensors import float_constant, replace_constant
from edgekiln.pipeline.fuse.walk import Misses
from edgekiln.pipeline.graph.graph import Graph, Operator
from edgekiln.pipeline.graph.links import drop_dead

NAME = "equalize"
_UNEQUAL = 1.05  # the widest of a step's channels beside its narrowest; below nothing is gained
_EQUAL = 1.01
_FAINT = 1e-5  # of the widest channel: dead, and made wide only its bias would be


def match(graph: Graph) -> list[Chain]:
    """The chains with channels that are not equally wide, in the order they run."""
    return [chain for chain in chains(graph) if _Widths(_matrices(chain)).turn() > _UNEQUAL]


def misses(graph: Graph) -> Misses:
    """The neighbours between which a clip stands."""
    found = []
    for step in clipped(graph):
        why = say("A clip to a number does not scale with its channel: only RELU does.")
        found.append(((step.layer, *step.between, step.follower), why))
    return found


def apply(graph: Graph, place: Chain) -> None:
    """Scale weights and biases; what is computed between gets other values and another name."""
    widths = _Widths(_matrices(place))
    while widths.turn() > _EQUAL:
        pass  # ends: in logarithms each turn is a mean of neighbours, the ends held fast
    for layer, read, made in zip(place.layers, widths.scales, widths.scales[1:], strict=False):
        _scale(place, layer, read, 1 / made)
    for tensor in place.inner:
        rename(place.subgraph, tensor, "equalized")
    drop_dead(graph)


def _scale(chain: Chain, layer: Operator, read: Vector, made: Vector) -> None:
    weights = float_constant(layer.inputs[1])
    assert weights is not None
    _, axis = LAYERS[layer.name]
    shape = [-1 if i == axis else 1 for i in range(weights.ndim)]
    bias = bias_of(layer, weights) * made
    weights *= spread(layer, read, weights.shape)  # in place: doubles are large
    weights *= made.reshape(shape)
    replace_constant(chain.subgraph, layer, 1, "weights", weights)
    if bias.any():
        replace_constant(chain.subgraph, layer, 2, "bias", bias)


@dataclass
class _Widths:
    """How wide each weight of a chain is, `[out, in]` a layer, and the scales found so far: one row
    for each channel before, between and behind the layers, the ends all ones."""

    matrices: Sequence[Vector]
    scales: list[Vector] = field(init=False)
    alive: list[NDArray[np.bool_]] = field(init=False)

    def __post_init__(self) -> None:
        sizes = (self.matrices[0].shape[1], *(len(matrix) for matrix in self.matrices))
        self.scales = [np.ones(size) for size in sizes]
        self.alive = [np.zeros(size, bool) for size in sizes]

    def turn(self) -> float:
        """Equalize each step in turn; how unequal the worst was. A channel once alive stays so."""
        worst = 1.0
        for at in range(1, len(self.matrices)):
            made, read = self._made(at), self._read(at)
            self.alive[at] |= _wide(made) & _wide(read)
            if not (alive := self.alive[at]).any():
                continue
            change = np.sqrt(made[alive] / read[alive])
            self.scales[at][alive] *= change
            worst = max(worst, change.max() / change.min())
        return float(worst)

    def _made(self, at: int) -> Vector:
        """The widest weight that makes each channel between layers `at - 1` and `at`."""
        before, behind = self.scales[at - 1], self.scales[at]
        widest: Vector = (self.matrices[at - 1] * before).max(axis=1) / behind
        return widest

    def _read(self, at: int) -> Vector:
        """The widest weight that reads it."""
        before, behind = self.scales[at], self.scales[at + 1]
        widest: Vector = (self.matrices[at] / behind[:, None]).max(axis=0) * before
        return widest


def _wide(widths: Vector) -> NDArray[np.bool_]:
    wide: NDArray[np.bool_] = widths > _FAINT * widths.max()
    return wide


def _matrices(chain: Chain) -> list[Vector]:
    """The widest weight from each channel a layer reads to each it makes, `[out, in]`."""
    matrices, channels = [], None
    for layer in chain.layers:
        matrices.append(_matrix(layer, channels or _channels(layer)))
        channels = len(matrices[-1])
    return matrices


def _channels(layer: Operator) -> int:
    x, weights = layer.inputs[:2]
    assert x is not None
    assert weights is not None
    return weights.shape[1] if layer.name == "FULLY_CONNECTED" else x.shape[3]


def _matrix(layer: Operator, channels: int) -> Vector:
    assert layer.inputs[1] is not None
    weights = layer.inputs[1].array()
    if layer.name == "FULLY_CONNECTED":  # flattened row by row: channels come round again
        return _widest(weights.reshape(len(weights), -1, channels), (1,))
    if layer.name == "DEPTHWISE_CONV_2D":
        rows = _widest(weights, (0, 1, 2))[:, None]
    else:
        rows = _widest(weights, (1, 2))
    units, inside = rows.shape
    matrix = np.zeros((units, channels))
    group = np.arange(units) // (units * inside // channels)  # the channels a unit reads
    columns = group[:, None] * inside + np.arange(inside)
    np.put_along_axis(matrix, columns, rows, axis=1)
    return matrix


def _widest(weights: NDArray[np.float32], axes: tuple[int, ...]) -> Vector:
    """The largest size along the axes, without a copy of the weights."""
    widest: Vector = np.maximum(weights.max(axis=axes), -weights.min(axis=axes)).astype(np.float64)
    return widest
