"""Multiply-accumulates of a graph, from its shapes."""

from __future__ import annotations

from math import prod

from edgekiln.core.model import DYNAMIC
from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor

_RECURRENT = frozenset(
    [
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        "BIDIRECTIONAL_SEQUENCE_RNN",
        "LSTM",
        "RNN",
        "SVDF",
    ]
)


def count_macs(graph: Graph) -> int | None:
    """Multiply-accumulates of one sample; None where a size besides the batch is dynamic.

    Convolutions, dense layers, matrix products and recurrent layers of the main subgraph.
    """
    subgraph = graph.main
    total = 0
    for operator in subgraph.operators:
        if _counts(operator) and _is_dynamic(operator):
            return None
        total += operator_macs(operator)
    return total // _batch(subgraph)


def operator_macs(operator: Operator) -> int:
    """Multiply-accumulates of one operator at the shapes in the file; 0 for one that has none."""
    shapes = [() if tensor is None else tensor.shape for tensor in operator.inputs]
    result = prod(operator.outputs[0].shape) if operator.outputs else 0
    match operator.name:
        case "CONV_2D":  # filter [out, kh, kw, in]
            return result * prod(shapes[1][1:])
        case "DEPTHWISE_CONV_2D":  # filter [1, kh, kw, out]
            return result * prod(shapes[1][1:3])
        case "CONV_3D":  # filter [kd, kh, kw, in, out]
            return result * prod(shapes[1][:4])
        case "TRANSPOSE_CONV":  # inputs: output shape, filter [out, kh, kw, in], x
            return prod(shapes[2]) * prod(shapes[1][:3])
        case "FULLY_CONNECTED":  # weights [out, in]
            return result * shapes[1][-1]
        case "BATCH_MATMUL":
            return result * shapes[0][-2 if operator.options.adjX else -1]
        case name if name in _RECURRENT:
            return _steps(shapes[0]) * _weights(operator)
    return 0


def _counts(operator: Operator) -> bool:
    return operator_macs(operator) > 0


def _is_dynamic(operator: Operator) -> bool:
    tensors = [operator.outputs[0], *(t for t in operator.inputs if t is not None)]
    return any(DYNAMIC in tensor.full_shape[1:] for tensor in tensors)


def _steps(shape: tuple[int, ...]) -> int:
    return prod(shape[:-1])


def _weights(operator: Operator) -> int:
    constants = [t for t in operator.inputs if t is not None and t.is_constant]
    return sum(prod(tensor.shape) for tensor in constants if len(tensor.shape) == 2)


def _batch(subgraph: Subgraph) -> int:
    """The batch size in the file: the first size all inputs and outputs share, else 1."""
    ends: list[Tensor] = [*subgraph.inputs, *subgraph.outputs]
    firsts = {tensor.shape[0] if len(tensor.shape) > 1 else 1 for tensor in ends}
    return max(firsts.pop(), 1) if len(firsts) == 1 else 1
