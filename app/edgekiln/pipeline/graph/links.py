"""Who makes a tensor and who reads it; and what nobody reads any more."""

from __future__ import annotations

from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor

# Operators that do something besides making their outputs.
SIDE_EFFECTS = frozenset(
    [
        "ASSIGN_VARIABLE",
        "CALL",
        "CALL_ONCE",
        "HASHTABLE",
        "HASHTABLE_IMPORT",
        "IF",
        "STABLEHLO_CUSTOM_CALL",
        "VAR_HANDLE",
        "WHILE",
    ]
)


class Links:
    """Producers and consumers of a subgraph's tensors, as they are when it is built."""

    def __init__(self, subgraph: Subgraph) -> None:
        self._producers: dict[Tensor, Operator] = {}
        self._consumers: dict[Tensor, list[Operator]] = {}
        self._ends = set(subgraph.outputs)
        for operator in subgraph.operators:
            for tensor in operator.outputs:
                self._producers[tensor] = operator
            for read in operator.inputs:
                if read is not None:
                    self._consumers.setdefault(read, []).append(operator)

    def producer(self, tensor: Tensor) -> Operator | None:
        """The operator that makes the tensor; None for inputs and constants."""
        return self._producers.get(tensor)

    def consumers(self, tensor: Tensor) -> list[Operator]:
        """The operators that read the tensor, once for each time they do."""
        return self._consumers.get(tensor, [])

    def is_end(self, tensor: Tensor) -> bool:
        """Whether the tensor is an output of the subgraph."""
        return tensor in self._ends

    def only_consumer(self, tensor: Tensor) -> Operator | None:
        """The one operator that reads the tensor; None when there are more, or it is an output."""
        readers = self.consumers(tensor)
        return readers[0] if len(readers) == 1 and not self.is_end(tensor) else None


def drop_dead(graph: Graph) -> None:
    """Remove operators whose results nobody reads, and tensors nobody names."""
    for subgraph in graph.subgraphs:
        while dead := dead_operators(graph, subgraph):
            subgraph.operators = [op for op in subgraph.operators if op not in dead]
        named = _named_tensors(graph, subgraph)
        subgraph.tensors = [tensor for tensor in subgraph.tensors if tensor in named]


def dead_operators(graph: Graph, subgraph: Subgraph) -> set[Operator]:
    """The operators whose results nobody reads, besides those that do something else as well."""
    read = set(subgraph.outputs) | _signature_tensors(graph, subgraph)
    for operator in subgraph.operators:
        read.update(tensor for tensor in operator.inputs if tensor is not None)
    return {
        operator
        for operator in subgraph.operators
        if operator.outputs
        and not operator.is_custom
        and operator.name not in SIDE_EFFECTS
        and read.isdisjoint(operator.outputs)
    }


def _named_tensors(graph: Graph, subgraph: Subgraph) -> set[Tensor]:
    named = set(subgraph.inputs) | set(subgraph.outputs) | _signature_tensors(graph, subgraph)
    for operator in subgraph.operators:
        named.update(tensor for tensor in operator.inputs if tensor is not None)
        named.update(operator.outputs)
        named.update(operator.intermediates)
    return named


def _signature_tensors(graph: Graph, subgraph: Subgraph) -> set[Tensor]:
    entries = [entry for entry in graph.signatures if entry.subgraph is subgraph]
    return {tensor for entry in entries for _, tensor in entry.inputs + entry.outputs}
