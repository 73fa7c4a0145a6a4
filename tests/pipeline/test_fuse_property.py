"""Generated graphs: whatever passes run, the outputs stay, and no file is lost in a round trip."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekiln.pipeline.fuse.passes import PASSES, count
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import to_bytes
from pipeline.grow import grow
from pipeline.runs import assert_close, fuse_all, random_samples, run_graph

NAMES = tuple(item.name for item in PASSES)
GRAPHS, FILES = 100, 24  # 2,400 graphs
# Half of the files meet all passes, the others any subset.
SUBSET = st.one_of(st.just(NAMES), st.sets(st.sampled_from(NAMES), min_size=1).map(sorted))


@settings(
    max_examples=FILES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=GRAPHS, max_size=GRAPHS, unique=True),
    names=SUBSET,
)
def test_any_passes_on_any_graph_keep_its_outputs(seeds: list[int], names: list[str]) -> None:
    graph = grow(seeds)
    samples = random_samples(graph, 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = run_graph(graph, samples, folder, "before")
        read = read_graph(folder / "before.tflite")
        assert to_bytes(read) == (folder / "before.tflite").read_bytes()
        operators = count(read)
        applied = fuse_all(read, *names)
        assert count(read) <= operators - (sum(applied.values()) > 0 and set(applied) != {"signs"})
        assert_close(before, run_graph(read, samples, folder, "after"))
