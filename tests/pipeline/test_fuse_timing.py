"""Latencies before and after, taken in turn in one child; told, and deciding nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.fusion import Latency
from edgekiln.core.inference import TimeInputs, TimePlan, TimeResult
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse.fuse import fuse
from pipeline.graphs import GraphBuilder, as_artifact


def _foldable(folder: Path) -> Path:
    build = GraphBuilder()
    x = build.input((1, 8, 8, 4))
    y = build.conv(build.affine("MUL", x, [2.0]), 4)
    return as_artifact(build.graph(y), folder).path


def test_both_are_timed_as_often_and_the_price_tells_it(tmp_path: Path) -> None:
    build = GraphBuilder()
    y = build.conv(build.affine("MUL", build.input((1, 8, 8, 4)), [2.0]), 4)
    artifact = as_artifact(build.graph(y), tmp_path / "in")
    result = fuse(artifact, FusionPlan(timed=7), tmp_path, silent)
    before, after = result.before.latency, result.after.latency
    assert before is not None
    assert after is not None
    assert (before.runs, after.runs) == (7, 7)
    assert 0 < before.low <= before.median <= before.high
    assert before.runtime.startswith("litert")
    assert result.after.bytes_moved < result.before.bytes_moved


def test_zero_runs_time_nothing(tmp_path: Path) -> None:
    build = GraphBuilder()
    artifact = as_artifact(build.graph(build.relu(build.input((1, 4, 4, 2)))), tmp_path / "in")
    result = fuse(artifact, FusionPlan(timed=0), tmp_path, silent)
    assert result.before.latency is None
    assert result.notes == ()


def test_what_the_runtime_refuses_is_said_and_not_raised(tmp_path: Path) -> None:
    build = GraphBuilder()
    artifact = as_artifact(build.graph(build.custom("Odd", build.input((1, 4)))), tmp_path / "in")
    result = fuse(artifact, FusionPlan(), tmp_path, silent)
    assert result.before.latency is None
    assert "Odd" in str(result.notes[0])


def test_a_short_budget_still_gives_five_runs(tmp_path: Path) -> None:
    model = _foldable(tmp_path)
    np.savez(tmp_path / "samples.npz", x=np.zeros((1, 8, 8, 4), np.float32))
    inputs = TimeInputs((model, model, model), tmp_path / "samples.npz")
    result = run_step("time-models", inputs, TimePlan(50, 0.0), tmp_path, TimeResult)
    assert [latency.runs for latency in result.latencies] == [5, 5, 5]


@pytest.mark.parametrize(
    ("after", "slower"),
    [((1.5, 1.4, 1.6), True), ((1.5, 1.005, 1.6), False), ((1.015, 1.012, 1.02), False)],
)
def test_slower_means_beyond_noise(after: tuple[float, float, float], slower: bool) -> None:
    before = Latency(1.0, 0.9, 1.01, 30, "litert", 1)
    assert Latency(*after, 30, "litert", 1).is_slower_than(before) is slower
