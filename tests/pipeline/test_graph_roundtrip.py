"""Reading a `.tflite` and writing it back loses nothing of it, whatever is in it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekiln.core.errors import UserError
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.fuse.fuse import fuse
from edgekiln.pipeline.graph.graph import MAX_BYTES, Graph, SignatureEntry, Tensor, constant
from edgekiln.pipeline.graph.reached import part_that_runs
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import to_bytes, write_graph
from pipeline.conftest import run_python
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.grow import grow
from pipeline.patterns import FUSED
from pipeline.runs import fuse_all
from pipeline.trees import OPERATORS, TENSORS, Tree, carried, quantization

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KIT = ROOT.parent / "shared" / "eval"
UNUSUAL = ("two", "loop", "branch", "running", "lstm")


@pytest.fixture(scope="module")
def unusual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with loops, branches, variables, several signatures, a custom operator."""
    folder = tmp_path_factory.mktemp("unusual")
    run_python(HERE / "unusual_models.py", folder)
    return folder


def outputs(*models: Path) -> list[dict[str, Any]]:
    """What every signature of each model computes, run twice in a row."""
    run_python(HERE / "run_signatures.py", *models)
    found = []
    for model in models:
        with np.load(model.with_suffix(".out.npz")) as stored:
            found.append(dict(stored))
    return found


def assert_same_outputs(before: Path, after: Path) -> None:
    first, second = outputs(before, after)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def written_back(path: Path, folder: Path) -> Path:
    """The file, read and written; it has the same tree."""
    again = folder / f"again-{path.name}"
    write_graph(read_graph(path), again)
    assert Tree(again.read_bytes()).values == Tree(path.read_bytes()).values
    return again


@pytest.mark.parametrize("name", [*UNUSUAL, "flex"])
def test_unusual_models_lose_nothing(unusual: Path, tmp_path: Path, name: str) -> None:
    again = written_back(unusual / f"{name}.tflite", tmp_path)
    if name != "flex":  # it runs with TensorFlow alone
        assert_same_outputs(unusual / f"{name}.tflite", again)
        assert again.stat().st_size <= 1.02 * (unusual / f"{name}.tflite").stat().st_size + 256


@pytest.mark.evaluation_kit
def test_the_models_at_hand_lose_nothing(evaluation_kit: Path, tmp_path: Path) -> None:
    models = [*evaluation_kit.glob("*/*.tflite"), *ROOT.glob("resources/**/*.tflite")]
    assert len(models) >= 3
    for number, path in enumerate(models):
        copy = tmp_path / f"{number}.tflite"
        copy.write_bytes(path.read_bytes())
        assert_same_outputs(copy, written_back(copy, tmp_path))


def test_every_pattern_loses_nothing(tmp_path: Path) -> None:
    for make, _ in FUSED.values():
        build = GraphBuilder()
        write_graph(build.graph(make(build)), tmp_path / "one.tflite")
        written_back(tmp_path / "one.tflite", tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**40), st.data())
def test_whatever_a_tensor_or_operator_carries_stays(
    tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    graph = grow([seed])
    for tensor in graph.main.tensors:
        tensor.rest = data.draw(TENSORS)
        tensor.shape_signature = data.draw(st.sampled_from([None, tensor.shape]))
    for operator in graph.main.operators:
        operator.rest = data.draw(OPERATORS)
        operator.intermediates = data.draw(
            st.lists(st.sampled_from(graph.main.tensors), max_size=2)
        )
    graph.notes = data.draw(
        st.dictionaries(st.text(min_size=1, max_size=8), st.binary(max_size=40))
    )
    graph.main.rest = schema.SubGraphT(debugMetadataIndex=data.draw(st.integers(-1, 9)))
    folder = tmp_path_factory.mktemp("carried")
    write_graph(graph, folder / "one.tflite")
    first = Tree((folder / "one.tflite").read_bytes()).values
    for given_part, read in (
        *zip(graph.main.tensors, first["subgraphs"][0]["tensors"], strict=True),
        *zip(graph.main.operators, first["subgraphs"][0]["operators"], strict=True),
    ):
        assert carried(given_part.rest) == {key: read[key] for key in carried(given_part.rest)}
    written_back(folder / "one.tflite", folder)


def _stateful() -> Graph:
    """SVDF: its state is a variable tensor, an optional input is missing."""
    build = GraphBuilder()
    x, (units, memory) = build.input((1, 3)), (4, 5)
    state = build.constant(np.zeros((1, units * memory)))
    state.data, state.rest = None, schema.TensorT(isVariable=True, hasRank=True)
    inputs = [x, build.normal(units, 3), build.normal(units, memory), None, state]
    return build.graph(build.op("SVDF", inputs, (1, units), schema.SVDFOptionsT(rank=1)))


def test_state_stays_state(tmp_path: Path) -> None:
    write_graph(_stateful(), tmp_path / "state.tflite")
    again = written_back(tmp_path / "state.tflite", tmp_path)
    assert_same_outputs(tmp_path / "state.tflite", again)
    (found,) = outputs(again)
    assert np.ptp(found["serving_default/out0/1"] - found["serving_default/out0/0"]) > 0


def test_int4_stays_packed(tmp_path: Path) -> None:
    build = GraphBuilder()
    graph = build.graph(build.dense(build.input((1, 8)), 4))
    weights = graph.main.operators[0].inputs[1]
    assert weights is not None
    weights.dtype, weights.data = "int4", bytes(range(16))
    weights.rest = schema.TensorT(quantization=quantization(4, 0, min_max=False))
    write_graph(graph, tmp_path / "int4.tflite")
    again = read_graph(written_back(tmp_path / "int4.tflite", tmp_path))
    read = again.main.operators[0].inputs[1]
    assert read is not None
    assert (read.dtype, read.data, read.size_bytes) == ("int4", bytes(range(16)), 16)


def test_weights_and_options_behind_the_model_come_inside(tmp_path: Path) -> None:
    build = GraphBuilder()
    graph = build.graph(build.dense(build.custom("Own", build.input((1, 8))), 4))
    options = bytes(range(200))
    graph.main.operators[0].rest = schema.OperatorT(customOptions=np.frombuffer(options, np.uint8))
    inside = to_bytes(graph)
    (tmp_path / "behind.tflite").write_bytes(_moved_behind(inside, options))
    again = written_inside(tmp_path / "behind.tflite")
    assert Tree(again).values == Tree(inside).values


def written_inside(path: Path) -> bytes:
    assert Tree(path.read_bytes()).is_behind
    return to_bytes(read_graph(path))


def _moved_behind(data: bytes, options: bytes) -> bytes:
    """As the converter writes large models: weights and custom options behind the flatbuffer."""
    import flatbuffers

    size = len(data)
    for _ in range(2):  # the first tells how long the model is
        model, tail = schema.ModelT.InitFromPackedBuf(data, 0), b""
        for buffer in model.buffers:
            content = b"" if buffer.data is None else bytes(memoryview(buffer.data))
            if content:
                buffer.data, buffer.offset, buffer.size = None, size + len(tail), len(content)
                tail += content
        own = model.subgraphs[0].operators[0]
        own.customOptions = None
        own.largeCustomOptionsOffset, own.largeCustomOptionsSize = size + len(tail), len(options)
        builder = flatbuffers.Builder(size)
        builder.Finish(model.Pack(builder), b"TFL3")
        packed = bytes(builder.Output())
        size = len(packed)
    return packed + tail + options


def test_files_attached_to_a_model_stay_attached(tmp_path: Path) -> None:
    build = GraphBuilder()
    x = build.conv(build.input((1, 6, 6, 4)), 4)
    graph = build.graph(build.affine("MUL", x, [0.5, 1, 2, 3]))
    path = tmp_path / "labelled.tflite"
    write_graph(graph, path)
    assert read_graph(path).attached == b""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "cat\ndog\n" * 50)
        archive.writestr("licence.txt", "none")
    before = path.read_bytes()
    again = written_back(path, tmp_path)
    assert_same_outputs(path, again)
    assert again.read_bytes() == before
    shorter = read_graph(path)
    fuse_all(shorter)
    write_graph(shorter, again)
    assert again.stat().st_size < len(before)
    for data in (again.read_bytes(), read_graph(again).attached):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            assert archive.read("labels.txt") == b"cat\ndog\n" * 50
            # Other readers, which know nothing of a model before it, count from the file's start
            assert data[archive.start_dir :].startswith(b"PK\1\2")
            offset = int.from_bytes(data[-6:-2], "little")
            assert offset == archive.start_dir


def test_weights_in_another_file_are_refused_in_words(tmp_path: Path) -> None:
    import flatbuffers

    build = GraphBuilder()
    data = to_bytes(build.graph(build.dense(build.input((1, 8)), 4)))
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    model.subgraphs[0].tensors[1].externalBuffer = 1
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    (tmp_path / "split.tflite").write_bytes(builder.Output())
    with pytest.raises(UserError) as caught:
        read_graph(tmp_path / "split.tflite")
    assert "another file" in str(caught.value.why)


def test_a_file_over_2_gb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.write(b"\x1c\0\0\0TFL3")
        file.truncate(MAX_BYTES + 1)  # sparse: takes no room on the disk
    with pytest.raises(UserError) as caught:
        read_graph(path)
    assert "large.tflite" in str(caught.value.what)
    assert "2 GB" in str(caught.value.why)


def test_a_graph_over_2_gb_is_refused_unwritten(tmp_path: Path) -> None:
    build = GraphBuilder()
    graph = build.graph(build.dense(build.input((1, 8)), 4))
    path = tmp_path / "grown.tflite"
    write_graph(graph, path)
    before = path.read_bytes()
    parts = [bytes(700_000_000) for _ in range(3)]  # never touched, so they take no memory
    graph.main.tensors += [Tensor(f"w{i}", (len(p),), "int8", p) for i, p in enumerate(parts)]
    assert len({id(part) for part in parts}) * 700_000_000 < MAX_BYTES
    graph.main.tensors.append(Tensor("last", (100_000_000,), "int8", bytes(100_000_000)))
    with pytest.raises(UserError) as caught:
        write_graph(graph, path)
    assert "2 GB" in str(caught.value.why)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["grown.tflite"]


def test_shared_weights_count_once_against_the_limit(tmp_path: Path) -> None:
    build = GraphBuilder()
    graph = build.graph(build.dense(build.input((1, 8)), 4))
    data = bytes(30_000_000)
    graph.main.tensors += [Tensor(f"w{i}", (len(data),), "int8", data) for i in range(80)]
    write_graph(graph, tmp_path / "shared.tflite")
    assert (tmp_path / "shared.tflite").stat().st_size < 31_000_000


def _two_signatures() -> Graph:
    """Two subgraphs with a signature each, on the same weights, each with much to fuse."""
    first, second = GraphBuilder(1), GraphBuilder(2)
    shared = constant("shared", first.random.normal(size=(4, 3, 3, 4)).astype(np.float32))
    x = first.input((1, 6, 6, 4))
    y = first.conv(x, 4, weights=_of(first, shared), kernel=3, same=True)
    one = first.graph(first.relu(first.affine("MUL", y, [0.5, -1, 2, 3])))
    x = second.input((1, 6, 6, 4))
    y = second.conv(x, 4, weights=_of(second, shared), kernel=3, same=True)
    z = second.affine("ADD", second.conv(y, 4, weights=y_weights(second)), [1, 2, 3, 4])
    two = second.graph(second.add(z, second.conv(x, 4)))
    two.main.name = "other"
    entries = [
        SignatureEntry(key, part.main, part.signatures[0].inputs, part.signatures[0].outputs)
        for key, part in (("one", one), ("two", two))
    ]
    return Graph([one.main, two.main], entries, {}, "two signatures")


def _of(build: GraphBuilder, shared: Tensor) -> Tensor:
    tensor = build.constant(np.zeros(1))
    tensor.shape, tensor.data = shared.shape, shared.data
    return tensor


def y_weights(build: GraphBuilder) -> Tensor:
    return build.normal(4, 1, 1, 4)


def test_passes_keep_every_signature_of_shared_weights(tmp_path: Path) -> None:
    graph = _two_signatures()
    write_graph(graph, tmp_path / "before.tflite")
    counts = [len(part.operators) for part in graph.subgraphs]
    read = read_graph(tmp_path / "before.tflite")
    first, second = (part.operators[0].inputs[1] for part in read.subgraphs)
    assert first is not None
    assert second is not None
    assert first.data is second.data
    assert fuse_all(read)
    write_graph(read, tmp_path / "after.tflite")
    assert all(len(p.operators) < n for p, n in zip(read.subgraphs, counts, strict=True))
    before, after = outputs(tmp_path / "before.tflite", tmp_path / "after.tflite")
    assert {name.split("/")[0] for name in before} == {"one", "two"}
    _assert_close(before, after)


@pytest.mark.parametrize("name", UNUSUAL)
def test_passes_keep_loops_branches_and_state(unusual: Path, tmp_path: Path, name: str) -> None:
    graph = read_graph(unusual / f"{name}.tflite")
    names = [part.name for part in graph.subgraphs]
    fuse_all(graph)
    assert [part.name for part in graph.subgraphs] == names
    write_graph(graph, tmp_path / "after.tflite")
    before, after = outputs(unusual / f"{name}.tflite", tmp_path / "after.tflite")
    _assert_close(before, after)


def _assert_close(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before.keys() == after.keys()
    for name, values in before.items():
        assert np.abs(values - after[name]).max() <= 1e-4 * np.abs(values).max(), name
        assert np.ptp(values) > 0


@pytest.mark.parametrize(
    ("name", "running"), [("two", 1), ("loop", 3), ("branch", 3), ("running", 2)]
)
def test_what_only_another_signature_runs_is_no_part_of_what_is_proven(
    unusual: Path, name: str, running: int
) -> None:
    graph = read_graph(unusual / f"{name}.tflite")
    part = part_that_runs(graph)
    assert len(part.subgraphs) == running <= len(graph.subgraphs)
    assert part.main is graph.main
    assert len(part.signatures) == 1


def test_the_step_leaves_what_it_cannot_prove(tmp_path: Path) -> None:
    graph = _two_signatures()
    untouched = len(graph.subgraphs[1].operators)
    write_graph(graph, tmp_path / "two.tflite")
    result = fuse(as_artifact(graph, tmp_path, "two.tflite"), FusionPlan(timed=0), tmp_path, silent)
    fused = read_graph(result.artifact.path)
    assert len(fused.main.operators) < len(graph.main.operators)
    assert len(fused.subgraphs[1].operators) == untouched
