"""Edits many passes need: a tensor renamed, an operator bypassed, a result made a step earlier."""

from __future__ import annotations

from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor
from edgekiln.pipeline.graph.links import Links, drop_dead


def rename(subgraph: Subgraph, tensor: Tensor, role: str) -> None:
    """A new name for a tensor whose values change: under the old one the proof would find it."""
    tensor.name = unused_name(subgraph, f"{tensor.name}/edgekiln/{role}")


def unused_name(subgraph: Subgraph, name: str) -> str:
    """The name, with a number behind it where another tensor has it already."""
    names = {tensor.name for tensor in subgraph.tensors}
    unused, count = name, 1
    while unused in names:
        count += 1
        unused = f"{name}_{count}"
    return unused


def emit_as(source: Tensor, result: Tensor, links: Links) -> None:
    """Let the operator that makes `source`, read by nobody else, make `result` in its place."""
    producer = links.producer(source)
    assert producer is not None
    producer.outputs[producer.outputs.index(source)] = result


def can_bypass(source: Tensor, result: Tensor, links: Links) -> bool:
    """Whether readers of `result` could read `source`: one of the two names has to stay."""
    if source.full_shape != result.full_shape or source.dtype != result.dtype:
        return False
    if source.quantization is not None or result.quantization is not None:
        return False
    if not links.is_end(result):
        return True
    return not links.is_end(source) and links.producer(source) is not None


def bypass(graph: Graph, subgraph: Subgraph, operator: Operator) -> None:
    """Take out an operator whose result equals its first input; an output keeps its name."""
    source, result = operator.inputs[0], operator.outputs[0]
    assert source is not None
    links = Links(subgraph)
    subgraph.operators.remove(operator)
    if links.is_end(result):
        emit_as(source, result, links)
        source, result = result, source
    for reader in links.consumers(result):
        reader.inputs = [source if read is result else read for read in reader.inputs]
    drop_dead(graph)
