"""What runs when a model runs: its main subgraph, and those that one calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph

# How the options of WHILE, IF, CALL, CALL_ONCE and composite operators name a subgraph.
_NAMES = ("subgraph", "subgraphindex")


def part_that_runs(graph: Graph) -> Graph:
    """The graph without the subgraphs that only another signature reaches. It shares all it has
    with `graph`: an edit of one is an edit of both."""
    reached: list[Subgraph] = []
    front = [graph.main]
    while front:
        subgraph = front.pop()
        if subgraph not in reached:
            reached.append(subgraph)
            called = {i for operator in subgraph.operators for i in _called(operator)}
            front += [graph.subgraphs[i] for i in sorted(called)]
    subgraphs = [subgraph for subgraph in graph.subgraphs if subgraph in reached]
    signatures = [entry for entry in graph.signatures if entry.subgraph in reached]
    return Graph(subgraphs, signatures, graph.notes, graph.description)


def _called(operator: Operator) -> Iterator[int]:
    for options in (operator.options, getattr(operator.rest, "builtinOptions2", None)):
        yield from _indexes(options)


def _indexes(options: Any) -> Iterator[int]:
    for name, value in vars(options).items() if options is not None else ():
        if name.lower().endswith(_NAMES) and isinstance(value, int):
            yield value
