"""Small patterns, each with the operators that are left of it, and why some are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekiln.pipeline.fuse.passes import PASSES
from edgekiln.pipeline.graph.graph import Graph, Tensor
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder
from pipeline.runs import Outputs, assert_close, fuse_all, random_samples, run_graph

Make = Callable[[GraphBuilder], Tensor]
X = (1, 6, 6, 4)
CHANNEL = (0.5, -1.5, 2.0, 1.0)
POSITIVE = (0.5, 1.5, 2.0, 1.0)


def _affine(
    b: GraphBuilder, x: Tensor, scale: tuple[float, ...] = CHANNEL, end: str = ""
) -> Tensor:
    return b.affine("ADD", b.affine("MUL", x, scale), [0.1, 0.2, -0.3, 0.4], end)


def _wide(b: GraphBuilder, x: Tensor, end: str = "") -> Tensor:
    values = np.linspace(0.5, 2, x.shape[-1])
    return b.affine("ADD", b.affine("MUL", x, values), values - 1, end)


def _conv(b: GraphBuilder, x: Tensor | None = None, size: int = 3, end: str = "") -> Tensor:
    return b.conv(x or b.input(X), 4, size, same=True, activation=end)


def _clip(b: GraphBuilder, x: Tensor, low: float, high: float) -> Tensor:
    return b.limit("MAXIMUM", b.limit("MINIMUM", x, high), low)


BACK: dict[str, tuple[Make, list[str]]] = {
    "conv": (lambda b: _affine(b, _conv(b)), ["CONV_2D"]),
    "conv, with an activation": (lambda b: _affine(b, _conv(b), end="relu"), ["CONV_2D"]),
    "dense without a bias": (
        lambda b: _affine(b, b.dense(b.input((1, 5)), 4, bias=False)),
        ["FULLY_CONNECTED"],
    ),
    "depthwise": (lambda b: _affine(b, b.depthwise(b.input(X), 3)), ["DEPTHWISE_CONV_2D"]),
    "concat of channels": (
        lambda b: _wide(b, b.concat(_conv(b), b.depthwise(b.input(X), 3, same=True))),
        ["CONV_2D", "DEPTHWISE_CONV_2D", "CONCATENATION"],
    ),
    "concat of rows": (
        lambda b: _affine(b, b.concat(_conv(b), _conv(b), axis=1)),
        ["CONV_2D", "CONV_2D", "CONCATENATION"],
    ),
    "concat, activation too": (
        lambda b: _wide(b, b.concat(_conv(b), _conv(b)), "relu"),
        ["CONV_2D", "CONV_2D", "CONCATENATION"],
    ),
    "sum": (
        lambda b: _affine(b, b.add(_conv(b), _conv(b))),
        ["CONV_2D", "CONV_2D", "ADD"],
    ),
    "difference": (
        lambda b: _affine(b, b.two("SUB", _conv(b), _conv(b))),
        ["CONV_2D", "CONV_2D", "SUB"],
    ),
    "max-pool": (
        lambda b: _affine(b, b.pool("MAX", _conv(b), same=True), POSITIVE),
        ["CONV_2D", "MAX_POOL_2D"],
    ),
    "average-pool": (
        lambda b: _affine(b, b.pool("AVERAGE", _conv(b), same=True)),
        ["CONV_2D", "AVERAGE_POOL_2D"],
    ),
    "mean": (lambda b: _affine(b, b.mean(_conv(b))), ["CONV_2D", "MEAN"]),
    "reshape": (
        lambda b: _affine(b, b.reshape(_conv(b), 1, 36, 4)),
        ["CONV_2D", "RESHAPE"],
    ),
    "transpose of the picture": (
        lambda b: _affine(b, b.transpose(_conv(b), 0, 2, 1, 3)),
        ["CONV_2D", "TRANSPOSE"],
    ),
    "scale through relu": (
        lambda b: b.affine("MUL", b.pool("MAX", _conv(b, end="relu")), POSITIVE),
        ["CONV_2D", "MAX_POOL_2D"],
    ),
}
CLIPS: dict[str, tuple[Make, list[str]]] = {
    "relu": (lambda b: b.relu(_conv(b)), ["CONV_2D"]),
    "0 to 6": (lambda b: _clip(b, _conv(b), 0, 6), ["CONV_2D"]),
    "minimum 6, relu": (lambda b: b.relu(b.limit("MINIMUM", _conv(b), 6)), ["CONV_2D"]),
    "-1 to 1": (lambda b: _clip(b, _conv(b), -1, 1), ["CONV_2D"]),
    "relu, relu6": (lambda b: b.unary("RELU6", b.relu(b.input(X))), ["RELU6"]),
    "0 to 4": (lambda b: _clip(b, _conv(b), 0, 4), ["CONV_2D", "MINIMUM"]),
    "relu on an activation": (lambda b: b.unary("RELU6", _conv(b, end="relu")), ["CONV_2D"]),
    "through concat": (
        lambda b: b.relu(b.concat(_conv(b), b.add(_conv(b), _conv(b)))),
        ["CONV_2D", "CONV_2D", "CONV_2D", "ADD", "CONCATENATION"],
    ),
    "through reshape": (
        lambda b: b.relu(b.reshape(_conv(b), 1, 144)),
        ["CONV_2D", "RESHAPE"],
    ),
}


def _repvgg(b: GraphBuilder, stride: int = 1, groups: int = 1) -> Tensor:
    x = b.input(X)
    keys = {"same": True, "stride": stride, "groups": groups}
    total = b.two("ADD", b.conv(x, 4, 3, **keys), b.conv(x, 4, **keys))
    return b.two("ADD", total, _affine(b, x), "relu") if stride == 1 else b.relu(total)


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
    "reshapes in a row": (
        lambda b: b.reshape(b.reshape(b.input(X), 1, 144), 1, 12, 12),
        ["RESHAPE"],
    ),
    "transposed back": (
        lambda b: b.relu(b.transpose(b.transpose(b.input(X), 0, 3, 1, 2), 0, 2, 3, 1)),
        ["RELU"],
    ),
    "an output keeps its name": (
        lambda b: b.reshape(b.reshape(_conv(b), 1, 144), 1, 6, 6, 4),
        ["CONV_2D"],
    ),
    "a padding between reshapes": (_causal, ["PAD"]),
    "times one, plus zero": (
        lambda b: b.relu(b.affine("ADD", b.affine("MUL", b.input(X), [1.0]), [0.0])),
        ["RELU"],
    ),
    "pad into same": (lambda b: b.conv(b.pad(b.input(X), 1, 1), 4, 3), ["CONV_2D"]),
    "pad into same, stride 2": (
        lambda b: b.conv(b.pad(b.input(X), 0, 1), 4, 3, stride=2),
        ["CONV_2D"],
    ),
    "neg in a norm, square": (_layer_norm, ["MEAN", "RESHAPE", "MUL", "MUL", "SUB"]),
    "neg on the left": (
        lambda b: b.add(b.unary("NEG", b.input(X)), _conv(b)),
        ["CONV_2D", "SUB"],
    ),
    "minus neg": (
        lambda b: b.two("SUB", _conv(b), b.unary("NEG", b.input(X))),
        ["CONV_2D", "ADD"],
    ),
}
KINDS = {"back": BACK, "clip": CLIPS, "branches": BRANCHES, "row": ROWS, "moved": MOVED}
FUSED = {f"{kind}: {name}": case for kind, cases in KINDS.items() for name, case in cases.items()}


LEFT: dict[str, tuple[Make, str]] = {
    "clip: none carries 0 to 4": (lambda b: b.limit("MINIMUM", _conv(b), 4), "no activation"),
    "clip: another reader": (
        lambda b: b.concat(b.relu(y := _conv(b)), b.unary("TANH", y)),
        "2 operators read",
    ),
    "row: costs more": (
        lambda b: b.conv(b.conv(b.input(X), 1), 4, 3),
        "more multiply-accumulates",
    ),
    "row: an offset at the border": (lambda b: _conv(b, b.conv(b.input(X), 4)), "SAME padding"),
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
    "clip: an input": (lambda b: b.relu(b.input(X)), "input of the model"),
}


def operators(graph: Graph) -> list[str]:
    return [operator.name for operator in graph.operators()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Outputs, Outputs]]:
    """Every pattern before and after, all in two children: one graph with many outputs."""
    folder = tmp_path_factory.mktemp("patterns")
    build = GraphBuilder(3)
    graph = build.graph(*(make(build) for make, _ in FUSED.values()))
    for i, tensor in enumerate(build.inputs):
        tensor.name = f"x{i}"
    graph.signatures[0].inputs = [(tensor.name, tensor) for tensor in build.inputs]
    samples = random_samples(graph)
    before = run_graph(graph, samples, folder, "before")
    graph = read_graph(folder / "before.tflite")
    fuse_all(graph)
    after = run_graph(graph, samples, folder, "after")
    return {
        name: ({"y": before[f"out{i}"]}, {"y": after[f"out{i}"]}) for i, name in enumerate(FUSED)
    }


@pytest.mark.parametrize("name", FUSED)
def test_the_pattern_is_fused_and_equal(
    name: str, runs: dict[str, tuple[Outputs, Outputs]]
) -> None:
    make, left = FUSED[name]
    build = GraphBuilder()
    graph = build.graph(make(build))
    fuse_all(graph)
    assert operators(graph) == left
    names = [tensor.name for tensor in graph.main.tensors if tensor not in build.inputs]
    assert len(names) == len(set(names))
    before, after = runs[name]
    assert np.abs(before["y"]).max() > 0
    assert_close(before, after)


@pytest.mark.parametrize("name", LEFT)
def test_a_near_miss_is_left_and_explained(name: str) -> None:
    make, word = LEFT[name]
    build = GraphBuilder()
    graph = build.graph(make(build))
    before = operators(graph)
    fuse_all(graph)
    assert operators(graph) == before
    reasons = [str(why) for item in PASSES for _, why in item.misses(graph)]
    assert any(word in reason for reason in reasons), reasons


NOT_BACK: dict[str, Make] = {
    "max-pool, negative scale": lambda b: b.affine("MUL", b.pool("MAX", _conv(b)), CHANNEL),
    "an activation between": lambda b: b.affine(
        "ADD", b.pool("MAX", _conv(b, end="relu")), CHANNEL
    ),
    "a sum read twice": lambda b: b.add(
        b.affine("MUL", y := b.pool("MAX", _conv(b)), CHANNEL), b.relu(y)
    ),
    "a sum with the input": lambda b: b.affine("MUL", b.add(_conv(b, x := b.input(X)), x), CHANNEL),
    "channels mixed by a transpose": lambda b: b.affine(
        "MUL", b.transpose(b.reshape(_conv(b), 1, 12, 12, 1), 0, 3, 1, 2), np.arange(12.0)
    ),
}


@pytest.mark.parametrize("name", NOT_BACK)
def test_what_cannot_go_back_is_left(name: str) -> None:
    build = GraphBuilder()
    graph = build.graph(NOT_BACK[name](build))
    before = operators(graph)
    assert "affine-back" not in fuse_all(graph, "affine-back")
    assert operators(graph) == before


def test_the_result_does_not_depend_on_names(tmp_path: Path) -> None:
    made = []
    for rename in (False, True):
        build = GraphBuilder(1)
        graph = build.graph(_wide(build, build.concat(_conv(build), _conv(build)), "relu"))
        for i, tensor in enumerate(graph.main.tensors):
            tensor.name = f"z{97 - i}" if rename else tensor.name
        fuse_all(graph)
        made.append([t.data for op in graph.operators() for t in op.inputs if t and t.data])
    assert made[0] == made[1]
