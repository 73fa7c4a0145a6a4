"""A `.tflite` the user already has, taken as an artifact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgekiln import __version__
from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan
from edgekiln.core.text import say
from edgekiln.pipeline.convert.choose import choose_signature
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.describe import DEFAULT_KEY, FLEX, flex_operators, signatures_of
from edgekiln.pipeline.graph.graph import Graph, SignatureEntry, Tensor
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph

VARIABLE_OPERATORS = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")


def take(source: ModelSource, plan: ConvertPlan, target: Path) -> Artifact:
    """A copy with nothing changed; only a missing signature is added, because quantizers and
    runtimes are spoken to by its names. UserError for a file with variables or TensorFlow
    operators (Flex) left in it."""
    graph = read_graph(source.path)
    if graph.has_operator(*VARIABLE_OPERATORS):
        raise UserError(
            say("“{path}” cannot be fused or quantized.", path=source.path.name),
            say("It was not frozen before it was converted: its weights are variables."),
            say("Open the SavedModel it was made from; EdgeKiln freezes it first."),
        )
    check_flex(graph, source.path)
    if graph.signatures:
        copy_atomic(source.path, target)
    else:
        _name_signature(graph)
        write_graph(graph, target)
    artifact = artifact_of(
        target,
        scheme=scheme_of(graph),
        made_from=source.fingerprint,
        made_by=(("edgekiln", __version__),),
    )
    signature = choose_signature(signatures_of(read_graph(target)), plan.signature)
    return replace(artifact, signature=signature)


def check_flex(graph: Graph, path: Path) -> None:
    """UserError when a file needs TensorFlow's own operators on the box."""
    if flex := flex_operators(graph):
        places = (f"{name.removeprefix(FLEX)} ({place})" for name, place in flex.items())
        raise UserError(
            say("“{path}” needs TensorFlow itself on the box (Flex).", path=path.name),
            say("Operators a plain runtime does not have: {names}.", names=", ".join(places)),
            say("Open the SavedModel it was made from, without these operators."),
        )


def _name_signature(graph: Graph) -> None:
    def named(tensors: list[Tensor]) -> list[tuple[str, Tensor]]:
        return [(tensor.name, tensor) for tensor in tensors]

    main = graph.main
    entry = SignatureEntry(DEFAULT_KEY, main, named(main.inputs), named(main.outputs))
    graph.signatures.append(entry)


def scheme_of(graph: Graph) -> SchemeName:
    """How a file is already quantized, by the types in it."""
    tensors = [tensor for subgraph in graph.subgraphs for tensor in subgraph.tensors]
    flowing = {t.dtype for t in tensors if not t.is_constant and t.quantization is not None}
    constant = {t.dtype for t in tensors if t.is_constant and t.quantization is not None}
    if "int16" in flowing:
        return "mixed" if "int8" in flowing else "int16x8"
    if flowing & {"int8", "uint8"}:
        edges = {tensor.dtype for tensor in graph.main.inputs}
        if "float32" in edges:
            return "int8-float-io"
        return "int8-uint8-io" if "int8" in flowing and "uint8" in edges else "int8"
    if constant & {"int8", "uint8", "int4"}:
        if not graph.has_operator("DEQUANTIZE"):
            return "dynamic-range"
        return "weight-int4" if "int4" in constant else "weight-int8"
    return "float16" if any(t.is_constant and t.dtype == "float16" for t in tensors) else "float32"
