"""One float model in, judged candidates out: what they are, and that a bad one sinks nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import SCHEMES
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.files import sha256
from edgekiln.core.report import silent
from edgekiln.pipeline.evaluate.embedded import embedded_note
from edgekiln.pipeline.graph.graph import constant
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.candidate import CandidateInputs, CandidatePlan, make_candidate
from edgekiln.pipeline.quantize.engines import quantize_by_tensorflow
from edgekiln.pipeline.quantize.table import lay_table
from pipeline.fired import Made, classifier, fire, made
from pipeline.graphs import as_artifact
from pipeline.runs import run_file


@pytest.fixture(scope="module")
def on_board(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, QuantResult]:
    """All schemes of the small classifier, for a board with runtime 2.14."""
    folder = tmp_path_factory.mktemp("board")
    inputs = made(folder)
    return inputs, fire(inputs.artifact, inputs.plan(), folder / "root")


def test_every_scheme_is_a_complete_file_of_its_own(on_board: tuple[Made, QuantResult]) -> None:
    _, result = on_board
    assert tuple(c.scheme for c in result.candidates) == SCHEMES
    for candidate in result.candidates:
        assert candidate.artifact is not None
        assert candidate.artifact.path.name == f"{candidate.scheme}.tflite"
        assert sha256(candidate.artifact.path) == candidate.artifact.sha256
        assert candidate.artifact.made_from == on_board[0].artifact.sha256


def test_nothing_but_the_candidates_and_their_figures_is_left(
    on_board: tuple[Made, QuantResult],
) -> None:
    _, result = on_board
    assert result.candidates[0].artifact is not None
    folder = result.candidates[0].artifact.path.parent
    scores = {c.report.outputs.name for c in result.candidates if c.report is not None}
    assert result.float_report is not None
    expected = {f"{scheme}.tflite" for scheme in SCHEMES} | scores | {"result.json"}
    expected.add("calibration.npz")
    assert {p.name for p in folder.iterdir()} == expected | {result.float_report.outputs.name}
    assert result.float_report.outputs.is_file()


@pytest.mark.parametrize(
    ("scheme", "dtype"),
    [
        ("float32", "float32"),
        ("float16", "float32"),
        ("dynamic-range", "float32"),
        ("int8", "int8"),
        ("int8-float-io", "float32"),
        ("int16x8", "float32"),
    ],
)
def test_the_edges_are_as_the_scheme_says(
    on_board: tuple[Made, QuantResult], scheme: str, dtype: str
) -> None:
    artifact = on_board[1].candidate(scheme).artifact
    assert artifact is not None
    signature = artifact.signature
    assert [spec.name for spec in signature.inputs] == ["x"]
    assert [spec.name for spec in signature.outputs] == ["out0"]
    assert {spec.dtype for spec in (*signature.inputs, *signature.outputs)} == {dtype}


def test_int8_has_no_float_operator_left(on_board: tuple[Made, QuantResult]) -> None:
    artifact = on_board[1].candidate("int8").artifact
    assert artifact is not None
    graph = read_graph(artifact.path)
    assert not graph.has_operator("QUANTIZE", "DEQUANTIZE")
    assert not any(tensor.dtype == "float32" for tensor in graph.main.tensors)


@pytest.mark.parametrize("scheme", ["float32", "float16", "int8", "int8-float-io", "int16x8"])
def test_right_candidates_keep_their_accuracy_on_both_runtimes(
    on_board: tuple[Made, QuantResult], scheme: str
) -> None:
    candidate = on_board[1].candidate(scheme)
    assert candidate.verdict.usable, str(candidate.verdict.why_not)
    assert candidate.report is not None
    assert candidate.on_target is not None
    assert candidate.report.accuracy is not None
    assert candidate.report.accuracy >= 0.97
    assert candidate.report.runtime.startswith("litert")
    assert candidate.report.samples == 150
    assert candidate.on_target.runtime == "tflite-runtime 2.14.0"
    assert candidate.on_target.same_as_fast >= 0.97


def test_dynamic_range_is_refused_on_the_board_as_made_and_lowered_to_a_right_one(
    on_board: tuple[Made, QuantResult],
) -> None:
    _, result = on_board
    candidate = result.candidate("dynamic-range")
    assert candidate.report is not None
    assert candidate.report.accuracy is not None
    assert candidate.report.accuracy >= 0.95
    assert candidate.on_target is not None
    assert candidate.on_target.accuracy is not None
    assert candidate.on_target.accuracy >= 0.95
    assert candidate.verdict.usable
    assert candidate.verdict.needs_runtime == "2.4.0"
    for words in ("one weight scale", "As it was made", "refuses", "FULLY_CONNECTED"):
        assert words in str(candidate.verdict.lowered)
    assert candidate.artifact is not None
    assert ("one-scale", "1") in candidate.artifact.made_by


def test_candidates_are_timed_beside_float(on_board: tuple[Made, QuantResult]) -> None:
    _, result = on_board
    for candidate in result.candidates:
        if candidate.scheme == "float32":
            assert candidate.speed is None
            continue
        assert candidate.speed is not None
        assert candidate.speed.candidate.runs == candidate.speed.beside.runs == 30
        assert candidate.speed.candidate.runtime == "tflite-runtime 2.14.0"
        said = [str(n) for n in candidate.verdict.notes if "Slower than float" in str(n)]
        assert len(said) == candidate.is_slower


def test_what_was_found_travels_inside_the_file(on_board: tuple[Made, QuantResult]) -> None:
    _, result = on_board
    for candidate in result.candidates:
        assert candidate.artifact is not None
        note = embedded_note(candidate.artifact.path)
        assert note.preprocessing == result.preprocessing == Preprocessing()


def test_the_reason_carries_what_it_was_measured_on(on_board: tuple[Made, QuantResult]) -> None:
    reason = str(on_board[1].reason)
    assert "150 samples" in reason
    assert "litert 2.3" in reason
    assert "evaluation.npz" in reason


def test_on_this_computer_dynamic_range_is_usable(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    plan = inputs.plan("dynamic-range", target="this-computer")
    candidate = fire(inputs.artifact, plan, tmp_path / "root").candidate("dynamic-range")
    assert candidate.verdict.usable, str(candidate.verdict.why_not)
    assert candidate.verdict.measured_on.startswith("litert")


def test_channels_without_weights_keep_their_bias(tmp_path: Path) -> None:
    """ai-edge-quantizer 0.10 stores the lowest int32 as their bias; see biases.py."""
    inputs = made(tmp_path, dead=4)
    plan = inputs.plan("int8-float-io", target="this-computer")
    candidate = fire(inputs.artifact, plan, tmp_path / "root").candidate("int8-float-io")
    assert candidate.artifact is not None
    assert ("repaired-biases", "4") in candidate.artifact.made_by
    bias = read_graph(candidate.artifact.path).main.operators[3].inputs[2]
    assert bias is not None
    assert bias.quantization is not None
    real = bias.array() * np.asarray(bias.quantization.scales)
    np.testing.assert_allclose(real[:4], 0.5, rtol=1e-6)


def test_without_evaluation_data_the_calibration_samples_judge_and_it_says_so(
    tmp_path: Path,
) -> None:
    inputs = made(tmp_path, calibration=40)
    plan = inputs.plan("float32", "float16", target="this-computer", evaluation=False)
    result = fire(inputs.artifact, plan, tmp_path / "root")
    notes = " ".join(map(str, result.notes))
    assert result.calibration_samples == 40
    assert "No evaluation data" in notes
    assert "Few calibration samples (40)" in notes
    assert result.chosen == "float16"


def test_samples_in_both_sets_and_unlabelled_data_are_told(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    with np.load(inputs.calibration.path) as stored:
        np.savez(tmp_path / "unlabelled.npz", x=stored["x"][:30])
    evaluation = DataSource(tmp_path / "unlabelled.npz")
    plan = replace(inputs.plan("float16", target="this-computer"), evaluation=evaluation)
    result = fire(inputs.artifact, plan, tmp_path / "root")
    notes = " ".join(map(str, result.notes))
    assert "also calibrate: 30" in notes
    assert "unlabelled" in notes
    report = result.candidate("float16").report
    assert report is not None
    assert report.accuracy is None
    assert report.agreement == 1.0


def test_a_float_model_that_does_not_run_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    graph = read_graph(inputs.artifact.path)
    graph.main.operators[3].name = "Unheard"
    graph.main.operators[3].is_custom = True
    broken = as_artifact(graph, tmp_path / "broken")
    with pytest.raises(UserError) as caught:
        fire(broken, inputs.plan("float16"), tmp_path / "root")
    assert "float model does not run" in str(caught.value)
    assert not list((tmp_path / "root" / "artifacts").glob("*"))


def test_values_that_are_not_finite_are_told_and_leave_nothing(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    graph = read_graph(inputs.artifact.path)
    weights = graph.main.operators[0].inputs[1]
    assert weights is not None
    weights.data = constant("", weights.array() * np.float32("inf")).data
    broken = as_artifact(graph, tmp_path / "broken")
    with pytest.raises(UserError) as caught:
        fire(broken, inputs.plan("int8"), tmp_path / "root")
    assert "not finite" in str(caught.value)
    left = {path.name.rsplit("-", 1)[0] for path in (tmp_path / "root" / "artifacts").iterdir()}
    assert left == {"lay-table"}  # the data as the model takes it is whole by itself


def test_a_candidate_that_cannot_be_made_is_a_verdict_not_an_error(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    plan = replace(inputs.plan(), preprocessing=Preprocessing())
    table = lay_table(inputs.artifact, plan.table, tmp_path, silent)
    uncalibrated = CandidateInputs(inputs.artifact, table, None, None, None)
    asked = CandidatePlan("mixed", "rdk-x5", 10)
    candidate = make_candidate(uncalibrated, asked, tmp_path, silent)
    assert candidate.artifact is None
    assert not candidate.verdict.usable
    assert "could not be made" in str(candidate.verdict.why_not)
    assert not (tmp_path / "mixed.tflite").exists()


def test_an_unknown_target_offers_the_known_ones(tmp_path: Path) -> None:
    artifact = as_artifact(classifier(), tmp_path)
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 8, 8, 3), np.float32))
    plan = Made(artifact, DataSource(tmp_path / "x.npz"), DataSource(tmp_path / "x.npz")).plan()
    with pytest.raises(UserError) as caught:
        fire(artifact, replace(plan, target="rdk-x9"), tmp_path / "root")
    assert "rdk-x5" in caught.value.choices


def test_a_quantized_model_is_not_quantized_again(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    with pytest.raises(UserError) as caught:
        fire(replace(inputs.artifact, scheme="int8"), inputs.plan("int8"), tmp_path / "root")
    assert "quantized already" in str(caught.value)


def test_the_chosen_file_computes_on_the_board_s_runtime(
    on_board: tuple[Made, QuantResult], tmp_path: Path
) -> None:
    inputs, result = on_board
    assert result.chosen is not None
    artifact = result.candidate(result.chosen).artifact
    assert artifact is not None
    with np.load(inputs.evaluation.path) as stored:
        x, y = stored["x"], stored["y"]
    scores = run_file(artifact.path, {"x": x}, tmp_path, "tflite-runtime")["out0"]
    assert (scores.argmax(axis=1) == y).mean() >= 0.97


def test_the_second_engine_makes_what_the_board_runs(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    with np.load(inputs.calibration.path) as stored:
        x, y = stored["x"], stored["y"]
    np.savez(tmp_path / "samples.npz", x=x)
    artifact = quantize_by_tensorflow(
        inputs.artifact, "int8-float-io", tmp_path / "samples.npz", tmp_path / "root"
    )
    scores = run_file(artifact.path, {"x": x}, tmp_path, "tflite-runtime")["out0"]
    assert (scores.argmax(axis=1) == y).mean() >= 0.95


def test_without_data_latency_is_told_and_nothing_else(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    plan = replace(
        inputs.plan("float16", "int8"), calibration=None, evaluation=None, goal="latency"
    )
    result = fire(inputs.artifact, plan, tmp_path / "root")
    assert result.random
    assert result.sensitivity is None
    assert result.chosen is not None
    assert "unknown without data" in str(result.reason)
    for candidate in result.candidates:
        assert candidate.report is not None
        assert candidate.report.median_ms > 0
        assert candidate.report.accuracy is None
        assert candidate.report.agreement is None
        assert candidate.on_target is None
    assert all(attempt.loss is None for attempt in result.attempts)


def test_the_limit_may_be_on_agreement(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    plan = replace(inputs.plan("float16", "int8"), limit_on="agreement", max_drop=0.0)
    result = fire(inputs.artifact, replace(plan, search_seconds=0.0), tmp_path / "root")
    losses = {a.scheme: a.loss for a in result.attempts}
    for candidate in result.candidates:
        assert candidate.report is not None
        assert candidate.report.agreement is not None
        assert losses[candidate.scheme] == pytest.approx(1 - candidate.report.agreement)


def test_operators_kept_by_hand_are_not_int8(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    first = read_graph(inputs.artifact.path).main.operators[0].outputs[0].name
    plan = replace(inputs.plan("int8"), kept=((first, "float32"),))
    result = fire(inputs.artifact, plan, tmp_path / "root")
    mixed = result.candidate("mixed")
    assert mixed.kept == ((first, "float32"),)
    assert mixed.artifact is not None
    kept = read_graph(mixed.artifact.path).main.operators[0]
    assert kept.name == "CONV_2D"
    assert kept.inputs[1] is not None
    assert kept.inputs[1].dtype == "float32"
    assert mixed.verdict.usable, str(mixed.verdict.why_not)
