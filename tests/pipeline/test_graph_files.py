"""A `.tflite` read and written again is the same model; a damaged one is said to be damaged."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekiln.core.errors import UserError
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.notes import OUR_NOTE, note_file, read_note
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import to_bytes, write_graph
from pipeline.graphs import GraphBuilder
from pipeline.runs import random_samples, run_file, run_graph

KIT = Path(__file__).parents[3] / "shared" / "eval"
REFERENCES = ("resnet8_cifar10", "mobilenetv1_025_vww", "dscnn_kws")


def _mixed_graph() -> Graph:
    build = GraphBuilder()
    x = build.input((1, 8, 8, 4))
    y = build.conv(x, 6, 3, same=True, activation="relu6")
    y = build.depthwise(y, 3)
    y = build.affine("MUL", y, [0.5])
    return build.graph(build.dense(y, 5))


def test_what_is_read_and_written_computes_the_same(tmp_path: Path) -> None:
    graph = _mixed_graph()
    samples = random_samples(graph)
    first = run_graph(graph, samples, tmp_path, "first")
    second = run_graph(read_graph(tmp_path / "first.tflite"), samples, tmp_path, "second")
    np.testing.assert_array_equal(first["out0"], second["out0"])


def test_writing_is_stable(tmp_path: Path) -> None:
    write_graph(_mixed_graph(), tmp_path / "a.tflite")
    data = (tmp_path / "a.tflite").read_bytes()
    assert to_bytes(read_graph(tmp_path / "a.tflite")) == data


@pytest.mark.evaluation_kit
@pytest.mark.parametrize("name", REFERENCES)
def test_reference_models_compute_the_same_after_a_round_trip(name: str, tmp_path: Path) -> None:
    model = KIT / name / "reference_int8.tflite"
    if not model.is_file():
        pytest.skip("the evaluation kit is not beside the checkout")
    graph = read_graph(model)
    write_graph(graph, tmp_path / "again.tflite")
    samples = random_samples(graph, count=3)
    before = run_file(model, samples, tmp_path)
    after = run_file(tmp_path / "again.tflite", samples, tmp_path)
    assert before.keys() == after.keys()
    for key, values in before.items():
        np.testing.assert_array_equal(values, after[key])
        assert np.ptp(values) > 0


def test_weights_are_aligned_for_the_runtime(tmp_path: Path) -> None:
    data = to_bytes(_mixed_graph())
    model = schema.Model.GetRootAsModel(data, 0)
    base = np.frombuffer(data, np.uint8).__array_interface__["data"][0]
    offsets = [
        model.Buffers(i).DataAsNumpy().__array_interface__["data"][0] - base
        for i in range(model.BuffersLength())
        if model.Buffers(i).DataLength()
    ]
    assert len(offsets) == 7
    assert all(offset % 16 == 0 for offset in offsets)


def test_constants_shared_in_memory_are_stored_once() -> None:
    build = GraphBuilder()
    x = build.input((1, 4, 4, 64))
    weights = build.normal(64, 1, 1, 64)
    one = to_bytes(build.graph(build.conv(x, 64, weights=weights)))
    other = GraphBuilder()
    x = other.input((1, 4, 4, 64))
    weights = other.normal(64, 1, 1, 64)
    y = other.conv(other.conv(x, 64, weights=weights), 64, weights=weights)
    assert len(to_bytes(other.graph(y))) < len(one) + 64 * 64 * 4


def test_a_cut_file_is_a_user_error_wherever_it_is_cut(tmp_path: Path) -> None:
    data = to_bytes(_mixed_graph())
    path = tmp_path / "cut.tflite"
    for end in [*range(0, len(data) - 16, max(1, len(data) // 60))]:
        path.write_bytes(data[:end])
        with pytest.raises(UserError) as caught:
            read_graph(path)
        assert "cut.tflite" in str(caught.value.what)


def _outcome(path: Path) -> str:
    """How reading ended; what is no UserError fails the test."""
    try:
        read_graph(path)
    except UserError as error:
        return str(error.why).split(" (")[0].lower()
    return "read"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_is_a_user_error(damage: list[tuple[int, int]]) -> None:
    data = bytearray(to_bytes(_mixed_graph()))
    for at, value in damage:
        data[8 + at % (len(data) - 8)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.tflite"
        path.write_bytes(data)
        assert _outcome(path) in ("read", "the file is cut off or damaged")


def test_another_file_is_named_as_what_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "photo.tflite"
    path.write_bytes(b"\x89PNG" * 10)
    with pytest.raises(UserError) as caught:
        read_graph(path)
    assert "TFL3" in str(caught.value.why)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_graph(tmp_path / "gone.tflite")
    assert "FileNotFoundError" in str(caught.value.why)


def test_a_note_travels_in_the_file_and_changes_nothing_else(tmp_path: Path) -> None:
    graph = _mixed_graph()
    samples = random_samples(graph)
    before = run_graph(graph, samples, tmp_path, "model")
    note_file(tmp_path / "model.tflite", b'{"labels": ["cat"]}')
    again = read_graph(tmp_path / "model.tflite")
    assert read_note(again, OUR_NOTE) == b'{"labels": ["cat"]}'
    assert read_note(again, "other") is None
    after = run_file(tmp_path / "model.tflite", samples, tmp_path)
    np.testing.assert_array_equal(before["out0"], after["out0"])


def test_reading_loads_no_interpreter() -> None:
    code = (
        "import sys, edgekiln.pipeline.graph.write, edgekiln.pipeline.graph.describe\n"
        "bad = ('interpreter', 'tensorflow', 'tflite_runtime', 'ai_edge_quantizer')\n"
        "print([m for m in sys.modules if m.endswith(bad)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_equal_constants_are_stored_once(tmp_path: Path) -> None:
    build = GraphBuilder()
    weights = np.ones((100, 100), np.float32)
    y = build.add(build.input((1, 100)), build.input((1, 100), "y"))
    graph = build.graph(build.affine("ADD", y, weights[0]))
    for _ in range(2):
        layer = build.dense(graph.main.outputs[0], 100)
        graph.main.operators[-1].inputs[1].data = bytes(weights)
        graph.main.outputs[0] = layer
    write_graph(graph, tmp_path / "shared.tflite")
    assert weights.nbytes < (tmp_path / "shared.tflite").stat().st_size < 2 * weights.nbytes
    assert to_bytes(read_graph(tmp_path / "shared.tflite")) == to_bytes(graph)
