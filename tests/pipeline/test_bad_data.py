"""Data that cannot be used: what, why and what to do, and nothing left behind."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekiln.core.data import PRESETS, DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.pipeline.data.finder import find_preprocessing
from edgekiln.pipeline.data.source import open_data, write_samples

SIGNATURE = Signature(
    "serving_default",
    (TensorSpec("image", (1, 6, 8, 3), "float32"),),
    (TensorSpec("scores", (1, 3), "float32"),),
)
X = np.zeros((4, 6, 8, 3), np.float32)
Y = np.array([0, 1, 2, 0])


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def refused(path: Path, signature: Signature = SIGNATURE) -> UserError:
    """The error for that data, after looking that nothing was written."""
    out = path.parent / "out" / "samples.npz"
    with pytest.raises(UserError) as caught:
        write_samples(DataSource(path), PRESETS[1], signature, out)
    assert not out.parent.exists() or not list(out.parent.iterdir())
    error = caught.value
    assert str(error.what)
    assert str(error.why)
    assert str(error.do)
    return error


def archive(folder: Path, **arrays: object) -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_missing(tmp_path: Path) -> None:
    assert "does not exist" in str(refused(tmp_path / "nowhere").why)


def test_neither_folder_nor_archive(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_text("1,2")
    assert "neither" in str(refused(tmp_path / "data.bin").why)


def test_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no picture" in str(refused(tmp_path / "empty").why)


def test_data_one_level_down_is_offered(tmp_path: Path) -> None:
    for part in ("calibration", "evaluation"):
        (tmp_path / "kit" / part / "cat").mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "kit" / part / "cat" / "1.png")
    error = refused(tmp_path / "kit")
    assert [Path(choice).name for choice in error.choices] == ["calibration", "evaluation"]


@pytest.mark.parametrize("content", [b"", b"not a zip at all", b"PK\x03\x04cut"])
def test_broken_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    assert "cannot be read" in str(refused(tmp_path / "data.npz").what)


def test_archive_cut_in_the_middle(tmp_path: Path) -> None:
    path = archive(tmp_path, x=X, y=Y)
    path.write_bytes(path.read_bytes()[:700])
    assert "cannot be read" in str(refused(path).what)


def test_archive_with_a_flipped_byte(tmp_path: Path) -> None:
    path = archive(tmp_path, x=X, y=Y)
    damaged = bytearray(path.read_bytes())
    damaged[1000] ^= 0xFF
    path.write_bytes(damaged)
    assert "cannot be read" in str(refused(path).what)


@pytest.mark.parametrize("name", ["x", "y", "extra"])
def test_pickle_is_refused_and_never_run(tmp_path: Path, name: str) -> None:
    trace = tmp_path / "ran"
    bomb = np.empty(4, object)
    bomb[:] = [Bomb(trace)] * 4
    path = archive(tmp_path, **{"x": X, "y": Y, name: bomb})
    assert "pickle" in str(refused(path).what)
    assert not trace.exists()


def test_bare_pickle_named_npz(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    (tmp_path / "data.npz").write_bytes(pickle.dumps(Bomb(trace)))
    assert "pickle" in str(refused(tmp_path / "data.npz").what)
    assert not trace.exists()


def test_single_array_named_npz(tmp_path: Path) -> None:
    """What is in a file counts, not its name."""
    with (tmp_path / "data.npz").open("wb") as file:
        np.save(file, X)
    assert len(open_data(DataSource(tmp_path / "data.npz"))) == 4


def test_member_that_is_no_array_is_passed_over(tmp_path: Path) -> None:
    path = archive(tmp_path, x=X)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("notes.txt", "hello")
    assert len(open_data(DataSource(path))) == len(X)


def test_no_x(tmp_path: Path) -> None:
    assert "no samples" in str(refused(archive(tmp_path, y=Y)).what)


def test_no_samples(tmp_path: Path) -> None:
    assert "no samples" in str(refused(archive(tmp_path, x=X[:0], y=Y[:0])).what)


def test_fewer_labels_than_samples(tmp_path: Path) -> None:
    error = refused(archive(tmp_path, x=X, y=Y[:3]))
    assert "4 samples in x and 3 labels in y" in str(error.why)


@pytest.mark.parametrize("label", [3, 99, -1, -7])
def test_label_out_of_range(tmp_path: Path, label: int) -> None:
    error = refused(archive(tmp_path, x=X, y=np.array([0, label, 2, 0])))
    assert f"the first is {label} at sample 1" in str(error.why)
    assert "3 classes (0…2)" in str(error.why)


def test_more_folders_than_classes(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / name / "1.png")
    assert "out of range" in str(refused(tmp_path / "pictures").what)


@pytest.mark.parametrize(
    "y",
    [
        np.array(["a", "b", "c", "d"]),
        np.eye(4)[:, :3],
        np.array([0.5, 1, 2, 0]),
        np.array([0, np.nan, 2, 0]),
    ],
    ids=["text", "one-hot", "fraction", "nan"],
)
def test_labels_of_a_wrong_type(tmp_path: Path, y: np.ndarray) -> None:
    assert "y " in str(refused(archive(tmp_path, x=X, y=y)).why)


@pytest.mark.parametrize("shape", [(4, 6, 8), (4, 8, 6, 3), (4, 6, 8, 4), (4,), (4, 144)])
def test_data_of_a_wrong_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    error = refused(archive(tmp_path, x=np.zeros(shape, np.float32), y=Y))
    assert "[6, 8, 3]" in str(error.why)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(tmp_path: Path, value: float) -> None:
    x = X.copy()
    x[2, 0, 0, 0] = value
    assert "1 samples, the first is 2" in str(refused(archive(tmp_path, x=x, y=Y)).why)


@pytest.mark.parametrize("dtype", ["<U3", "complex64", "datetime64[s]"])
def test_values_that_are_no_numbers(tmp_path: Path, dtype: str) -> None:
    x = np.zeros(X.shape, np.int64).astype(dtype)
    assert "not numbers" in str(refused(archive(tmp_path, x=x, y=Y)).why)


def test_pictures_for_a_model_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / "a" / "1.png")
    plain = Signature("s", (TensorSpec("x", (1, 40), "float32"),), SIGNATURE.outputs)
    assert "does not fit" in str(refused(tmp_path / "pictures", plain).what)


def test_pictures_for_a_model_with_two_inputs(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / "a" / "1.png")
    second = TensorSpec("second", (1, 6, 8, 3), "float32")
    two = Signature("s", (*SIGNATURE.inputs, second), SIGNATURE.outputs)
    assert "2 inputs" in str(refused(tmp_path / "pictures", two).why)


def test_archive_without_the_names_of_two_inputs(tmp_path: Path) -> None:
    second = TensorSpec("second", (1, 6, 8, 3), "float32")
    two = Signature("s", (*SIGNATURE.inputs, second), SIGNATURE.outputs)
    assert "image, second" in str(refused(archive(tmp_path, x=X, y=Y), two).why)


def test_colour_preprocessing_for_a_gray_model(tmp_path: Path) -> None:
    gray = Signature("s", (TensorSpec("x", (1, 6, 8, 1), "float32"),), SIGNATURE.outputs)
    path = archive(tmp_path, x=np.zeros((4, 6, 8, 1), np.uint8))
    with pytest.raises(UserError, match="imagenet"):
        write_samples(DataSource(path), PRESETS[3], gray, tmp_path / "s.npz")
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "s.npz").exists()


def broken_folder(folder: Path, whole: int, broken: int) -> Path:
    """Pictures of one class; the broken ones empty, cut off, or text in turn."""
    (folder / "cat").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    for i in range(whole):
        Image.fromarray(noise).save(folder / "cat" / f"whole{i}.png")
    Image.fromarray(noise).save(folder / "sound.jpg")
    sound = (folder / "sound.jpg").read_bytes()
    png = (folder / "cat" / "whole0.png").read_bytes() if whole else sound
    (folder / "sound.jpg").unlink()
    contents = [("jpg", sound[: len(sound) // 2]), ("png", png[: len(png) // 2]),
                ("png", b""), ("jpg", b"no picture")]  # fmt: skip
    for i in range(broken):
        suffix, content = contents[i % 4]
        (folder / "cat" / f"broken{i}.{suffix}").write_bytes(content)
    (folder / "dog").mkdir()
    if whole:
        Image.fromarray(noise).save(folder / "dog" / "whole.jpg")
    return folder


def test_broken_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    data = open_data(DataSource(broken_folder(tmp_path / "pictures", whole=5, broken=4)))
    assert len(data) == 6
    assert [data.called(i).split("/")[0] for i in range(6)] == ["cat"] * 5 + ["dog"]
    assert all(data.raw(i).shape == (60, 80, 3) for i in range(6))
    note = str(data.notes[-1])
    assert note.startswith("4 broken samples are left out: cat/broken0.jpg")


def test_mostly_broken_pictures(tmp_path: Path) -> None:
    error = refused(broken_folder(tmp_path / "pictures", whole=2, broken=4))
    assert "4 of 7" in str(error.why)


def test_only_broken_pictures(tmp_path: Path) -> None:
    assert "4 of 4" in str(refused(broken_folder(tmp_path / "pictures", 0, 4)).why)


def test_picture_with_a_flipped_byte(tmp_path: Path) -> None:
    folder = broken_folder(tmp_path / "pictures", whole=3, broken=0)
    victim = folder / "cat" / "whole1.png"
    damaged = bytearray(victim.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    victim.write_bytes(damaged)
    assert len(open_data(DataSource(folder))) == 3


def test_fractions_for_a_model_of_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=X.astype(np.uint8), y=Y)
    whole = Signature("s", (TensorSpec("image", (1, 6, 8, 3), "uint8"),), SIGNATURE.outputs)
    halves = next(p for p in PRESETS if p.name == "0..1")
    with pytest.raises(UserError, match="cut off"):
        write_samples(DataSource(path), halves, whole, tmp_path / "samples.npz")
    assert not (tmp_path / "samples.npz").exists()


def test_a_model_of_whole_numbers_takes_pixels_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=X.astype(np.uint8), y=Y)
    whole = Signature("s", (TensorSpec("image", (1, 6, 8, 3), "uint8"),), SIGNATURE.outputs)
    found = find_preprocessing(tmp_path / "unread.tflite", whole, DataSource(path), tmp_path)
    assert found.preprocessing.name == "0..255"
