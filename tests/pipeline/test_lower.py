"""What fails on the target is made lower and tried again; else it is said what was tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.device import Profile
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import lower_forms, needed_runtime, runs_on
from edgekiln.pipeline.graph.write import write_graph
from edgekiln.pipeline.quantize.biases import store
from edgekiln.pipeline.quantize.lower import Gated, gate_or_lower
from edgekiln.pipeline.quantize.one_scale import give_one_scale
from edgekiln.pipeline.quantize.trial import FAST, mean_error, run_on
from edgekiln.pipeline.quantize.variants import Variant
from edgekiln.profiles import load_profile
from pipeline.fired import SHAPE, classifier, fire, made
from pipeline.foreign_runtimes import FOLDER, a_foreign
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.test_gate import trial_of


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> dict[SchemeName, Artifact]:
    """The float model and its files as ai-edge-quantizer makes them for the newest runtime."""
    folder = tmp_path_factory.mktemp("fired")
    inputs = made(folder)
    schemes: tuple[SchemeName, ...] = ("dynamic-range", "int8")
    plan = inputs.plan(*schemes, target="this-computer", evaluation=False)
    result = fire(inputs.artifact, plan, folder / "root")
    found = {scheme: result.candidate(scheme).artifact for scheme in schemes}
    return {"float32": inputs.artifact} | {s: a for s, a in found.items() if a is not None}


def gated(fired: dict[SchemeName, Artifact], scheme: SchemeName, on: str, folder: Path) -> Gated:
    model, file = fired["float32"], fired[scheme]
    x = np.random.default_rng(9).normal(size=(48, *SHAPE)).astype(np.float32)
    trial = trial_of(model, {"x": x}, folder)
    run = run_on(file.path, trial.samples, FAST, folder)
    variant = Variant(file.path, model.path, "ai-edge-quantizer", file.made_by, run, None)

    def keep(item: Variant) -> Artifact:
        path = folder / "kept.tflite"
        path.write_bytes(item.path.read_bytes())
        return artifact_of(path, scheme=scheme, made_from="", made_by=item.tools)

    profile: Profile = replace(load_profile("rdk-x5"), runtime=on)
    return gate_or_lower(variant, scheme, model, profile, trial, keep)


def test_the_silently_wrong_dense_is_lowered_to_a_right_one(
    fired: dict[SchemeName, Artifact], tmp_path: Path
) -> None:
    taken = gated(fired, "dynamic-range", "tflite-runtime 2.14.0", tmp_path)
    assert taken.verdict.usable, str(taken.verdict.why_not)
    assert taken.verdict.measured_on == "tflite-runtime 2.14.0"
    assert taken.verdict.float_error is not None
    assert taken.verdict.float_error < 0.05
    assert "refuses" in str(taken.verdict.lowered)
    graph = read_graph(taken.artifact.path)
    dense = [op for op in graph.main.operators if op.name == "FULLY_CONNECTED"]
    for operator in dense:
        assert operator.inputs[1] is not None
        assert operator.inputs[1].quantization is not None
        assert len(operator.inputs[1].quantization.scales) == 1
        assert operator.version in (3, 9)
    assert runs_on(graph, "2.14.0") is None
    # the file that is kept is the one that was gated
    assert taken.artifact.path.read_bytes() == taken.variant.path.read_bytes()


def test_where_it_is_right_it_stays_as_it_was_made(
    fired: dict[SchemeName, Artifact], tmp_path: Path
) -> None:
    taken = gated(fired, "dynamic-range", "litert 2.3.0", tmp_path)
    assert taken.verdict.usable
    assert taken.verdict.lowered is None
    assert taken.artifact.path.read_bytes() == fired["dynamic-range"].path.read_bytes()


def test_what_no_form_helps_says_what_was_tried(
    fired: dict[SchemeName, Artifact], tmp_path: Path
) -> None:
    """A convolution's channel scales need 2.4; one scale for the Dense does not change that."""
    taken = gated(fired, "dynamic-range", "tflite-runtime 2.3.0", tmp_path)
    assert not taken.verdict.usable
    assert any("Tried in vain" in str(note) for note in taken.verdict.notes)
    assert taken.artifact.path.read_bytes() == fired["dynamic-range"].path.read_bytes()


def test_integers_with_a_scale_for_each_unit_need_2_10_by_the_rule(
    fired: dict[SchemeName, Artifact], tmp_path: Path
) -> None:
    """No runtime before 2.14 is needed here: the rule refuses what the stand-in takes."""
    graph = read_graph(fired["int8"].path)
    assert ("FULLY_CONNECTED", 0, "2.10.0") in needed_runtime(graph).because
    assert "scale for each unit" in str(runs_on(graph, "2.9.1"))
    assert runs_on(graph, "2.10.0") is None
    taken = gated(fired, "int8", "tflite-runtime 2.9.1", tmp_path)
    assert taken.verdict.usable, str(taken.verdict.why_not)
    assert "one weight scale" in str(taken.verdict.lowered)
    assert runs_on(read_graph(taken.artifact.path), "2.9.1") is None


def test_on_a_real_2_8_the_integers_are_wrong_and_lowered(
    fired: dict[SchemeName, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = a_foreign("tflite-runtime-2.8")
    monkeypatch.setenv("EDGEKILN_RUNTIMES", FOLDER)
    taken = gated(fired, "int8", old, tmp_path)
    assert taken.verdict.usable, str(taken.verdict.why_not)
    assert taken.verdict.measured_on == taken.verdict.target_runtime == old
    assert f"{old} loads it and computes wrong numbers" in str(taken.verdict.lowered)


def test_one_scale_is_as_near_to_float_as_one_scale_can_be(
    fired: dict[SchemeName, Artifact],
) -> None:
    graph, original = read_graph(fired["int8"].path), read_graph(fired["float32"].path)
    assert give_one_scale(graph, original) == 1
    assert give_one_scale(graph, original) == 0
    operator = next(op for op in graph.main.operators if op.name == "FULLY_CONNECTED")
    source, weights, bias = operator.inputs
    assert source is not None
    assert weights is not None
    assert bias is not None
    named = {tensor.name: tensor for tensor in original.main.tensors}
    for tensor, values in ((weights, weights.array()), (bias, bias.array())):
        assert tensor.quantization is not None
        scale = tensor.quantization.scales[0]
        truth = named[tensor.name].array()
        assert np.abs(values * scale - truth).max() <= 0.5001 * scale
    assert bias.quantization is not None
    assert weights.quantization is not None
    assert source.quantization is not None
    assert bias.quantization.scales[0] == pytest.approx(
        source.quantization.scales[0] * weights.quantization.scales[0]
    )


def test_a_dense_of_zeros_and_a_huge_bias_keep_their_numbers(tmp_path: Path) -> None:
    """One scale from the weights alone would cut such a bias off at the ends of int32."""
    build = GraphBuilder()
    original = build.graph(build.dense(build.input((1, 8)), 4))
    _, weights, bias = original.main.operators[0].inputs
    assert weights is not None
    assert bias is not None
    weights.data = np.full((4, 8), 1e-9, np.float32).tobytes()
    bias.data = np.array([5, -3, 0, 1], np.float32).tobytes()
    write_graph(original, tmp_path / "float.tflite")
    graph = read_graph(tmp_path / "float.tflite")
    operator = graph.main.operators[0]
    source, weights, bias = operator.inputs
    assert source is not None
    assert weights is not None
    assert bias is not None
    for tensor, dtype, scales in ((weights, "int8", 4), (bias, "int32", 4), (source, "int8", 1)):
        tensor.dtype = dtype
        tensor.rest.quantization = schema.QuantizationParametersT()
        store(tensor, np.zeros(tensor.shape, dtype), np.full(scales, 0.1))
    source.data = None
    assert give_one_scale(graph, read_graph(tmp_path / "float.tflite")) == 1
    assert bias.quantization is not None
    found = bias.array() * bias.quantization.scales[0]
    np.testing.assert_allclose(found, [5, -3, 0, 1], atol=1e-6)


def test_an_operator_newer_than_it_needs_to_be_gets_its_plain_form() -> None:
    build = GraphBuilder()
    x = build.input((1, 6, 6, 3))
    graph = build.graph(build.conv(build.add(x, x), 4))
    add, conv = graph.main.operators
    conv.version, add.version = 8, 6  # 2.15 and 2.23, as a newer converter may write
    assert runs_on(graph, "2.14.0") is not None
    assert lower_forms(graph, "2.14.0") == 2
    assert (conv.version, add.version) == (1, 1)
    assert runs_on(graph, "2.14.0") is None
    assert lower_forms(graph, "2.14.0") == 0


def test_an_older_form_makes_the_runtime_take_it(tmp_path: Path) -> None:
    """The true 2.14 refuses CONV_2D version 8 and computes version 1: the same numbers."""
    graph = classifier()
    graph.main.operators[0].version = 8
    model = as_artifact(graph, tmp_path / "new")
    x = np.random.default_rng(3).normal(size=(40, *SHAPE)).astype(np.float32)
    trial = trial_of(model, {"x": x}, tmp_path)
    run = run_on(model.path, trial.samples, FAST, tmp_path)
    variant = Variant(model.path, model.path, "none", (), run, None)
    taken = gate_or_lower(
        variant, "float32", model, load_profile("rdk-x5"), trial,
        lambda item: replace(model, path=item.path),
    )  # fmt: skip
    assert taken.verdict.usable, str(taken.verdict.why_not)
    assert "older form" in str(taken.verdict.lowered)
    assert "CONV_2D" in str(taken.verdict.lowered)
    fast = run_on(taken.artifact.path, trial.few, "tflite-runtime", tmp_path)
    assert mean_error(fast.outputs, run.first(32)) < 1e-5
