"""Small graphs for tests, put together operator by operator and written as real `.tflite` files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgekiln.core.artifact import Artifact
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.graph import (
    Graph,
    Operator,
    SignatureEntry,
    Subgraph,
    Tensor,
    constant,
)
from edgekiln.pipeline.graph.write import write_graph

ACTIVATIONS = {"": 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3, "tanh": 4}
Floats = NDArray[Any]


class GraphBuilder:
    """One subgraph being built; every method adds an operator and returns its output."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self._subgraph = Subgraph("main", [], [], [], [])

    @property
    def inputs(self) -> list[Tensor]:
        return self._subgraph.inputs

    def input(self, shape: tuple[int, ...], name: str = "x") -> Tensor:
        tensor = self._tensor(name, shape)
        self._subgraph.inputs.append(tensor)
        return tensor

    def affine(self, kind: str, x: Tensor, values: Any, activation: str = "") -> Tensor:
        """MUL, ADD, SUB or DIV by a constant."""
        return self._two(kind, x, self.constant(values), x.shape, activation)

    def affine_from(self, kind: str, values: Any, x: Tensor) -> Tensor:
        """The same with the constant first: constant - x."""
        return self._two(kind, self.constant(values), x, x.shape, "")

    def add(self, left: Tensor, right: Tensor) -> Tensor:
        """ADD of two tensors that are computed."""
        return self._two("ADD", left, right, left.shape, "")

    def relu(self, x: Tensor) -> Tensor:
        return self._operator("RELU", [x], x.shape, None)

    def conv(
        self,
        x: Tensor,
        filters: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        same: bool = False,
        dilation: int = 1,
        groups: int = 1,
        activation: str = "",
        weights: Tensor | None = None,
        widths: tuple[float, ...] = (1.0,),
    ) -> Tensor:
        """`widths`: how wide the weights of each filter are, over and over."""
        channels = x.shape[3] // groups
        if weights is None:
            values = self.random.normal(size=(filters, kernel, kernel, channels)) / channels**0.5
            values *= np.resize(widths, filters).reshape(-1, 1, 1, 1)
            weights = self.constant(values)
        options = schema.Conv2DOptionsT(
            padding=schema.Padding.SAME if same else schema.Padding.VALID,
            strideH=stride,
            strideW=stride,
            dilationHFactor=dilation,
            dilationWFactor=dilation,
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        inputs = [x, weights, self.normal(filters)]
        height, width = (_out(size, kernel, stride, dilation, same=same) for size in x.shape[1:3])
        version = 6 if groups > 1 else 1
        shape = (x.shape[0], height, width, filters)
        return self._operator("CONV_2D", inputs, shape, options, version)

    def depthwise(
        self,
        x: Tensor,
        kernel: int,
        *,
        multiplier: int = 1,
        same: bool = False,
        stride: int = 1,
        activation: str = "",
    ) -> Tensor:
        filters = x.shape[3] * multiplier
        options = schema.DepthwiseConv2DOptionsT(
            padding=schema.Padding.SAME if same else schema.Padding.VALID,
            strideH=stride,
            strideW=stride,
            depthMultiplier=multiplier,
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        inputs = [x, self.normal(1, kernel, kernel, filters), self.normal(filters)]
        height, width = (_out(size, kernel, stride, 1, same=same) for size in x.shape[1:3])
        return self._operator("DEPTHWISE_CONV_2D", inputs, (1, height, width, filters), options)

    def dense(self, x: Tensor, units: int, *, bias: bool = True) -> Tensor:
        size = int(np.prod(x.shape[1:]))
        inputs = [x, self.normal(units, size), *([self.normal(units)] if bias else [])]
        options = schema.FullyConnectedOptionsT()
        return self._operator(
            "FULLY_CONNECTED", inputs, (x.shape[0], units), options, 1 if bias else 6
        )

    def flatten(self, x: Tensor) -> Tensor:
        shape = (x.shape[0], int(np.prod(x.shape[1:])))
        target = constant(self._name("shape"), np.array(shape, np.int32))
        self._subgraph.tensors.append(target)
        return self._operator("RESHAPE", [x, target], shape, schema.ReshapeOptionsT(newShape=shape))

    def concat(self, *parts: Tensor, axis: int = 3) -> Tensor:
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        options = schema.ConcatenationOptionsT(axis=axis)
        return self.op("CONCATENATION", [*parts], tuple(shape), options)

    def split(self, x: Tensor, count: int) -> list[Tensor]:
        """Equal parts of the last axis."""
        shape = (*x.shape[:-1], x.shape[-1] // count)
        axis = self.integers(len(shape) - 1)
        options = schema.SplitOptionsT(numSplits=count)
        first = self.op("SPLIT", [axis, x], shape, options)
        rest = [self._tensor(self._name("split"), shape) for _ in range(count - 1)]
        self._subgraph.operators[-1].outputs.extend(rest)
        return [first, *rest]

    def pool(
        self,
        kind: str,
        x: Tensor,
        activation: str = "",
        *,
        same: bool = False,
        size: int = 2,
        stride: int = 1,
    ) -> Tensor:
        """MAX or AVERAGE over size x size."""
        options = schema.Pool2DOptionsT(
            padding=schema.Padding.SAME if same else schema.Padding.VALID,
            strideH=stride,
            strideW=stride,
            filterHeight=size,
            filterWidth=size,
            fusedActivationFunction=ACTIVATIONS[activation],
        )
        height, width = (_out(length, size, stride, 1, same=same) for length in x.shape[1:3])
        return self.op(f"{kind}_POOL_2D", [x], (1, height, width, x.shape[3]), options)

    def resize(self, kind: str, x: Tensor, factor: int) -> Tensor:
        """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR by a whole number."""
        n, height, width, channels = x.shape
        size = (height * factor, width * factor)
        options = {
            "RESIZE_NEAREST_NEIGHBOR": schema.ResizeNearestNeighborOptionsT,
            "RESIZE_BILINEAR": schema.ResizeBilinearOptionsT,
        }
        inputs = [x, self.integers(size)]
        return self.op(kind, inputs, (n, *size, channels), options[kind]())

    def softplus(self, x: Tensor) -> Tensor:
        """log(1 + exp(x)), as the converter writes it."""
        return self.unary("LOG", self.affine("ADD", self.unary("EXP", x), 1.0))

    def mish(self, x: Tensor) -> Tensor:
        return self.two("MUL", x, self.unary("TANH", self.softplus(x)))

    def leaky(self, x: Tensor) -> Tensor:
        """LEAKY_RELU by 0.1."""
        return self.op("LEAKY_RELU", [x], x.shape, schema.LeakyReluOptionsT(alpha=0.1))

    def prelu(self, x: Tensor) -> Tensor:
        """PRELU with one slope a channel."""
        slopes = self.random.uniform(0.05, 0.5, (1, 1, x.shape[-1]))
        return self.op("PRELU", [x, self.constant(slopes)], x.shape)

    def mean(self, x: Tensor) -> Tensor:
        """Over height and width."""
        shape = (x.shape[0], x.shape[3])
        return self.op("MEAN", [x, self.integers([1, 2])], shape, schema.ReducerOptionsT())

    def keeping(self) -> Any:
        """Options of a reduction that keeps its axes."""
        return schema.ReducerOptionsT(keepDims=True)

    def matmul(self, left: Tensor, right: Tensor, *, transposed: bool = False) -> Tensor:
        """BATCH_MATMUL; the right side transposed or not."""
        shape = (*left.shape[:-1], right.shape[-2 if transposed else -1])
        return self.op(
            "BATCH_MATMUL", [left, right], shape, schema.BatchMatMulOptionsT(adjY=transposed)
        )

    def softmax(self, x: Tensor) -> Tensor:
        return self.op("SOFTMAX", [x], x.shape, schema.SoftmaxOptionsT(beta=1.0))

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        options = schema.ReshapeOptionsT(newShape=shape)
        return self.op("RESHAPE", [x, self.integers(shape)], shape, options)

    def transpose(self, x: Tensor, *order: int) -> Tensor:
        shape = tuple(x.shape[axis] for axis in order)
        return self.op("TRANSPOSE", [x, self.integers(order)], shape, schema.TransposeOptionsT())

    def tile(self, x: Tensor, *times: int) -> Tensor:
        shape = tuple(size * count for size, count in zip(x.shape, times, strict=True))
        return self.op("TILE", [x, self.integers(times)], shape, schema.TileOptionsT())

    def pack(self, x: Tensor, count: int, axis: int) -> Tensor:
        """Copies of one tensor along a new axis."""
        shape = (*x.shape[:axis], count, *x.shape[axis:])
        return self.op(
            "PACK", [x] * count, shape, schema.PackOptionsT(valuesCount=count, axis=axis)
        )

    def pad(self, x: Tensor, before: int, after: int, value: float | None = None) -> Tensor:
        """Height and width, by zeros or by a number."""
        pads = [[0, 0], [before, after], [before, after], [0, 0]]
        shape = tuple(size + sum(pad) for size, pad in zip(x.shape, pads, strict=True))
        if value is None:
            return self.op("PAD", [x, self.integers(pads)], shape, schema.PadOptionsT())
        inputs = [x, self.integers(pads), self.constant(value)]
        return self.op("PADV2", inputs, shape, schema.PadV2OptionsT())

    def limit(self, kind: str, x: Tensor, number: float) -> Tensor:
        """MINIMUM or MAXIMUM by a number."""
        options = schema.MaximumMinimumOptionsT()
        return self.op(kind, [x, self.constant(number)], x.shape, options)

    def unary(self, name: str, x: Tensor) -> Tensor:
        return self.op(name, [x], x.shape)

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        result = self.op("CAST", [x], x.shape, schema.CastOptionsT())
        result.dtype = dtype
        return result

    def two(self, kind: str, left: Tensor, right: Tensor, activation: str = "") -> Tensor:
        """ADD, SUB, MUL or DIV of two tensors that are computed."""
        return self._two(kind, left, right, left.shape, activation)

    def op(
        self,
        name: str,
        inputs: list[Tensor | None],
        shape: tuple[int, ...],
        options: Any = None,
    ) -> Tensor:
        """Any operator."""
        return self._operator(name, inputs, shape, options)

    def integers(self, values: Any) -> Tensor:
        tensor = constant(self._name("integers"), np.asarray(values, np.int32))
        self._subgraph.tensors.append(tensor)
        return tensor

    def custom(self, name: str, x: Tensor) -> Tensor:
        """An operator no runtime has."""
        result = self._operator(name, [x], x.shape, None)
        self._subgraph.operators[-1].is_custom = True
        return result

    def normal(self, *shape: int) -> Tensor:
        """A constant of normally distributed values."""
        return self.constant(self.random.normal(size=shape) / max(1, shape[-1]) ** 0.5)

    def constant(self, values: Any) -> Tensor:
        tensor = constant(self._name("constant"), np.asarray(values, np.float32))
        self._subgraph.tensors.append(tensor)
        return tensor

    def graph(self, *outputs: Tensor, signature: bool = True) -> Graph:
        subgraph = self._subgraph
        subgraph.outputs = list(outputs)
        named = [(f"out{i}", tensor) for i, tensor in enumerate(outputs)]
        entries = [(tensor.name, tensor) for tensor in subgraph.inputs]
        entry = SignatureEntry("serving_default", subgraph, entries, named)
        return Graph([subgraph], [entry] if signature else [], {}, "test")

    def _two(
        self, kind: str, left: Tensor, right: Tensor, shape: tuple[int, ...], activation: str
    ) -> Tensor:
        options = getattr(schema, f"{kind.title()}OptionsT")(
            fusedActivationFunction=ACTIVATIONS[activation]
        )
        return self._operator(kind, [left, right], shape, options)

    def _operator(
        self,
        name: str,
        inputs: list[Tensor | None],
        shape: tuple[int, ...],
        options: Any,
        version: int = 1,
    ) -> Tensor:
        result = self._tensor(self._name(name.lower()), shape)
        self._subgraph.operators.append(Operator(name, version, inputs, [result], options))
        return result

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Tensor:
        tensor = Tensor(name, shape, "float32")
        self._subgraph.tensors.append(tensor)
        return tensor

    def _name(self, stem: str) -> str:
        return f"{stem}_{len(self._subgraph.tensors)}"


def _out(size: int, kernel: int, stride: int, dilation: int, *, same: bool) -> int:
    reach = 0 if same else (kernel - 1) * dilation
    return -(-(size - reach) // stride)


def as_artifact(graph: Graph, folder: Path, name: str = "model.tflite") -> Artifact:
    """The graph written into a folder, as the artifact a conversion would have made."""
    folder.mkdir(parents=True, exist_ok=True)
    write_graph(graph, folder / name)
    return artifact_of(folder / name, scheme="float32", made_from="test", made_by=())
