"""A `.tflite` as nested values to compare, and what its tensors and operators may carry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from hypothesis import strategies as st

# What the rebuilt file numbers anew; what it refers to is compared in its place.
_NUMBERING = {"buffers", "operatorCodes", "opcodeIndex", "buffer", "deprecatedBuiltinCode"}


def nothing(item: Any) -> dict[str, Any]:
    del item
    return {}


def plain(item: Any, meant: Callable[[Any], dict[str, Any]] = nothing) -> Any:
    """An object of the schema as plain values, absent and empty ones alike; `meant` adds to it."""
    if isinstance(item, np.ndarray):
        return item.tolist() or None
    if isinstance(item, list | tuple):
        return [plain(part, meant) for part in item] or None
    if isinstance(item, bytes):
        return item.decode("utf-8", "surrogateescape") or None
    if not hasattr(item, "__dict__"):
        return None if item == "" else item
    fields = {k: plain(v, meant) for k, v in vars(item).items() if k not in _NUMBERING}
    return {"is": type(item).__name__, **fields, **meant(item)}


class Tree:
    """A file as nested values, everything but how its buffers and operator codes are numbered."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._model = schema.ModelT.InitFromPackedBuf(data, 0)
        self.values = plain(self._model, self._meant)

    @property
    def is_behind(self) -> bool:
        """Whether weights lie behind the model, by offset."""
        return any(buffer.offset > 1 for buffer in self._model.buffers)

    def _meant(self, item: Any) -> dict[str, Any]:
        if isinstance(item, schema.OperatorT):
            code = self._model.operatorCodes[item.opcodeIndex]
            number = max(code.builtinCode, code.deprecatedBuiltinCode)
            return {"code": (number, code.version, plain(code.customCode))}
        if isinstance(item, schema.TensorT | schema.MetadataT):
            return {"content": self._content(self._model.buffers[item.buffer])}
        return {}

    def _content(self, buffer: Any) -> str | None:
        data = b"" if buffer.data is None else bytes(memoryview(buffer.data))
        if buffer.offset > 1:
            data = self._data[buffer.offset : buffer.offset + buffer.size]
        return hashlib.sha256(data).hexdigest() if data else None


def carried(rest: Any) -> dict[str, Any]:
    """What only the format knows of a tensor or operator, as a tree has it."""
    names = {
        schema.TensorT: ("quantization", "isVariable", "sparsity", "hasRank", "variantTensors"),
        schema.OperatorT: (
            *("customOptions", "mutatingVariableInputs", "debugMetadataIndex"),
            *("builtinOptions2Type", "builtinOptions2"),
        ),
    }[type(rest)]
    return {name: plain(getattr(rest, name)) for name in names}


def quantization(channels: int, axis: int, min_max: bool) -> Any:
    return schema.QuantizationParametersT(
        scale=np.linspace(0.5, 1, channels).astype(np.float32),
        zeroPoint=np.arange(channels),
        quantizedDimension=axis,
        min=np.zeros(1, np.float32) if min_max else None,
        max=np.ones(1, np.float32) if min_max else None,
    )


def _sparsity(size: int) -> Any:
    sparse = schema.DimensionMetadataT(
        format=schema.DimensionType.SPARSE_CSR,
        denseSize=size,
        arraySegmentsType=schema.SparseIndexVector.Int32Vector,
        arraySegments=schema.Int32VectorT(values=np.array([0, size], np.int32)),
        arrayIndicesType=schema.SparseIndexVector.Uint8Vector,
        arrayIndices=schema.Uint8VectorT(values=np.arange(size, dtype=np.uint8)),
    )
    order = np.arange(1, dtype=np.int32)
    return schema.SparsityParametersT(traversalOrder=order, dimMetadata=[sparse])


TENSORS = st.builds(
    schema.TensorT,
    quantization=st.none()
    | st.builds(quantization, st.integers(1, 5), st.integers(0, 3), st.booleans()),
    isVariable=st.booleans(),
    sparsity=st.none() | st.builds(_sparsity, st.integers(1, 9)),
    hasRank=st.booleans(),
    variantTensors=st.none()
    | st.builds(lambda rank: [schema.VariantSubTypeT(hasRank=rank)], st.booleans()),
)
_COMPOSITE = st.builds(
    lambda name: {
        "builtinOptions2Type": int(schema.BuiltinOptions2.StableHLOCompositeOptions),
        "builtinOptions2": schema.StableHLOCompositeOptionsT(name=name, version=3),
    },
    st.text("abc", min_size=1),
)
OPERATORS = st.builds(
    lambda custom, mutating, index, second: schema.OperatorT(
        customOptions=None if not custom else np.frombuffer(custom, np.uint8),
        mutatingVariableInputs=mutating,
        debugMetadataIndex=index,
        **second,
    ),
    st.binary(max_size=400),
    st.none() | st.lists(st.booleans(), min_size=1, max_size=3),
    st.integers(-1, 5),
    st.just({}) | _COMPOSITE,
)
