"""inspect: what is said of a model, for every way TensorFlow has to save one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekiln.child import run_step
from edgekiln.core.codec import decode
from edgekiln.core.model import InspectedModel, OperatorCount, TensorSpec
from edgekiln.core.plans import InspectPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.identify import identify
from edgekiln.pipeline.inspect import inspect

SOURCES = ("keras3", "wrapper", "slots", "tf1", "two_inputs", "dynamic", "text_input")
KERAS = ("model.keras", "model.h5", "old_keras.h5")
# conv 8·8·8·27 + depthwise 8·8·8·9 + two convs 8·8·4·8 + dense 8·6 + 6·5
MACS = 13824 + 4608 + 2 * 2048 + 48 + 30
# kernels and biases 216 + 72+8 + 2·36 + 54 + 35, four vectors for each BatchNorm of 8, 8, 8, 6
PARAMETERS = 216 + 80 + 72 + 54 + 35 + 4 * 30


@pytest.fixture(scope="module")
def inspected(small_models: Path, drive: Callable[..., Any]) -> Callable[[str], InspectedModel]:
    jobs = []
    for name in SOURCES + KERAS:
        source = identify(small_models / name, InspectPlan(), small_models, silent)
        jobs.append((name, "inspect-source", source, InspectPlan()))
    driven = drive(jobs)
    return lambda name: decode(InspectedModel, driven.result(name))


@pytest.mark.parametrize("name", ["keras3", "wrapper", "slots", *KERAS])
def test_the_same_model_saved_in_six_ways(
    inspected: Callable[[str], InspectedModel], name: str
) -> None:
    model = inspected(name)
    assert model.macs == MACS
    assert model.parameters == PARAMETERS
    counts = {operator.name: operator.count for operator in model.operators}
    assert counts["Conv2D"] == 3
    assert counts["DepthwiseConv2dNative"] == 1
    assert counts["MatMul"] == 2
    assert "Rsqrt" not in counts  # arithmetic between constants is not the model's work
    signature = model.default_signature
    assert signature.key == "serving_default"
    assert signature.inputs == (TensorSpec("image", (-1, 8, 8, 3), "float32"),)
    assert signature.outputs[0].shape == (-1, 5)


def test_release_tags_and_size(
    inspected: Callable[[str], InspectedModel], small_models: Path
) -> None:
    model = inspected("keras3")
    assert model.tags == ("serve",)
    assert model.tensorflow_version.startswith("2.")
    files = [f for f in (small_models / "keras3").rglob("*") if f.is_file()]
    assert model.size_bytes == sum(f.stat().st_size for f in files)
    assert [s.key for s in model.signatures] == ["serve", "serving_default"]


def test_keras_says_who_wrote_it(inspected: Callable[[str], InspectedModel]) -> None:
    for name in KERAS:
        assert any("Written by Keras 3." in str(note) for note in inspected(name).notes)


def test_tensorflow_1(inspected: Callable[[str], InspectedModel]) -> None:
    model = inspected("tf1")
    assert model.default_signature.key == "predict_images"
    assert model.default_signature.inputs == (TensorSpec("images", (-1, 8, 8, 3), "float32"),)
    assert model.macs == 8 * 8 * 4 * 27
    assert OperatorCount("FusedBatchNormV3", 1) in model.operators


def test_several_inputs_and_outputs(inspected: Callable[[str], InspectedModel]) -> None:
    signature = inspected("two_inputs").default_signature
    assert [spec.name for spec in signature.inputs] == ["apple", "zebra"]
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [
        ("narrow", (-1, 2)),
        ("wide", (-1, 7)),
    ]


def test_dynamic_sizes_have_no_macs_and_a_note(inspected: Callable[[str], InspectedModel]) -> None:
    model = inspected("dynamic")
    assert model.macs is None
    assert model.default_signature.inputs[0].shape == (-1, -1, -1, 3)
    assert "(?, ?, ?, 3)" in str(model.notes[0])


def test_text_is_noted(inspected: Callable[[str], InspectedModel]) -> None:
    assert "takes text" in str(inspected("text_input").obstacles[0])


def test_tflite_needs_no_tensorflow(small_models: Path) -> None:
    source = identify(small_models / "small.tflite", InspectPlan(), small_models, silent)
    model = inspect(source, InspectPlan(), small_models, silent)
    assert model.default_signature.inputs == (TensorSpec("image", (1, 8, 8, 3), "float32"),)
    assert model.operators
    assert "tensorflow" not in sys.modules


def test_the_step_in_children(small_models: Path, tmp_path: Path) -> None:
    """The whole way: a worker, and TensorFlow in a worker of its own."""
    source = identify(small_models / "wrapper", InspectPlan(), small_models, silent)
    model = run_step("inspect", source, InspectPlan(), tmp_path, InspectedModel)
    assert model.parameters == PARAMETERS
    assert model.source == source
