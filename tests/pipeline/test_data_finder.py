"""Preprocessing found by trying, on real models and on one made for it."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.pipeline.data.finder import find_preprocessing
from edgekiln.pipeline.graph.artifact import artifact_of
from pipeline.graphs import GraphBuilder, as_artifact

KIT = Path(__file__).parents[2] / "../shared/eval"


def brightness(folder: Path, level: float, channels: int = 3) -> Artifact:
    """Two classes, split at a mean level of the model's own input."""
    builder = GraphBuilder()
    x = builder.input((1, 4, 4, channels))
    graph = builder.graph(builder.dense(builder.flatten(x), 2))
    _, weights, bias = graph.main.operators[1].inputs
    assert weights is not None
    assert bias is not None
    size = 16 * channels
    weights.data = (
        np.stack([np.full(size, -1 / size), np.full(size, 1 / size)]).astype(np.float32).tobytes()
    )
    bias.data = np.array([level, -level], np.float32).tobytes()
    return as_artifact(graph, folder)


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    """Dark pictures (0…126) and bright ones (129…255): 130 of each."""
    random = np.random.default_rng(0)
    for name, start in (("a-dark", 0), ("b-bright", 129)):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for i in range(130):
            shade = int(random.integers(start, start + 127))
            file = tmp_path / "shades" / name / f"{i}.png"
            Image.new("RGB", (4, 4), (shade,) * 3).save(file)
    return tmp_path / "shades"


@pytest.mark.parametrize(("level", "expected"), [(128.0, "0..255"), (0.5, "0..1"), (0.0, "-1..1")])
def test_found(level: float, expected: str, shades: Path, tmp_path: Path) -> None:
    model = brightness(tmp_path, level)
    found = find_preprocessing(model.path, model.signature, DataSource(shades), tmp_path)
    assert found.preprocessing.name == expected
    assert str(found.evidence).startswith(f"{expected}: 100 % of 100 right; next best ")
    assert {p.name for p in tmp_path.iterdir()} <= {"shades", "model.tflite", "home"}


def test_gray_model_is_not_tried_with_colour_presets(shades: Path, tmp_path: Path) -> None:
    model = brightness(tmp_path, 0.5, channels=1)
    found = find_preprocessing(model.path, model.signature, DataSource(shades), tmp_path)
    assert found.preprocessing.name == "0..1"


def test_labels_in_a_wrong_order_are_suspected(shades: Path, tmp_path: Path) -> None:
    (shades / "labels.txt").write_text("b-bright\na-dark\n")
    model = brightness(tmp_path, 0.5)
    found = find_preprocessing(model.path, model.signature, DataSource(shades), tmp_path)
    assert "order of the model's classes" in str(found.evidence)


def test_unlabelled_pictures_are_a_guess(shades: Path, tmp_path: Path) -> None:
    model = brightness(tmp_path, 128.0)
    flat = DataSource(shades / "a-dark")
    found = find_preprocessing(model.path, model.signature, flat, tmp_path)
    assert found.preprocessing.name == "0..1"
    assert "guess" in str(found.evidence)


def test_numbers_need_none(tmp_path: Path) -> None:
    model = brightness(tmp_path, 128.0)
    np.savez(tmp_path / "d.npz", x=np.ones((3, 4, 4, 3), np.float32), y=[0, 1, 0])
    source = DataSource(tmp_path / "d.npz")
    assert (
        find_preprocessing(model.path, model.signature, source, tmp_path).preprocessing.name
        == "none"
    )


def test_model_that_does_not_run(shades: Path, tmp_path: Path) -> None:
    builder = GraphBuilder()
    graph = builder.graph(
        builder.dense(
            builder.flatten(builder.custom("NobodyKnows", builder.input((1, 4, 4, 3)))), 2
        )
    )
    model = as_artifact(graph, tmp_path)
    with pytest.raises(UserError, match="NobodyKnows"):
        find_preprocessing(model.path, model.signature, DataSource(shades), tmp_path)


@pytest.mark.evaluation_kit
@pytest.mark.skipif(not KIT.is_dir(), reason="the evaluation kit is not here")
@pytest.mark.parametrize(
    ("name", "expected"), [("resnet8_cifar10", "0..255"), ("mobilenetv1_025_vww", "0..1")]
)
def test_public_models(name: str, expected: str, tmp_path: Path) -> None:
    model = artifact_of(
        KIT / name / "reference_int8.tflite", scheme="int8", made_from="", made_by=()
    )
    source = DataSource(KIT / name / "calibration")
    start = time.monotonic()
    found = find_preprocessing(model.path, model.signature, source, tmp_path)
    assert found.preprocessing.name == expected
    assert "of 100 right" in str(found.evidence)
    assert time.monotonic() - start < 10
