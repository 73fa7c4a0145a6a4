"""Notes of ours inside a `.tflite`: preprocessing and labels travel with the model."""

from __future__ import annotations

from pathlib import Path

from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph

OUR_NOTE = "EDGEKILN"


def read_note(graph: Graph, name: str = OUR_NOTE) -> bytes | None:
    """The note's bytes; None when the file has no such note."""
    return graph.notes.get(name)


def write_note(graph: Graph, name: str, data: bytes) -> None:
    """Set the note in the graph; `write_graph` puts it into a file."""
    graph.notes[name] = data


def note_file(path: Path, data: bytes, name: str = OUR_NOTE) -> None:
    """Set the note in a `.tflite` file, replacing the file atomically."""
    graph = read_graph(path)
    write_note(graph, name, data)
    write_graph(graph, path)
