"""Borders between int8 and int16 in a form that old runtimes have, too.

ai-edge-quantizer puts one QUANTIZE there. From int8 to int16 that is a kernel of newer runtimes:
tflite-runtime 2.14 refuses it ("output->type == kTfLiteUInt8 || output->type == kTfLiteInt8 was not
true"). By way of float every runtime with int16 kernels has it.
"""

from __future__ import annotations

from edgekiln.pipeline.graph.graph import Graph, Operator, Subgraph, Tensor

_NARROW = frozenset(("int8", "uint8"))


def widen_by_float(graph: Graph) -> int:
    """Replace every QUANTIZE from 8 to 16 bits by DEQUANTIZE and QUANTIZE; returns how many."""
    return sum(_widen(subgraph) for subgraph in graph.subgraphs)


def _widen(subgraph: Subgraph) -> int:
    widening = [operator for operator in subgraph.operators if _widens(operator)]
    floats: dict[Tensor, Tensor] = {}  # one DEQUANTIZE for all readers of a tensor
    operators: list[Operator] = []
    for operator in subgraph.operators:
        source = operator.inputs[0] if operator in widening else None
        if source is not None and source not in floats:
            floats[source] = _float_of(source)
            operators.append(Operator("DEQUANTIZE", 2, [source], [floats[source]]))
        if source is not None:
            operator.inputs = [floats[source]]
        operators.append(operator)
    subgraph.operators = operators
    subgraph.tensors.extend(floats.values())
    return len(widening)


def _float_of(source: Tensor) -> Tensor:
    name, signature = f"{source.name}_widened", source.shape_signature
    return Tensor(name, source.shape, "float32", shape_signature=signature)


def _widens(operator: Operator) -> bool:
    source = operator.inputs[0] if operator.name == "QUANTIZE" else None
    return source is not None and source.dtype in _NARROW and operator.outputs[0].dtype == "int16"
