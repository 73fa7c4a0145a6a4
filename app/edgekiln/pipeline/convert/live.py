"""Which nodes of a frozen graph compute with the inputs, and which are constant arithmetic."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

_CALL = re.compile(r"^(?:(?:Stateful)?PartitionedCall(?:_\d+)?/)+")
_VIEWS = frozenset(("Identity", "NoOp", "Placeholder", "Const", "StopGradient"))


@dataclass(frozen=True)
class LiveGraph:
    """A graph by name. `live` holds the nodes that depend on an input, in graph order."""

    nodes: dict[str, Any]
    live: dict[str, Any]
    consumers: dict[str, tuple[str, ...]]

    def inputs(self, node: Any) -> list[str]:
        """Names of the nodes that feed this one, control edges left out."""
        return [node_name(name) for name in node.input if not name.startswith("^")]

    def operators(self) -> list[Any]:
        """Live nodes that do something."""
        return [node for node in self.live.values() if node.op not in _VIEWS]


def node_name(tensor: str) -> str:
    """The node of a tensor name: "a/b:1" -> "a/b"."""
    return tensor.split(":")[0]


def layer_name(node: str) -> str:
    """A node's name as its author gave it, without the calls it was in-lined from."""
    return _CALL.sub("", node)


def live_graph(graph_def: Any) -> LiveGraph:
    """The graph with what depends on its inputs; nodes may come in any order."""
    nodes = {node.name: node for node in graph_def.node}
    consumers: dict[str, list[str]] = defaultdict(list)
    for node in graph_def.node:
        for name in node.input:
            if not name.startswith("^"):  # inlined constants wait for the call, but need no input
                consumers[node_name(name)].append(node.name)
    reached: set[str] = set()
    frontier = [node.name for node in graph_def.node if node.op == "Placeholder"]
    while frontier:
        name = frontier.pop()
        if name not in reached:
            reached.add(name)
            frontier += consumers[name]
    live = {name: node for name, node in nodes.items() if name in reached}
    return LiveGraph(nodes, live, {name: tuple(users) for name, users in consumers.items()})
