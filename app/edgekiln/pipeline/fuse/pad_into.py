"""Pass: a PAD goes into the VALID layer after it where SAME padding is the same.

A convolution pads with zeros. A max-pool leaves out what lies outside, as if it were lower than
everything: so a PAD by zeros is the same where nothing negative comes in, a PADV by the lowest
number everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.layers import CONVOLUTIONS, same_padding, step
from edgekiln.pipeline.fuse.lowest import lowest_of
from edgekiln.pipeline.fuse.tensors import float_constant, integers
from edgekiln.pipeline.fuse.walk import Misses, each, refused
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "pad-into"
_LOWEST_FLOAT = -3.4e38  # and below: exporters write -inf or the lowest float


@dataclass(frozen=True, eq=False)
class PadPlace:
    """A PAD and the VALID layer that alone reads it. `fits`: no window tells what was padded from
    what SAME padding has there."""

    pad: Operator
    layer: Operator
    fits: bool

    @property
    def result(self) -> Tensor:
        return self.layer.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return self.pad, self.layer


def match(graph: Graph) -> list[PadPlace]:
    """The places where SAME pads as the PAD does, in the order they run."""
    return [place for place in each(graph, _place) if why_not(place) is None]


def misses(graph: Graph) -> Misses:
    """The PADs no SAME padding equals."""
    return refused(each(graph, _place), why_not)


def why_not(place: PadPlace) -> Text | None:
    """Why the layer cannot pad so itself; None when it can."""
    if not _is_same(place):
        return say("SAME padding would put the zeros elsewhere.")
    if not place.fits:
        return say("Its values may be below the padding, which a pool of its own leaves out.")
    return None


def apply(graph: Graph, place: PadPlace) -> None:
    """Let the layer pad."""
    place.layer.options.padding = schema.Padding.SAME
    place.layer.inputs[0] = place.pad.inputs[0]
    drop_dead(graph)


def _place(subgraph: Subgraph, pad: Operator, links: Links) -> PadPlace | None:
    del subgraph
    if pad.name not in ("PAD", "PADV2") or (x := pad.inputs[0]) is None:
        return None
    layer = links.only_consumer(pad.outputs[0])
    if layer is None or layer.name not in (*CONVOLUTIONS, "MAX_POOL_2D"):
        return None
    value = 0.0 if pad.name == "PAD" else _number(pad.inputs[2])
    if layer.options.padding != schema.Padding.VALID or value is None:
        return None
    if layer.name in CONVOLUTIONS:
        return PadPlace(pad, layer, True) if value == 0 else None
    fits = value <= max(lowest_of(x, links), _LOWEST_FLOAT)
    return PadPlace(pad, layer, fits)


def _number(tensor: Tensor | None) -> float | None:
    values = float_constant(tensor)
    return None if values is None or values.size != 1 else float(values.reshape(-1)[0])


def _is_same(place: PadPlace) -> bool:
    x, pads = place.pad.inputs[0], integers(place.pad.inputs[1])
    if x is None or pads is None or len(pads) != 8 or any(pads[:2]) or any(pads[6:]):
        return False
    for axis in (1, 2):
        size, out = x.full_shape[axis], place.layer.outputs[0].full_shape[axis]
        if size < 1 or out != -(-size // step(place.layer, axis)[0]):
            return False
        if pads[2 * axis : 2 * axis + 2] != same_padding(place.layer, axis, size, out):
            return False
    return True
