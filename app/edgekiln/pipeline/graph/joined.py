"""Outputs that a CONCATENATION joins of parts, which need not be of one kind: boxes and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekiln.pipeline.graph.graph import Graph, Operator
from edgekiln.pipeline.graph.interface import Interface, name_of
from edgekiln.pipeline.graph.links import Links

Array = NDArray[Any]
_STORED = ("QUANTIZE", "DEQUANTIZE")  # the same values in other numbers


@dataclass(frozen=True)
class Joined:
    """Where the parts of an output end along `axis` (batch included)."""

    axis: int
    ends: tuple[int, ...]

    def parts(self, rows: Array) -> list[Array]:
        """`[samples, *shape without batch]` as its parts."""
        return np.split(rows, self.ends[:-1], self.axis)


def part_ends(operator: Operator) -> Sequence[int]:
    """Where a CONCATENATION's parts end along its axis; nothing for other operators."""
    if operator.name != "CONCATENATION":
        return ()
    axis = axis_of(operator)
    return list(accumulate(t.shape[axis] for t in operator.inputs if t is not None))


def axis_of(operator: Operator) -> int:
    """A CONCATENATION's axis, counted from the front."""
    return int(operator.options.axis) % len(operator.outputs[0].shape)


def joined_outputs(graph: Graph) -> Mapping[str, Joined]:
    """The joined outputs of a model by name; not those joined along the batch."""
    links, found = Links(graph.main), {}
    for tensor in graph.main.outputs:
        maker = links.producer(tensor)
        while maker is not None and maker.name in _STORED and maker.inputs[0] is not None:
            maker = links.producer(maker.inputs[0])
        if maker is not None and (ends := part_ends(maker)) and axis_of(maker) > 0:
            found[name_of(graph, tensor)] = Joined(axis_of(maker), tuple(ends))
    return found


def joined_again(interface: Interface, outputs: Mapping[str, Array]) -> Mapping[str, Joined]:
    """The same for outputs that were split into `outputs`, the parts."""
    return {
        item.name: Joined(
            item.axis, tuple(accumulate(outputs[name].shape[item.axis] for name in item.parts))
        )
        for item in interface.parted
        if all(name in outputs for name in item.parts)
    }
