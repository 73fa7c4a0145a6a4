"""Which tensors of a graph calibration looks at, and what is special about some of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekiln.pipeline.graph.graph import Graph, Subgraph, Tensor

_NUMBERS = ("float", "int", "uint")
# What is cut off before these makes answers equal that were not; they compare or flatten values.
_DECIDING = frozenset(("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "ARG_MAX", "ARG_MIN", "TOPK_V2"))
_MOVING = frozenset(("RESHAPE", "SQUEEZE", "TRANSPOSE", "DEQUANTIZE", "EXPAND_DIMS"))


@dataclass(frozen=True)
class Watched:
    """`tensors`: (name, index, subgraph). `infinite`: names that may hold infinities, because a
    constant of the model does (the padding of a maximum, the mask of an attention). `whole`: names
    whose range is not to be cut."""

    tensors: tuple[tuple[str, int, int], ...]
    infinite: frozenset[str]
    whole: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self.tensors)


def watched(graph: Graph, key: str) -> Watched:
    """The computed tensors of the signature's subgraph, and of the subgraphs that its composite
    operators stand for; the ends of the signature's subgraph are whole."""
    entry = next((e for e in graph.signatures if e.key == key), None)
    main = graph.main if entry is None else entry.subgraph
    tensors: dict[str, tuple[str, int, int]] = {}
    infinite: set[Tensor] = set()
    for subgraph in _with_composites(graph, main):
        place = graph.subgraphs.index(subgraph)
        index = {tensor: i for i, tensor in enumerate(subgraph.tensors)}
        infinite |= _infinite(subgraph)
        for tensor in _computed(subgraph):
            tensors[tensor.name] = (tensor.name, index[tensor], place)
    return Watched(
        tuple(tensors.values()),
        frozenset(tensor.name for tensor in infinite),
        frozenset(tensor.name for tensor in (*main.inputs, *_whole(main))),
    )


def _with_composites(graph: Graph, subgraph: Subgraph) -> Iterator[Subgraph]:
    yield subgraph
    for operator in subgraph.operators:
        options = operator.options or getattr(operator.rest, "builtinOptions2", None)
        inner = getattr(options, "decompositionSubgraphIndex", None)
        if inner is not None:
            yield from _with_composites(graph, graph.subgraphs[inner])


def _computed(subgraph: Subgraph) -> Iterator[Tensor]:
    made = [tensor for operator in subgraph.operators for tensor in operator.outputs]
    for tensor in (*subgraph.inputs, *made):
        if tensor.name and not tensor.is_constant and tensor.dtype.startswith(_NUMBERS):
            yield tensor


def _infinite(subgraph: Subgraph) -> set[Tensor]:
    """What is computed, over however many operators, from a constant that holds infinities."""
    found: set[Tensor] = set()
    for operator in subgraph.operators:
        if any(t is not None and (t in found or _holds_infinity(t)) for t in operator.inputs):
            found.update(operator.outputs)
    return found


def _holds_infinity(tensor: Tensor) -> bool:
    return tensor.is_constant and tensor.dtype == "float32" and bool(np.isinf(tensor.array()).any())


def _whole(subgraph: Subgraph) -> set[Tensor]:
    """The outputs, and backwards through what decides or only moves values."""
    whole = set(subgraph.outputs)
    for operator in reversed(subgraph.operators):
        moved = operator.name in _MOVING and not whole.isdisjoint(operator.outputs)
        if moved or operator.name in _DECIDING:
            whole.update(t for t in operator.inputs[:1] if t is not None)
    return whole
