"""Small patterns: what is left of each when it is fused, and why some are left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekiln.pipeline.graph.graph import Tensor
from pipeline.graphs import GraphBuilder

Make = Callable[[GraphBuilder], Tensor]
X = (1, 6, 6, 4)
CHANNEL = (0.5, -1.5, 2.0, 1.0)
POSITIVE = (0.5, 1.5, 2.0, 1.0)


def affine(b: GraphBuilder, x: Tensor, scale: tuple[float, ...] = CHANNEL, end: str = "") -> Tensor:
    return b.affine("ADD", b.affine("MUL", x, scale), [0.1, 0.2, -0.3, 0.4], end)


def wide(b: GraphBuilder, x: Tensor, end: str = "") -> Tensor:
    values = np.linspace(0.5, 2, x.shape[-1])
    return b.affine("ADD", b.affine("MUL", x, values), values - 1, end)


def conv(b: GraphBuilder, x: Tensor | None = None, size: int = 3, end: str = "") -> Tensor:
    return b.conv(x or b.input(X), 4, size, same=True, activation=end)


def _clip(b: GraphBuilder, x: Tensor, low: float, high: float) -> Tensor:
    return b.limit("MAXIMUM", b.limit("MINIMUM", x, high), low)


BACK: dict[str, tuple[Make, list[str]]] = {
    "conv": (lambda b: affine(b, conv(b)), ["CONV_2D"]),
    "conv, with an activation": (lambda b: affine(b, conv(b), end="relu"), ["CONV_2D"]),
    "dense without a bias": (
        lambda b: affine(b, b.dense(b.input((1, 5)), 4, bias=False)),
        ["FULLY_CONNECTED"],
    ),
    "depthwise": (lambda b: affine(b, b.depthwise(b.input(X), 3)), ["DEPTHWISE_CONV_2D"]),
    "concat of channels": (
        lambda b: wide(b, b.concat(conv(b), b.depthwise(b.input(X), 3, same=True))),
        ["CONV_2D", "DEPTHWISE_CONV_2D", "CONCATENATION"],
    ),
    "concat of rows": (
        lambda b: affine(b, b.concat(conv(b), conv(b), axis=1)),
        ["CONV_2D", "CONV_2D", "CONCATENATION"],
    ),
    "concat, activation too": (
        lambda b: wide(b, b.concat(conv(b), conv(b)), "relu"),
        ["CONV_2D", "CONV_2D", "CONCATENATION"],
    ),
    "sum": (
        lambda b: affine(b, b.add(conv(b), conv(b))),
        ["CONV_2D", "CONV_2D", "ADD"],
    ),
    "difference": (
        lambda b: affine(b, b.two("SUB", conv(b), conv(b))),
        ["CONV_2D", "CONV_2D", "SUB"],
    ),
    "max-pool": (
        lambda b: affine(b, b.pool("MAX", conv(b), same=True), POSITIVE),
        ["CONV_2D", "MAX_POOL_2D"],
    ),
    "average-pool": (
        lambda b: affine(b, b.pool("AVERAGE", conv(b), same=True)),
        ["CONV_2D", "AVERAGE_POOL_2D"],
    ),
    "mean": (lambda b: affine(b, b.mean(conv(b))), ["CONV_2D", "MEAN"]),
    "reshape": (
        lambda b: affine(b, b.reshape(conv(b), 1, 36, 4)),
        ["CONV_2D", "RESHAPE"],
    ),
    "transpose of the picture": (
        lambda b: affine(b, b.transpose(conv(b), 0, 2, 1, 3)),
        ["CONV_2D", "TRANSPOSE"],
    ),
    "one minus a sigmoid": (
        lambda b: b.affine_from("SUB", [1.0], b.unary("LOGISTIC", conv(b))),
        ["CONV_2D", "LOGISTIC"],
    ),
    "minus a tanh": (
        lambda b: b.affine("MUL", b.unary("TANH", conv(b)), [-1.0]),
        ["CONV_2D", "TANH"],
    ),
    "scale through relu": (
        lambda b: b.affine("MUL", b.pool("MAX", conv(b, end="relu")), POSITIVE),
        ["CONV_2D", "MAX_POOL_2D"],
    ),
}
CLIPS: dict[str, tuple[Make, list[str]]] = {
    "relu": (lambda b: b.relu(conv(b)), ["CONV_2D"]),
    "0 to 6": (lambda b: _clip(b, conv(b), 0, 6), ["CONV_2D"]),
    "minimum 6, relu": (lambda b: b.relu(b.limit("MINIMUM", conv(b), 6)), ["CONV_2D"]),
    "-1 to 1": (lambda b: _clip(b, conv(b), -1, 1), ["CONV_2D"]),
    "relu, relu6": (lambda b: b.unary("RELU6", b.relu(b.input(X))), ["RELU6"]),
    "0 to 4": (lambda b: _clip(b, conv(b), 0, 4), ["CONV_2D", "MINIMUM"]),
    "relu on an activation": (lambda b: b.unary("RELU6", conv(b, end="relu")), ["CONV_2D"]),
    "through concat": (
        lambda b: b.relu(b.concat(conv(b), b.add(conv(b), conv(b)))),
        ["CONV_2D", "CONV_2D", "CONV_2D", "ADD", "CONCATENATION"],
    ),
    "on an affine, relu6": (
        lambda b: affine(b, conv(b), end="relu6"),
        ["CONV_2D"],
    ),
    "on a scale alone": (lambda b: b.affine("MUL", conv(b), CHANNEL, "relu6"), ["CONV_2D"]),
    "through reshape": (
        lambda b: b.relu(b.reshape(conv(b), 1, 144)),
        ["CONV_2D", "RESHAPE"],
    ),
}


def _repvgg(b: GraphBuilder, stride: int = 1, groups: int = 1) -> Tensor:
    x = b.input(X)
    keys = {"same": True, "stride": stride, "groups": groups}
    total = b.two("ADD", b.conv(x, 4, 3, **keys), b.conv(x, 4, **keys))
    return b.two("ADD", total, affine(b, x), "relu") if stride == 1 else b.relu(total)


def _mobileone(b: GraphBuilder) -> Tensor:
    x = b.input(X)
    y = b.add(b.depthwise(x, 1, same=True), b.depthwise(x, 3, same=True))
    return b.two("ADD", y, x, "relu6")


def _residual(b: GraphBuilder, size: int, dilation: int = 1) -> Tensor:
    x = b.input(X)
    return b.add(x, b.conv(x, 4, size, same=True, dilation=dilation))


def _upsampled(b: GraphBuilder) -> Tensor:
    y = b.tile(b.reshape(b.input(X), 1, 6, 1, 6, 4), 1, 1, 2, 1, 1)
    return b.reshape(b.tile(b.reshape(y, 1, 12, 6, 1, 4), 1, 1, 1, 3, 1), 1, 12, 18, 4)


def _packed(b: GraphBuilder) -> Tensor:
    y = b.pack(b.pack(b.input(X), 2, axis=3), 2, axis=2)
    return b.reshape(y, 1, 12, 12, 4)


def _copied(b: GraphBuilder) -> Tensor:
    y = b.reshape(b.concat(x := b.input(X), x), 1, 6, 12, 4)
    return b.reshape(b.concat(y, y, axis=2), 1, 12, 12, 4)


def _spread(b: GraphBuilder) -> Tensor:
    y, ones = b.reshape(b.input(X), 1, 6, 1, 6, 4), b.constant(np.ones((1, 1, 2, 1, 1)))
    y = b.op("MUL", [y, ones], (1, 6, 2, 6, 4), schema.MulOptionsT())
    return b.reshape(y, 1, 12, 6, 4)


def _blocks(b: GraphBuilder) -> Tensor:
    y = b.transpose(b.reshape(b.input(X), 1, 3, 2, 3, 8), 0, 1, 3, 2, 4)
    return b.reshape(y, 1, 3, 3, 16)


def _layer_norm(b: GraphBuilder) -> Tensor:
    x, weights = b.input((1, 4)), b.constant(CHANNEL)
    mean = b.op("MEAN", [x, b.integers([0])], (4,), schema.ReducerOptionsT())
    negative = b.op("NEG", [b.reshape(mean, 1, 4)], (1, 4))
    scaled = b.op("MUL", [negative, weights], (1, 4), schema.MulOptionsT())
    return b.two("ADD", b.unary("SQUARE", x), scaled, "relu")


def _causal(b: GraphBuilder) -> Tensor:
    y = b.reshape(b.input((1, 1, 12, 4)), 1, 12, 4)
    pads = b.integers([[0, 0], [2, 0], [0, 0]])
    y = b.op("PAD", [y, pads], (1, 14, 4), schema.PadOptionsT())
    return b.reshape(y, 1, 1, 14, 4)


def _rescaled(b: GraphBuilder, scale: float, offset: float) -> Tensor:
    return b.affine("ADD", b.affine("MUL", b.input(X), [scale]), [offset])


def _sigmoid(b: GraphBuilder, size: int) -> Tensor:
    return b.reshape(b.unary("LOGISTIC", b.input((1, size * size, 4))), 1, size, size, 4)


def _two_readers(b: GraphBuilder, y: Tensor) -> Tensor:
    return b.concat(wide(b, y, "relu6"), b.unary("TANH", y))


def _side(b: GraphBuilder, x: Tensor, filters: int) -> Tensor:
    return b.conv(x, filters, 3, same=True, activation="relu")


def _dead(b: GraphBuilder) -> Tensor:
    x = b.input(X)
    b.relu(conv(b, x))
    return b.unary("TANH", x)


BRANCHES: dict[str, tuple[Make, list[str]]] = {
    "repvgg": (_repvgg, ["CONV_2D"]),
    "repvgg, stride 2": (lambda b: _repvgg(b, 2), ["CONV_2D"]),
    "repvgg, grouped": (lambda b: _repvgg(b, 1, 2), ["CONV_2D"]),
    "mobileone": (_mobileone, ["DEPTHWISE_CONV_2D"]),
    "residual": (lambda b: _residual(b, 3), ["CONV_2D"]),
    "residual, dilated": (lambda b: _residual(b, 3, 2), ["CONV_2D"]),
    "residual, even kernel": (lambda b: _residual(b, 2), ["CONV_2D"]),
}
ROWS: dict[str, tuple[Make, list[str]]] = {
    "3x3 then 1x1": (lambda b: b.conv(b.conv(b.input(X), 4, 3), 3, activation="relu"), ["CONV_2D"]),
    "stride 2 same, then 1x1": (
        lambda b: b.conv(b.conv(b.input(X), 4, 3, stride=2, same=True), 3),
        ["CONV_2D"],
    ),
    "1x1 then 3x3": (lambda b: b.conv(b.conv(b.input(X), 4), 3, 3), ["CONV_2D"]),
    "dense, dense": (
        lambda b: b.dense(b.dense(b.input((2, 6)), 5), 3, bias=False),
        ["FULLY_CONNECTED"],
    ),
}
MOVED: dict[str, tuple[Make, list[str]]] = {
    "nearest up-sampling": (_upsampled, ["RESIZE_NEAREST_NEIGHBOR"]),
    "up-sampling, packed": (_packed, ["RESIZE_NEAREST_NEIGHBOR"]),
    "up-sampling, joined": (_copied, ["RESIZE_NEAREST_NEIGHBOR"]),
    "up-sampling, times ones": (_spread, ["RESIZE_NEAREST_NEIGHBOR"]),
    "space to depth": (_blocks, ["SPACE_TO_DEPTH"]),
    "reshapes in a row": (
        lambda b: b.reshape(b.reshape(b.input(X), 1, 144), 1, 12, 12),
        ["RESHAPE"],
    ),
    "transposed back": (
        lambda b: b.relu(b.transpose(b.transpose(b.input(X), 0, 3, 1, 2), 0, 2, 3, 1)),
        ["RELU"],
    ),
    "an output keeps its name": (
        lambda b: b.reshape(b.reshape(conv(b), 1, 144), 1, 6, 6, 4),
        ["CONV_2D"],
    ),
    "a padding between reshapes": (_causal, ["PAD"]),
    "times one, plus zero": (
        lambda b: b.relu(b.affine("ADD", b.affine("MUL", b.input(X), [1.0]), [0.0])),
        ["RELU"],
    ),
    "neg in a norm, square": (_layer_norm, ["MEAN", "RESHAPE", "MUL", "MUL", "SUB"]),
    "neg on the left": (
        lambda b: b.add(b.unary("NEG", b.input(X)), conv(b)),
        ["CONV_2D", "SUB"],
    ),
    "minus neg": (
        lambda b: b.two("SUB", conv(b), b.unary("NEG", b.input(X))),
        ["CONV_2D", "ADD"],
    ),
}
PADS: dict[str, tuple[Make, list[str]]] = {
    "conv, same": (lambda b: b.conv(b.pad(b.input(X), 1, 1), 4, 3), ["CONV_2D"]),
    "conv, stride 2": (lambda b: b.conv(b.pad(b.input(X), 0, 1), 4, 3, stride=2), ["CONV_2D"]),
    "max-pool after relu": (
        lambda b: b.pool("MAX", b.pad(conv(b, end="relu"), 1, 1), size=3),
        ["CONV_2D", "MAX_POOL_2D"],
    ),
    "max-pool, stride 2, after a reshape of a sigmoid": (
        lambda b: b.pool("MAX", b.pad(_sigmoid(b, 9), 1, 1), size=3, stride=2),
        ["LOGISTIC", "RESHAPE", "MAX_POOL_2D"],
    ),
    "max-pool of anything, by the lowest": (
        lambda b: b.pool("MAX", b.pad(b.input(X), 0, 1, -np.inf)),
        ["MAX_POOL_2D"],
    ),
    "conv, by a zero given": (
        lambda b: b.conv(b.pad(b.input(X), 1, 1, 0.0), 4, 3),
        ["CONV_2D"],
    ),
}
SECOND: dict[str, tuple[Make, list[str]]] = {
    "cheap conv, read twice": (
        lambda b: _two_readers(b, b.conv(b.input(X), 16)),
        ["CONV_2D", "CONV_2D", "TANH", "CONCATENATION"],
    ),
    "cheap dense, read twice": (
        lambda b: b.concat(b.relu(y := b.dense(b.input((1, 6)), 4)), affine(b, y), axis=1),
        ["FULLY_CONNECTED", "FULLY_CONNECTED", "CONCATENATION"],
    ),
    "two affines": (
        lambda b: b.two(
            "MUL",
            wide(b, y := b.conv(b.input((1, 6, 6, 12)), 8), "relu6"),
            wide(b, y),
        ),
        ["CONV_2D", "CONV_2D", "MUL"],
    ),
}
SIDE: dict[str, tuple[Make, list[str]]] = {
    "two convs": (
        lambda b: b.concat(_side(b, x := b.input(X), 3), _side(b, x, 5)),
        ["CONV_2D"],
    ),
    "two of three parts": (
        lambda b: b.concat(b.unary("TANH", x := b.input(X)), _side(b, x, 3), _side(b, x, 5)),
        ["TANH", "CONV_2D", "CONCATENATION"],
    ),
    "dense": (
        lambda b: b.concat(
            b.dense(x := b.input((1, 6)), 4, bias=False), b.dense(x, 3, bias=False), axis=1
        ),
        ["FULLY_CONNECTED"],
    ),
    "a conv and its affine": (
        lambda b: b.concat(y := b.conv(b.input(X), 16), wide(b, y)),
        ["CONV_2D"],
    ),
    "other activations": (
        lambda b: b.concat(_side(b, x := b.input(X), 3), b.conv(x, 5, 3, same=True)),
        ["CONV_2D", "CONV_2D", "CONCATENATION"],
    ),
}
MENDED: dict[str, tuple[Make, list[str]]] = {
    "softplus": (lambda b: b.softplus(b.input(X)), ["MAXIMUM", "LOGISTIC", "LOG", "SUB"]),
    "softplus of what is not negative": (
        lambda b: b.softplus(conv(b, end="relu")),
        ["CONV_2D", "LOGISTIC", "LOG", "SUB"],
    ),
    "mish of a layer": (
        lambda b: b.mish(conv(b)),
        ["CONV_2D", "LOGISTIC", "LOG", "TANH", "MUL"],
    ),
    "mish of an input": (
        lambda b: b.mish(b.input(X)),
        ["MUL", "LOGISTIC", "LOG", "TANH", "MUL"],
    ),
    "cast there and back": (
        lambda b: b.relu(b.cast(b.cast(b.input(X), "float64"), "float32")),
        ["RELU"],
    ),
    "dead": (_dead, ["TANH"]),
}
FORWARD: dict[str, tuple[Make, list[str]]] = {
    "a pad between, one number": (
        lambda b: b.conv(b.pad(_rescaled(b, 0.5, -1.0), 1, 1), 4, 3, stride=2),
        ["PADV2", "CONV_2D"],
    ),
    "a pad between, scale alone": (
        lambda b: b.conv(b.pad(b.affine("MUL", b.input(X), CHANNEL), 1, 1), 4, 3, stride=2),
        ["PAD", "CONV_2D"],
    ),
    "a pad between, an offset a channel": (
        lambda b: b.conv(b.pad(affine(b, b.input(X)), 1, 1), 4, 3, stride=2),
        ["DEPTHWISE_CONV_2D", "PAD", "CONV_2D"],
    ),
}
KINDS = {
    "forward": FORWARD,
    "back": BACK,
    "clip": CLIPS,
    "branches": BRANCHES,
    "row": ROWS,
    "moved": MOVED,
    "pad": PADS,
    "second": SECOND,
    "side": SIDE,
    "mended": MENDED,
}
FUSED = {f"{kind}: {name}": case for kind, cases in KINDS.items() for name, case in cases.items()}


LEFT: dict[str, tuple[Make, str]] = {
    "clip: none carries 0 to 4": (lambda b: b.limit("MINIMUM", conv(b), 4), "no activation"),
    "clip: another reader": (
        lambda b: b.concat(b.relu(y := conv(b)), b.unary("TANH", y)),
        "2 operators read",
    ),
    "row: costs more": (
        lambda b: b.conv(b.conv(b.input(X), 1), 4, 3),
        "more multiply-accumulates",
    ),
    "row: an offset at the border": (lambda b: conv(b, b.conv(b.input(X), 4)), "SAME padding"),
    "row: two large kernels": (lambda b: b.conv(b.conv(b.input(X), 4, 2), 4, 2), "1 x 1"),
    "pad: stride 2, both sides": (
        lambda b: b.conv(b.pad(b.input(X), 1, 1), 4, 3, stride=2),
        "zeros elsewhere",
    ),
    "branches: other positions": (
        lambda b: b.add(
            b.conv(x := b.input(X), 4, 2, same=True), b.conv(x, 4, 3, same=True, dilation=2)
        ),
        "same positions",
    ),
    "pad: a pool of what may be negative": (
        lambda b: b.pool("MAX", b.pad(conv(b), 1, 1), size=3),
        "below the padding",
    ),
    "pad: a pool, elsewhere": (
        lambda b: b.pool("MAX", b.pad(conv(b, end="relu"), 0, 1), size=3),
        "zeros elsewhere",
    ),
    "softplus: seen by a tanh alone": (
        lambda b: b.unary("TANH", b.softplus(b.input(X))),
        "Only a TANH",
    ),
    "clip: an input": (lambda b: b.relu(b.input(X)), "input of the model"),
}
