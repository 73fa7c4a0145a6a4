"""Preprocessing and labels that travel inside a `.tflite`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.codec import CodecError, decode, encode
from edgekiln.core.data import Preprocessing
from edgekiln.pipeline.graph.notes import note_file, read_note
from edgekiln.pipeline.graph.read import read_graph


@dataclass(frozen=True)
class Note:
    """How pictures become this model's input, and its class names in the order of its outputs."""

    preprocessing: Preprocessing | None = None
    labels: tuple[str, ...] = ()


def embedded_note(model: Path) -> Note:
    """The note in a `.tflite`; an empty one when there is none or it is of another release."""
    data = read_note(read_graph(model))
    if data is None:
        return Note()
    try:
        return decode(Note, json.loads(data))
    except (ValueError, CodecError):
        return Note()


def embed_note(model: Path, note: Note) -> None:
    """Put the note into a `.tflite`."""
    note_file(model, json.dumps(encode(note), ensure_ascii=False).encode())
