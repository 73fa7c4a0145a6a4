"""Pass: operators in a row that only move values become the one that moves them so, or none.

The row is run on the numbers of the positions, so any spelling is seen: reshapes in a row, what
undoes itself, a padding between reshapes, a nearest up-sampling built of tiles, of copies joined or
of a product with ones, and a space-to-depth built of reshapes and a transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, activation
from edgekiln.pipeline.fuse.rewrite import can_bypass, emit_as, unused_name
from edgekiln.pipeline.fuse.tensors import float_constant, integers
from edgekiln.pipeline.fuse.walk import each
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor, constant
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "movement"
_LARGEST = 1 << 23  # positions; larger tensors would take seconds
_ZERO = -1  # the number of a position that padding made
Positions = NDArray[np.int64]
Made = tuple[str, NDArray[Any] | None, Any]  # operator, its second input, its options


@dataclass(frozen=True, eq=False)
class Movement:
    """Operators in a row; `made` is what replaces them, None when they change nothing."""

    subgraph: Subgraph
    operators: tuple[Operator, ...]
    source: Tensor
    made: Made | None

    @property
    def result(self) -> Tensor:
        return self.operators[-1].outputs[0]


def match(graph: Graph) -> list[Movement]:
    """The rows that can be shorter, in the order they run, the longest from each start."""
    return each(graph, _from)


def apply(graph: Graph, place: Movement) -> None:
    """Put one operator, or none, in place of the row."""
    subgraph, source, result = place.subgraph, place.source, place.result
    links = Links(subgraph)
    at = subgraph.operators.index(place.operators[-1])
    if place.made is not None:
        name, values, options = place.made
        inputs: list[Tensor | None] = [source]
        if values is not None:
            second = unused_name(subgraph, f"{result.name}/edgekiln/{name.lower()}")
            subgraph.tensors.append(constant(second, values))
            inputs.append(subgraph.tensors[-1])
        subgraph.operators[at] = Operator(name, 1, inputs, [result], options)
    else:
        del subgraph.operators[at]
        _join(source, result, links)
    drop_dead(graph)


def _join(source: Tensor, result: Tensor, links: Links) -> None:
    """Let readers of the one read the other; an output of the model keeps its name."""
    if links.is_end(result):
        emit_as(source, result, links)
        source, result = result, source
    for reader in links.consumers(result):
        reader.inputs = [source if read is result else read for read in reader.inputs]


def _from(subgraph: Subgraph, first: Operator, links: Links) -> Movement | None:
    """The longest row from an operator that can be shorter."""
    row = list(_row(first, links))
    if not row:
        return None
    source = _read(first)
    assert source is not None
    best = None
    operators: tuple[Operator, ...] = ()
    for operator, positions in row:
        operators = (*operators, operator)
        changes, made = _one(source, positions)
        if not changes and can_bypass(source, operator.outputs[0], links):
            best = Movement(subgraph, operators, source, None)
        elif changes and made is not None and len(operators) > 1:
            best = Movement(subgraph, operators, source, made)
    return best


def _row(first: Operator, links: Links) -> Iterator[tuple[Operator, Positions]]:
    """Movers in a row, each with where the values of its result lie in the first one's source."""
    source, operator = _read(first), first
    if source is None or min(source.full_shape, default=0) < 1 or prod(source.shape) > _LARGEST:
        return
    if source.quantization is not None:
        return
    positions: Positions = np.arange(prod(source.shape)).reshape(source.shape)
    while True:
        result = operator.outputs[0]
        if min(result.full_shape, default=0) < 1 or prod(result.shape) > _LARGEST:
            return
        moved = _MOVERS[operator.name](operator, positions)
        if moved is None or moved.shape != result.shape:
            return
        positions = moved
        yield operator, positions
        readers = set(links.consumers(result))
        if len(readers) != 1 or links.is_end(result):
            return
        (operator,) = readers
        if _read(operator) is not result:
            return


def _read(operator: Operator) -> Tensor | None:
    """The tensor whose values a mover moves, perhaps read more than once; None for no mover."""
    read = operator.inputs[:1]
    if operator.name == "MUL":
        read = [t for t in operator.inputs if not _is_ones(t)]
    elif operator.name in ("PACK", "CONCATENATION"):
        read = list(dict.fromkeys(operator.inputs))
    if operator.name not in _MOVERS or len(read) != 1 or operator.is_custom:
        return None
    return None if read[0] is None or read[0].is_constant else read[0]


def _is_ones(tensor: Tensor | None) -> bool:
    values = float_constant(tensor)
    return values is not None and bool((values == 1).all())


def _reshaped(operator: Operator, positions: Positions) -> Positions | None:
    return positions.reshape(operator.outputs[0].shape)


def _transposed(operator: Operator, positions: Positions) -> Positions | None:
    order = integers(operator.inputs[1])
    return None if order is None else positions.transpose(order)


def _tiled(operator: Operator, positions: Positions) -> Positions | None:
    times = integers(operator.inputs[1])
    return None if times is None else np.tile(positions, times)


def _broadcast(operator: Operator, positions: Positions) -> Positions | None:
    shape = integers(operator.inputs[1])
    return None if shape is None else np.broadcast_to(positions, shape)


def _padded(operator: Operator, positions: Positions) -> Positions | None:
    pads = integers(operator.inputs[1])
    if pads is None or min(pads) < 0:
        return None
    return np.pad(positions, np.reshape(pads, (-1, 2)), constant_values=_ZERO)


def _joined(operator: Operator, positions: Positions) -> Positions | None:
    """Copies of one tensor, one behind the other along an axis, new for a PACK."""
    if activation(operator) != NO_ACTIVATION:
        return None
    copies = [positions] * len(operator.inputs)
    join = np.stack if operator.name == "PACK" else np.concatenate
    return join(copies, axis=operator.options.axis)


def _times_one(operator: Operator, positions: Positions) -> Positions | None:
    if activation(operator) != NO_ACTIVATION:
        return None
    return np.broadcast_to(positions, operator.outputs[0].shape)


_MOVERS: dict[str, Callable[[Operator, Positions], Positions | None]] = {
    "RESHAPE": _reshaped,
    "SQUEEZE": _reshaped,
    "EXPAND_DIMS": _reshaped,
    "TRANSPOSE": _transposed,
    "TILE": _tiled,
    "BROADCAST_TO": _broadcast,
    "PAD": _padded,
    "PACK": _joined,
    "CONCATENATION": _joined,
    "MUL": _times_one,
}


def _one(source: Tensor, positions: Positions) -> tuple[bool, Made | None]:
    """Whether anything moves, and the one operator that moves it so."""
    shape = positions.shape
    flat = positions.reshape(-1)
    if flat.size == prod(source.shape) and (flat == np.arange(flat.size)).all():
        values = np.array(shape, np.int32)
        return shape != source.shape, ("RESHAPE", values, schema.ReshapeOptionsT(newShape=shape))
    found = _nearest(source, positions) or _blocks(source, positions) or _pad(source, positions)
    return True, found


def _nearest(source: Tensor, positions: Positions) -> Made | None:
    """Each position repeated a whole number of times along height and width."""
    before, after = source.shape, positions.shape
    if source.dtype != "float32" or len(before) != 4 or len(after) != 4:
        return None
    if after[0] != before[0] or after[3] != before[3]:
        return None
    if after[1] % before[1] or after[2] % before[2] or not _is_stepped(before, after):
        return None
    own = np.arange(prod(before)).reshape(before)
    repeated = own.repeat(after[1] // before[1], 1).repeat(after[2] // before[2], 2)
    if not np.array_equal(repeated, positions):
        return None
    size = np.array(after[1:3], np.int32)
    return "RESIZE_NEAREST_NEIGHBOR", size, schema.ResizeNearestNeighborOptionsT()


def _is_stepped(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether floor(i * in / out), rounded as the runtimes do it in float, is i // factor."""
    for axis in (1, 2):
        at = np.arange(after[axis], dtype=np.float32)
        read = np.floor(at * np.float32(before[axis] / after[axis]))
        if not np.array_equal(read, at // (after[axis] // before[axis])):
            return False
    return True


def _blocks(source: Tensor, positions: Positions) -> Made | None:
    """Each square of positions laid behind one another along the channels."""
    before, after = source.shape, positions.shape
    if source.dtype != "float32" or len(before) != 4 or len(after) != 4 or not after[1]:
        return None
    n, height, width, channels = before
    size = height // after[1]
    if size < 2 or after != (n, height // size, width // size, channels * size * size):
        return None
    split = np.arange(prod(before)).reshape(n, after[1], size, after[2], size, channels)
    if not np.array_equal(split.transpose(0, 1, 3, 2, 4, 5).reshape(after), positions):
        return None
    return "SPACE_TO_DEPTH", None, schema.SpaceToDepthOptionsT(blockSize=size)


def _pad(source: Tensor, positions: Positions) -> Made | None:
    before, after = source.shape, positions.shape
    if len(before) != len(after) or source.dtype != "float32" or len(before) > 4:
        return None
    lead = np.unravel_index(int(np.argmax(positions.reshape(-1) == 0)), after)
    pads = [(int(n), a - b - int(n)) for n, a, b in zip(lead, after, before, strict=True)]
    if min(behind for _, behind in pads) < 0:
        return None
    own = np.arange(prod(before)).reshape(before)
    if not np.array_equal(np.pad(own, pads, constant_values=_ZERO), positions):
        return None
    return "PAD", np.array(pads, np.int32), schema.PadOptionsT()
