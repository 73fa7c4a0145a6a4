"""What is said of calibration samples: each note where it is due, and not where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgekiln.core.artifact import Artifact
from edgekiln.core.quantization import CalibrationInputs
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.quantize.calibrate import Calibration
from edgekiln.pipeline.quantize.honesty import honest_notes, looks_random, unsteadiness
from edgekiln.pipeline.quantize.normalisation import range_notes
from pipeline.graphs import GraphBuilder, as_artifact

RANDOM = np.random.default_rng(3)
SHAPE = (16, 16, 3)
Floats = NDArray[Any]


def pictures(count: int = 40) -> Floats:
    """Smooth pictures of 0…1: a coarse grid enlarged, with a little noise, lit differently."""
    coarse = RANDOM.uniform(size=(count, 4, 4, 3))
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2) * RANDOM.uniform(0.3, 1, (count, 1, 1, 1))
    return np.clip(fine + RANDOM.normal(0, 0.02, fine.shape), 0, 1).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Artifact:
    builder = GraphBuilder()
    return as_artifact(builder.graph(builder.relu(builder.input((1, *SHAPE)))), tmp_path)


def notes(model: Artifact, x: Floats, **more: Any) -> list[str]:
    flat = x.reshape(len(x), -1)
    seen = Calibration({"x": flat.min(axis=1)}, {"x": flat.max(axis=1)}, len(x))
    inputs = CalibrationInputs(model, Path("samples.npz"), "", "my/data", **more)
    return [str(note) for note in honest_notes(inputs, seen, {"x": x})]


def test_good_samples_are_counted_and_called_steady(model: Artifact) -> None:
    said = notes(model, pictures(), labels=(0, 1) * 20, class_names=("cat", "dog"))
    assert said[0] == "Calibrated on 40 samples of my/data."
    assert said[1].startswith("Two halves of the samples give the same ranges up to")
    assert len(said) == 2


def test_missing_classes_are_named(model: Artifact) -> None:
    names = ("cat", "dog", "cow", "hen", "bee", "fox")
    said = notes(model, pictures(), labels=(0, 2) * 20, class_names=names)
    assert "No calibration sample of 4 of 6 classes: dog, hen, bee, …" in said


def test_nothing_is_said_of_classes_where_nothing_is_labelled(model: Artifact) -> None:
    said = notes(model, pictures(), labels=(-1,) * 40, class_names=("cat", "dog"))
    assert not any("classes" in note for note in said)


def test_repeated_and_constant_samples_are_counted(model: Artifact) -> None:
    x = pictures()
    x[5:9] = x[4]
    x[20] = 0.5
    said = notes(model, x)
    assert "4 of 40 calibration samples repeat another one; they add nothing." in said
    assert "1 of 40 calibration samples hold a single value all over (“x”)." in said


@pytest.mark.parametrize("shape", [SHAPE, (49, 10, 1), (128, 9), (3, 32, 32)], ids=str)
def test_random_numbers_look_random(shape: tuple[int, ...]) -> None:
    for noise in (
        RANDOM.normal(size=(40, *shape)),
        RANDOM.uniform(size=(40, *shape)),
        RANDOM.integers(0, 256, (40, *shape)),
    ):
        assert looks_random(noise)


def test_random_numbers_are_said_to_be(model: Artifact) -> None:
    said = notes(model, RANDOM.uniform(size=(40, *SHAPE)).astype(np.float32))
    assert any("“x” looks like random numbers" in note for note in said)


@pytest.mark.parametrize(
    "real",
    [
        pictures(),
        np.cumsum(RANDOM.normal(size=(40, 200, 6)), axis=1),  # a sensor that drifts
        np.sin(np.linspace(0, 30, 400))[None, :, None] * RANDOM.uniform(1, 2, (40, 1, 1)),
        RANDOM.normal(size=(40, 500)),  # columns of a table: their order means nothing
        RANDOM.normal(size=(40, 400, 1)) * RANDOM.uniform(0.1, 2, (40, 1, 1)),  # loud and faint
        np.zeros((40, *SHAPE)),
        RANDOM.normal(size=(40, 5, 5)),  # too few values to tell
        RANDOM.normal(size=(2, *SHAPE)),  # too few samples
    ],
    ids=["pictures", "drift", "tone", "table", "sound", "zeros", "small", "two"],
)
def test_other_samples_do_not(real: Floats) -> None:
    assert not looks_random(real)


def test_unsteady_tensors_are_named_worst_first(model: Artifact) -> None:
    highs = {"a/b/steady": np.ones(40), "a/b/worse": np.ones(40), "a/b/bad": np.ones(40)}
    highs["a/b/worse"][3], highs["a/b/bad"][8] = 3.0, 1.5
    seen = Calibration({name: np.zeros(40) for name in highs}, highs, 40)
    assert unsteadiness(seen) == pytest.approx(
        {"a/b/steady": 0, "a/b/worse": 2 / 3, "a/b/bad": 1 / 3}
    )
    inputs = CalibrationInputs(model, Path("samples.npz"), "")
    said = str([*honest_notes(inputs, seen, {"x": pictures()})][-1])
    assert "for 2 of 3 tensors" in said
    assert said.endswith("Worst: a/b/worse (67%), a/b/bad (33%)")


def normalising(*steps: tuple[str, Any]) -> Graph:
    builder = GraphBuilder()
    x = builder.input((1, *SHAPE))
    for kind, value in steps:
        x = builder.affine(kind, x, value)
    return builder.graph(builder.relu(x))


IMAGENET = (
    ("MUL", 1 / 255),
    ("SUB", (0.485, 0.456, 0.406)),
    ("DIV", (0.229, 0.224, 0.225)),
)
BYTES = [
    (("DIV", 127.5), ("SUB", 1.0)),
    (("MUL", 1 / 255),),
    (("SUB", 127.5), ("MUL", 1 / 127.5)),
    IMAGENET,
]
SHARES = [(("SUB", 0.5), ("DIV", 0.5)), (("MUL", 2.0), ("ADD", -1.0))]


def said_of(steps: Any, low: float, high: float) -> list[str]:
    """The notes when such a model is fed low…high."""
    graph = normalising(*steps)
    ends = [np.array([low]), np.array([high])]
    lows, highs = {"x": ends[0]}, {"x": ends[1]}
    operations = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": np.divide}
    for (kind, value), operator in zip(steps, graph.main.operators, strict=False):
        ends = [operations[kind](end, value) for end in ends]
        name = operator.outputs[0].name
        lows[name], highs[name] = np.min(ends, keepdims=True), np.max(ends, keepdims=True)
    return [str(note) for note in range_notes(graph, lows, highs)]


@pytest.mark.parametrize("steps", BYTES)
def test_a_model_that_normalises_bytes_is_not_to_be_fed_shares(steps: Any) -> None:
    (said,) = said_of(steps, 0.0, 1.0)
    assert "it is made for 0…255, “x” was fed 0…1." in said
    assert said_of(steps, -1.0, 1.0)
    assert not said_of(steps, 0, 255)
    assert not said_of(steps, 10, 180)  # dark pictures


@pytest.mark.parametrize("steps", SHARES)
def test_a_model_that_normalises_shares_is_not_to_be_fed_bytes(steps: Any) -> None:
    (said,) = said_of(steps, 0, 255)
    assert "it is made for 0…1, “x” was fed 0…255." in said
    assert not said_of(steps, 0.0, 1.0)


@pytest.mark.parametrize("steps", [(), (("MUL", 30.0),), (("ADD", 0.001),)])
def test_nothing_is_said_where_no_range_can_be_told(steps: Any) -> None:
    assert not said_of(steps, 0, 255)
    assert not said_of(steps, -3, 3)
