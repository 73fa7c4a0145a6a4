"""Generated graphs: whatever passes run, the outputs stay, and no file is lost in a round trip."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edgekiln.pipeline.fuse.passes import PASSES, count
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.interface import Interface, read_interface, translated
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import to_bytes
from pipeline.grow import grow, grow_normalised
from pipeline.runs import assert_close, fuse_all, random_samples, run_graph

NAMES = tuple(item.name for item in PASSES)
SAME = {"signs", "equalize", "softplus"}  # they leave as many operators as there were, or one more
GRAPHS, FILES = 100, 24  # 2,400 graphs
REACHED = 15  # times at least that each pass applies to them
# Half of the files meet all passes, the others any subset.
SUBSET = st.one_of(st.just(NAMES), st.sets(st.sampled_from(NAMES), min_size=1).map(sorted))
GENERATED = settings(
    max_examples=FILES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # the seeds of a failure say nothing more when they are smaller
    suppress_health_check=list(HealthCheck),
)


def _seeds(count: int, *entropy: int) -> list[int]:
    """Seeds of which no two are alike; hypothesis itself draws the same ones over and over."""
    return [int(value) for value in np.random.default_rng(entropy).integers(0, 2**62, count)]


def _fused(graph: Graph, names: list[str], folder: Path) -> dict[str, int]:
    """How often each pass applied; the outputs are as before, operators not more."""
    samples = random_samples(graph, 2)
    before = run_graph(graph, samples, folder, "before")
    read = read_graph(folder / "before.tflite")
    assert to_bytes(read) == (folder / "before.tflite").read_bytes()
    operators = count(read)
    applied = fuse_all(read, *names)
    assert count(read) <= operators + applied.get("softplus", 0) - bool(applied.keys() - SAME)
    interface = read_interface(read)
    fed = translated(samples, Interface(), interface)
    after = interface.joined(run_graph(read, fed, folder, "after"))
    assert_close(before, after)
    return applied


def test_any_passes_on_any_graph_keep_its_outputs() -> None:
    reached: Counter[str] = Counter()
    grown: set[int] = set()

    @GENERATED
    @given(seed=st.integers(0, 2**32 - 1), names=SUBSET)
    def check(seed: int, names: list[str]) -> None:
        seeds = _seeds(GRAPHS, seed, *map(NAMES.index, names))
        grown.update(seeds)
        with tempfile.TemporaryDirectory() as folder:
            reached.update(_fused(grow(seeds), names, Path(folder)))

    check()
    assert len(grown) >= 2000
    one_input = {"input-normalisation"}  # for models with a single input
    assert {name for name in NAMES if reached[name] < REACHED} <= one_input, reached


@pytest.mark.parametrize("seed", range(4))
def test_a_normalisation_that_leaves_is_done_by_what_feeds(seed: int, tmp_path: Path) -> None:
    applied = _fused(grow_normalised(seed), list(NAMES), tmp_path)
    assert applied["input-normalisation"] == 1


def _fingerprint(graph: Graph) -> list[object]:
    """All of a graph but names: operators, what they read by its place, options, constants."""
    places = {tensor: i for i, tensor in enumerate(graph.main.tensors)}
    return [
        (
            operator.name,
            operator.version,
            [None if t is None else t.data or places[t] for t in operator.inputs],
            sorted(vars(operator.options).items(), key=str) if operator.options else None,
        )
        for operator in graph.operators()
    ]


@pytest.mark.parametrize("seed", range(3))
def test_the_result_does_not_depend_on_names(seed: int) -> None:
    plain, renamed = (grow(_seeds(60, seed)) for _ in range(2))
    numbers = np.random.default_rng(seed).permutation(len(renamed.main.tensors))
    for tensor, number in zip(renamed.main.tensors, numbers, strict=True):
        tensor.name = f"t{number}"
    assert fuse_all(plain, *NAMES) == fuse_all(renamed, *NAMES)
    assert _fingerprint(plain) == _fingerprint(renamed)


def test_the_passes_do_the_same_every_time() -> None:
    once, again = (grow(_seeds(60, 5)) for _ in range(2))
    fuse_all(once, *NAMES)
    fuse_all(again, *NAMES)
    assert to_bytes(once) == to_bytes(again)
