"""A picture on the box is the laptop's, bit by bit: numpy alone against Pillow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgekiln.core.codec import encode
from edgekiln.core.data import PRESETS, Preprocessing
from edgekiln.onboard.preprocess import load, preprocess
from edgekiln.pipeline.data.prepare import Intake

METHODS = ("nearest", "bilinear", "bicubic", "area")
FRAMINGS = ("stretch", "crop", "letterbox")
KIT = Path(__file__).parents[2] / "../shared/eval"


def both(
    how: Preprocessing, picture: np.ndarray, size: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Ours on the laptop and the box's; the options go through the bundle's JSON."""
    first = how.layout == "nchw"
    shape = (size[2], *size[:2]) if first else size
    here = Intake("", shape, True, first).value(how, picture)
    options = json.loads(json.dumps(encode(how)))
    return here, preprocess(options, picture, shape)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    own=st.tuples(st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 3])),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60), st.sampled_from([1, 3])),
    method=st.sampled_from(METHODS),
    framing=st.sampled_from(FRAMINGS),
    central=st.sampled_from([1.0, 0.875, 0.5]),
    preset=st.sampled_from(PRESETS),
    layout=st.sampled_from(["model", "nchw"]),
    dtype=st.sampled_from(["float32", "uint8", "int8"]),
    channels=st.sampled_from(["rgb", "bgr", "gray"]),
)
def test_any_picture_is_the_same(
    seed: int, own: tuple[int, ...], size: tuple[int, int, int], preset: Preprocessing,
    **options: object,
) -> None:  # fmt: skip
    if size[2] == 1:
        options["channels"] = "rgb"
        preset = PRESETS[1]
    if options.pop("channels") == "gray":
        preset = replace(preset, channels="gray")
    how = replace(preset, fill=seed % 256, **{k: v for k, v in options.items() if k != "method"})
    how = replace(how, resize=options["method"])  # type: ignore[arg-type]
    picture = np.random.default_rng(seed).integers(0, 256, own).astype(np.uint8)
    here, there = both(how, picture, size)
    assert here.dtype == there.dtype == np.float32
    assert np.array_equal(here, there)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_photographs_are_the_same(method: str, framing: str) -> None:
    """Two real photographs of 427 x 640 (scikit-learn's)."""
    from sklearn.datasets import load_sample_images

    how = replace(PRESETS[3], resize=method, framing=framing, central=0.875)  # type: ignore[arg-type]
    for picture in load_sample_images().images:
        for size in ((224, 224, 3), (96, 128, 3), (600, 500, 3)):
            here, there = both(how, picture, size)
            assert np.array_equal(here, there)


@pytest.mark.skipif(not KIT.is_dir(), reason="the evaluation kit is not here")
def test_pictures_of_the_kit_are_the_same(tmp_path: Path) -> None:
    how = replace(PRESETS[1], framing="crop", central=0.875)
    (tmp_path / "preprocessing.json").write_text(json.dumps(encode(how)))
    on_box = load(str(tmp_path / "preprocessing.json"))
    files = sorted(KIT.glob("mobilenetv1_025_vww/evaluation/*/*.png"))[::16]
    assert len(files) == 50
    for file in files:
        picture = np.asarray(Image.open(file).convert("RGB"))
        here, _ = both(how, picture, (64, 64, 3))
        assert np.array_equal(here, on_box(picture, (64, 64, 3)))


@pytest.mark.parametrize("shape", [(12, 10, 3), (3, 12, 10), (12, 10), (12, 10, 1), (1, 12, 10)])
def test_the_shape_tells_where_the_channels_are(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 20, 3)).astype(np.uint8)
    options = json.loads(json.dumps(encode(PRESETS[1])))
    wide = shape if len(shape) == 3 else (*shape, 1)
    here = Intake("", wide, True, wide[0] in (1, 3)).value(PRESETS[1], picture)
    assert np.array_equal(here.reshape(shape), preprocess(options, picture, shape))
