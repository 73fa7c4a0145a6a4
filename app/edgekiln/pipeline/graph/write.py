"""A graph into a `.tflite` file, complete or not at all."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.files import write_atomic
from edgekiln.pipeline.graph.attached import behind
from edgekiln.pipeline.graph.graph import (
    MAX_BYTES,
    Graph,
    Operator,
    SignatureEntry,
    Subgraph,
    Tensor,
)
from edgekiln.pipeline.graph.read import too_large

_SCHEMA_VERSION = 3
_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # force_align of Buffer.data in the schema; the generated packer ignores it
_WIDE = 8  # bytes of a number whose vectors are shared
_ROOM = 1024  # bytes for a tensor or operator besides its weights
_LAST_BYTE_CODE = 127  # PLACEHOLDER_FOR_GREATER_OP_CODES


def write_graph(graph: Graph, path: Path) -> None:
    """Write the graph as a `.tflite`, replacing `path` atomically; UserError, and nothing touched,
    when it is over 2 GB."""
    if (size := _room(graph)) > MAX_BYTES:
        raise too_large(path, size)
    write_atomic(path, _packed(graph))


def to_bytes(graph: Graph) -> bytes:
    """The graph as the bytes of a `.tflite`."""
    return bytes(_packed(graph))


def _packed(graph: Graph) -> bytes | memoryview:
    """The file in the builder's own memory: weights are there once more, and no third time (but
    with an archive behind them)."""
    # Too small a start would be doubled, and all that is there copied.
    builder = _Builder(_room(graph))
    builder.Finish(_Writer(graph).model().Pack(builder), _IDENTIFIER)
    model = memoryview(builder.Bytes)[builder.Head() :]
    return bytes(model) + behind(graph.attached, len(model)) if graph.attached else model


def _room(graph: Graph) -> int:
    """Bytes the file takes at most: constants, each once, and notes, and room for the rest."""
    tensors = [tensor for part in graph.subgraphs for tensor in part.tensors]
    parts = [tensor.data for tensor in tensors] + [*graph.notes.values(), graph.attached]
    sizes = {id(data): len(data) + _ALIGNMENT for data in parts if data is not None}
    operators = [operator.rest for operator in graph.operators()]
    sizes |= {id(rest): len(rest.customOptions) for rest in operators if _is_custom(rest)}
    items = len(tensors) + len(operators)
    return sum(sizes.values()) + items * _ROOM + (1 << 16)


def _is_custom(rest: Any) -> bool:
    return rest is not None and rest.customOptions is not None


class _Builder(flatbuffers.Builder):  # type: ignore[misc]  # it has no types
    """Writes equal vectors of eight-byte numbers once: the zero points of weights and biases, one
    per channel, are all zero. No others: what was built has its short ones as lists, which do not
    come this way, and a graph must give the same bytes before and after it was read."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], Any] = {}

    def CreateNumpyVector(self, x: Any) -> Any:
        if x.dtype.itemsize < _WIDE:
            return super().CreateNumpyVector(x)
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


class _Buffer:
    """A buffer that packs itself aligned, as the runtimes expect it."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data

    def Pack(self, builder: Any) -> Any:
        vector = None if self.data is None else _aligned_vector(builder, self.data)
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


def _aligned_vector(builder: Any, data: bytes) -> Any:
    builder.StartVector(1, len(data), _ALIGNMENT)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return builder.EndVector()


class _Writer:
    """One graph being written."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._buffers = [_Buffer(None)]  # by convention the first buffer is empty
        self._shared: dict[bytes, int] = {}  # equal constants share a buffer
        self._codes: dict[tuple[str, int, bool], int] = {}

    def model(self) -> Any:
        graph = self._graph
        model = schema.ModelT(version=_SCHEMA_VERSION, description=graph.description)
        model.subgraphs = [self._subgraph(subgraph) for subgraph in graph.subgraphs]
        model.operatorCodes = [_code(*key) for key in self._codes]
        model.signatureDefs = [self._signature(entry) for entry in graph.signatures] or None
        model.metadata = [
            schema.MetadataT(name=name, buffer=self._buffer(data))
            for name, data in graph.notes.items()
        ] or None
        model.buffers = self._buffers
        return model

    def _buffer(self, data: bytes | None) -> int:
        if data is not None and data in self._shared:
            return self._shared[data]
        self._buffers.append(_Buffer(data))
        index = len(self._buffers) - 1
        if data is not None:
            self._shared[data] = index
        return index

    def _subgraph(self, subgraph: Subgraph) -> Any:
        index = {tensor: i for i, tensor in enumerate(subgraph.tensors)}
        item = schema.SubGraphT() if subgraph.rest is None else copy.copy(subgraph.rest)
        item.name = subgraph.name
        item.tensors = [self._tensor(tensor) for tensor in subgraph.tensors]
        item.inputs = [index[tensor] for tensor in subgraph.inputs]
        item.outputs = [index[tensor] for tensor in subgraph.outputs]
        item.operators = [self._operator(operator, index) for operator in subgraph.operators]
        return item

    def _tensor(self, tensor: Tensor) -> Any:
        item = schema.TensorT(hasRank=True) if tensor.rest is None else copy.copy(tensor.rest)
        item.name = tensor.name.encode("utf-8", "surrogateescape")
        if tensor.shape or tensor.rest is None or item.shape is not None:  # else of unknown rank
            item.shape = np.array(tensor.shape, np.int32)
        signature = tensor.shape_signature
        item.shapeSignature = None if signature is None else np.array(signature, np.int32)
        item.type = getattr(schema.TensorType, tensor.dtype.upper())
        item.buffer = self._buffer(tensor.data)
        return item

    def _operator(self, operator: Operator, index: dict[Tensor, int]) -> Any:
        item = schema.OperatorT() if operator.rest is None else copy.copy(operator.rest)
        key = (operator.name, operator.version, operator.is_custom)
        item.opcodeIndex = self._codes.setdefault(key, len(self._codes))
        item.inputs = [-1 if tensor is None else index[tensor] for tensor in operator.inputs]
        item.outputs = [index[tensor] for tensor in operator.outputs]
        item.intermediates = [index[tensor] for tensor in operator.intermediates] or None
        item.builtinOptions = operator.options
        item.builtinOptionsType = _options_type(operator.options)
        item.largeCustomOptionsOffset = item.largeCustomOptionsSize = 0
        return item

    def _signature(self, entry: SignatureEntry) -> Any:
        index = {tensor: i for i, tensor in enumerate(entry.subgraph.tensors)}

        def maps(pairs: list[tuple[str, Tensor]]) -> list[Any]:
            return [schema.TensorMapT(name=n, tensorIndex=index[tensor]) for n, tensor in pairs]

        return schema.SignatureDefT(
            inputs=maps(entry.inputs),
            outputs=maps(entry.outputs),
            signatureKey=entry.key,
            subgraphIndex=self._graph.subgraphs.index(entry.subgraph),
        )


def _code(name: str, version: int, is_custom: bool) -> Any:
    code = getattr(schema.BuiltinOperator, "CUSTOM" if is_custom else name)
    return schema.OperatorCodeT(
        deprecatedBuiltinCode=min(code, _LAST_BYTE_CODE),
        builtinCode=code,
        customCode=name if is_custom else None,
        version=version,
    )


def _options_type(options: Any) -> int:
    if options is None:
        return int(schema.BuiltinOptions.NONE)
    return int(getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T")))
