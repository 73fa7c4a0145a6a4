"""Single places: left alone when asked, and told as what became of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekiln.core.errors import UserError
from edgekiln.core.fusion import FusionResult
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse.fuse import fuse
from edgekiln.pipeline.fuse.passes import PASSES
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.patterns import X, wide

LEAVABLE = [item.name for item in PASSES if item.name != "input-normalisation"]


def _fused(graph: Graph, plan: FusionPlan, folder: Path) -> FusionResult:
    folder.mkdir()
    return fuse(as_artifact(graph, folder / "in"), plan, folder, silent)


def _operators(result: FusionResult) -> list[str]:
    return [operator.name for operator in read_graph(result.artifact.path).operators()]


def _two_pads() -> Graph:
    b = GraphBuilder()
    y = b.conv(b.pad(b.input(X), 1, 1), 4, 3, activation="relu")
    return b.graph(b.conv(b.pad(y, 0, 1), 4, 3, stride=2))


def test_one_place_is_left_and_the_others_are_not(tmp_path: Path) -> None:
    all_done = _fused(_two_pads(), FusionPlan(timed=0), tmp_path / "all")
    assert _operators(all_done) == ["CONV_2D", "CONV_2D"]
    first, second = (group for group in all_done.groups if group.fused_by == "pad-into")
    plan = FusionPlan(leave=(("pad-into", first.tensor),), timed=0)
    result = _fused(_two_pads(), plan, tmp_path / "left")
    assert _operators(result) == ["PAD", "CONV_2D", "CONV_2D"]
    found = {group.tensor: group for group in result.groups if group.fused_by == "pad-into"}
    assert found[second.tensor].state == "by-edgekiln"
    assert found[first.tensor].state == "possible"
    assert found[first.tensor].operators == first.operators
    assert str(found[first.tensor].why) == "Switched off at this place."
    (outcome,) = (item for item in result.passes if item.name == "pad-into")
    assert (outcome.applied, outcome.skipped) == (1, False)


def test_an_affine_left_by_one_pass_is_told_so(tmp_path: Path) -> None:
    b = GraphBuilder()
    y = b.affine("MUL", b.input(X), [0.5, 1.5, 2.0, 1.0])
    graph = b.graph(b.conv(y, 3, 1))
    plan = FusionPlan(leave=(("affine-forward", graph.main.outputs[0].name),), timed=0)
    result = _fused(graph, plan, tmp_path / "left")
    assert _operators(result) == ["MUL", "CONV_2D"]
    (group,) = result.groups
    assert (group.state, group.fused_by) == ("possible", "affine-forward")
    assert str(group.why) == "Switched off at this place."


def test_what_is_off_unless_asked_for_is_on_when_asked(tmp_path: Path) -> None:
    b = GraphBuilder()
    x = b.input(X)
    graph = b.graph(b.concat(b.unary("TANH", x), b.unary("LOGISTIC", x)))
    off = _fused(graph, FusionPlan(timed=0), tmp_path / "off")
    on = _fused(graph, FusionPlan(extra=("split-output",), timed=0), tmp_path / "on")
    assert _operators(off) == ["TANH", "LOGISTIC", "CONCATENATION"]
    assert _operators(on) == ["TANH", "LOGISTIC"]
    (group,) = (group for group in off.groups if group.fused_by == "split-output")
    assert (group.state, group.tensor) == ("possible", graph.main.outputs[0].name)
    assert "switched off" in str(group.why)


@pytest.mark.parametrize("field", ["extra", "skip"])
def test_an_unknown_pass_is_refused(field: str, tmp_path: Path) -> None:
    graph = _two_pads()
    with pytest.raises(UserError, match="no-such-pass"):
        _fused(graph, FusionPlan(**{field: ("no-such-pass",)}), tmp_path / "out")


def test_an_unknown_pass_is_refused_at_a_place_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no-such-pass"):
        _fused(_two_pads(), FusionPlan(leave=(("no-such-pass", "x"),)), tmp_path / "out")


def test_a_cheap_layer_computed_twice_is_told(tmp_path: Path) -> None:
    b = GraphBuilder()
    y = b.conv(b.input(X), 16)
    graph = b.graph(b.concat(wide(b, y, "relu6"), b.unary("TANH", y)))
    result = _fused(graph, FusionPlan(timed=0), tmp_path / "out")
    assert _operators(result) == ["CONV_2D", "CONV_2D", "TANH", "CONCATENATION"]
    (group,) = (group for group in result.groups if group.state == "by-edgekiln")
    assert group.fused_by == "second-reader"
    assert group.pattern == "CONV_2D + MUL + ADD + RELU6"
    assert result.after.macs > result.before.macs


def test_an_affine_of_a_dear_layer_says_what_a_second_would_cost(tmp_path: Path) -> None:
    b = GraphBuilder()
    y = b.conv(b.input(X), 16, 3, same=True)
    graph = b.graph(b.concat(wide(b, y, "relu6"), b.unary("TANH", y)))
    result = _fused(graph, FusionPlan(timed=0), tmp_path / "out")
    assert _operators(result) == ["CONV_2D", "DEPTHWISE_CONV_2D", "TANH", "CONCATENATION"]
    (group,) = (group for group in result.groups if group.state == "by-edgekiln")
    assert group.fused_by == "affine-depthwise"
    assert "A second CONV_2D would cost 20,736 multiply-accumulates" in str(group.why)
    assert "to save 1 operators" in str(group.why)


def test_two_affines_of_one_layer_are_told_as_what_became_of_each(tmp_path: Path) -> None:
    b = GraphBuilder()
    y = b.conv(b.input((1, 6, 6, 12)), 8)
    graph = b.graph(b.two("MUL", wide(b, y, "relu6"), wide(b, y)))
    result = _fused(graph, FusionPlan(timed=0), tmp_path / "out")
    assert _operators(result) == ["CONV_2D", "CONV_2D", "MUL"]
    told = [(group.state, group.fused_by) for group in result.groups]
    assert told == [("by-edgekiln", "second-reader"), ("by-edgekiln", "affine-back")]
