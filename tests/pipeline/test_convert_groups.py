"""source_groups.json: what belongs together in the source model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekiln.core.artifact import Artifact
from edgekiln.core.codec import decode
from edgekiln.core.fusion import SourceGroup
from edgekiln.core.plans import ConvertPlan, InspectPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.identify import identify

Groups = tuple[SourceGroup, ...]


@pytest.fixture(scope="module")
def converted(small_models: Path, drive: Callable[..., Any]) -> Callable[[str], Artifact]:
    jobs = []
    for name in ("keras3", "tf1", "two_inputs"):
        source = identify(small_models / name, InspectPlan(), small_models, silent)
        jobs.append((name, "convert", source, ConvertPlan()))
    driven = drive(jobs)
    return lambda name: decode(Artifact, driven.result(name))


def groups_of(artifact: Artifact) -> Groups:
    data = json.loads((artifact.path.parent / "source_groups.json").read_bytes())
    return decode(tuple[SourceGroup, ...], data)


def test_batch_norm_spelled_out(converted: Callable[[str], Artifact]) -> None:
    """Keras 3 writes a BatchNorm as Mul and AddV2."""
    found = [(group.pattern, group.place) for group in groups_of(converted("keras3"))]
    assert found == [
        ("Conv2D + BatchNorm + Relu6", "small_1/stem_1"),
        ("DepthwiseConv2D + BatchNorm + Relu6", "small_1/depthwise_1"),
        ("Conv2D + Relu", "small_1/right_1"),
        ("Dense + BatchNorm + Relu", "small_1/hidden_1"),
        ("BatchNorm + Relu", "small_1/join_bn_1"),
    ]


def test_fused_batch_norm(converted: Callable[[str], Artifact]) -> None:
    (group,) = groups_of(converted("tf1"))
    assert group.pattern == "Conv2D + BatchNorm + Relu"
    assert [name.split("/")[-1] for name in group.members] == ["conv", "bn", "relu"]
    assert group.output == group.members[-1]


def test_no_groups_where_there_are_none(converted: Callable[[str], Artifact]) -> None:
    assert groups_of(converted("two_inputs")) == ()


def test_the_names_are_found_again_in_the_tflite(converted: Callable[[str], Artifact]) -> None:
    """That is how fuse tells which group became one operator."""
    artifact = converted("keras3")
    graph = read_graph(artifact.path)
    tensors = {part for op in graph.operators() for part in op.outputs[0].name.split(";")}
    for group in groups_of(artifact):
        assert group.output in tensors, group
