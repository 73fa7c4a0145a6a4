"""Whether an output is joined of parts so unlike that one int8 scale loses the smaller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.fuse import split_output
from edgekiln.pipeline.fuse.equivalence import Proof
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.interface import name_of

_UNLIKE = 8.0  # from here on the smaller part keeps less than 32 of 256 steps
_STEPS = 256


def unlike_parts(graph: Graph, model: Path, proof: Proof) -> tuple[Text, ...]:
    """For each output of `graph`, written at `model`, that could be split and whose parts differ by
    more than 8 times in range on the proof's samples: what one scale does to the smallest."""
    places = split_output.match(graph)
    if not places:
        return ()
    names = tuple(part.name for place in places for part in place.parts)
    seen = proof.values(model, names)
    if seen is None:  # a model that does not run is told where it is timed
        return ()
    found = ((name_of(graph, p.join.outputs[0]), [t.name for t in p.parts]) for p in places)
    return tuple(_advice(seen, list(found)))


def _advice(seen: dict[str, Array], joined: list[tuple[str, list[str]]]) -> Iterator[Text]:
    for output, parts in joined:
        ranges = [(float(np.nanmin(seen[p])), float(np.nanmax(seen[p]))) for p in parts]
        whole = max(high for _, high in ranges) - min(low for low, _ in ranges)
        low, high = min(ranges, key=lambda r: r[1] - r[0])
        if whole > _UNLIKE * (high - low):
            yield say(
                "The output “{output}” joins {ranges}. With one int8 scale the smallest keeps "
                "{steps} of 256 steps; the pass “{name}” gives each its own.",
                output=output,
                name=split_output.NAME,
                ranges=", ".join(f"{a:.3g}…{b:.3g}" for a, b in ranges),
                steps=round(_STEPS * (high - low) / whole),
            )
