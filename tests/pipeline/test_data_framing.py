"""Preprocessing as data: resizing, framing, layout, type; old descriptions still read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgekiln.core.codec import decode, encode
from edgekiln.core.data import (
    PRESETS,
    SOUND_PRESETS,
    DataSource,
    Framing,
    FrontEnd,
    Preprocessing,
    ResizeMethod,
)
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.data.finder import find_preprocessing
from edgekiln.pipeline.data.framing import fit, placement
from edgekiln.pipeline.data.source import write_samples
from pipeline.graphs import GraphBuilder, as_artifact

PIXELS = np.random.default_rng(2).integers(0, 256, (20, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("method", "filter_"),
    [
        ("bilinear", Image.Resampling.BILINEAR),
        ("nearest", Image.Resampling.NEAREST),
        ("bicubic", Image.Resampling.BICUBIC),
        ("area", Image.Resampling.BOX),
    ],
)
def test_methods(method: ResizeMethod, filter_: Image.Resampling) -> None:
    expected = np.asarray(Image.fromarray(PIXELS).resize((16, 10), filter_))
    assert np.array_equal(fit(PIXELS, 10, 16, 3, Preprocessing(resize=method)), expected)


def test_area_is_the_mean_of_what_falls_together() -> None:
    means = PIXELS.reshape(10, 2, 20, 2, 3).mean(axis=(1, 3))
    ours = fit(PIXELS, 10, 20, 3, Preprocessing(resize="area"))
    assert np.abs(ours - means).max() <= 1  # Pillow rounds twice


def test_crop_takes_the_middle() -> None:
    assert np.array_equal(fit(PIXELS, 20, 20, 3, Preprocessing(framing="crop")), PIXELS[:, 10:30])
    half = Preprocessing(framing="crop", central=0.5)
    assert np.array_equal(fit(PIXELS, 10, 10, 3, half), PIXELS[5:15, 15:25])
    assert np.array_equal(fit(PIXELS, 10, 20, 3, half), PIXELS[5:15, 10:30])


@pytest.mark.parametrize("channels", [1, 3])
def test_letterbox_keeps_all_on_a_ground(channels: int) -> None:
    ours = fit(PIXELS, 40, 40, channels, Preprocessing(framing="letterbox", fill=114))
    assert (ours[:10] == 114).all()
    assert (ours[30:] == 114).all()
    assert np.array_equal(ours[10:30], fit(PIXELS, 20, 40, channels))


@given(
    st.sampled_from(("stretch", "crop", "letterbox")),
    st.tuples(st.integers(8, 300), st.integers(8, 300)),
    st.tuples(st.integers(8, 300), st.integers(8, 300)),
    st.floats(0.5, 1.0),
)
def test_boxes_go_along_and_come_back(
    framing: Framing, size: tuple[int, int], wanted: tuple[int, int], central: float
) -> None:
    place = placement(Preprocessing(framing=framing, central=central), size, wanted)
    boxes = np.array([[1, 2, 5, 7], [0, 0, *size]], np.float32)
    assert np.allclose(place.back(place.place(boxes)), boxes, atol=1e-2)
    source, target = np.array([place.source]), np.array([place.target])
    assert np.allclose(place.place(source), target, atol=1e-2)
    if framing == "letterbox":
        assert target.min() >= 0
        assert (target[0, 2:] <= wanted).all()


def written(tmp_path: Path, preprocessing: Preprocessing, *shape: int) -> np.ndarray:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    signature = Signature(
        "s", (TensorSpec("x", (1, *shape), "float32"),), (TensorSpec("y", (1, 2), "float32"),)
    )
    write_samples(DataSource(tmp_path), preprocessing, signature, tmp_path / "s.npz")
    return np.asarray(load_arrays(tmp_path / "s.npz")["x"][0])


def test_layout_where_the_shape_does_not_tell(tmp_path: Path) -> None:
    rows = written(tmp_path, Preprocessing(layout="nhwc"), 3, 8, 3)
    planes = written(tmp_path, Preprocessing(layout="nchw"), 3, 8, 3)
    assert np.array_equal(rows, fit(PIXELS, 3, 8, 3))
    assert np.array_equal(planes, fit(PIXELS, 8, 3, 3).transpose(2, 0, 1))


def test_whole_numbers_are_rounded_and_cut(tmp_path: Path) -> None:
    signed = Preprocessing("int8", (1.004,), (-128.0,), dtype="int8")
    values = written(tmp_path, signed, 20, 40, 3)
    expected = np.clip(np.rint(PIXELS * np.float32(1.004) - 128), -128, 127)
    assert np.array_equal(values, expected)


def test_mean_and_deviation() -> None:
    ours = Preprocessing.normalised("n", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    value = PIXELS * np.array(ours.scale) + np.array(ours.offset)
    assert np.allclose(value, (PIXELS / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4])


@pytest.mark.parametrize("preset", [*PRESETS, *SOUND_PRESETS], ids=lambda p: p.name)
def test_descriptions_travel(preset: Preprocessing) -> None:
    assert decode(Preprocessing, encode(preset)) == preset


def test_descriptions_of_older_releases_are_read() -> None:
    old = {"name": "0..1", "scale": [1 / 255], "offset": [0.0], "channels": "rgb"}
    assert decode(Preprocessing, old) == PRESETS[1]
    assert decode(DataSource, {"path": "/d", "limit": None, "seed": 0}) == DataSource(Path("/d"))


def test_names_are_their_own() -> None:
    names = [preset.name for preset in (*PRESETS, *SOUND_PRESETS)]
    assert len(set(names)) == len(names)
    ends = [preset.sound for preset in SOUND_PRESETS]
    assert len(set(ends)) == len(ends)
    assert all(isinstance(end, FrontEnd) and min(end.shape) > 0 for end in ends)


def test_the_finder_finds_a_crop(tmp_path: Path) -> None:
    """The class is the brightness of the middle; the sides are of any."""
    random = np.random.default_rng(0)
    for name, middle in (("a-dark", 60), ("b-bright", 200)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(30):
            pixels = np.full((16, 48, 3), random.integers(0, 256), np.uint8)
            pixels[:, 16:32] = middle + i % 5
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{i}.png")
    builder = GraphBuilder()
    graph = builder.graph(builder.dense(builder.flatten(builder.input((1, 16, 16, 3))), 2))
    _, weights, bias = graph.main.operators[1].inputs
    assert weights is not None
    assert bias is not None
    mean = np.full(768, 1 / 768)
    weights.data = np.stack([-mean, mean]).astype(np.float32).tobytes()
    bias.data = np.array([128, -128], np.float32).tobytes()
    model = as_artifact(graph, tmp_path)
    source = DataSource(tmp_path / "set")
    found = find_preprocessing(model.path, model.signature, source, tmp_path)
    assert found.preprocessing == replace(
        PRESETS[0],
        name=found.preprocessing.name,
        framing="crop",
        central=found.preprocessing.central,
    )
    assert "100 % of 60 right" in str(found.evidence)
