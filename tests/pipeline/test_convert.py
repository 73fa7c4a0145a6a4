"""convert: every way to save a model becomes one float .tflite with the signature's names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.codec import decode, encode
from edgekiln.core.errors import UserError
from edgekiln.core.files import sha256
from edgekiln.core.inference import InferInputs, InferPlan, InferResult
from edgekiln.core.model import ModelSource, Signature, TensorSpec
from edgekiln.core.plans import ConvertPlan, InspectPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.convert.choose import choose_signature
from edgekiln.pipeline.convert.convert import convert
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph
from edgekiln.pipeline.identify import identify
from edgekiln.protocol import Done, Progress, Ready, Request, from_line, to_line
from pipeline.graphs import GraphBuilder

SAME = ("keras3", "wrapper", "slots", "model.keras", "model.h5", "old_keras.h5")
# join_bn stays MUL, ADD: it follows a concatenation
HEAD = ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "CONV_2D", "CONCATENATION", "MUL", "ADD"]
OPERATORS = [*HEAD, "MEAN", "FULLY_CONNECTED", "FULLY_CONNECTED", "SOFTMAX"]
WIDE = ConvertPlan(sizes=(("image", (1, 6, 5, 3)),))


def source_of(path: Path) -> ModelSource:
    return identify(path, InspectPlan(), path.parent, silent)


@pytest.fixture(scope="module")
def driven(small_models: Path, drive: Callable[..., Any]) -> Any:
    names = (*SAME, "tf1", "two_inputs")
    jobs = [(name, "convert", source_of(small_models / name), ConvertPlan()) for name in names]
    jobs.append(("dynamic", "convert", source_of(small_models / "dynamic"), WIDE))
    jobs.append(("serve", "convert", source_of(small_models / "keras3"), ConvertPlan("serve")))
    jobs.append(("naive", "naive", source_of(small_models / "wrapper"), None))
    return drive(jobs)


@pytest.fixture(scope="module")
def converted(driven: Any) -> Callable[[str], Artifact]:
    return lambda name: decode(Artifact, driven.result(name))


def graph_of(artifact: Artifact) -> Graph:
    return read_graph(artifact.path)


@pytest.mark.parametrize("name", SAME)
def test_the_same_model_saved_in_six_ways(converted: Callable[[str], Artifact], name: str) -> None:
    artifact = converted(name)
    graph = graph_of(artifact)
    assert [operator.name for operator in graph.operators()] == OPERATORS
    assert artifact.scheme == "float32"
    assert artifact.signature.key == "serving_default"
    assert artifact.signature.inputs == (TensorSpec("image", (1, 8, 8, 3), "float32"),)
    assert artifact.signature.outputs[0].shape == (1, 5)
    assert artifact.sha256 == sha256(artifact.path)
    assert artifact.size_bytes == artifact.path.stat().st_size


def test_a_wrapper_is_only_right_when_frozen(driven: Any, converted: Any) -> None:
    """Shows what the converter makes of it first: variables left, nothing folded."""
    naive = read_graph(Path(driven.result("naive")))
    assert naive.has_operator("VAR_HANDLE", "READ_VARIABLE")
    ours = graph_of(converted("wrapper"))
    assert not ours.has_operator("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")
    assert len(list(ours.operators())) < len(list(naive.operators()))


def test_output_names_are_the_signatures(converted: Callable[[str], Artifact]) -> None:
    assert converted("keras3").signature.outputs[0].name == "output_0"
    assert converted("wrapper").signature.outputs[0].name == "scores"


def test_another_signature(converted: Callable[[str], Artifact]) -> None:
    assert converted("serve").signature.key == "serve"


def test_tensorflow_1_with_reference_variables(converted: Callable[[str], Artifact]) -> None:
    artifact = converted("tf1")
    assert artifact.signature.key == "predict_images"
    assert artifact.signature.inputs[0].name == "images"
    assert [operator.name for operator in graph_of(artifact).operators()] == ["CONV_2D", "MEAN"]


def test_dynamic_sizes_are_pinned(converted: Callable[[str], Artifact]) -> None:
    signature = converted("dynamic").signature
    assert signature.inputs[0].shape == (1, 6, 5, 3)
    assert signature.outputs[0].shape == (1, 6, 5, 4)


def test_several_inputs_go_by_name(converted: Callable[[str], Artifact], tmp_path: Path) -> None:
    artifact = converted("two_inputs")
    zebra, apple = np.arange(8.0).reshape(2, 4), np.arange(6.0).reshape(2, 3) + 50
    outputs = infer(artifact.path, tmp_path, zebra=zebra, apple=apple)
    np.testing.assert_allclose(outputs["wide"], np.concatenate([zebra, apple], 1) * 2)
    np.testing.assert_allclose(outputs["narrow"], zebra[:, :2] - apple[:, :2])


def infer(model: Path, folder: Path, **samples: Any) -> dict[str, Any]:
    arrays = {name: np.asarray(values, np.float32) for name, values in samples.items()}
    np.savez(folder / "samples.npz", **arrays)
    inputs = InferInputs(model, folder / "samples.npz", folder / "outputs.npz")
    result = run_step("infer", inputs, InferPlan("litert"), folder, InferResult)
    assert result.refused is None
    with np.load(inputs.outputs) as outputs:
        return dict(outputs)


def test_made_from_and_made_by(converted: Callable[[str], Artifact], small_models: Path) -> None:
    artifact = converted("keras3")
    assert artifact.made_from == source_of(small_models / "keras3").fingerprint
    assert [tool for tool, _ in artifact.made_by] == ["tensorflow", "edgekiln"]


def test_a_tflite_is_taken_as_it_is(small_models: Path, tmp_path: Path) -> None:
    source = source_of(small_models / "small.tflite")
    artifact = convert(source, ConvertPlan(), tmp_path, silent)
    assert artifact.path.parent == tmp_path
    assert artifact.sha256 == source.fingerprint
    assert artifact.signature.inputs[0].name == "image"


def test_a_missing_signature_is_added(small_models: Path, tmp_path: Path) -> None:
    graph = read_graph(small_models / "small.tflite")
    graph.signatures.clear()
    write_graph(graph, tmp_path / "bare.tflite")
    taken = convert(source_of(tmp_path / "bare.tflite"), ConvertPlan(), tmp_path, silent)
    assert taken.signature.key == "serving_default"
    assert taken.signature.inputs[0].name == graph.main.inputs[0].name
    assert read_graph(taken.path).signatures[0].key == "serving_default"


def test_a_tflite_with_variables_is_refused(small_models: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was not frozen"):
        convert(source_of(small_models / "unfrozen.tflite"), ConvertPlan(), tmp_path, silent)
    assert list(tmp_path.iterdir()) == []


def test_a_tflite_with_flex_is_refused_by_name(tmp_path: Path) -> None:
    builder = GraphBuilder()
    out = builder.custom("FlexErf", builder.input((1, 4)))
    write_graph(builder.graph(out), tmp_path / "flex.tflite")
    with pytest.raises(UserError, match=r"Erf \(flexerf_1\)"):
        convert(source_of(tmp_path / "flex.tflite"), ConvertPlan(), tmp_path, silent)
    assert [file.name for file in tmp_path.iterdir()] == ["flex.tflite"]


def test_the_default_signature_is_not_keras_own(small_models: Path) -> None:
    serve, other = Signature("serve", (), ()), Signature("classify", (), ())
    assert choose_signature((serve, other), "") == other
    assert choose_signature((serve,), "") == serve


def test_the_step_in_a_warm_worker(small_models: Path, tmp_path: Path) -> None:
    """As the window does it: a spare child that has TensorFlow already, then the request."""
    child = subprocess.Popen(
        [sys.executable, "-m", "edgekiln", "worker", "edgekiln.pipeline.convert.warm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        assert isinstance(from_line(child.stdout.readline()), Ready)
        source = source_of(small_models / "tf1")
        request = Request("convert", encode(source), encode(ConvertPlan()), tmp_path)
        child.stdin.write(to_line(request))
        child.stdin.flush()
        messages = [from_line(line) for line in child.stdout]
        assert child.wait(30) == 0  # before its stdin is closed, which would mean we are gone
    *progress, done = messages
    assert all(isinstance(message, Progress) for message in progress)
    assert isinstance(done, Done)
    artifact = decode(Artifact, done.result)
    assert artifact.path.is_relative_to(tmp_path / "artifacts")
    assert sha256(artifact.path) == artifact.sha256
