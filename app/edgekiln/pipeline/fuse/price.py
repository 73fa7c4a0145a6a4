"""What a graph costs: operators, multiply-accumulates, bytes, memory."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.fusion import Price
from edgekiln.pipeline.graph.arena import arena_bytes
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.macs import count_macs


def price(graph: Graph, path: Path) -> Price:
    """The price of the graph written at `path`, without its latency."""
    return Price(
        operators=sum(1 for _ in graph.operators()),
        macs=count_macs(graph) or 0,
        bytes_moved=bytes_moved(graph),
        arena_bytes=arena_bytes(graph.main),
        file_bytes=path.stat().st_size,
    )


def bytes_moved(graph: Graph) -> int:
    """Bytes the operators of the main subgraph read and write, constants included, each operator
    on its own: what passes between memory and processor where no cache helps."""
    tensors = (
        tensor
        for operator in graph.main.operators
        for tensor in (*operator.inputs, *operator.outputs)
        if tensor is not None
    )
    return sum(tensor.size_bytes for tensor in tensors)
