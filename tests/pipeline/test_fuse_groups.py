"""The list of groups: which became one operator, by whom, and why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekiln.core.codec import encode
from edgekiln.core.fusion import FusionGroup, PassOutcome, SourceGroup
from edgekiln.core.plans import FusionPlan
from edgekiln.core.text import say
from edgekiln.pipeline.fuse.fates import Fates
from edgekiln.pipeline.fuse.groups import SOURCE_GROUPS, list_groups
from edgekiln.pipeline.graph.graph import Graph, Tensor
from edgekiln.pipeline.graph.read import read_graph
from pipeline.graphs import GraphBuilder, as_artifact

APPLIED = Fates.of(
    (
        PassOutcome(name, say("a pass"), 1, False, False, 0.0, 0.0)
        for name in ("affine-forward", "affine-depthwise")
    ),
    FusionPlan(),
)
PREFIX = "StatefulPartitionedCall/net/"


def _groups(
    graph: Graph, folder: Path, source: tuple[SourceGroup, ...] = ()
) -> dict[str, FusionGroup]:
    artifact = as_artifact(graph, folder)
    if source:
        (folder / SOURCE_GROUPS).write_text(json.dumps(encode(source)), "utf-8")
    found = list_groups(artifact.path, read_graph(artifact.path), APPLIED)
    return {group.place: group for group in found}


def _source(layer: str, pattern: str, *nodes: str) -> SourceGroup:
    members = tuple(f"net/{layer}/{node}" for node in nodes)
    return SourceGroup(pattern, layer, members, members[-1])


def _named(tensor: Tensor, *nodes: str) -> Tensor:
    tensor.name = ";".join(PREFIX + node for node in nodes)
    return tensor


def _affine(build: GraphBuilder, x: Tensor, layer: str, activation: str = "") -> Tensor:
    values = build.random.uniform(0.5, 2, x.shape[-1])
    x = _named(build.affine("MUL", x, values), f"{layer}/mul_1")
    nodes = [f"{layer}/Relu"] if activation else []
    return _named(build.affine("ADD", x, values, activation), *nodes, f"{layer}/add_1")


def test_source_groups_are_matched_by_the_names_of_their_nodes(tmp_path: Path) -> None:
    build = GraphBuilder()
    x = build.input((1, 8, 8, 3))
    y = _named(build.conv(x, 4, 3, activation="relu6"), "a/Relu6", "a/BatchNorm", "a/Conv2D")
    y = _affine(build, y, "forward")
    y = _named(build.conv(y, 4, 3, activation="relu"), "b/Relu", "b/Conv2D")
    y = _affine(build, y, "stays", "relu")
    y = _named(build.dense(y, 3), "c/MatMul")
    found = _groups(
        build.graph(y),
        tmp_path,
        (
            _source("a", "Conv2D + BatchNorm + Relu6", "Conv2D", "BatchNorm", "Relu6"),
            _source("forward", "BatchNorm", "mul_1", "add_1"),
            _source("stays", "BatchNorm + Relu", "mul_1", "add_1", "Relu"),
            _source("gone", "BatchNorm", "mul_1", "add_1"),
        ),
    )
    assert {place: (group.state, group.fused_by) for place, group in found.items()} == {
        "a": ("by-converter", ""),
        "forward": ("by-edgekiln", "affine-forward"),
        "stays": ("by-edgekiln", "affine-depthwise"),
        "gone": ("by-converter", ""),
    }
    assert "CONV_2D + RELU6" in str(found["a"].why)


def test_what_no_operator_can_carry_is_said(tmp_path: Path) -> None:
    build = GraphBuilder()
    y = _named(build.conv(build.input((1, 8, 8, 3)), 4, 3), "a/BatchNorm", "a/Conv2D")
    y = _named(build.relu(y), "a/LeakyRelu")
    graph = build.graph(y)
    graph.main.operators[-1].name = "LEAKY_RELU"
    source = _source("a", "Conv2D + BatchNorm + LeakyRelu", "Conv2D", "BatchNorm", "LeakyRelu")
    group = _groups(graph, tmp_path, (source,))["a"]
    assert group.state == "not-possible"
    assert "LEAKY_RELU" in str(group.why)


def test_affines_no_source_group_explains_are_added(tmp_path: Path) -> None:
    build = GraphBuilder()
    y = _affine(build, build.input((1, 8, 8, 3)), "rescale")
    y = _named(build.conv(y, 4, 3, activation="relu"), "a/Relu", "a/Conv2D")
    source = _source("a", "Conv2D + Relu", "Conv2D", "Relu")
    found = _groups(build.graph(y), tmp_path, (source,))
    assert list(found) == ["a", "net/rescale/add_1"]
    assert found["net/rescale/add_1"].fused_by == "affine-forward"


@pytest.mark.parametrize(
    ("case", "state", "word"),
    [
        ("same", "by-edgekiln", "one ADD is left"),
        ("readers", "not-possible", "2 operators"),
        ("output", "not-possible", "output of the model"),
        ("follower", "not-possible", "RELU follows"),
        ("activation", "not-possible", "activation"),
        ("pad", "not-possible", "A PAD adds zeros"),
    ],
)
def test_a_plain_tflite_is_told_from_its_graph_alone(
    case: str, state: str, word: str, tmp_path: Path
) -> None:
    build = GraphBuilder()
    x = build.input((1, 8, 8, 3))
    y = build.affine("ADD", x, [1.0, 2.0, 3.0], "relu" if case == "activation" else "")
    affine = y
    match case:
        case "same":
            affine = build.affine("MUL", y, [2.0])
            y = build.conv(affine, 4, 3, same=True)
        case "readers":
            y = build.add(build.conv(y, 4), build.conv(y, 4))
        case "follower":
            y = build.relu(y)
        case "activation":
            y = build.conv(y, 4)
        case "pad":
            y = build.conv(build.pad(y, 1, 1), 4, 3, stride=2)
    group = _groups(build.graph(y), tmp_path)[affine.name]
    assert group.state == state
    assert word in str(group.why)


@pytest.mark.parametrize(("skipped", "taken_back"), [(True, False), (False, True)])
def test_a_pass_that_did_not_stay_leaves_a_possible_group(
    skipped: bool, taken_back: bool, tmp_path: Path
) -> None:
    build = GraphBuilder()
    y = build.conv(build.affine("MUL", build.input((1, 8, 8, 3)), [2.0]), 4)
    artifact = as_artifact(build.graph(y), tmp_path)
    outcome = PassOutcome("affine-forward", say("a pass"), 0, skipped, taken_back, 0.0, 0.0)
    fates = Fates.of((outcome,), FusionPlan())
    (group,) = list_groups(artifact.path, read_graph(artifact.path), fates)
    assert (group.state, group.fused_by) == ("possible", "affine-forward")
    assert ("switched off" in str(group.why)) is skipped
