"""Models that are whole by every check of a file, and take the process down or never end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.pipeline.data.arrays import save_arrays
from edgekiln.pipeline.graph.write import write_graph
from pipeline.graphs import GraphBuilder


def crashing(folder: Path) -> Path:
    """A SPLIT into no parts: LiteRT 2.3 dies of SIGSEGV."""
    builder = GraphBuilder()
    x = builder.input((1, 8, 8, 4))
    options = schema.SplitOptionsT(numSplits=0)
    out = builder.op("SPLIT", [builder.integers(np.array(0)), x], x.shape, options)
    write_graph(builder.graph(out), folder / "crashing.tflite")
    return folder / "crashing.tflite"


def endless(folder: Path) -> Path:
    """A WHILE whose condition, x = x, always holds."""
    main, condition, body = GraphBuilder(), GraphBuilder(), GraphBuilder()
    x = main.input((1,))
    options = schema.WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2)
    graph = main.graph(main.op("WHILE", [x], x.shape, options))
    kept = condition.input((1,))
    same = condition.op("EQUAL", [kept, kept], (1,), schema.EqualOptionsT())
    same.dtype = "bool"
    graph.subgraphs += [
        condition.graph(same).main,
        body.graph(body.relu(body.input((1,)))).main,
    ]
    write_graph(graph, folder / "endless.tflite")
    return folder / "endless.tflite"


def samples(folder: Path, *shape: int) -> Path:
    """Two samples of x."""
    save_arrays(folder / "data.npz", {"x": np.ones((2, *shape), np.float32)})
    return folder / "data.npz"
