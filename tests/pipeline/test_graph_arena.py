"""The planned arena: never less than is alive at once, and as the runtime would lay it out."""

from __future__ import annotations

import pytest

from edgekiln.pipeline.fuse.price import bytes_moved
from edgekiln.pipeline.graph.arena import arena_bytes, live_bytes
from pipeline.graphs import GraphBuilder
from pipeline.grow import grow

PICTURE = 8 * 8 * 4 * 4  # bytes of 1 x 8 x 8 x 4 float32


def test_a_chain_needs_its_input_and_two_neighbours() -> None:
    build = GraphBuilder()
    y = build.input((1, 8, 8, 4))
    for _ in range(4):
        y = build.relu(y)
    subgraph = build.graph(y).main
    # The input stays; of the others two are alive at a time.
    assert arena_bytes(subgraph) == live_bytes(subgraph) == 3 * PICTURE


def test_a_small_tensor_takes_a_gap() -> None:
    build = GraphBuilder()
    x = build.input((1, 8, 8, 4))
    wide = build.concat(build.relu(x), x)
    y = build.conv(build.relu(build.pool("MAX", wide)), 1)
    subgraph = build.graph(y).main
    assert live_bytes(subgraph) <= arena_bytes(subgraph) <= 1.5 * live_bytes(subgraph)


@pytest.mark.parametrize("seed", range(20))
def test_no_plan_needs_less_than_is_alive(seed: int) -> None:
    subgraph = grow([seed, seed + 100]).main
    assert 0 < live_bytes(subgraph) <= arena_bytes(subgraph)


def test_bytes_moved_count_constants_and_each_reader() -> None:
    build = GraphBuilder()
    x = build.input((1, 8, 8, 4))
    graph = build.graph(build.two("ADD", build.relu(x), build.affine("MUL", x, [2.0])))
    assert bytes_moved(graph) == (2 + 2 + 3) * PICTURE + 4
