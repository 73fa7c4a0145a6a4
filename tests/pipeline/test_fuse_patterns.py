"""Small patterns: each is fused to what is left of it, equal, or left alone and explained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekiln.pipeline.fuse.passes import PASSES
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder
from pipeline.patterns import CHANNEL, FUSED, LEFT, Make, X, conv, wide
from pipeline.runs import Outputs, assert_close, fuse_all, random_samples, run_graph


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


@pytest.mark.parametrize("dtype", ["int32", "float16"])
def test_a_cast_that_loses_something_is_left(dtype: str) -> None:
    build = GraphBuilder()
    graph = build.graph(build.cast(build.cast(build.input(X), dtype), "float32"))
    assert not fuse_all(graph)
    assert operators(graph) == ["CAST", "CAST"]


NOT_BACK: dict[str, Make] = {
    "max-pool, negative scale": lambda b: b.affine("MUL", b.pool("MAX", conv(b)), CHANNEL),
    "an activation between": lambda b: b.affine("ADD", b.pool("MAX", conv(b, end="relu")), CHANNEL),
    "a sum read twice": lambda b: b.add(
        b.affine("MUL", y := b.pool("MAX", conv(b)), CHANNEL), b.relu(y)
    ),
    "a sum with the input": lambda b: b.affine("MUL", b.add(conv(b, x := b.input(X)), x), CHANNEL),
    "channels mixed by a transpose": lambda b: b.affine(
        "MUL", b.transpose(b.reshape(conv(b), 1, 12, 12, 1), 0, 3, 1, 2), np.arange(12.0)
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
        graph = build.graph(wide(build, build.concat(conv(build), conv(build)), "relu"))
        for i, tensor in enumerate(graph.main.tensors):
            tensor.name = f"z{97 - i}" if rename else tensor.name
        fuse_all(graph)
        made.append([t.data for op in graph.operators() for t in op.inputs if t and t.data])
    assert made[0] == made[1]
