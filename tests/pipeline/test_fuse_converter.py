"""What TensorFlow's converter really makes of patterns, and what is left of it after the passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.models import Converted, converted, operators
from edgekiln.pipeline.fuse.passes import count
from edgekiln.pipeline.graph.read import read_graph
from pipeline.runs import assert_close, fuse_all, random_samples, run_file, run_graph

# Operators when the batch is pinned, and after the passes; `make bench` has all the others.
LEFT = {
    "BN, conv 1x1": (3, 1),
    "BN, conv SAME": (3, 2),
    "conv, ReLU, BN, conv VALID": (4, 2),
    "concat, BN, ReLU": (5, 3),
    "add, BN": (5, 3),
    "global average-pool, BN": (4, 2),
    "RepVGG, training form": (6, 1),
    "conv 3x3, conv 1x1": (2, 1),
    "query, key, value, concat": (4, 1),
    "up-sampling by repeat, conv": (6, 2),
    "space to depth by reshape, conv": (4, 2),
    "mish": (6, 5),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Converted]:
    return converted("keras_patterns.py", tmp_path_factory.mktemp("converted"), *LEFT)


@pytest.mark.parametrize("name", LEFT)
def test_what_the_converter_leaves_is_fused(
    name: str, models: dict[str, Converted], tmp_path: Path
) -> None:
    model = models[name]
    graph = read_graph(model.pinned.path)
    samples = random_samples(graph)
    before = run_file(model.pinned.path, samples, tmp_path)
    pinned = count(graph)
    fuse_all(graph)
    assert (pinned, count(graph)) == LEFT[name]
    assert count(graph) <= operators(model.exported)
    assert_close(before, run_graph(graph, samples, tmp_path, "after"))
