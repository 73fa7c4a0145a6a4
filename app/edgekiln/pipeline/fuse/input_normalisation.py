"""Pass, when asked: the normalisation at the input leaves the model for what feeds it.

y = x * s + o, with one s and one o, is how 8-bit quantization reads a byte: real = s * (q - z). So
a model that takes y takes the camera's bytes as they are, with z = -o / s rounded, and neither MUL
nor ADD is left. Where a convolution can take the normalisation in, it does: nobody has to know.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse import affine_forward
from edgekiln.pipeline.fuse.affine import NO_ACTIVATION, Affine, find_affines
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.graph.interface import (
    Fed,
    Interface,
    name_of,
    read_interface,
    write_interface,
)
from edgekiln.pipeline.graph.links import Links, drop_dead

NAME = "input-normalisation"


@dataclass(frozen=True, eq=False)
class InputPlace:
    """An affine of a model's input, and the first operator that reads it."""

    affine: Affine
    reader: Operator

    @property
    def result(self) -> Tensor:
        """What the reader makes: the affine's own result is fed afterwards."""
        return self.reader.outputs[0]

    @property
    def operators(self) -> tuple[Operator, ...]:
        return self.affine.operators


def match(graph: Graph) -> list[InputPlace]:
    """The normalisation of the model's only input, if it can leave."""
    return [place for place in _all(graph) if _why_not(graph, place) is None]


def misses(graph: Graph) -> list[tuple[tuple[Operator, ...], Text]]:
    """The normalisations that have to stay, and why."""
    reasons = ((place.operators, _why_not(graph, place)) for place in _all(graph))
    return [(operators, why) for operators, why in reasons if why is not None]


def apply(graph: Graph, place: InputPlace) -> None:
    """Let the affine's readers read the input, and note how it is fed from now on."""
    affine = place.affine
    for reader in Links(affine.subgraph).consumers(affine.result):
        reader.inputs = [affine.source if t is affine.result else t for t in reader.inputs]
    known, name = read_interface(graph), name_of(graph, affine.source)
    scale, offset = float(affine.scale[0]), float(affine.offset[0])
    before = known.feed(name)
    fed = Fed(name, before.scale * scale, before.offset * scale + offset)
    others = tuple(item for item in known.fed if item.name != name)
    write_interface(graph, Interface((*others, fed), known.parted))
    drop_dead(graph)


def _all(graph: Graph) -> list[InputPlace]:
    links = Links(graph.main)
    found = []
    for affine in find_affines(graph.main, links):
        readers = links.consumers(affine.result)
        if affine.source in graph.main.inputs and readers and affine.scale.all():
            found.append(InputPlace(affine, readers[0]))
    return found


def _why_not(graph: Graph, place: InputPlace) -> Text | None:
    affine, links = place.affine, Links(place.affine.subgraph)
    forward = affine_forward.place_after(affine, links)
    if forward is not None and affine_forward.why_not(forward) is None and not forward.keeps_offset:
        return say("The layer after it takes it in, and the input stays as it is.")
    if len(graph.main.inputs) > 1:
        return say("The model has several inputs.")
    if affine.activation != NO_ACTIVATION:
        return say("An activation follows it.")
    if links.is_end(affine.result):
        return say("It is an output of the model.")
    if len(links.consumers(affine.source)) > 1:
        return say("{count} operators read the input.", count=len(links.consumers(affine.source)))
    if affine.scale.ptp() or affine.offset.ptp():
        return say("It has one value a channel; an 8-bit input has one scale for all.")
    return None
