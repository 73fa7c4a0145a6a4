"""Random graphs of the operators the passes look at, many of them as branches of one file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekiln.pipeline.graph.graph import Graph, Tensor
from pipeline.graphs import GraphBuilder

_ACTIVATIONS = ("", "", "", "relu", "relu6", "relu_n1_to_1")
_SMALL = 400  # values in a tensor; padding and tiling stop there


class _Branch:
    """One graph growing: each step reads tensors there are, mostly the newest."""

    def __init__(self, build: GraphBuilder, seed: int, name: str) -> None:
        self._build, self._random = build, np.random.default_rng(seed)
        size, channels = int(self._random.integers(3, 7)), int(self._random.integers(1, 5))
        self._tensors = [build.input((1, size, size, channels), name)]
        self._squares = 0

    def grow(self) -> list[Tensor]:
        """The results: the last tensor, and now and then one before it as well."""
        for _ in range(self._random.integers(2, 9)):
            step = _STEPS[self._random.integers(len(_STEPS))]
            made = step(self, self._build, self._pick())
            if made is not None:
                self._tensors.append(made)
        results = [self._tensors[-1]]
        if self._random.random() < 0.2:
            results += [tensor for tensor in self._tensors[1:-1] if self._random.random() < 0.2]
        return results

    def _pick(self) -> Tensor:
        if self._random.random() < 0.75:
            return self._tensors[-1]
        return self._tensors[self._random.integers(len(self._tensors))]

    def _peer(self, x: Tensor, axes: slice) -> Tensor:
        """Another tensor of the same shape along `axes`; `x` itself when there is none."""
        peers = [t for t in self._tensors if len(t.shape) == 4 and t.shape[axes] == x.shape[axes]]
        others = [t for t in peers if t is not x] or [x]
        return others[self._random.integers(len(others))]

    def _choose(self, *options: str) -> str:
        return options[self._random.integers(len(options))]

    def _flip(self) -> bool:
        return bool(self._random.random() < 0.5)

    def conv(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        kernel = int(self._random.integers(1, 4))
        dilation = 2 if self._random.random() < 0.2 else 1
        stride = 2 if dilation == 1 and self._random.random() < 0.2 else 1
        same = self._random.random() < 0.7
        if min(x.shape[1:3]) < (kernel - 1) * dilation + 1 and not same:
            return None
        filters = x.shape[3] if self._flip() else int(self._random.integers(1, 5))
        keys = {"stride": stride, "same": same, "dilation": dilation}
        return b.conv(x, filters, kernel, activation=self._choose(*_ACTIVATIONS), **keys)

    def depthwise(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        kernel = int(self._random.integers(1, 4))
        return b.depthwise(x, kernel, multiplier=int(self._random.integers(1, 3)), same=True)

    def affine(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        values = self._random.uniform(0.3, 2, 1 if self._flip() else x.shape[3])
        values = values * self._random.choice([-1.0, 1.0, 1.0], values.shape)
        if self._random.random() < 0.1:
            values = np.ones_like(values)
        end = self._choose(*_ACTIVATIONS)
        return b.affine(self._choose("MUL", "ADD", "SUB", "DIV"), x, values, end)

    def clip(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        kind = self._choose("RELU", "RELU6", "RELU_N1_TO_1", "MINIMUM", "MAXIMUM")
        if kind in ("MINIMUM", "MAXIMUM"):
            return b.limit(kind, x, float(self._random.choice([-1.0, 0.0, 1.0, 3.0, 6.0])))
        return b.unary(kind, x)

    def two(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        kind, end = self._choose("ADD", "ADD", "SUB"), self._choose(*_ACTIVATIONS)
        return b.two(kind, x, self._peer(x, slice(None)), end)

    def branches(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        """As RepVGG has them: two kernels, perhaps the tensor itself or a scale of it."""
        if x.shape[3] > 8:
            return None
        first = b.conv(x, x.shape[3], int(self._random.integers(1, 4)), same=True)
        kernel = int(self._random.integers(1, 4))
        second = b.conv(x, x.shape[3], kernel, same=True, dilation=1 + (kernel < 2))
        total = b.two("ADD", first, second if self._flip() else x)
        third = x if self._flip() else b.affine("MUL", x, self._random.uniform(0.3, 2, x.shape[3]))
        return b.two("ADD", third, total, self._choose(*_ACTIVATIONS))

    def join(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        joined = b.concat if x.shape[3] < 9 else None
        return joined(x, self._peer(x, slice(3))) if joined else None

    def pool(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        return b.pool(self._choose("MAX", "AVERAGE"), x, self._choose(*_ACTIVATIONS), same=True)

    def reshape(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        n, h, w, c = x.shape
        shape = [(n, h * w, 1, c), (n, 1, h, w * c), (n, h, w, c), (n, 1, 1, h * w * c)]
        return b.reshape(x, *shape[self._random.integers(len(shape))])

    def transpose(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        order = [(0, 2, 1, 3), (0, 3, 1, 2), (0, 2, 3, 1)][self._random.integers(3)]
        return b.transpose(x, *order)

    def tile(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        n, h, w, c = x.shape
        if h * w * c > _SMALL:
            return None
        if self._flip():
            return b.reshape(b.tile(b.reshape(x, n, h, 1, w * c), 1, 1, 2, 1), n, 2 * h, w, c)
        return b.tile(x, 1, 1, 2, 1)

    def pad(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        return b.pad(x, *map(int, self._random.integers(0, 2, 2)))

    def sign(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        self._squares += 1
        return b.unary("NEG" if self._squares > 1 or self._flip() else "SQUARE", x)

    def end(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        y = b.dense(b.flatten(x), 3, bias=self._flip())
        y = b.dense(y, 4, bias=self._flip()) if self._flip() else y
        return b.reshape(y, 1, 1, 1, y.shape[1])


_STEPS: list[Callable[[_Branch, GraphBuilder, Tensor], Tensor | None]] = [
    _Branch.conv,
    _Branch.conv,
    _Branch.conv,
    _Branch.depthwise,
    _Branch.affine,
    _Branch.affine,
    _Branch.affine,
    _Branch.clip,
    _Branch.two,
    _Branch.two,
    _Branch.branches,
    _Branch.join,
    _Branch.pool,
    _Branch.reshape,
    _Branch.transpose,
    _Branch.tile,
    _Branch.pad,
    _Branch.sign,
    _Branch.end,
]


def grow(seeds: list[int]) -> Graph:
    """A graph for each seed, side by side in one file so that one child runs them all."""
    build = GraphBuilder(len(seeds))
    results: list[Tensor] = []
    for i, seed in enumerate(seeds):
        results += _Branch(build, seed, f"x{i}").grow()
    own = [tensor for tensor in dict.fromkeys(results) if tensor not in build.inputs]
    return build.graph(*own)
