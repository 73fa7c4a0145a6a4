"""Data as the user has it becomes data as the model wants it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.pipeline.data.arrays import load_arrays, save_rows
from edgekiln.pipeline.data.choose import choose
from edgekiln.pipeline.data.labels import read_labels
from edgekiln.pipeline.data.source import class_count, open_data, write_samples

CLASSES = ("apple", "bread", "cheese")
RANDOM = np.random.default_rng(0)


def signature(*shape: int, classes: int = 3, name: str = "image") -> Signature:
    output = TensorSpec("scores", (1, classes), "float32")
    return Signature("serving_default", (TensorSpec(name, (1, *shape), "float32"),), (output,))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three classes of 4, 2 and 2 pictures of 8×6."""
    folder = tmp_path / "pictures"
    for name, count in zip(CLASSES, (4, 2, 2), strict=True):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = RANDOM.integers(0, 256, (6, 8, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def written(source: DataSource, tmp_path: Path, *shape: int, **options: object) -> np.ndarray:
    preprocessing = options.get("preprocessing")
    assert preprocessing is None or isinstance(preprocessing, Preprocessing)
    out = tmp_path / "samples.npz"
    write_samples(source, preprocessing, signature(*shape), out)
    return load_arrays(out)["image"]


def test_folders_are_classes_by_alphabet_and_it_is_said(pictures: Path) -> None:
    data = open_data(DataSource(pictures))
    assert data.class_names == CLASSES
    assert data.labels == (0, 0, 0, 0, 1, 1, 2, 2)
    assert data.labelled
    assert "alphabet" in str(data.notes[0])


@pytest.mark.parametrize("place", [".", ".."])
def test_labels_file_gives_the_order(pictures: Path, place: str) -> None:
    (pictures / place / "labels.txt").write_text("cheese\nwine\nbread\n\napple\n", "utf-8")
    data = open_data(DataSource(pictures))
    assert data.class_names == ("cheese", "wine", "bread", "apple")
    assert Counter(data.labels) == {0: 2, 2: 2, 3: 4}
    assert data.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_labels_file_as_editors_write_it(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("合格\r\n划痕\r\n".encode(encoding))
    assert read_labels(tmp_path / "data.npz") == ("合格", "划痕")
    assert read_labels(tmp_path / "pictures") == ("合格", "划痕")


@pytest.mark.parametrize(
    ("shape", "classes"),
    [((1, 10), 10), ((1, 1, 1, 7), 7), ((-1, 5, 1, 1), 5), ((1, 1), 2), ((1,), 2), ((1, -1), 2)],
)
def test_classes_of_a_model(shape: tuple[int, ...], classes: int) -> None:
    output = TensorSpec("out", shape, "float32")
    assert class_count(Signature("s", (), (output,)), ("a", "b")) == classes


def test_model_names_give_the_order_without_labels_file(pictures: Path) -> None:
    data = open_data(DataSource(pictures), known=("cheese", "bread", "apple"))
    assert Counter(data.labels) == {0: 2, 1: 2, 2: 4}


def test_labels_file_of_something_else_is_not_believed(pictures: Path) -> None:
    (pictures / "labels.txt").write_text("cat\ndog\nhorse\n", "utf-8")
    data = open_data(DataSource(pictures))
    assert data.class_names == CLASSES
    assert "labels.txt" in str(data.notes[0])


def test_flat_folder_is_unlabelled(pictures: Path) -> None:
    data = open_data(DataSource(pictures / "apple"))
    assert data.labels == (-1,) * 4
    assert not data.labelled


def test_lone_folder_is_no_class(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (pictures / "apple").rename(tmp_path / "one" / "images")
    assert set(open_data(DataSource(tmp_path / "one")).labels) == {-1}


def test_pictures_reach_the_model_as_they_are(pictures: Path, tmp_path: Path) -> None:
    values = written(DataSource(pictures), tmp_path, 6, 8, 3)
    expected = np.asarray(Image.open(pictures / "apple" / "1.png"), np.float32)
    assert values.shape == (8, 6, 8, 3)
    assert values.dtype == np.float32
    assert np.array_equal(values[1], expected)


def test_pictures_are_resized_bilinearly(pictures: Path, tmp_path: Path) -> None:
    values = written(DataSource(pictures), tmp_path, 3, 4, 3)
    whole = Image.open(pictures / "apple" / "0.png")
    expected = np.asarray(whole.resize((4, 3), Image.Resampling.BILINEAR))
    assert np.array_equal(values[0], expected)


def test_gray_model_gets_luma(pictures: Path, tmp_path: Path) -> None:
    values = written(DataSource(pictures), tmp_path, 6, 8, 1)
    expected = np.asarray(Image.open(pictures / "apple" / "0.png").convert("L"))
    assert np.array_equal(values[0, :, :, 0], expected)


def test_channels_first(pictures: Path, tmp_path: Path) -> None:
    values = written(DataSource(pictures), tmp_path, 3, 6, 8)
    expected = np.asarray(Image.open(pictures / "apple" / "0.png")).transpose(2, 0, 1)
    assert np.array_equal(values[0], expected)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_presets(preset: Preprocessing, pictures: Path, tmp_path: Path) -> None:
    values = written(DataSource(pictures), tmp_path, 6, 8, 3, preprocessing=preset)
    pixels = np.asarray(Image.open(pictures / "apple" / "0.png"), np.float64)
    expected = {
        "0..255": pixels,
        "0..1": pixels / 255,
        "-1..1": pixels / 127.5 - 1,
        "imagenet": (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "caffe": pixels[:, :, ::-1] - [103.939, 116.779, 123.68],
        "0..255 bgr": pixels[:, :, ::-1],
        "0..1 bgr": pixels[:, :, ::-1] / 255,
        "-1..1 bgr": pixels[:, :, ::-1] / 127.5 - 1,
    }[preset.name]
    assert np.allclose(values[0], expected, atol=1e-4)


def test_pixels_in_an_archive_are_pictures(tmp_path: Path) -> None:
    x = RANDOM.integers(0, 256, (5, 6, 8, 3), np.uint8)
    np.savez(tmp_path / "d.npz", x=x, y=np.zeros((5, 1), np.uint8), name=np.array(list("abcde")))
    values = written(DataSource(tmp_path / "d.npz"), tmp_path, 6, 8, 3, preprocessing=PRESETS[1])
    assert np.allclose(values, x / 255, atol=1e-6)


def test_numbers_in_an_archive_are_fed_as_stored(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(5, 6, 8)).astype(np.float64)
    np.savez(tmp_path / "d.npz", x=x)
    source = DataSource(tmp_path / "d.npz")
    values = written(source, tmp_path, 6, 8, 1, preprocessing=PRESETS[1])
    assert np.allclose(values[..., 0], x)
    assert set(open_data(source).labels) == {-1}


def test_integer_features_reach_a_float_model(tmp_path: Path) -> None:
    x = RANDOM.integers(-500, 500, (5, 7), np.int16)
    np.savez(tmp_path / "d.npz", x=x)
    assert np.array_equal(written(DataSource(tmp_path / "d.npz"), tmp_path, 7), x)


def test_arrays_by_the_names_of_the_inputs(tmp_path: Path) -> None:
    left, right = RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(4, 2))
    np.savez(tmp_path / "d.npz", left=left, right=right, y=[0, 1, 2, 0])
    inputs = (TensorSpec("left", (1, 3), "float32"), TensorSpec("right", (1, 2), "float32"))
    two = Signature("s", inputs, signature(1).outputs)
    samples = write_samples(DataSource(tmp_path / "d.npz", limit=3), None, two, tmp_path / "s.npz")
    arrays = load_arrays(samples.path)
    assert samples.count == 3
    assert arrays["left"].shape == (3, 3)
    assert arrays["right"].shape == (3, 2)


def test_rows_are_what_numpy_would_have_written(tmp_path: Path) -> None:
    rows = RANDOM.normal(size=(3, 2, 4)).astype(np.float32)
    save_rows(tmp_path / "r.npz", "a b/c", 3, (2, 4), iter(rows))
    assert np.array_equal(load_arrays(tmp_path / "r.npz")["a b/c"], rows)


def test_limit_keeps_index_and_label_together(pictures: Path) -> None:
    data = open_data(DataSource(pictures, limit=4, seed=3))
    assert Counter(data.labels) == {0: 2, 1: 1, 2: 1}
    for i, label in enumerate(data.labels):
        assert data.called(i).split("/")[0] == CLASSES[label]


@given(
    labels=st.lists(st.integers(-1, 6), min_size=1, max_size=80),
    limit=st.integers(1, 90),
    seed=st.integers(0, 5),
)
def test_choice_is_stratified_and_repeatable(labels: list[int], limit: int, seed: int) -> None:
    chosen = choose(tuple(labels), limit, seed)
    assert chosen == choose(tuple(labels), limit, seed)
    assert list(chosen) == sorted(set(chosen))
    assert len(chosen) == min(limit, len(labels))
    sizes, taken = Counter(labels), Counter(labels[i] for i in chosen)
    for label, size in sizes.items():
        assert abs(taken[label] - size * len(chosen) / len(labels)) < 1
