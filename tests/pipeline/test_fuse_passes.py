"""Where the two passes apply, where they must not, and that what they make is equal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekiln.pipeline.fuse.passes import PASSES
from edgekiln.pipeline.graph.graph import Graph, Tensor
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder
from pipeline.runs import Outputs, random_samples, run_file, run_graph

BY_NAME = {item.name: item for item in PASSES}
FORWARD, DEPTHWISE = BY_NAME["affine-forward"], BY_NAME["affine-depthwise"]
CHANNEL = (0.5, -1.5, 2.0)


def _normalised(build: GraphBuilder) -> Tensor:
    x = build.input((1, 8, 8, 3))
    return build.affine("MUL", build.affine("SUB", x, [1.0, 2.0, 3.0]), CHANNEL)


def _names(graph: Graph) -> list[str]:
    return [operator.name for operator in graph.operators()]


def _assert_equal(before: Outputs, after: Outputs) -> None:
    assert before.keys() == after.keys()
    for name, values in before.items():
        largest = np.abs(values).max()
        assert largest > 0
        assert np.abs(values - after[name]).max() <= 1e-4 * largest, name


FOLDABLE: dict[str, tuple[Callable[[GraphBuilder], Tensor], list[str]]] = {
    "valid 3x3": (lambda b: b.conv(_normalised(b), 4, 3), ["CONV_2D"]),
    "valid 3x3 stride 2 relu6": (
        lambda b: b.conv(_normalised(b), 4, 3, stride=2, activation="relu6"),
        ["CONV_2D"],
    ),
    "1x1 same stride 2": (lambda b: b.conv(_normalised(b), 4, same=True, stride=2), ["CONV_2D"]),
    "2x2 same stride 2: reads no border": (
        lambda b: b.conv(_normalised(b), 4, 2, same=True, stride=2),
        ["CONV_2D"],
    ),
    "3x3 same with an offset: an ADD is left": (
        lambda b: b.conv(_normalised(b), 4, 3, same=True),
        ["ADD", "CONV_2D"],
    ),
    "3x3 same, scale alone": (
        lambda b: b.conv(b.affine("DIV", b.input((1, 8, 8, 3)), CHANNEL), 4, 3, same=True),
        ["CONV_2D"],
    ),
    "dilated": (lambda b: b.conv(_normalised(b), 4, 3, dilation=2), ["CONV_2D"]),
    "depthwise valid": (
        lambda b: b.depthwise(_normalised(b), 3, multiplier=2),
        ["DEPTHWISE_CONV_2D"],
    ),
    "grouped": (
        lambda b: b.conv(
            b.affine("ADD", b.input((1, 4, 4, 4)), [1.0, 2.0, 3.0, 4.0]), 6, 3, groups=2
        ),
        ["CONV_2D"],
    ),
    "dense without a bias": (
        lambda b: b.dense(b.affine("ADD", b.input((1, 3)), CHANNEL), 5, bias=False),
        ["FULLY_CONNECTED"],
    ),
    "flatten, dense": (
        lambda b: b.dense(b.flatten(_normalised(b)), 5),
        ["RESHAPE", "FULLY_CONNECTED"],
    ),
    "constant - x": (
        lambda b: b.conv(b.affine_from("SUB", CHANNEL, b.input((1, 4, 4, 3))), 4),
        ["CONV_2D"],
    ),
    "a scalar": (
        lambda b: b.conv(b.affine("ADD", b.input((1, 4, 4, 3)), 0.7), 4, 3),
        ["CONV_2D"],
    ),
}


@pytest.fixture(scope="module")
def foldable_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Outputs, Outputs]]:
    """Every foldable case before and after, all in two children: one graph with many outputs."""
    folder = tmp_path_factory.mktemp("foldable")
    build = GraphBuilder(3)
    outputs = [_renamed_inputs(build, make) for make, _ in FOLDABLE.values()]
    graph = build.graph(*outputs)
    samples = random_samples(graph)
    before = run_graph(graph, samples, folder, "before")
    graph = read_graph(folder / "before.tflite")
    assert len(FORWARD.run(graph)) == len(FOLDABLE)
    after = run_graph(graph, samples, folder, "after")
    return {
        name: ({"y": before[f"out{i}"]}, {"y": after[f"out{i}"]}) for i, name in enumerate(FOLDABLE)
    }


def _renamed_inputs(build: GraphBuilder, make: Callable[[GraphBuilder], Tensor]) -> Tensor:
    result = make(build)
    for i, tensor in enumerate(build.inputs):
        tensor.name = f"x{i}"
    return result


@pytest.mark.parametrize("name", FOLDABLE)
def test_affine_forward_folds_and_is_equal(
    name: str, foldable_runs: dict[str, tuple[Outputs, Outputs]]
) -> None:
    make, left = FOLDABLE[name]
    build = GraphBuilder()
    graph = build.graph(make(build))
    assert len(FORWARD.run(graph)) == 1
    assert _names(graph) == left
    _assert_equal(*foldable_runs[name])


def _many(build: GraphBuilder) -> Tensor:
    x = build.affine("MUL", build.input((1, 8, 8, 8)), np.arange(1.0, 9.0))
    return build.affine("ADD", x, np.arange(1.0, 9.0))


def _two_readers(build: GraphBuilder) -> Tensor:
    y = _normalised(build)
    return build.add(build.conv(y, 4), build.conv(y, 4))


def _read_and_output(build: GraphBuilder) -> Tensor:
    y = _normalised(build)
    build.conv(y, 4)
    return y


def _computed_scale(build: GraphBuilder) -> Tensor:
    x = build.input((1, 8, 8, 3))
    return build.conv(build.add(x, x), 4)


def _per_position(build: GraphBuilder) -> Tensor:
    x = build.input((1, 4, 4, 3))
    return build.conv(build.affine("MUL", x, np.ones((1, 4, 4, 1))), 4)


NOT_FOLDABLE: dict[str, Callable[[GraphBuilder], Tensor]] = {
    "3x3 same with an offset, many channels": lambda b: b.conv(_many(b), 4, 3, same=True),
    "depthwise same with an offset": lambda b: b.depthwise(_many(b), 3, same=True),
    "3x3 same with an offset and no scale": lambda b: b.conv(
        b.affine("ADD", b.input((1, 8, 8, 3)), CHANNEL), 4, 3, same=True
    ),
    "activation on the affine": lambda b: b.conv(
        b.affine("ADD", _normalised(b), CHANNEL, "relu"), 4
    ),
    "activation of its own between": lambda b: b.conv(b.relu(_normalised(b)), 4),
    "second consumer": _two_readers,
    "also an output": _read_and_output,
    "not a constant": _computed_scale,
    "differs from position to position": _per_position,
    "constant / x": lambda b: b.conv(b.affine_from("DIV", CHANNEL, b.input((1, 4, 4, 3))), 4),
    "no layer after it": _normalised,
}


@pytest.mark.parametrize("name", NOT_FOLDABLE)
def test_affine_forward_leaves_near_misses_alone(name: str) -> None:
    build = GraphBuilder()
    graph = build.graph(NOT_FOLDABLE[name](build))
    before = _names(graph)
    assert len(FORWARD.run(graph)) == 0
    assert _names(graph) == before


def test_weights_read_twice_are_folded_for_one_reader_alone(tmp_path: Path) -> None:
    build = GraphBuilder()
    x = build.input((1, 6, 6, 3))
    weights = build.normal(4, 3, 3, 3)
    plain = build.conv(x, 4, 3, weights=weights)
    scaled = build.conv(build.affine("MUL", x, CHANNEL), 4, 3, weights=weights)
    graph = build.graph(plain, scaled)
    samples = random_samples(graph)
    before = run_graph(graph, samples, tmp_path, "before")
    assert len(FORWARD.run(graph)) == 1
    _assert_equal(before, run_graph(graph, samples, tmp_path, "after"))


def test_a_dense_layer_that_gains_a_bias_gets_the_version_with_one() -> None:
    build = GraphBuilder()
    y = build.dense(build.affine("ADD", build.input((1, 3)), CHANNEL), 5, bias=False)
    graph = build.graph(y)
    assert graph.main.operators[-1].version == 6
    FORWARD.run(graph)
    assert graph.main.operators[-1].version == 1


def test_names_stay_unique_and_nothing_dead_is_left() -> None:
    build = GraphBuilder()
    y = build.conv(_normalised(build), 4, 3, activation="relu")
    y = build.affine("ADD", build.affine("MUL", y, [1.0, 2.0, 3.0, 4.0]), [0.1], "relu")
    graph = build.graph(y)
    assert (len(FORWARD.run(graph)), len(DEPTHWISE.run(graph))) == (1, 1)
    names = [tensor.name for tensor in graph.main.tensors]
    assert len(names) == len(set(names)) == 7  # x, two layers with weights, bias and result
    assert _names(graph) == ["CONV_2D", "DEPTHWISE_CONV_2D"]


@pytest.mark.parametrize(
    ("activation", "applied"), [("", 1), ("relu", 1), ("relu6", 1), ("tanh", 0)]
)
def test_affine_depthwise_takes_the_activations_a_convolution_has(
    activation: str, applied: int
) -> None:
    build = GraphBuilder()
    x = build.input((1, 4, 4, 3))
    y = build.affine("ADD", build.affine("MUL", x, CHANNEL), CHANNEL, activation)
    assert len(DEPTHWISE.run(build.graph(y))) == applied


@pytest.mark.parametrize("shape", [(1, 3), (1, 4, 3)])
def test_affine_depthwise_needs_rank_four(shape: tuple[int, ...]) -> None:
    build = GraphBuilder()
    y = build.affine("ADD", build.affine("MUL", build.input(shape), CHANNEL), CHANNEL)
    assert len(DEPTHWISE.run(build.graph(y))) == 0


def test_one_operator_alone_is_not_worth_a_convolution() -> None:
    build = GraphBuilder()
    y = build.affine("MUL", build.input((1, 4, 4, 3)), CHANNEL)
    assert len(DEPTHWISE.run(build.graph(y))) == 0


@pytest.mark.parametrize(("channels", "applied"), [(3, 0), (8, 1)])
def test_numbers_on_few_channels_are_cheaper_than_a_convolution(
    channels: int, applied: int
) -> None:
    build = GraphBuilder()
    y = build.affine("MUL", build.input((1, 4, 4, channels)), [0.5])
    graph = build.graph(build.affine("ADD", y, [-1.0], "relu"))
    assert len(DEPTHWISE.run(graph)) == applied


def test_an_offset_that_is_left_stays_a_number() -> None:
    build = GraphBuilder()
    y = build.affine("MUL", build.input((1, 8, 8, 3)), [1 / 127.5])
    graph = build.graph(build.conv(build.affine("ADD", y, [-1.0]), 4, 3, same=True))
    FORWARD.run(graph)
    (offset,) = (t for t in graph.main.operators[0].inputs if t and t.is_constant)
    assert _names(graph) == ["ADD", "CONV_2D"]
    np.testing.assert_allclose(offset.array(), [-127.5])


def test_an_activation_ends_an_affine_and_the_next_begins() -> None:
    build = GraphBuilder()
    y = build.affine("ADD", _normalised(build), CHANNEL, "relu")
    y = build.affine("ADD", build.affine("MUL", y, CHANNEL), CHANNEL, "relu6")
    graph = build.graph(y)
    assert len(DEPTHWISE.run(graph)) == 2
    assert _names(graph) == ["DEPTHWISE_CONV_2D"] * 2


BRANCH = st.fixed_dictionaries(
    {
        "size": st.integers(3, 6),
        "channels": st.integers(1, 5),
        "kinds": st.lists(st.sampled_from(["MUL", "ADD", "SUB", "DIV"]), min_size=1, max_size=4),
        "scalar": st.booleans(),
        "activation": st.sampled_from(["", "", "relu", "relu6"]),
        "layer": st.sampled_from(["conv", "conv", "depthwise", "dense", "flat", "none"]),
        "kernel": st.integers(1, 3),
        "stride": st.integers(1, 2),
        "same": st.booleans(),
        "bias": st.booleans(),
    }
)


def _grow(build: GraphBuilder, branch: dict[str, object], name: str) -> Tensor:
    size, channels = branch["size"], branch["channels"]
    y = build.input((1, size, size, channels), name)
    for i, kind in enumerate(branch["kinds"]):
        values = build.random.uniform(0.2, 2.0, 1 if branch["scalar"] else channels)
        values *= build.random.choice([-1.0, 1.0], values.shape)
        last = i == len(branch["kinds"]) - 1
        y = build.affine(kind, y, values, branch["activation"] if last else "")
    match branch["layer"]:
        case "conv":
            keys = ("kernel", "stride", "same")
            return build.conv(y, 4, **{key: branch[key] for key in keys})
        case "depthwise":
            return build.depthwise(y, branch["kernel"], multiplier=2, same=branch["same"])
        case "dense":
            return build.dense(y, 3, bias=branch["bias"])
        case "flat":
            return build.dense(build.flatten(y), 3, bias=branch["bias"])
    return y


@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(branches=st.lists(BRANCH, min_size=25, max_size=40), seed=st.integers(0, 99))
def test_both_passes_change_no_output(branches: list[dict[str, object]], seed: int) -> None:
    """One graph with a branch for each drawn case, so that one child runs all of them."""
    build = GraphBuilder(seed)
    outputs = [_grow(build, branch, f"x{i}") for i, branch in enumerate(branches)]
    graph = build.graph(*outputs)
    samples = random_samples(graph)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = run_graph(graph, samples, folder, "before")
        count = len(_names(graph))
        applied = len(FORWARD.run(graph)) + len(DEPTHWISE.run(graph))
        assert applied == 0 or len(_names(graph)) < count
        _assert_close(before, run_graph(graph, samples, folder, "after"))


def _assert_close(before: Outputs, after: Outputs) -> None:
    for name, values in before.items():  # RELU may leave a branch all zero
        assert np.abs(values - after[name]).max() <= 1e-4 * max(np.abs(values).max(), 1e-3), name


def test_fused_graphs_compute_the_same_on_the_runtime_of_the_boards(tmp_path: Path) -> None:
    build = GraphBuilder()
    y = build.conv(_normalised(build), 4, 3, activation="relu")
    y = build.affine("ADD", build.affine("MUL", y, [1.0, 2.0, 3.0, 4.0]), [0.1], "relu6")
    graph = build.graph(build.dense(build.flatten(y), 3))
    samples = random_samples(graph)
    before = run_graph(graph, samples, tmp_path, "before")
    FORWARD.run(graph)
    DEPTHWISE.run(graph)
    run_graph(graph, samples, tmp_path, "after")
    on_board = run_file(tmp_path / "after.tflite", samples, tmp_path, "tflite-runtime")
    _assert_equal(before, on_board)
