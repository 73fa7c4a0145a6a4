"""The gate: what loads and computes wrong numbers, what is refused, what is too new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.artifact import SCHEMES, SPECIAL_SCHEMES, Artifact, Verdict
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.graph.graph import constant
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph
from edgekiln.pipeline.quantize.gate import FLOAT_LIMIT, TOLERANCE, gate
from edgekiln.pipeline.quantize.trial import (
    FAST,
    Trial,
    first_rows,
    largest_error,
    mean_error,
    run_on,
)
from edgekiln.profiles import load_profile
from pipeline.fired import SHAPE, classifier, fire, made
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import Outputs, run_file


@pytest.fixture(scope="module")
def dynamic_range(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, Path]:
    """The float artifact and its dynamic-range file, made by ai-edge-quantizer."""
    folder = tmp_path_factory.mktemp("dynamic")
    inputs = made(folder)
    plan = inputs.plan("dynamic-range", target="this-computer", evaluation=False)
    artifact = fire(inputs.artifact, plan, folder / "root").candidate("dynamic-range").artifact
    assert artifact is not None
    return inputs.artifact, artifact.path


@pytest.fixture
def samples() -> Outputs:
    return {"x": np.random.default_rng(9).normal(size=(48, *SHAPE)).astype(np.float32)}


def trial_of(model: Artifact, samples: Outputs, folder: Path) -> Trial:
    path = folder / "trial.npz"
    save_arrays(path, samples)
    reference = run_on(model.path, path, FAST, folder).outputs
    return Trial(path, first_rows(path, 32, folder / "few.npz"), (), reference, "out0", folder)


def verdict_on(model: Path, target: str, trial: Trial, runtime: str = "") -> Verdict:
    profile = load_profile(target)
    profile = replace(profile, runtime=runtime or profile.runtime)
    fast = run_on(model, trial.samples, FAST, trial.folder)
    return gate(model, "dynamic-range", profile, fast, trial)


def test_the_wrong_numbers_happen_and_the_gate_catches_them(
    dynamic_range: tuple[Artifact, Path], samples: Outputs, tmp_path: Path
) -> None:
    model, stamped = dynamic_range
    quantized = as_the_quantizer_left_it(stamped, tmp_path)

    # It happens: no refusal, no warning, and another model's numbers.
    truth = run_file(model.path, samples, tmp_path)
    on_litert = run_file(quantized, samples, tmp_path, "litert")
    on_board = run_file(quantized, samples, tmp_path, "tflite-runtime")
    assert mean_error(on_litert, truth) < 0.05
    assert mean_error(on_board, truth) > 0.3
    assert np.isfinite(on_board["out0"]).all()
    answers = truth["out0"].argmax(axis=1)
    assert (on_litert["out0"].argmax(axis=1) == answers).mean() > 0.9
    assert (on_board["out0"].argmax(axis=1) == answers).mean() < 0.6

    # It is caught, for the board and not for this computer.
    trial = trial_of(model, samples, tmp_path)
    board = verdict_on(quantized, "rdk-x5", trial)
    assert not board.usable
    assert board.measured_on == "tflite-runtime 2.14.0"
    assert board.samples == 32
    assert board.max_relative_error is not None
    assert board.max_relative_error > 0.3
    assert board.needs_runtime == "2.17.0"
    for word in ("wrong numbers", "2.14.0", "FULLY_CONNECTED", "version 12", "32 samples"):
        assert word in str(board.why_not)
    here = verdict_on(quantized, "this-computer", trial)
    assert here.usable
    assert here.why_not is None
    assert here.measured_on.startswith("litert")


def as_the_quantizer_left_it(stamped: Path, folder: Path) -> Path:
    """With the version the file's Dense had before we wrote the true one: runtime 2.14 believes
    it."""
    graph = read_graph(stamped)
    dense = [op for op in graph.main.operators if op.name == "FULLY_CONNECTED"]
    assert [op.version for op in dense] == [12]
    dense[0].version = 1
    write_graph(graph, folder / "quantized.tflite")
    return folder / "quantized.tflite"


def test_our_own_file_is_refused_where_it_would_compute_wrong_numbers(
    dynamic_range: tuple[Artifact, Path], samples: Outputs, tmp_path: Path
) -> None:
    model, stamped = dynamic_range
    verdict = verdict_on(stamped, "rdk-x5", trial_of(model, samples, tmp_path))
    assert not verdict.usable
    assert verdict.measured_on == ""
    for word in ("refuses", "2.14.0", "FULLY_CONNECTED", "version 12", "2.17.0"):
        assert word in str(verdict.why_not)


def test_a_stand_in_says_that_it_is_one(
    dynamic_range: tuple[Artifact, Path], samples: Outputs, tmp_path: Path
) -> None:
    model, _ = dynamic_range
    verdict = verdict_on(model.path, "rdk-x3", trial_of(model, samples, tmp_path))
    assert verdict.usable, str(verdict.why_not)
    assert verdict.target_runtime == "tflite-runtime 2.13.0"
    assert verdict.measured_on == "tflite-runtime 2.14.0"
    assert any("2.13.0 is not installed here" in str(note) for note in verdict.notes)


def test_what_the_stand_in_runs_may_still_be_too_new_for_the_box(
    dynamic_range: tuple[Artifact, Path], samples: Outputs, tmp_path: Path
) -> None:
    model, _ = dynamic_range
    graph = read_graph(model.path)
    graph.main.operators[0].version = 5  # per-channel hybrid convolution: since 2.4.0
    newer = as_artifact(graph, tmp_path / "newer")
    trial = trial_of(model, samples, tmp_path)
    assert verdict_on(newer.path, "rdk-x5", trial).usable
    old = verdict_on(newer.path, "rdk-x5", trial, runtime="tflite-runtime 2.1.0")
    assert not old.usable
    assert "CONV_2D" in str(old.why_not)
    assert "2.1.0" in str(old.why_not)


def test_a_refused_file_is_refused_in_the_runtime_s_words(samples: Outputs, tmp_path: Path) -> None:
    model = as_artifact(classifier(), tmp_path)
    trial = trial_of(model, samples, tmp_path)
    graph = read_graph(model.path)
    graph.main.operators[0].version = 99
    refused = as_artifact(graph, tmp_path / "refused")
    verdict = verdict_on(refused.path, "rdk-x5", trial)
    assert not verdict.usable
    assert verdict.samples == 0
    assert verdict.measured_on == ""
    assert verdict.max_relative_error is None
    assert "tflite-runtime 2.14.0 refuses" in str(verdict.why_not)


def test_values_that_are_not_finite_are_never_usable(samples: Outputs, tmp_path: Path) -> None:
    model = as_artifact(classifier(), tmp_path)
    trial = trial_of(model, samples, tmp_path)
    graph = read_graph(model.path)
    weights = graph.main.operators[-1].inputs[1]
    assert weights is not None
    weights.data = constant("", np.full_like(weights.array(), np.nan)).data
    write_graph(graph, tmp_path / "nan.tflite")
    for target in ("rdk-x5", "this-computer"):
        verdict = verdict_on(tmp_path / "nan.tflite", target, trial)
        assert not verdict.usable
        assert "not finite" in str(verdict.why_not)
        assert verdict.max_relative_error is None


def test_the_errors_are_what_they_are_called() -> None:
    a, b = {"o": np.array([[1.0, 2.0], [3.0, 5.0]])}, {"o": np.array([[1.0, 2.0], [3.0, 4.0]])}
    assert largest_error(a, b) == pytest.approx(1 / 4)
    assert mean_error(a, b) == pytest.approx(1 / np.sqrt(30))
    assert largest_error(b, b) == mean_error(b, b) == 0.0
    nan = {"o": np.array([[np.nan, 2.0], [3.0, 4.0]])}
    assert largest_error(nan, b) == mean_error(nan, b) == np.inf
    zero = {"o": np.zeros((1, 2))}
    assert mean_error(zero, zero) == 0.0
    assert mean_error({"o": np.ones((1, 2))}, zero) == np.inf


def test_one_wrong_sample_of_32_is_enough(tmp_path: Path) -> None:
    """A kernel that is wrong for some inputs only: one sample answered with another class."""
    right = {"o": np.tile(np.eye(10)[0], (32, 1))}
    wrong = {"o": right["o"].copy()}
    wrong["o"][7] = np.eye(10)[3]
    assert mean_error(wrong, right) > max(TOLERANCE.values())


def test_the_first_rows_are_the_first(samples: Outputs, tmp_path: Path) -> None:
    save_arrays(tmp_path / "all.npz", samples)
    few = load_arrays(first_rows(tmp_path / "all.npz", 5, tmp_path / "few.npz"))
    np.testing.assert_array_equal(few["x"], samples["x"][:5])


def test_a_file_that_both_runtimes_compute_alike_may_still_be_broken(
    samples: Outputs, tmp_path: Path
) -> None:
    """Not a question of the runtime: the weights of the last layer were lost."""
    model = as_artifact(classifier(), tmp_path)
    trial = trial_of(model, samples, tmp_path)
    graph = read_graph(model.path)
    weights = graph.main.operators[-1].inputs[1]
    assert weights is not None
    weights.data = constant("", -weights.array()).data
    write_graph(graph, tmp_path / "broken.tflite")
    for target in ("rdk-x5", "this-computer"):
        verdict = verdict_on(tmp_path / "broken.tflite", target, trial)
        assert not verdict.usable
        assert verdict.float_error is not None
        assert verdict.float_error > FLOAT_LIMIT["dynamic-range"]
        assert "other numbers than the float model" in str(verdict.why_not)
        assert "32 samples" in str(verdict.why_not)
        assert verdict.max_relative_error is not None
        assert verdict.max_relative_error < 1e-3  # the two runtimes agree


def test_every_scheme_has_its_tolerances() -> None:
    assert set(TOLERANCE) == set(FLOAT_LIMIT) == {*SCHEMES, *SPECIAL_SCHEMES}


def test_an_order_is_not_held_against_the_float_model(samples: Outputs, tmp_path: Path) -> None:
    """ARG_MAX of nearly equal scores flips by rounding: far off, and right."""
    builder = GraphBuilder()
    x = builder.flatten(builder.input((1, *SHAPE)))
    top = builder.op(
        "ARG_MAX",
        [x, builder.integers(1)],
        (1,),
        schema.ArgMaxOptionsT(outputType=schema.TensorType.INT32),
    )
    top.dtype = "int32"
    model = as_artifact(builder.graph(top), tmp_path)
    trial = trial_of(model, samples, tmp_path)
    lie = replace(trial, reference={"out0": trial.reference["out0"][::-1]})
    verdict = verdict_on(model.path, "this-computer", lie)
    assert verdict.usable, str(verdict.why_not)
    assert verdict.float_error is None
