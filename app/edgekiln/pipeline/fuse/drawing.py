"""A graph as the window draws it."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.drawing import Drawing, Node
from edgekiln.pipeline.fuse.layers import CONVOLUTIONS
from edgekiln.pipeline.fuse.names import fused_name
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor

_WINDOWS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")


def draw(graph: Graph) -> Drawing:
    """The main subgraph: its inputs, then its operators in the order they run."""
    ends = set(graph.main.outputs)
    makers: dict[Tensor, int] = {}
    nodes: list[Node] = []
    for tensor in graph.main.inputs:
        makers[tensor] = len(nodes)
        nodes.append(_input(tensor, is_output=tensor in ends))
    for operator in graph.main.operators:
        read = tuple(dict.fromkeys(makers[t] for t in operator.inputs if t in makers))
        makers |= dict.fromkeys(operator.outputs, len(nodes))
        is_output = not ends.isdisjoint(operator.outputs)
        nodes.append(_drawn(operator, read, is_output=is_output))
    return Drawing(tuple(nodes))


def _input(tensor: Tensor, *, is_output: bool) -> Node:
    return Node("INPUT", "", "", tensor.full_shape, tensor.dtype, tensor.name, (), is_output)


def _drawn(operator: Operator, inputs: tuple[int, ...], *, is_output: bool) -> Node:
    result = operator.outputs[0] if operator.outputs else None
    return Node(
        operator.name,
        fused_name(operator),
        _detail(operator),
        () if result is None else result.full_shape,
        "" if result is None else result.dtype,
        "" if result is None else result.name,
        inputs,
        is_output,
    )


def _detail(operator: Operator) -> str:
    """Kernel, stride, dilation and padding of what slides over a picture."""
    options = operator.options
    if operator.name in CONVOLUTIONS:
        weights = operator.inputs[1]
        assert weights is not None
        height, width = weights.shape[1:3]
        dilation = max(options.dilationHFactor, options.dilationWFactor, 1)
    elif operator.name in _WINDOWS:
        height, width, dilation = options.filterHeight, options.filterWidth, 1
    else:
        return ""
    words = [f"{height}×{width}"]
    if (stride := max(options.strideH, options.strideW)) > 1:
        words.append(f"/{stride}")
    if dilation > 1:
        words.append(f"dilated {dilation}")
    if (height, width) != (1, 1) and options.padding == schema.Padding.SAME:
        words.append("SAME")
    return " ".join(words)
