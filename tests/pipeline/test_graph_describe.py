"""What is said of a `.tflite` is what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekiln.core.files import sha256
from edgekiln.core.model import ModelSource
from edgekiln.pipeline.graph.describe import describe_tflite
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.links import Links, drop_dead
from edgekiln.pipeline.graph.macs import count_macs
from pipeline.graphs import GraphBuilder, as_artifact

KIT = Path(__file__).parents[3] / "shared" / "eval"


def _layers() -> Graph:
    build = GraphBuilder()
    x = build.input((1, 8, 8, 3))
    y = build.conv(x, 4, 3)  # 6x6x4 outputs of 3x3x3
    y = build.depthwise(y, 3)  # 4x4x4 outputs of 3x3
    return build.graph(build.dense(build.flatten(y), 10))  # 10 outputs of 64


def test_macs_are_those_of_the_shapes() -> None:
    assert count_macs(_layers()) == 6 * 6 * 4 * 27 + 4 * 4 * 4 * 9 + 10 * 64


def test_macs_are_of_one_sample_and_unknown_where_a_size_is() -> None:
    build = GraphBuilder()
    graph = build.graph(build.dense(build.input((8, 5)), 3))
    assert count_macs(graph) == 15
    build = GraphBuilder()
    x = build.input((1, 8, 8, 3))
    graph = build.graph(build.conv(x, 4, 3))
    x.shape_signature = (-1, 8, 8, 3)
    assert count_macs(graph) == 6 * 6 * 4 * 27
    x.shape_signature = (-1, -1, -1, 3)
    assert count_macs(graph) is None


def test_a_described_file_has_signature_operators_and_parameters(tmp_path: Path) -> None:
    artifact = as_artifact(_layers(), tmp_path)
    model = describe_tflite(ModelSource(artifact.path, "tflite", "f"))
    assert model.default_signature.inputs[0].name == "x"
    assert model.default_signature.outputs[0].shape == (1, 10)
    assert {count.name: count.count for count in model.operators} == {
        "CONV_2D": 1,
        "DEPTHWISE_CONV_2D": 1,
        "RESHAPE": 1,
        "FULLY_CONNECTED": 1,
    }
    assert model.parameters == 4 * 27 + 4 + 36 + 4 + 640 + 10
    assert model.size_bytes == artifact.size_bytes == artifact.path.stat().st_size
    assert artifact.sha256 == sha256(artifact.path)
    assert model.notes == ()


def test_what_stands_in_the_way_is_noted(tmp_path: Path) -> None:
    build = GraphBuilder()
    y = build.custom("FlexErf", build.input((1, 4)))
    artifact = as_artifact(build.graph(build.custom("Mine", y), signature=False), tmp_path)
    model = describe_tflite(ModelSource(artifact.path, "tflite", "f"))
    notes = " ".join(str(note) for note in model.notes)
    assert "Erf (flexerf_1)" in str(model.obstacles[0])
    assert "Mine" in notes
    assert "no signature" in notes
    assert model.default_signature.key == "serving_default"


@pytest.mark.evaluation_kit
@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("resnet8_cifar10", 12_501_632),
        ("mobilenetv1_025_vww", 7_489_664),
        ("dscnn_kws", 2_656_768),
    ],
)
def test_reference_models_are_described(name: str, macs: int) -> None:
    path = KIT / name / "reference_int8.tflite"
    if not path.is_file():
        pytest.skip("the evaluation kit is not beside the checkout")
    model = describe_tflite(ModelSource(path, "tflite", "f"))
    assert model.macs == macs
    quantization = model.default_signature.inputs[0].quantization
    assert quantization is not None
    assert len(quantization.scales) == len(quantization.zero_points) == 1
    assert model.default_signature.inputs[0].dtype == "int8"


def test_links_know_producers_consumers_and_ends() -> None:
    build = GraphBuilder()
    x = build.input((1, 4))
    y = build.affine("MUL", x, [2.0])
    z = build.add(y, y)
    graph = build.graph(z)
    links = Links(graph.main)
    mul, add = graph.main.operators
    assert links.producer(x) is None
    assert links.producer(z) is add
    assert links.only_consumer(x) is mul
    assert links.consumers(y) == [add, add]
    assert links.only_consumer(y) is None
    assert links.is_end(z)


def test_dead_operators_and_their_constants_are_dropped() -> None:
    build = GraphBuilder()
    x = build.input((1, 4))
    build.affine("ADD", build.affine("MUL", x, [2.0]), [3.0])
    y = build.affine("MUL", x, [5.0])
    graph = build.graph(y)
    drop_dead(graph)
    assert [operator.name for operator in graph.operators()] == ["MUL"]
    assert len(graph.main.tensors) == 3
