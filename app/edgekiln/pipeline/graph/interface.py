"""What a model is fed or gives otherwise than the model it was made from, as a note in the file.

Two passes change the interface when asked to: an input normalisation leaves the model, an output
made of parts becomes its parts. Whoever feeds or judges the model reads it from here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekiln.core.codec import decode, encode
from edgekiln.core.text import Text, say
from edgekiln.pipeline.graph.graph import Graph, Tensor

Array = NDArray[Any]
NOTE = "EDGEKILN_INTERFACE"


@dataclass(frozen=True)
class Fed:
    """The input `name` takes value * scale + offset where the original took the value."""

    name: str
    scale: float
    offset: float


@dataclass(frozen=True)
class Parted:
    """The output `name` of the original is the `parts`, joined along `axis` (batch included)."""

    name: str
    parts: tuple[str, ...]
    axis: int


@dataclass(frozen=True)
class Interface:
    """All that changed since the original."""

    fed: tuple[Fed, ...] = ()
    parted: tuple[Parted, ...] = ()

    def feed(self, name: str) -> Fed:
        """How an input is fed; as it is where nothing is noted."""
        return next((fed for fed in self.fed if fed.name == name), Fed(name, 1.0, 0.0))

    def joined(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name as the original gives them; axis 0 counts samples, batch left out."""
        arrays = dict(outputs)
        for parted in reversed(self.parted):  # a part may have been split in turn
            parts = [arrays.pop(name) for name in parted.parts]
            arrays[parted.name] = np.concatenate(parts, axis=parted.axis)
        return arrays

    def told(self) -> tuple[Text, ...]:
        """The changes in words."""
        fed = (
            say(
                "Feed “{name}” with value × {scale} + {offset}: the model no longer does it.",
                name=fed.name,
                scale=f"{fed.scale:.6g}",
                offset=f"{fed.offset:.6g}",
            )
            for fed in self.fed
        )
        parted = (
            say(
                "The output “{name}” is now {count} outputs: {parts}.",
                name=parted.name,
                count=len(parted.parts),
                parts=", ".join(parted.parts),
            )
            for parted in self.parted
        )
        return (*fed, *parted)


def read_interface(graph: Graph) -> Interface:
    """The graph's note; no change where it has none."""
    note = graph.notes.get(NOTE)
    return Interface() if note is None else decode(Interface, json.loads(note))


def write_interface(graph: Graph, interface: Interface) -> None:
    """Set the graph's note."""
    graph.notes[NOTE] = json.dumps(encode(interface)).encode()


def translated(
    samples: Mapping[str, Array], known: Interface, wanted: Interface
) -> dict[str, Array]:
    """Samples for a model with the interface `known`, for one with the interface `wanted`."""
    return {
        name: _refed(array, known.feed(name), wanted.feed(name)) for name, array in samples.items()
    }


def _refed(values: Array, known: Fed, wanted: Fed) -> Array:
    if (known.scale, known.offset) == (wanted.scale, wanted.offset):
        return values
    original = (values.astype(np.float64) - known.offset) / known.scale
    fed: Array = (original * wanted.scale + wanted.offset).astype(np.float32)
    return fed


def name_of(graph: Graph, tensor: Tensor) -> str:
    """What users call an input or output: its name in the signature, else the tensor's."""
    for entry in graph.signatures:
        for name, named in (*entry.inputs, *entry.outputs):
            if named is tensor:
                return name
    return tensor.name
