"""Every kind of data that is read, as small real files."""

from __future__ import annotations

import gzip
import json
import struct
import tarfile
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgekiln.core.data import PRESETS, DataSource
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.data.choose import split
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.source import open_data, write_samples
from edgekiln.pipeline.data.truth import Boxes

RANDOM = np.random.default_rng(1)
PIXELS = RANDOM.integers(0, 256, (6, 6, 8, 3), np.uint8)
Y = np.array([0, 1, 2, 0, 1, 2])


def opened(path: Path, known: tuple[str, ...] = (), **how: object) -> DataSet:
    return open_data(DataSource(path, **how), known)  # type: ignore[arg-type]


def picture(file: Path, i: int) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS[i]).save(file)
    return file


def idx(path: Path, array: np.ndarray, code: int) -> Path:
    data = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_archives_are_mapped_not_loaded(save, order: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    x = np.asarray(RANDOM.normal(size=(5, 3, 4)), order=order)  # type: ignore[call-overload]
    save(tmp_path / "d.npz", x=x, y=Y[:5])
    data = opened(tmp_path / "d.npz")
    assert isinstance(data.rows["x"].array, np.memmap)  # type: ignore[attr-defined]
    assert all(np.array_equal(data.raw(i), x[i]) for i in range(5))
    assert data.labels == (0, 1, 2, 0, 1)


@pytest.mark.parametrize(("name", "labels"), [("x.npy", "y.npy"), ("X_test.npy", "y_test.npy")])
def test_single_arrays_with_labels_beside(name: str, labels: str, tmp_path: Path) -> None:
    np.save(tmp_path / name, PIXELS)
    assert not opened(tmp_path / name).labelled
    np.save(tmp_path / labels, Y)
    data = opened(tmp_path / name)
    assert data.labels == tuple(Y)
    assert np.array_equal(data.raw(3), PIXELS[3])


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_and_its_labels(end: str, tmp_path: Path) -> None:
    gray = PIXELS[..., 0]
    images = idx(tmp_path / f"t10k-images-idx3-ubyte{end}", gray, 8)
    idx(tmp_path / f"t10k-labels-idx1-ubyte{end}", Y.astype(np.uint8), 8)
    for path in (images, tmp_path):
        data = opened(path)
        assert data.labels == tuple(Y)
        assert data.has_pixels()
        assert np.array_equal(data.raw(4), gray[4])


@pytest.mark.parametrize(
    ("code", "dtype"), [(9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
def test_idx_of_other_numbers(code: int, dtype: str, tmp_path: Path) -> None:
    values = np.arange(-6, 6).reshape(4, 3).astype(dtype)
    assert np.array_equal(opened(idx(tmp_path / "a.idx", values, code)).raw(1), values[1])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "file,label,light\n{0},cat,day\n{1},dog,night\n{2},cat,day\n"),
        ("val.csv", "{0},cat\n{1},dog\n{2},cat\n"),
        ("list.txt", "{0} cat\n{1} dog\n{2} cat\n"),
        ("val.tsv", "label\tfile\ncat\t{0}\ndog\t{1}\ncat\t{2}\n"),
    ],
)
def test_folder_with_a_table_of_labels(name: str, text: str, tmp_path: Path) -> None:
    files = [picture(tmp_path / "images" / f"{i}.png", i).name for i in range(3)]
    (tmp_path / name).write_text(text.format(*files), "utf-8")
    for path in (tmp_path, tmp_path / name):
        data = opened(path)
        assert data.class_names == ("cat", "dog")
        assert data.labels == (0, 1, 0)
        assert np.array_equal(data.raw(1), PIXELS[1])
    assert opened(tmp_path, known=("dog", "cat")).labels == (1, 0, 1)
    if "light" in text:
        assert data.column("light") == ("day", "night", "day")


def test_numbers_in_a_table_are_indexes(tmp_path: Path) -> None:
    files = [picture(tmp_path / f"{i}.png", i).name for i in range(3)]
    (tmp_path / "a.csv").write_text("\n".join(f"{f};{i + 4}" for i, f in enumerate(files)))
    assert opened(tmp_path).labels == (4, 5, 6)


def coco(folder: Path, **changes: object) -> Path:
    for i in range(3):
        picture(folder / "val" / f"{i}.png", i)
    data = {
        "images": [{"id": 10 + i, "file_name": f"{i}.png"} for i in range(3)],
        "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
        "annotations": [
            {"image_id": 12, "category_id": 7, "bbox": [1, 2, 3, 2.5], "area": 5, "iscrowd": 1},
            {"image_id": 10, "category_id": 3, "bbox": [0, 0, 8, 6]},
            {"image_id": 12, "category_id": 3, "bbox": [0, 1, 2, 3]},
        ],
    }
    path = folder / "annotations" / "instances_val.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**data, **changes}))
    return path


def test_coco_boxes(tmp_path: Path) -> None:
    path = coco(tmp_path)
    for data in (opened(tmp_path), opened(path)):
        assert data.class_names == ("dog", "cat")
        assert not data.labelled
        first, none, last = (data.truth(i) for i in range(3))
        assert isinstance(first, Boxes)
        assert isinstance(none, Boxes)
        assert isinstance(last, Boxes)
        assert first.corners.tolist() == [[0, 0, 8, 6]]
        assert first.areas.tolist() == [48]
        assert none.corners.shape == (0, 4)
        assert last.corners.tolist() == [[1, 2, 4, 4.5], [0, 1, 2, 4]]
        assert last.classes.tolist() == [1, 0]
        assert last.crowd.tolist() == [True, False]
        assert np.array_equal(data.raw(2), PIXELS[2])


def test_coco_boxes_stay_with_their_picture_when_some_are_chosen(tmp_path: Path) -> None:
    coco(tmp_path)
    (tmp_path / "val" / "1.png").unlink()
    data = opened(tmp_path)
    assert len(data) == 2
    last = data.truth(1)
    assert isinstance(last, Boxes)
    assert last.classes.tolist() == [1, 0]
    assert "1 of 3 files" in str(data.notes[0])


VOC = """<annotation><filename>{0}</filename><size><width>8</width></size>
<object><name>{1}</name><difficult>{2}</difficult>
<bndbox><xmin>2</xmin><ymin>1</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object></annotation>"""


def test_voc_boxes(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    for i, name in enumerate(("dog", "cat")):
        file = picture(tmp_path / "JPEGImages" / f"{i}.png", i).name
        (tmp_path / "Annotations" / f"{i}.xml").write_text(VOC.format(file, name, i))
    data = opened(tmp_path)
    assert data.class_names == ("cat", "dog")
    for i in range(2):
        truth = data.truth(i)
        assert isinstance(truth, Boxes)
        assert truth.corners.tolist() == [[1, 0, 5, 6]]
        assert truth.classes.tolist() == [1 - i]
        assert truth.crowd.tolist() == [bool(i)]


@pytest.mark.parametrize("beside", [True, False])
def test_masks(beside: bool, tmp_path: Path) -> None:
    masks = RANDOM.integers(0, 3, (3, 6, 8), np.uint8)
    for i in range(3):
        picture(tmp_path / ("" if beside else "images") / f"{i}.png", i)
        mask = Image.fromarray(masks[i])
        mask.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
        file = tmp_path / (f"{i}_mask.png" if beside else f"masks/{i}.png")
        file.parent.mkdir(exist_ok=True)
        mask.save(file)
    data = opened(tmp_path)
    assert len(data) == 3
    for i in range(3):
        assert np.array_equal(np.asarray(data.truth(i)), masks[i])
        assert np.array_equal(data.raw(i), PIXELS[i])


def test_table_of_numbers(tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i / 2},{i * i},{'ab'[i % 2]},{'dn'[i // 2]}" for i in range(4))
    (tmp_path / "t.csv").write_text(f"u,v,w,class,light\n{rows}\n")
    data = opened(tmp_path / "t.csv")
    assert data.class_names == ("a", "b")
    assert data.labels == (0, 1, 0, 1)
    assert data.raw(3).tolist() == [3, 1.5, 9]
    assert data.column("light") == ("d", "d", "n", "n")


def test_flat_rows_take_the_shape_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(f"{i},1,2,3,4,5,cat" for i in range(3)))
    signature = Signature(
        "s", (TensorSpec("x", (1, 2, 3), "float32"),), (TensorSpec("y", (1, 2), "float32"),)
    )
    write_samples(DataSource(tmp_path / "t.csv"), None, signature, tmp_path / "s.npz")
    x = load_arrays(tmp_path / "s.npz")["x"]
    assert x[2].tolist() == [[2, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_archives_of_folders(kind: str, tmp_path: Path) -> None:
    for i, name in enumerate(("cat", "dog", "owl")):
        picture(tmp_path / "set" / name / f"{i}.png", i)
    path = tmp_path / f"data.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in (tmp_path / "set").rglob("*.png"):
                archive.write(file, file.relative_to(tmp_path))
    else:
        with tarfile.open(path, f"w:{kind[4:]}" if kind[4:] else "w") as tar:  # type: ignore[call-overload]
            tar.add(tmp_path / "set", "set")
    data = opened(path)
    assert data.path == path
    assert data.class_names == ("cat", "dog", "owl")
    assert np.array_equal(data.raw(2), PIXELS[2])
    unpacked = data.rows[""].files[0]  # type: ignore[attr-defined]
    assert unpacked.is_file()
    del data
    assert not unpacked.exists()


def test_archive_of_one_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=PIXELS, y=Y)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.write(tmp_path / "d.npz", "d.npz")
    assert opened(tmp_path / "d.zip").labels == tuple(Y)


def test_first_and_random_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(40.0)[:, None], y=np.repeat([0, 1], 20))
    assert opened(tmp_path / "d.npz", limit=4, sampling="first").index == (0, 1, 2, 3)
    some = opened(tmp_path / "d.npz", limit=8, sampling="random", seed=3)
    assert some.index == opened(tmp_path / "d.npz", limit=8, sampling="random", seed=3).index
    assert some.index != opened(tmp_path / "d.npz", limit=8, sampling="random", seed=4).index


def test_one_source_to_calibrate_and_to_evaluate(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(50.0)[:, None], y=np.repeat([0, 1], [30, 20]))
    calibration = opened(tmp_path / "d.npz", part="calibration")
    evaluation = opened(tmp_path / "d.npz", part="evaluation")
    assert Counter(calibration.labels) == {0: 6, 1: 4}
    assert sorted((*calibration.index, *evaluation.index)) == list(range(50))
    few = opened(tmp_path / "d.npz", part="evaluation", limit=8)
    assert set(few.index) <= set(evaluation.index)


@given(st.lists(st.integers(-1, 4), min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_parts_never_overlap(labels: list[int], share: float) -> None:
    first, second = split(tuple(labels), share)
    assert first
    assert second
    assert sorted(first + second) == list(range(len(labels)))


def peak(folder: Path, out: Path) -> int:
    signature = Signature(
        "s", (TensorSpec("x", (1, 32, 32, 3), "float32"),), (TensorSpec("y", (1, 2), "float32"),)
    )
    tracemalloc.start()
    write_samples(DataSource(folder), PRESETS[1], signature, out)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_samples(tmp_path: Path) -> None:
    """What stays of a sample is its name and label, not its 15 kB of pixels and floats."""
    peaks = []
    for count in (200, 2000):
        folder = tmp_path / str(count)
        (folder / "cat").mkdir(parents=True)
        first = folder / "cat" / "0.png"
        Image.fromarray(RANDOM.integers(0, 256, (32, 32, 3), np.uint8)).save(first)
        for i in range(1, count):
            (folder / "cat" / f"{i}.png").hardlink_to(first)
        peaks.append(peak(folder, tmp_path / "s.npz"))
    assert peaks[1] - peaks[0] < 1800 * 2048
