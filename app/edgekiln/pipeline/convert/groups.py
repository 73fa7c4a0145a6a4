"""Groups in the frozen graph, before conversion: convolution or Dense, BatchNorm, activation.

The converter folds most of them into one operator; `fuse` tells which by the names kept here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from edgekiln.core.codec import encode
from edgekiln.core.files import write_atomic
from edgekiln.core.fusion import SourceGroup
from edgekiln.pipeline.convert.live import LiveGraph, layer_name, live_graph

SOURCE_GROUPS = "source_groups.json"

_ANCHORS = {
    "Conv2D": "Conv2D",
    "Conv3D": "Conv3D",
    "DepthwiseConv2dNative": "DepthwiseConv2D",
    "Conv2DBackpropInput": "TransposedConv2D",
    "MatMul": "Dense",
}
_ACTIVATIONS = frozenset(("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh"))
_NORMS = frozenset(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"))
_BATCH_NORM, _AFFINE = "BatchNorm", "Affine"
_NORM_WORDS = frozenset((_BATCH_NORM, _AFFINE))
_ADDS = frozenset(("Add", "AddV2", "Sub"))
_VIEWS = frozenset(("Identity", "Squeeze", "Reshape", "ExpandDims", "BatchToSpaceND"))


@dataclass
class _Chain:
    """A group being followed: names of its members and the words of its pattern."""

    members: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def add(self, word: str, *members: str) -> None:
        """One more part: its word and its nodes."""
        self.words.append(word)
        self.members += members


def source_groups(graph_def: Any) -> tuple[SourceGroup, ...]:
    """All groups of a frozen graph, in the order of their operators."""
    graph = live_graph(graph_def)
    taken: set[str] = set()
    groups: list[SourceGroup] = []
    # Anchors first, so that what follows one is not taken for a BatchNorm on its own.
    for heads in (_anchors(graph), _norms(graph)):
        for head in heads:
            if head in taken:
                continue
            chain = _follow(graph, head)
            taken.update(chain.members)
            if len(chain.words) > 1 or chain.words == [_BATCH_NORM]:
                groups.append(_group(chain))
    return tuple(groups)


def write_groups(groups: tuple[SourceGroup, ...], folder: Path) -> None:
    """Leave the groups beside the artifact."""
    data = json.dumps(encode(groups), ensure_ascii=False, indent=1)
    write_atomic(folder / SOURCE_GROUPS, data.encode())


def _anchors(graph: LiveGraph) -> Iterator[str]:
    for name, node in graph.live.items():
        weights = graph.inputs(node)[1:2]
        if node.op in _ANCHORS and all(weight not in graph.live for weight in weights):
            yield name


def _norms(graph: LiveGraph) -> Iterator[str]:
    for name, node in graph.live.items():
        if node.op in _NORMS or _scale_word(graph, node):
            yield name


def _group(chain: _Chain) -> SourceGroup:
    head = layer_name(chain.members[0])
    place = head.rsplit("/", 1)[0] if "/" in head else head
    return SourceGroup(
        " + ".join(chain.words),
        place.removesuffix("/batchnorm"),
        tuple(chain.members),
        chain.members[-1],
    )


def _follow(graph: LiveGraph, head: str) -> _Chain:
    """The head with the bias, BatchNorm and activation behind it; views between are looked
    through and left out."""
    chain = _Chain()
    node = graph.live[head]
    if node.op in _ANCHORS:
        chain.add(_ANCHORS[node.op], head)
    elif (norm := _norm(graph, node)) is not None:
        chain.add(*norm)
    while chain.members and _grow(graph, chain):
        pass
    return chain


def _grow(graph: LiveGraph, chain: _Chain) -> bool:
    """Add the next part; False where the group ends."""
    is_normed = not _NORM_WORDS.isdisjoint(chain.words)
    for node in _next(graph, chain.members[-1]):
        if node.op in _ACTIVATIONS:
            chain.add(node.op, node.name)
            return False  # an activation is the end of what one operator can do
        if is_normed:
            continue
        if (norm := _norm(graph, node)) is not None:
            chain.add(*norm)
            return True
        if _is_bias(graph, node):
            chain.members.append(node.name)
            return True
    return False


def _next(graph: LiveGraph, name: str) -> Iterator[Any]:
    """The consumers of a node's result, views looked through."""
    for consumer in graph.consumers.get(name, ()):
        node = graph.live.get(consumer)
        if node is None or name not in graph.inputs(node):
            continue
        if node.op in _VIEWS:
            yield from _next(graph, consumer)
        else:
            yield node


def _norm(graph: LiveGraph, node: Any) -> tuple[str, ...] | None:
    """A BatchNorm that starts at `node`, as its word and the names of its nodes: fused, or spelled
    out as x * scale + shift (Keras 3, and Grappler's decomposition)."""
    if node.op in _NORMS:
        return (_BATCH_NORM, node.name)
    word = _scale_word(graph, node)
    if not word:
        return None
    shift = next((n for n in _next(graph, node.name) if _is_bias(graph, n)), None)
    return None if shift is None else (word, node.name, shift.name)


def _scale_word(graph: LiveGraph, node: Any) -> str:
    """For x * constant: "BatchNorm" when a Rsqrt made the constant, "Affine" for another vector."""
    if node.op != "Mul":
        return ""
    for name in graph.inputs(node):
        if name not in graph.live:
            makers = list(_makers(graph, name))
            if any(maker.op == "Rsqrt" for maker in makers):
                return _BATCH_NORM
            return _AFFINE if any(_is_vector(maker) for maker in makers) else ""
    return ""


def _makers(graph: LiveGraph, name: str) -> Iterator[Any]:
    """The node and everything it is computed from."""
    seen: set[str] = set()
    frontier = [name]
    while frontier:
        node = graph.nodes.get(frontier.pop())
        if node is not None and node.name not in seen:
            seen.add(node.name)
            frontier += graph.inputs(node)
            yield node


def _is_vector(node: Any) -> bool:
    sizes = [int(d.size) for d in node.attr["value"].tensor.tensor_shape.dim]
    return node.op == "Const" and prod(sizes) > 1


def _is_bias(graph: LiveGraph, node: Any) -> bool:
    """x + constant."""
    if node.op == "BiasAdd":
        return True
    return node.op in _ADDS and any(name not in graph.live for name in graph.inputs(node))
