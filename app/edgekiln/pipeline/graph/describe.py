"""What can be said of a `.tflite` without running it."""

from __future__ import annotations

import re
from collections import Counter
from math import prod

from edgekiln.core.model import (
    DYNAMIC,
    InspectedModel,
    ModelSource,
    OperatorCount,
    Signature,
    TensorSpec,
)
from edgekiln.core.text import Text, say
from edgekiln.pipeline.graph.graph import Graph, Subgraph, Tensor
from edgekiln.pipeline.graph.macs import count_macs
from edgekiln.pipeline.graph.read import read_graph

DEFAULT_KEY = "serving_default"
FLEX = "Flex"
_RELEASE = re.compile(rb"\d+\.\d+\.\d+[\w.+-]*")


def describe_tflite(source: ModelSource) -> InspectedModel:
    """Signatures, operators, parameters and MACs of a `.tflite`; UserError for a damaged file."""
    graph = read_graph(source.path)
    return InspectedModel(
        source=source,
        tags=(),
        signatures=signatures_of(graph),
        tensorflow_version=_converter_release(graph),
        operators=count_operators(graph),
        parameters=count_parameters(graph),
        macs=count_macs(graph),
        size_bytes=source.path.stat().st_size,
        notes=_notes(graph),
        obstacles=_obstacles(graph),
    )


def signatures_of(graph: Graph) -> tuple[Signature, ...]:
    """The file's signatures, or one made from the main subgraph's inputs and outputs."""
    if graph.signatures:
        return tuple(
            Signature(entry.key, _specs(entry.inputs), _specs(entry.outputs))
            for entry in graph.signatures
        )
    return (_made_signature(graph.main),)


def signature_of(graph: Graph) -> Signature:
    """The default signature: `serving_default` if there is one, else the first."""
    found = signatures_of(graph)
    return next((signature for signature in found if signature.key == DEFAULT_KEY), found[0])


def count_operators(graph: Graph) -> tuple[OperatorCount, ...]:
    """How often each operator occurs, the most frequent first."""
    counts = Counter(operator.name for operator in graph.operators())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(OperatorCount(name, count) for name, count in ordered)


def count_parameters(graph: Graph) -> int:
    """The numbers in weights and biases: float constants and quantized ones, each counted once."""
    weights: dict[int, int] = {}
    for subgraph in graph.subgraphs:
        for tensor in subgraph.tensors:
            if tensor.data is not None and (_is_float(tensor) or tensor.quantization is not None):
                weights[id(tensor.data)] = prod(tensor.shape)
    return sum(weights.values())


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype in ("float16", "float32", "float64", "bfloat16")


def _specs(pairs: list[tuple[str, Tensor]]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, tensor.full_shape, tensor.dtype, tensor.quantization)
        for name, tensor in pairs
    )


def _made_signature(subgraph: Subgraph) -> Signature:
    return Signature(
        DEFAULT_KEY,
        _specs([(tensor.name, tensor) for tensor in subgraph.inputs]),
        _specs([(tensor.name, tensor) for tensor in subgraph.outputs]),
    )


def _notes(graph: Graph) -> tuple[Text, ...]:
    notes: list[Text] = []
    own = sorted({o.name for o in graph.operators() if o.is_custom} - set(flex_operators(graph)))
    if own:
        notes.append(say("Needs custom operators: {names}.", names=", ".join(own)))
    if graph.has_operator("VAR_HANDLE", "READ_VARIABLE"):
        notes.append(
            say("Variables are left in the graph: it was not frozen, so nothing can be fused.")
        )
    if not graph.signatures:
        notes.append(say("The file has no signature; inputs and outputs go by tensor name."))
    if any(DYNAMIC in tensor.full_shape for tensor in graph.main.inputs):
        notes.append(say("Some input sizes are dynamic."))
    return tuple(notes)


def _obstacles(graph: Graph) -> tuple[Text, ...]:
    flex = flex_operators(graph)
    if not flex:
        return ()
    places = (f"{name.removeprefix(FLEX)} ({place})" for name, place in flex.items())
    return (
        say(
            "Needs TensorFlow operators a plain runtime does not have: {names}.",
            names=", ".join(places),
        ),
    )


def flex_operators(graph: Graph) -> dict[str, str]:
    """Operators only a runtime with TensorFlow in it has, by name, with the tensor one makes."""
    found = (o for o in graph.operators() if o.is_custom and o.name.startswith(FLEX))
    return {o.name: o.outputs[0].name if o.outputs else "" for o in found}


def _converter_release(graph: Graph) -> str:
    """The TensorFlow release in the converter's own note; "" when there is none."""
    # A flatbuffer with one readable release number in it: its own schema is not worth loading.
    found = _RELEASE.search(graph.notes.get("CONVERSION_METADATA", b""))
    return found.group().decode() if found else ""
