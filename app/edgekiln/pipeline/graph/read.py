"""A `.tflite` file into a graph. Loads the schema (0.2 s), never an interpreter."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.graph.attached import attached_archive
from edgekiln.pipeline.graph.graph import (
    MAX_BYTES,
    Graph,
    Operator,
    SignatureEntry,
    Subgraph,
    Tensor,
)

_IDENTIFIER = b"TFL3"
_GB = 1 << 30
# What the generated reader raises when an offset of a damaged file points anywhere.
_DAMAGE = (
    struct.error,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


def _names(enum: Any) -> dict[int, str]:
    return {code: name for name, code in vars(enum).items() if isinstance(code, int)}


_OPERATORS = _names(schema.BuiltinOperator)
_TYPES = {code: name.lower() for code, name in _names(schema.TensorType).items()}


def read_graph(path: Path) -> Graph:
    """The graph of a `.tflite`; UserError when there is no such file, it is damaged, over 2 GB, or
    its weights lie in another file."""
    data = _read_bytes(path)
    if data[4:8] != _IDENTIFIER:
        raise _not_a_model(path, say("It lacks the mark “TFL3” of a TensorFlow Lite file."))
    try:
        reader = _Reader(data)
        if reader.is_split:
            raise _split(path)
        return reader.graph()
    except _DAMAGE as error:
        raise _not_a_model(
            path, say("The file is cut off or damaged ({size} bytes).", size=len(data))
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise too_large(path, size)
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            say("“{path}” cannot be read.", path=str(path)),
            say("{kind}: {text}", kind=type(error).__name__, text=error.strerror or str(error)),
            say("Check the path and its permissions, then try again."),
        ) from error


def too_large(path: Path, size: int) -> UserError:
    """For a model of `size` bytes, read or to be written."""
    return UserError(
        say("“{path}” is too large for a .tflite model.", path=path.name),
        say(
            "It takes {size:.1f} GB; the format, and so every runtime, ends at 2 GB.",
            size=size / _GB,
        ),
        say("Use a smaller model, or split it into several that run one after another."),
    )


def _split(path: Path) -> UserError:
    return UserError(
        say("“{path}” does not hold its own weights.", path=path.name),
        say("They lie in another file, which no runtime on a box reads."),
        say("Export the model again as one single .tflite file."),
    )


def _not_a_model(path: Path, why: Text) -> UserError:
    return UserError(
        say("“{path}” is not a readable .tflite model.", path=path.name),
        why,
        say("Copy or export the file again and open the new one."),
    )


class _Reader:
    """One file being read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._model = schema.ModelT.InitFromPackedBuf(data, 0)
        self._buffers = [self._content(buffer) for buffer in self._model.buffers or []]
        self._model.buffers = []
        _detach(self._model)
        self._codes = [_code(code) for code in self._model.operatorCodes or []]

    @property
    def is_split(self) -> bool:
        """Whether weights lie in another file."""
        tensors = [t for part in self._model.subgraphs or [] for t in _list(part.tensors)]
        return bool(self._model.externalBuffers) or any(t.externalBuffer for t in tensors)

    def graph(self) -> Graph:
        model = self._model
        if not model.subgraphs:
            raise ValueError("no subgraph")
        subgraphs = [self._subgraph(item) for item in model.subgraphs]
        signatures = [_signature(item, subgraphs) for item in model.signatureDefs or []]
        notes = {_text(n.name): self._buffers[n.buffer] or b"" for n in model.metadata or []}
        archive = attached_archive(self._data)
        return Graph(subgraphs, signatures, notes, _text(model.description), archive)

    def _content(self, buffer: Any) -> bytes | None:
        # Writers of large files keep weights behind the flatbuffer: offset and size, not data.
        if buffer.offset > 1:
            return self._slice(buffer.offset, buffer.size)
        if buffer.data is None or not len(buffer.data):
            return None
        return bytes(memoryview(buffer.data))

    def _slice(self, offset: int, size: int) -> bytes:
        part = self._data[offset : offset + size]
        if len(part) != size:
            raise ValueError("a buffer lies behind the end of the file")
        return part

    def _subgraph(self, item: Any) -> Subgraph:
        tensors = [self._tensor(tensor) for tensor in _list(item.tensors)]
        return Subgraph(
            name=_text(item.name),
            tensors=tensors,
            inputs=[tensors[_index(i)] for i in _list(item.inputs)],
            outputs=[tensors[_index(i)] for i in _list(item.outputs)],
            operators=[self._operator(op, tensors) for op in _list(item.operators)],
            rest=item,
        )

    def _tensor(self, item: Any) -> Tensor:
        signature = item.shapeSignature
        return Tensor(
            name=_text(item.name),
            shape=tuple(int(size) for size in _list(item.shape)),
            dtype=_TYPES[item.type],
            data=self._buffers[item.buffer],
            shape_signature=None if signature is None else tuple(int(size) for size in signature),
            rest=item,
        )

    def _operator(self, item: Any, tensors: list[Tensor]) -> Operator:
        name, version, is_custom = self._codes[item.opcodeIndex]
        if item.largeCustomOptionsOffset > 1:
            options = self._slice(item.largeCustomOptionsOffset, item.largeCustomOptionsSize)
            item.customOptions = np.frombuffer(options, np.uint8)
        return Operator(
            name=name,
            version=version,
            inputs=[None if i < 0 else tensors[i] for i in _list(item.inputs)],
            outputs=[tensors[_index(i)] for i in _list(item.outputs)],
            options=item.builtinOptions,
            is_custom=is_custom,
            intermediates=[tensors[_index(i)] for i in _list(item.intermediates)],
            rest=item,
        )


def _detach(item: Any) -> None:
    """Copy the arrays of an unpacked table and of those in it: as they come they are views, and one
    of them would keep the bytes of the whole file."""
    for name, value in vars(item).items():
        if isinstance(value, np.ndarray):
            setattr(item, name, value.copy())
        elif isinstance(value, list):
            for each in value:
                if hasattr(each, "__dict__"):
                    _detach(each)
        elif hasattr(value, "__dict__"):
            _detach(value)


def _code(item: Any) -> tuple[str, int, bool]:
    # Codes up to 127 were once a byte of their own; whichever field is larger is the code.
    name = _OPERATORS[max(item.deprecatedBuiltinCode, item.builtinCode)]
    is_custom = name == "CUSTOM"
    return (_text(item.customCode) if is_custom else name), int(item.version), is_custom


def _signature(item: Any, subgraphs: list[Subgraph]) -> SignatureEntry:
    subgraph = subgraphs[item.subgraphIndex]

    def named(maps: Any) -> list[tuple[str, Tensor]]:
        return [(_text(m.name), subgraph.tensors[m.tensorIndex]) for m in maps or []]

    return SignatureEntry(
        _text(item.signatureKey), subgraph, named(item.inputs), named(item.outputs)
    )


def _list(items: Any) -> list[Any]:
    return [] if items is None else list(items)


def _index(index: int) -> int:
    if index < 0:
        raise IndexError(index)
    return index


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
