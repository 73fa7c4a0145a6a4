"""look-at-data and propose: what the window says at once of data that was chosen."""

from __future__ import annotations

import tarfile
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgekiln.core.codec import decode, encode
from edgekiln.core.data import DataLook, DataSource, FindPlan, LookPlan, Proposal
from edgekiln.core.errors import UserError
from edgekiln.core.report import silent
from edgekiln.pipeline.data.look import look_at_data
from edgekiln.pipeline.data.propose import propose
from edgekiln.steps import perform
from pipeline.test_data_finder import brightness, shades
from pipeline.test_data_kinds import PIXELS, VOC, Y, coco, idx, picture

__all__ = ["shades"]


def look(path: Path, **how: object) -> DataLook:
    source = DataSource(path, **how)  # type: ignore[arg-type]
    found = look_at_data(source, LookPlan(), path, silent)
    assert decode(DataLook, encode(found)) == found
    return found


def by_class(folder: Path, count: int = 6) -> Path:
    for i in range(count):
        picture(folder / ("cat", "dog", "owl")[i % 3] / f"{i}.png", i)
    return folder


def test_a_folder_by_class_and_the_same_packed(tmp_path: Path) -> None:
    folder = by_class(tmp_path / "set")
    found = look(folder)
    assert (found.kind, found.packed, found.content, found.truth) == (
        "folder", False, "picture", "classes",
    )  # fmt: skip
    assert (found.samples, found.labelled, found.classes) == (6, 6, 3)
    assert found.class_names == ("cat", "dog", "owl")
    assert found.size == ""
    with tarfile.open(tmp_path / "d.tar.gz", "w:gz") as tar:
        tar.add(folder, "set")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for file in folder.rglob("*.png"):
            archive.write(file, file.relative_to(tmp_path))
    for name in ("d.tar.gz", "d.zip"):
        packed = look(tmp_path / name)
        assert (packed.kind, packed.packed, packed.samples) == ("folder", True, 6)


def test_parts_of_one_source_have_all_of_it(tmp_path: Path) -> None:
    folder = by_class(tmp_path / "set")
    parts = [look(folder, part=part, share=0.5).samples for part in ("calibration", "evaluation")]
    assert parts == [3, 3]


def test_boxes_and_masks(tmp_path: Path) -> None:
    found = look(coco(tmp_path / "coco"))
    assert (found.kind, found.truth, found.samples, found.classes) == ("coco", "boxes", 3, 2)
    assert set(found.class_names) == {"cat", "dog"}
    picture(tmp_path / "voc" / "JPEGImages" / "0.png", 0)
    (tmp_path / "voc" / "Annotations").mkdir()
    (tmp_path / "voc" / "Annotations" / "0.xml").write_text(VOC.format("0.png", "dog", 0))
    found = look(tmp_path / "voc")
    assert (found.kind, found.truth, found.class_names) == ("voc", "boxes", ("dog",))
    for i in range(2):
        picture(tmp_path / "masked" / "images" / f"{i}.png", i)
        picture(tmp_path / "masked" / "masks" / f"{i}.png", i)
    found = look(tmp_path / "masked")
    assert (found.kind, found.truth, found.samples) == ("masks", "masks", 2)


def test_arrays_lists_and_tables(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=PIXELS, y=np.where(Y == 2, -1, Y))
    found = look(tmp_path / "d.npz")
    assert (found.kind, found.content, found.size) == ("npz", "picture", "6×8×3")
    assert (found.samples, found.labelled, found.classes) == (6, 4, 2)
    np.save(tmp_path / "alone.npy", np.zeros((4, 5), np.float32))
    found = look(tmp_path / "alone.npy")
    assert (found.kind, found.content, found.truth) == ("npy", "numbers", "none")
    assert (found.labelled, found.classes, found.class_names) == (0, 0, ())
    assert look(idx(tmp_path / "t-images-idx3-ubyte.gz", PIXELS[..., 0], 8)).kind == "idx"
    for i in range(3):
        picture(tmp_path / "listed" / f"{i}.png", i)
    table = tmp_path / "listed" / "labels.csv"
    table.write_text("file,label,shift\n0.png,cat,day\n1.png,dog,day\n2.png,cat,night\n")
    found = look(tmp_path / "listed")
    assert (found.kind, found.columns, found.class_names) == ("list", ("shift",), ("cat", "dog"))
    (tmp_path / "t.csv").write_text("u,v,class\n1,2,a\n3,4,b\n")
    found = look(tmp_path / "t.csv")
    assert (found.kind, found.content, found.samples) == ("table", "numbers", 2)


def test_sounds(tmp_path: Path) -> None:
    (tmp_path / "set" / "yes").mkdir(parents=True)
    with wave.open(str(tmp_path / "set" / "yes" / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(3200))
    found = look(tmp_path / "set")
    assert (found.kind, found.content, found.samples) == ("folder", "sound", 1)


def test_no_data_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("none")
    with pytest.raises(UserError, match="There is no data at"):
        look(tmp_path / "notes.md")


def test_the_proposal_is_the_finders(shades: Path, tmp_path: Path) -> None:
    model = brightness(tmp_path, 0.5)
    found = propose(model, FindPlan(DataSource(shades)), tmp_path, silent)
    assert found.preprocessing.name == "0..1"
    assert str(found.evidence).startswith("0..1: 100 % of 100 right")
    kept = perform("propose", model, FindPlan(DataSource(shades)), tmp_path / "root", silent)
    assert isinstance(kept, Proposal)
    assert kept == found
