"""The lowest runtime a graph runs on: by the table, and by what its tensors truly need."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekiln import assets
from edgekiln.pipeline.graph.graph import Graph, Operator, Tensor
from edgekiln.pipeline.graph.op_versions import RULES, set_versions
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import (
    litert_as,
    needed_runtime,
    release_order,
    runs_on,
    stamp_needed_runtime,
    true_version,
)
from edgekiln.pipeline.graph.write import write_graph
from pipeline.graphs import GraphBuilder


def _dense_graph() -> Graph:
    build = GraphBuilder()
    return build.graph(build.dense(build.input((1, 8)), 4))


def _make_hybrid(graph: Graph, scales: int) -> Operator:
    """Dynamic-range weights as ai-edge-quantizer writes them: int8, the version left at 1."""
    operator = graph.main.operators[-1]
    weights = operator.inputs[1]
    assert weights is not None
    quantization = schema.QuantizationParametersT(
        scale=np.full(scales, 0.1, np.float32), zeroPoint=np.zeros(scales, np.int64)
    )
    hybrid = Tensor(
        "weights", weights.shape, "int8", bytes(32), rest=schema.TensorT(quantization=quantization)
    )
    operator.inputs[1] = hybrid
    graph.main.tensors.append(hybrid)
    return operator


def test_a_float_graph_runs_on_the_oldest_runtimes() -> None:
    graph = _dense_graph()
    assert needed_runtime(graph).release == "1.5.0"
    assert runs_on(graph, "2.13.0") is None


def test_hybrid_dense_with_channel_scales_needs_2_17_whatever_the_file_says(
    tmp_path: Path,
) -> None:
    graph = _dense_graph()
    operator = _make_hybrid(graph, scales=4)
    assert (operator.version, true_version(operator)) == (1, 12)
    write_graph(graph, tmp_path / "hybrid.tflite")
    stored = read_graph(tmp_path / "hybrid.tflite")
    needed = needed_runtime(stored)
    assert needed.release == "2.17.0"
    assert needed.because == (("FULLY_CONNECTED", 12, "2.17.0"),)
    assert runs_on(stored, "2.17.0") is None
    why = runs_on(stored, "2.14.0")
    assert why is not None
    assert "2.17.0" in str(why)
    assert "FULLY_CONNECTED" in str(why)


def test_hybrid_dense_with_one_scale_runs_on_old_runtimes() -> None:
    graph = _dense_graph()
    assert true_version(_make_hybrid(graph, scales=1)) == 3
    assert runs_on(graph, "2.13.0") is None


@pytest.mark.parametrize(
    ("name", "version", "release"),
    [("CONV_2D", 8, "2.15.0"), ("GATHER", 7, "2.15.0"), ("BROADCAST_TO", 1, "2.5.0")],
)
def test_the_table_decides(name: str, version: int, release: str) -> None:
    graph = _dense_graph()
    graph.main.operators[0].name, graph.main.operators[0].version = name, version
    assert needed_runtime(graph).release == release


def test_an_edit_writes_versions_down_and_up_and_the_note() -> None:
    graph = _dense_graph()
    operator = _make_hybrid(graph, scales=4)
    graph.notes = {"min_runtime_version": b"1.5.0".ljust(16, b"\0"), "kept": b"1"}
    graph.notes["model_control_dependencies"] = b"\1\1\0"
    stamp_needed_runtime(graph)
    assert operator.version == 12
    assert graph.notes == {"min_runtime_version": b"2.17.0".ljust(16, b"\0"), "kept": b"1"}
    operator.inputs[1] = GraphBuilder().normal(4, 8)
    stamp_needed_runtime(graph)
    assert operator.version == 1
    assert graph.notes["min_runtime_version"].startswith(b"1.5.0\0")


def test_what_the_rules_do_not_know_keeps_the_version_of_the_file() -> None:
    graph = _dense_graph()
    operator = graph.main.operators[0]
    for name, version, dtype in (
        ("CUMSUM", 1, "float32"),
        ("FULLY_CONNECTED", 99, "float32"),
        ("FULLY_CONNECTED", 9, "bfloat16"),
    ):
        operator.name, operator.version, operator.outputs[0].dtype = name, version, dtype
        set_versions(graph)
        assert operator.version == version


def test_every_rule_is_a_version_the_table_of_releases_has() -> None:
    table = json.loads(assets.path("runtimes/op_min_runtime.json").read_text("utf-8"))
    versions = {name: {v for v, _ in rules} for name, rules in RULES.items()}
    for name, known in versions.items():
        assert name in vars(schema.BuiltinOperator)
        missing = known - {int(version) for version in table["min_runtime"][name]}
        assert not missing, name


def test_a_version_nobody_knows_is_refused_in_words() -> None:
    graph = _dense_graph()
    graph.main.operators[0].version = 99
    assert needed_runtime(graph).unknown == (("FULLY_CONNECTED", 99),)
    assert "99" in str(runs_on(graph, "2.99.0"))


def test_custom_operators_are_refused_but_for_those_every_runtime_has() -> None:
    build = GraphBuilder()
    graph = build.graph(build.custom("FlexErf", build.input((1, 4))))
    assert "FlexErf" in str(runs_on(graph, "2.14.0"))
    graph.main.operators[0].name = "TFLite_Detection_PostProcess"
    assert runs_on(graph, "2.14.0") is None


def test_releases_are_ordered_by_number() -> None:
    releases = ["2.9.0", "2.14.0", "2.14", "1.5.0", "2.14.4"]
    assert sorted(releases, key=release_order) == ["1.5.0", "2.9.0", "2.14.0", "2.14", "2.14.4"]


def test_the_table_names_its_source_and_real_operators() -> None:
    table = json.loads(assets.path("runtimes/op_min_runtime.json").read_text("utf-8"))
    assert "LiteRT" in table["about"]
    assert set(table["min_runtime"]) <= set(vars(schema.BuiltinOperator))
    assert table["min_runtime"]["FULLY_CONNECTED"]["12"] == "2.17.0"


def test_litert_counts_its_releases_anew() -> None:
    asked = ("1.0.1", "1.4.0", "2.0.3", "2.1.6", "2.2.0")
    assert [litert_as(release) for release in asked] == [
        "2.18.0", "2.18.0", "2.20.0", "2.22.0", "2.22.0",
    ]  # fmt: skip
    graph = _dense_graph()
    graph.main.operators[0].version = 14  # since 2.21
    assert "2.21.0" in str(runs_on(graph, litert_as("2.0.3")))
    assert runs_on(graph, litert_as("2.1.6")) is None
    assert runs_on(graph, litert_as("2.3.0")) is None
