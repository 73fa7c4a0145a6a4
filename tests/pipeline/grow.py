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

    def normalise(self) -> None:
        """Begin with what a model does to pixels, and nothing else that reads them."""
        scale, offset = self._random.uniform(0.3, 2, (2, 1))
        x = self._build.affine("ADD", self._build.affine("MUL", self._tensors[0], scale), offset)
        self._tensors = [self._build.conv(x, 3, 3, same=True)]

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

    def padded_pool(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        size, stride = int(self._random.integers(2, 4)), int(self._random.integers(1, 3))
        x = b.unary(self._choose("RELU", "LOGISTIC", "TANH"), x) if self._flip() else x
        value = None if self._random.random() < 0.7 else float(self._random.choice([0.0, -np.inf]))
        before, after = (int(pad) for pad in self._random.integers(0, 2, 2))
        x = b.pad(x, before, after, value)
        return b.pool("MAX", x, size=size, stride=stride) if min(x.shape[1:3]) >= size else None

    def resize(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        kind = self._choose("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")
        return b.resize(kind, x, 2) if np.prod(x.shape) <= _SMALL else None

    def curve(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        """Softplus and mish of numbers in which EXP does not overflow, slopes, sigmoids."""
        calm = b.affine("MUL", b.unary("TANH", x), [float(self._random.uniform(0.5, 8))])
        kinds = (b.softplus, b.mish, b.mish, b.leaky, b.prelu)
        kind = kinds[self._random.integers(len(kinds))]
        if self._flip() and x.shape[3] < 9:
            calm = b.conv(calm, x.shape[3], activation=self._choose("", "", "relu"))
        return kind(calm)

    def gate(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        if self._flip():
            return b.affine_from("SUB", [1.0], b.unary("LOGISTIC", x))
        return b.affine("MUL", b.unary("TANH", x), [-1.0])

    def stem(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        """A normalisation, then padding no SAME equals, then a convolution."""
        count = 1 if self._flip() else x.shape[3]
        scale, offset = self._random.uniform(0.3, 2, (2, count))
        x = b.affine("MUL", x, scale)
        x = b.affine("ADD", x, offset) if self._flip() else x
        return b.conv(b.pad(x, 1, 2), 3, 3, stride=2)

    def readers(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        """A layer read by an affine and by something else, or by two affines."""
        kernel = int(self._random.choice([1, 1, 1, 3]))
        y = b.conv(x, int(self._random.integers(1, 5)), kernel, same=True)
        first, second = (
            b.affine("ADD", b.affine("MUL", y, values), values, self._choose(*_ACTIVATIONS))
            for values in self._random.uniform(0.3, 2, (2, y.shape[3]))
        )
        return b.concat(first, second if self._flip() else b.unary("TANH", y))

    def sides(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        """Layers of one tensor, joined."""
        if x.shape[3] > 8:
            return None
        kernel, end = int(self._random.integers(1, 4)), self._choose(*_ACTIVATIONS)
        parts = [b.conv(x, 2, kernel, same=True, activation=end) for _ in range(2)]
        return b.concat(*parts, x) if self._flip() else b.concat(*parts)

    def chain(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        """Layers of channels that are not equally wide, with something homogeneous between."""
        if x.shape[3] > 8:
            return None
        y = b.conv(x, 3, activation=self._choose("", "relu"), widths=(1.0, 0.05, 4.0))
        between = (b.relu, b.leaky, b.prelu, lambda t: b.pool("MAX", t, "relu", same=True))
        y = between[self._random.integers(len(between))](y)
        y = b.depthwise(y, 3, same=True) if self._flip() else y
        return b.conv(y, 2, 3, same=True) if self._flip() else self.end(b, y)

    def casts(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        return b.cast(b.cast(x, "float64"), "float32")

    def dead(self, b: GraphBuilder, x: Tensor) -> Tensor | None:
        b.relu(x)
        return None

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
    _Branch.padded_pool,
    _Branch.padded_pool,
    _Branch.gate,
    _Branch.stem,
    _Branch.resize,
    _Branch.curve,
    _Branch.readers,
    _Branch.sides,
    _Branch.chain,
    _Branch.casts,
    _Branch.dead,
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


def grow_normalised(seed: int) -> Graph:
    """One graph that normalises its only input."""
    build = GraphBuilder(seed % 1000)
    branch = _Branch(build, seed, "x")
    branch.normalise()
    return build.graph(*dict.fromkeys(branch.grow()))
