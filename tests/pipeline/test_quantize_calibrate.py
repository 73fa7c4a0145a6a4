"""Calibration as a step: what it sees, that it is kept, and that a killed one is taken up again."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.files import fingerprint
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan
from edgekiln.core.quantization import CalibrationInputs, CalibrationPlan, CalibrationResult
from edgekiln.pipeline.data.arrays import digest, load_arrays, save_arrays
from edgekiln.pipeline.data.source import Samples, limited, write_samples
from edgekiln.pipeline.quantize.calibrate import Calibration
from edgekiln.pipeline.quantize.calibration_file import load_calibration
from pipeline.fired import SHAPE, classifier
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import run_file

DRIVER = Path(__file__).parent / "calibration_driver.py"
PLAN = CalibrationPlan(Preprocessing())
COUNT = 110


def drive(job: str, model: Path, samples: Path, *more: Path | str) -> Any:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", DRIVER, job, model, samples, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def write(folder: Path, x: Any) -> Path:
    save_arrays(folder / "samples.npz", {"x": np.asarray(x, np.float32)})
    return folder / "samples.npz"


def inputs_of(artifact: Artifact, samples: Path, **more: Any) -> CalibrationInputs:
    return CalibrationInputs(artifact, samples, digest(load_arrays(samples)), "test data", **more)


@pytest.fixture
def model(tmp_path: Path) -> Artifact:
    return as_artifact(classifier(), tmp_path, "float.tflite")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    return write(tmp_path, np.random.default_rng(5).normal(size=(COUNT, *SHAPE)))


def calibrated(inputs: CalibrationInputs, root: Path, plan: CalibrationPlan = PLAN) -> Any:
    return run_step("calibrate", inputs, plan, root, CalibrationResult)


def same(one: Calibration, other: Calibration) -> None:
    assert one.samples == other.samples
    assert one.whole == other.whole
    assert list(one.lows) == list(other.lows)
    for name in one.lows:
        np.testing.assert_array_equal(one.lows[name], other.lows[name])
        np.testing.assert_array_equal(one.highs[name], other.highs[name])
        np.testing.assert_array_equal(one.histograms[name].keys, other.histograms[name].keys)
        np.testing.assert_array_equal(one.histograms[name].counts, other.histograms[name].counts)


def test_it_sees_what_the_quantizer_s_own_calibrator_sees(model: Artifact, samples: Path) -> None:
    distances = drive("peer", model.path, samples)
    assert len(distances) == 6
    assert max(distances.values()) == 0.0


def test_the_file_holds_everything_and_says_what_it_was_made_from(
    model: Artifact, samples: Path, tmp_path: Path
) -> None:
    inputs = inputs_of(model, samples, data_fingerprint="abc")
    result = calibrated(inputs, tmp_path)
    found, provenance = load_calibration(result.calibration, model.sha256)
    assert provenance == result.provenance
    assert (provenance.model_sha256, provenance.samples) == (model.sha256, COUNT)
    assert (provenance.data, provenance.data_fingerprint) == ("test data", "abc")
    assert provenance.samples_digest == inputs.digest
    assert provenance.runtime.startswith("litert 2.")
    x = load_arrays(samples)["x"]
    np.testing.assert_array_equal(found.lows["x"], x.reshape(COUNT, -1).min(axis=1))
    np.testing.assert_array_equal(found.highs["x"], x.reshape(COUNT, -1).max(axis=1))
    assert found.histograms["x"].counts.sum() == x.size
    assert found.whole >= {"x", "fully_connected_14"}


def test_it_is_kept_and_neither_the_place_of_the_samples_nor_of_the_checkpoint_matters(
    model: Artifact, samples: Path, tmp_path: Path
) -> None:
    first = calibrated(inputs_of(model, samples), tmp_path)
    moved = samples.rename(tmp_path / "moved.npz")
    plan = replace(PLAN, carry_on=tmp_path / "partial.npz")
    assert calibrated(inputs_of(model, moved), tmp_path, plan) == first
    other = write(tmp_path, np.zeros((3, *SHAPE)))
    assert calibrated(inputs_of(model, other), tmp_path).calibration != first.calibration


def test_a_file_of_another_model_or_a_damaged_one_is_refused(
    model: Artifact, samples: Path, tmp_path: Path
) -> None:
    file = calibrated(inputs_of(model, samples), tmp_path).calibration
    with pytest.raises(UserError, match="cannot be used") as refused:
        load_calibration(file, "0" * 64)
    assert "another model" in str(refused.value.why)
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(UserError, match="cannot be used"):
        load_calibration(file, model.sha256)
    with pytest.raises(UserError, match="cannot be used"):
        load_calibration(samples, model.sha256)
    with pytest.raises(UserError, match="cannot be used"):
        load_calibration(model.path, model.sha256)


def test_a_killed_calibration_is_taken_up_where_it_was(
    model: Artifact, samples: Path, tmp_path: Path
) -> None:
    carry_on = tmp_path / "partial.npz"
    whole = drive("resume", model.path, samples, tmp_path / "another.npz")
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", DRIVER, "slowly", model.path, samples, carry_on],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not carry_on.exists() and time.monotonic() < until:
        time.sleep(0.01)
    child.kill()
    child.wait()
    resumed = drive("resume", model.path, samples, carry_on)
    assert whole["began"] == 0
    assert resumed["began"] > 0
    assert {**resumed, "began": 0} == whole


def test_a_checkpoint_of_other_samples_or_a_damaged_one_is_not_taken_up(
    model: Artifact, samples: Path, tmp_path: Path
) -> None:
    carry_on = tmp_path / "partial.npz"
    first = drive("resume", model.path, samples, carry_on)
    assert drive("resume", model.path, samples, carry_on)["began"] > 0
    carry_on.write_bytes(carry_on.read_bytes()[:1000])
    assert drive("resume", model.path, samples, carry_on) == first
    other = write(tmp_path, np.ones((COUNT, *SHAPE)))
    assert drive("resume", model.path, other, carry_on)["began"] == 0


def test_the_step_removes_the_checkpoint(model: Artifact, samples: Path, tmp_path: Path) -> None:
    carry_on = tmp_path / "partial.npz"
    expected = calibrated(inputs_of(model, samples), tmp_path / "one")
    drive("resume", model.path, samples, carry_on)
    result = calibrated(
        inputs_of(model, samples), tmp_path / "two", replace(PLAN, carry_on=carry_on)
    )
    assert not carry_on.exists()
    same(
        load_calibration(result.calibration, model.sha256)[0],
        load_calibration(expected.calibration, model.sha256)[0],
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_named(
    value: float, model: Artifact, tmp_path: Path
) -> None:
    x = np.random.default_rng(1).normal(size=(9, *SHAPE))
    x[4, 2, 2, 1] = x[7, 0, 0, 0] = value
    with pytest.raises(UserError) as refused:
        calibrated(inputs_of(model, write(tmp_path, x)), tmp_path)
    assert "in 2 samples: 4, 7" in str(refused.value.why)


def test_the_first_sample_and_tensor_that_overflow_are_named(tmp_path: Path) -> None:
    builder = GraphBuilder()
    graph = builder.graph(builder.unary("EXP", builder.input((1, 4))))
    x = np.ones((6, 4))
    x[3] = 1000
    artifact = as_artifact(graph, tmp_path)
    with pytest.raises(UserError) as refused:
        calibrated(inputs_of(artifact, write(tmp_path, x)), tmp_path)
    assert "exp_1 is infinite or not a number, first in sample 3" in str(refused.value.why)


def test_an_infinity_that_is_the_model_s_own_padding_is_let_through(tmp_path: Path) -> None:
    builder = GraphBuilder()
    x = builder.pad(builder.input((1, 4, 4, 2)), 1, 1, float("-inf"))
    artifact = as_artifact(builder.graph(builder.pool("MAX", x)), tmp_path)
    values = np.random.default_rng(1).normal(size=(5, 4, 4, 2))
    result = calibrated(inputs_of(artifact, write(tmp_path, values)), tmp_path)
    found, _ = load_calibration(result.calibration, artifact.sha256)
    for name in found.lows:
        assert found.lows[name].min() == np.float32(values.min()) or name.startswith("max_pool")


def test_bias_correction_lowers_the_mean_error_of_the_channels(
    model: Artifact, tmp_path: Path
) -> None:
    x = np.random.default_rng(5).normal(0.5, 1, size=(COUNT, *SHAPE))
    errors = drive("correct", model.path, write(tmp_path, x), "int8-float-io")
    assert errors["changed"] > 0
    assert set(errors["before"]) == set(errors["after"])
    assert len(errors["before"]) == 4
    assert sum(errors["after"].values()) < 0.7 * sum(errors["before"].values())


def test_what_weights_shift_is_taken_back_whatever_the_kernel_reads(tmp_path: Path) -> None:
    """With 16 bits for what flows, and all layers on the model's input, the mean error is that of
    the weights alone. (In a row, layers also hand on what differs from place to place.)"""
    builder = GraphBuilder(seed=2)
    x = builder.input((1, 11, 9, 3))
    outputs = (
        builder.conv(x, 8, 3, stride=2, same=True),
        builder.conv(x, 8, 4, stride=3),
        builder.conv(x, 8, 3, dilation=2, same=True),
        builder.depthwise(x, 3, multiplier=2, same=True),
        builder.depthwise(x, 4),
        builder.dense(builder.flatten(x), 5),
    )
    artifact = as_artifact(builder.graph(*outputs), tmp_path)
    samples = write(tmp_path, np.random.default_rng(5).normal(1, 1, size=(40, 11, 9, 3)))
    errors = drive("correct", artifact.path, samples, "int16x8")
    assert len(errors["before"]) == len(outputs)
    for name, before in errors["before"].items():
        assert errors["after"][name] < 0.05 * before


KIT = (("dscnn_kws", None), ("mobilenetv1_025_vww", PRESETS[1]), ("resnet8_cifar10", PRESETS[0]))


@dataclass(frozen=True)
class Public:
    """A public model, converted, with 60 calibration samples as it takes them."""

    artifact: Artifact
    taken: Samples
    evaluation: Path


def public(name: str, preprocessing: Preprocessing | None, kit: Path, folder: Path) -> Public:
    source, data = kit / name / "saved_model", kit / name / "calibration"
    made = ModelSource(source, "saved-model", fingerprint(source))
    artifact = run_step("convert", made, ConvertPlan(), folder, Artifact)
    data = DataSource(data if data.is_dir() else data.with_suffix(".npz"))
    out = folder / "calibration.npz"
    taken = write_samples(limited(data, 60), preprocessing, artifact.signature, out)
    return Public(artifact, taken, kit / name / "evaluation.npz")


@pytest.mark.evaluation_kit
@pytest.mark.parametrize(("name", "preprocessing"), KIT, ids=lambda value: str(value)[:12])
def test_on_public_models_it_is_the_peer_s_and_real_data_raises_no_alarm(
    name: str, preprocessing: Preprocessing | None, evaluation_kit: Path, tmp_path: Path
) -> None:
    found = public(name, preprocessing, evaluation_kit, tmp_path)
    taken = found.taken
    distances = drive("peer", found.artifact.path, taken.path)
    assert len(distances) >= 13
    assert max(distances.values()) <= 1e-6
    inputs = inputs_of(
        found.artifact, taken.path, labels=taken.labels, class_names=taken.class_names
    )
    notes = [note.template for note in calibrated(inputs, tmp_path).notes]
    assert len(notes) == 2  # how many, and how steady
    assert notes[0].startswith("Calibrated on")
    assert "halves of the samples" in notes[1]


@pytest.mark.evaluation_kit
@pytest.mark.parametrize(("name", "preprocessing"), [KIT[0], KIT[2]], ids=["kws", "cifar10"])
def test_bias_correction_keeps_the_accuracy_of_a_public_model(
    name: str, preprocessing: Preprocessing | None, evaluation_kit: Path, tmp_path: Path
) -> None:
    """It comes nearer to the float model on data it has not seen; of its accuracy not even what
    is within noise is lost: 2 samples in 400."""
    found = public(name, preprocessing, evaluation_kit, tmp_path)
    folder = found.artifact.path.parent
    errors = drive("correct", found.artifact.path, found.taken.path, "int8-float-io")
    # What rounding and cutting off activations adds is not the weights', and stays
    left = [errors["after"][name] / before for name, before in errors["before"].items()]
    assert np.mean(left) < 0.95
    data = load_arrays(found.evaluation)
    x = {found.artifact.signature.inputs[0].name: data["x"].astype(np.float32)}
    exact, before, after = (
        next(iter(run_file(folder / file, x, tmp_path).values()))
        for file in (found.artifact.path.name, "int8-float-io.tflite", "corrected.tflite")
    )
    assert np.square(after - exact).sum() < np.square(before - exact).sum()
    right = [np.mean(scores.argmax(axis=1) == data["y"]) for scores in (before, after)]
    assert right[1] >= right[0] - 2 / 400
