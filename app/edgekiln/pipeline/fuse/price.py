"""What a graph costs: operators, multiply-accumulates, bytes, memory."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.fusion import Price
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.macs import count_macs


def price(graph: Graph, path: Path) -> Price:
    """The price of the graph written at `path`, without its latency."""
    return Price(
        operators=sum(1 for _ in graph.operators()),
        macs=count_macs(graph) or 0,
        bytes_moved=0,
        arena_bytes=0,
        file_bytes=path.stat().st_size,
    )
