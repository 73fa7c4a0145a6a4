"""Equalization: the same outputs, and int8 weights with one scale a tensor lose less."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekiln.core.fusion import FusionResult
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse import equalize
from edgekiln.pipeline.fuse.fuse import fuse
from edgekiln.pipeline.graph.graph import Graph, Tensor, constant
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import Outputs, assert_close, random_samples, run_graph

X = (1, 6, 6, 4)
UNEQUAL = (1.0, 0.01, 3.0, 0.1, 0.5)
LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
Make = Callable[[GraphBuilder], Tensor]


def _unequal(b: GraphBuilder, activation: str = "relu", filters: int = 8) -> Tensor:
    return b.conv(b.input(X), filters, 3, same=True, activation=activation, widths=UNEQUAL)


def _bottleneck(b: GraphBuilder) -> Tensor:
    y = b.relu(b.depthwise(_unequal(b), 3, multiplier=2, same=True))
    return b.conv(b.conv(y, 6, activation="relu", widths=UNEQUAL), 4, 3)


def _made_up_for(b: GraphBuilder, y: Tensor) -> Tensor:
    """A layer that reads narrow channels with wide weights, as BatchNorm leaves them."""
    weights = b.random.normal(size=(4, 3, 3, 8)) / np.resize(UNEQUAL, 8)
    return b.conv(y, 4, 3, weights=b.constant(weights), activation="relu")


EQUALIZED: dict[str, tuple[Make, int]] = {
    "two convolutions": (lambda b: b.conv(_unequal(b), 3, 3), 2),
    "nothing between": (lambda b: b.conv(_unequal(b, ""), 3), 2),
    "through a depthwise": (_bottleneck, 4),
    "into groups": (lambda b: b.conv(_unequal(b), 4, 3, groups=2), 2),
    "slopes": (lambda b: b.conv(b.prelu(b.leaky(_unequal(b, ""))), 3), 2),
    "a max-pool, padded": (
        lambda b: b.conv(b.pool("MAX", b.pad(_unequal(b), 0, 1), "relu"), 3),
        2,
    ),
    "resized, an average": (
        lambda b: b.conv(b.pool("AVERAGE", b.resize("RESIZE_BILINEAR", _unequal(b), 2)), 3),
        2,
    ),
    "flattened": (lambda b: b.dense(b.flatten(_unequal(b)), 5), 2),
    "a mean, dense layers": (
        lambda b: b.dense(b.relu(b.dense(b.mean(_unequal(b)), 7, bias=False)), 3),
        3,
    ),
}
LEFT: dict[str, Make] = {
    "equal already": lambda b: b.conv(b.conv(b.input(X), 1), 3),
    "read twice": lambda b: b.add(b.conv(y := _unequal(b), 8), y),
    "a sigmoid between": lambda b: b.conv(b.unary("LOGISTIC", _unequal(b)), 3),
    "channels reshaped": lambda b: b.conv(b.reshape(_unequal(b), 1, 12, 12, 2), 3),
    "channels moved": lambda b: b.conv(b.transpose(_unequal(b), 0, 3, 1, 2), 3),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Outputs, Outputs]]:
    """Every case before and after, all in two children."""
    folder = tmp_path_factory.mktemp("equalize")
    b = GraphBuilder(5)
    graph = b.graph(*(make(b) for make, _ in EQUALIZED.values()))
    for i, tensor in enumerate(b.inputs):
        tensor.name = f"x{i}"
    graph.signatures[0].inputs = [(tensor.name, tensor) for tensor in b.inputs]
    samples = random_samples(graph)
    before = run_graph(graph, samples, folder, "before")
    _equalize(graph)
    after = run_graph(graph, samples, folder, "after")
    return {
        name: ({"y": before[f"out{i}"]}, {"y": after[f"out{i}"]})
        for i, name in enumerate(EQUALIZED)
    }


def _equalize(graph: Graph) -> int:
    places = equalize.match(graph)
    for place in places:
        equalize.apply(graph, place)
    assert not equalize.match(graph)
    return len(places)


@pytest.mark.parametrize("name", EQUALIZED)
def test_a_chain_is_equalized_as_one_and_computes_the_same(
    name: str, runs: dict[str, tuple[Outputs, Outputs]]
) -> None:
    make, layers = EQUALIZED[name]
    b = GraphBuilder(5)
    graph = b.graph(make(b))
    (place,) = equalize.match(graph)
    assert len(place.layers) == layers
    before, after = runs[name]
    assert np.abs(before["y"]).max() > 0
    assert_close(before, after, 1e-5)


@pytest.mark.parametrize("name", LEFT)
def test_what_does_not_scale_by_channels_is_left(name: str) -> None:
    b = GraphBuilder(5)
    assert not equalize.match(b.graph(LEFT[name](b)))


def test_two_layers_get_the_scales_of_the_paper() -> None:
    b = GraphBuilder(5)
    graph = b.graph(b.conv(_unequal(b), 3, 3))
    first, second = (op.inputs[1].array() for op in graph.operators() if op.inputs[1])
    made, read = np.abs(first).max((1, 2, 3)), np.abs(second).max((0, 1, 2))
    _equalize(graph)
    after = [op.inputs[1].array() for op in graph.operators() if op.inputs[1]]
    wanted = np.sqrt(made * read)
    np.testing.assert_allclose(np.abs(after[0]).max((1, 2, 3)), wanted, rtol=1e-6)
    np.testing.assert_allclose(np.abs(after[1]).max((0, 1, 2)), wanted, rtol=1e-6)


def test_a_dead_channel_stays_as_it_is() -> None:
    b = GraphBuilder(5)
    y = b.conv(b.input(X), 4, activation="relu", widths=(1.0, 1e-9, 0.2, 0.0))
    graph = b.graph(b.conv(y, 3))
    first = graph.main.operators[0]
    before = [tensor.array() for tensor in first.inputs[1:] if tensor]
    _equalize(graph)
    after = [tensor.array() for tensor in first.inputs[1:] if tensor]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[[1, 3]], other[[1, 3]])
        assert (one[[0, 2]] != other[[0, 2]]).all()


@pytest.mark.parametrize("standing", [False, True])
@pytest.mark.parametrize("clip", ["relu6", "relu_n1_to_1"])
def test_a_clip_to_a_number_is_left_and_explained(clip: str, standing: bool) -> None:
    b = GraphBuilder(5)
    y = b.unary(clip.upper(), _unequal(b, "")) if standing else _unequal(b, clip)
    graph = b.graph(b.conv(y, 3))
    assert not equalize.match(graph)
    ((operators, why),) = equalize.misses(graph)
    assert [operator.name for operator in operators][:: len(operators) - 1] == ["CONV_2D"] * 2
    assert "clip" in str(why)


def _quantized(graph: Graph) -> None:
    """Weights to the 255 steps int8 has with one scale a tensor."""
    for operator in graph.operators():
        if operator.name in LAYERS and (weights := operator.inputs[1]) is not None:
            scale = np.abs(weights.array()).max() / 127
            weights.data = constant("", np.round(weights.array() / scale) * scale).data


def _noise(graph: Graph, samples: Outputs, folder: Path) -> float:
    """Signal to noise of the first output with quantized weights, in dB."""
    signal = run_graph(graph, samples, folder, "float")["out0"]
    _quantized(graph)
    noise = run_graph(graph, samples, folder, "quantized")["out0"] - signal
    return float(10 * np.log10((signal**2).sum() / (noise**2).sum()))


def _told(graph: Graph, plan: FusionPlan, folder: Path) -> FusionResult:
    folder.mkdir()
    return fuse(as_artifact(graph, folder / "in"), plan, folder, silent)


def test_asked_for_it_gains_with_one_scale_a_tensor(tmp_path: Path) -> None:
    b = GraphBuilder(5)
    graph = b.graph(b.conv(_made_up_for(b, _unequal(b)), 3))
    samples = random_samples(graph, 16)
    plain = _told(graph, FusionPlan(timed=0), tmp_path / "plain")
    asked = _told(graph, FusionPlan(extra=("equalize",), timed=0), tmp_path / "asked")
    (possible,) = (group for group in plain.groups if group.fused_by == "equalize")
    assert (possible.state, len(possible.operators)) == ("possible", 3)
    (done,) = (group for group in asked.groups if group.fused_by == "equalize")
    assert (done.state, done.tensor) == ("by-edgekiln", possible.tensor)
    assert asked.max_relative_error < 1e-5
    before, after = (
        _noise(read_graph(result.artifact.path), samples, tmp_path) for result in (plain, asked)
    )
    assert after > before + 10
