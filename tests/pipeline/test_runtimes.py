"""Runtimes of other releases: found, preferred, run, timed, and honest about what fails."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.errors import UserError
from edgekiln.core.inference import InferResult, RuntimeInputs, RuntimePlan, TimeInputs, TimePlan
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.evaluate.foreign import foreign_runtimes
from edgekiln.pipeline.evaluate.runtimes import known_runtimes, run_model, stand_in, time_on
from edgekiln.pipeline.graph.write import write_graph
from pipeline.fired import SHAPE, classifier
from pipeline.foreign_runtimes import FOLDER, a_foreign
from pipeline.graphs import GraphBuilder


@pytest.fixture
def ours_as_foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder whose Python is our own: it has tflite-runtime 2.14.0, whatever its name says."""
    python = tmp_path / "runtimes" / "tflite-runtime-2.12.0" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("EDGEKILN_RUNTIMES", str(tmp_path / "runtimes"))
    return "tflite-runtime 2.12.0"


def written(folder: Path) -> tuple[Path, Path]:
    write_graph(classifier(), folder / "model.tflite")
    x = np.random.default_rng(2).normal(size=(5, *SHAPE)).astype(np.float32)
    save_arrays(folder / "samples.npz", {"x": x})
    return folder / "model.tflite", folder / "samples.npz"


def test_the_very_release_stands_in_else_the_nearest_of_the_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKILN_RUNTIMES", str(tmp_path))
    for name in ("tflite-runtime-2.9.1", "tflite-runtime-2.11.0", "litert-1.0.1", "other-1.0"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python").touch()
    (tmp_path / "tflite-runtime-2.7.0").mkdir()  # no Python in it
    assert [r.name for r in foreign_runtimes()] == [
        "litert 1.0.1", "tflite-runtime 2.11.0", "tflite-runtime 2.9.1",
    ]  # fmt: skip
    assert stand_in("tflite-runtime 2.11.0") == "tflite-runtime 2.11.0"
    assert stand_in("tflite-runtime 2.9.0") == "tflite-runtime 2.9.1"
    assert stand_in("tflite-runtime 2.13.0") == "tflite-runtime 2.14.0"
    assert stand_in("litert 1.1.0") == "litert 1.0.1"
    assert stand_in("litert 2.3.0").startswith("litert 2.")


def test_another_python_computes_the_same_and_says_what_it_truly_is(
    ours_as_foreign: str, tmp_path: Path
) -> None:
    model, samples = written(tmp_path)
    there = run_model(model, samples, ours_as_foreign, tmp_path / "there.npz", tmp_path)
    here = run_model(model, samples, "tflite-runtime", tmp_path / "here.npz", tmp_path)
    assert there.refused is here.refused is None
    assert there.runtime == "tflite-runtime 2.14.0"  # the folder's name lied
    assert there.samples == 5
    a, b = load_arrays(tmp_path / "there.npz"), load_arrays(tmp_path / "here.npz")
    np.testing.assert_array_equal(a["out0"], b["out0"])


def test_what_another_python_refuses_or_dies_of_is_said(
    ours_as_foreign: str, tmp_path: Path
) -> None:
    model, samples = written(tmp_path)
    build = GraphBuilder()
    write_graph(build.graph(build.custom("Odd", build.input((1, *SHAPE)))), tmp_path / "odd.tflite")
    odd = run_model(tmp_path / "odd.tflite", samples, ours_as_foreign, tmp_path / "o.npz", tmp_path)
    assert "Odd" in str(odd.refused)
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    dead = run_model(cut, samples, ours_as_foreign, tmp_path / "o.npz", tmp_path)
    assert dead.refused is not None
    assert dead.samples == 0
    assert not list(tmp_path.glob("*o.npz"))


def test_models_are_timed_in_turn_by_another_python(ours_as_foreign: str, tmp_path: Path) -> None:
    model, samples = written(tmp_path)
    inputs, plan = TimeInputs((model, model), samples), TimePlan(runs=7)
    timed = time_on(ours_as_foreign, inputs, plan, tmp_path)
    assert [latency.runs for latency in timed.latencies] == [7, 7]
    assert all(0 < item.low <= item.median <= item.high for item in timed.latencies)


def test_a_folder_without_the_runtime_is_a_refusal_with_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "runtimes" / "litert-1.0.1" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # no packages
    python.chmod(0o755)
    monkeypatch.setenv("EDGEKILN_RUNTIMES", str(tmp_path / "runtimes"))
    model, samples = written(tmp_path)
    result = run_model(model, samples, "litert 1.0.1", tmp_path / "o.npz", tmp_path)
    assert "numpy" in str(result.refused)


def test_a_release_that_is_not_here_is_refused_with_what_is(tmp_path: Path) -> None:
    model, samples = written(tmp_path)
    with pytest.raises(UserError) as raised:
        run_model(model, samples, "tflite-runtime 2.4.0", tmp_path / "o.npz", tmp_path)
    assert raised.value.choices == known_runtimes()


def test_what_cannot_be_added_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKILN_RUNTIMES", str(tmp_path / "runtimes"))
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    inputs = RuntimeInputs("tflite-runtime 2.11.0", Path(sys.executable))
    with pytest.raises(UserError, match="was not added"):
        run_step("add-runtime", inputs, RuntimePlan(wheels), tmp_path, InferResult)
    assert not list((tmp_path / "runtimes").glob("*"))


def test_a_real_older_release_computes_as_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = a_foreign("tflite-runtime-2.")
    monkeypatch.setenv("EDGEKILN_RUNTIMES", FOLDER)
    model, samples = written(tmp_path)
    result = run_model(model, samples, old, tmp_path / "old.npz", tmp_path)
    assert result.refused is None
    assert result.runtime == old
    run_model(model, samples, "litert", tmp_path / "new.npz", tmp_path)
    a, b = load_arrays(tmp_path / "old.npz"), load_arrays(tmp_path / "new.npz")
    np.testing.assert_allclose(a["out0"], b["out0"], rtol=1e-4, atol=1e-5)
