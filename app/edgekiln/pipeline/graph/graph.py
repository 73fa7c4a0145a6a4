"""A `.tflite` as a typed graph: tensors and operators point at each other, not at indices.

Mutable, and only used inside `pipeline`: a pass edits it, `write_graph` makes the file. Whatever
of the file format is not modelled here is carried along untouched in `rest`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekiln.core.model import Quantization

# Tensor types numpy can hold as the file stores them.
_ARRAY_DTYPES = frozenset(
    [
        "float16",
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
    ]
)

# The format's offsets are signed 32-bit numbers, and the runtimes map a file whole.
MAX_BYTES = (1 << 31) - 1

_BITS = re.compile(r"\d+$")


@dataclass(eq=False)
class Tensor:
    """One tensor; a constant when `data` (little-endian, row-major) is there."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # numpy's name where numpy has the type, else the format's in lower case ("int4")
    data: bytes | None = None
    shape_signature: tuple[int, ...] | None = None  # with -1 for dynamic sizes
    rest: Any = None  # schema.TensorT: quantization, sparsity, variable, …

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def size_bytes(self) -> int:
        """What its values take at the shape in the file; a text counts nothing."""
        bits = 4 if self.dtype == "int4" else int((_BITS.search(self.dtype) or "8")[0])
        return 0 if self.dtype == "string" else -(-prod(self.shape) * bits // 8)

    @property
    def full_shape(self) -> tuple[int, ...]:
        """The shape with -1 where a size is dynamic."""
        signature = self.shape_signature
        return signature if signature and len(signature) == len(self.shape) else self.shape

    @property
    def quantization(self) -> Quantization | None:
        """The scales and zero points, None for a tensor that is not quantized."""
        stored = getattr(self.rest, "quantization", None)
        if stored is None or stored.scale is None or not len(stored.scale):
            return None
        scales = tuple(float(scale) for scale in stored.scale)
        points = tuple(int(point) for point in stored.zeroPoint) if _filled(stored) else ()
        return Quantization(scales, points or (0,) * len(scales), int(stored.quantizedDimension))

    def array(self) -> NDArray[Any]:
        """The constant's values (read-only); TypeError for a type numpy does not have."""
        if self.data is None or self.dtype not in _ARRAY_DTYPES:
            raise TypeError(f"{self.name!r} ({self.dtype}) holds no array")
        return np.frombuffer(self.data, self.dtype).reshape(self.shape)


def _filled(stored: Any) -> bool:
    return stored.zeroPoint is not None and len(stored.zeroPoint) > 0


def constant(name: str, values: NDArray[Any]) -> Tensor:
    """A new constant tensor holding `values`."""
    return Tensor(name, values.shape, values.dtype.name, np.ascontiguousarray(values).tobytes())


@dataclass(eq=False)
class Operator:
    """One operator: `name` as in the format ("CONV_2D"), or a custom operator's own name."""

    name: str
    version: int
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None  # schema.Conv2DOptionsT, …
    is_custom: bool = False
    intermediates: list[Tensor] = field(default_factory=list)
    rest: Any = None  # schema.OperatorT: custom options, second option union, …


@dataclass(eq=False)
class Subgraph:
    """Operators in the order they run; the first subgraph of a graph is the model's main one."""

    name: str
    tensors: list[Tensor]
    inputs: list[Tensor]
    outputs: list[Tensor]
    operators: list[Operator]
    rest: Any = None  # schema.SubGraphT


@dataclass(eq=False)
class SignatureEntry:
    """A named entry of the file: (name, tensor) of its inputs and outputs."""

    key: str
    subgraph: Subgraph
    inputs: list[tuple[str, Tensor]]
    outputs: list[tuple[str, Tensor]]


@dataclass(eq=False)
class Graph:
    """A whole file. `notes` is the format's metadata table: name -> bytes; `attached` the zip
    archive behind the model (see attached.py)."""

    subgraphs: list[Subgraph]
    signatures: list[SignatureEntry]
    notes: dict[str, bytes]
    description: str = ""
    attached: bytes = b""

    @property
    def main(self) -> Subgraph:
        return self.subgraphs[0]

    def operators(self) -> Iterator[Operator]:
        """Every operator of every subgraph."""
        for subgraph in self.subgraphs:
            yield from subgraph.operators

    def has_operator(self, *names: str) -> bool:
        """Whether any operator with one of these names is in the graph."""
        return any(operator.name in names for operator in self.operators())
