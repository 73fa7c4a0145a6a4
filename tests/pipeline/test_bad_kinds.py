"""Broken data of every kind: answered in words, nothing run, nothing outside its folder touched."""

from __future__ import annotations

import gzip
import pickle
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.pipeline.data.sounds import read_sound
from edgekiln.pipeline.data.source import open_data
from pipeline.whole import WHOLE, coco, idx, npy, png, record, wav
from pipeline.whole import zipped as zipped_bytes


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        open_data(DataSource(path))
    error = caught.value
    assert str(error.what)
    assert str(error.do)
    return str(error.why)


FEATURE = b"\n\x1a\n\x18\n\x01x\x12\x13\x12\x11\n\x0f"  # lengths that lead beyond the end


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a-idx3", idx(4, 6, 8, values=100), "should have 208 bytes; it has 116"),
        ("a-idx3", idx(4, 6, 8, values=300), "should have 208 bytes; it has 316"),
        ("a-idx3.gz", gzip.compress(idx(4, 6, 8, values=100)), "unpacked"),
        ("a-idx3.gz", gzip.compress(idx(4, 6, 8))[:-12], "unpacked"),
        ("a-idx3.gz", gzip.compress(idx(4, 6, 8, values=300)), "unpacked"),
        ("a-idx3", idx(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, values=8), "should have"),
        ("a-idx3.gz", gzip.compress(idx(0xFFFFFF, 0xFFFFFF, values=8)), "GB are free"),
        ("x.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9, 9)}"), "not 0 bytes"),
        ("x.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (9,)}"), "pickle"),
        ("x.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-9,)}"), ""),
        ("x.npy", npy("__import__('os').system('touch ran')"), ""),
        ("x.npy", b"\x93NUMPY\x09\x00", ""),
        ("x.npy", pickle.dumps({"x": 1}), "pickle"),
        ("t.csv", b"a,b,label\n1,2,cat\n1,2\n", "Line 3"),
        ("t.csv", b"a,b,label\n1,2,cat\n1,zwei,cat\n", "Line 3"),
        ("t.csv", b"a,b,label\n", "empty"),
        ("t.csv", b"name,colour\nbob,red\n", "No column"),
        ("t.csv", b'a,b\n1,"' + b"x" * 200_000 + b'"\n', "Line"),
        ("c.json", coco()[:-20], "no whole JSON"),
        ("c.json", coco(categories=[]), "categories"),
        ("c.json", coco(images="none"), "images"),
        ("c.json", coco(images=[{"file_name": "0.png"}]), "images"),
        ("c.json", coco(annotations={}), "annotations"),
        ("c.json", b'{"images":' + b"[" * 100_000, "JSON"),
        ("c.json", coco(), "3 of 3 files"),
        ("r.tfrecord", record(b"abc"), "tf.train.Example"),
        ("r.tfrecord", record(FEATURE), "tf.train.Example"),
        ("r.tfrecord", record(b""), "no picture and no numbers"),
        ("d.zip", b"PK\x03\x04cut", "unpacked"),
        ("d.tar.gz", gzip.compress(b"\0" * 100)[:20], "unpacked"),
        # what the fuzzer found: 4 billion rows of no values, a member without a name
        ("a-idx3", idx(0xFFFFFFFF, 0, 8), "missing or empty"),
        ("x.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967295, 0)}"), "x "),
        ("d.zip", zipped_bytes({"~~~~": png()}).replace(b"~~~~", bytes(4)), "1 refused"),
        ("d.bin", b"\0\1\2\3" * 50, "neither"),
        ("d.csv", b"", "neither"),
    ],
)
def test_broken_file(name: str, content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert why in refused(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(zipped_bytes(members))
    return path


@pytest.mark.parametrize(
    "name", ["../out.png", "/tmp/edgekiln-out.png", "a/../../out.png", "c:\\o.png"]
)
def test_archive_that_reaches_out(name: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = zipped(tmp_path / "in" / "d.zip", {name: png()})
    assert "1 refused" in refused(path)
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "d.zip"]
    assert not Path("/tmp/edgekiln-out.png").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_archive_of_links(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("passwd.csv")
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "d.tar", "w") as tar:
        tar.addfile(info)
    assert "no file" in refused(tmp_path / "d.tar")


def test_archive_in_an_archive(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "a.zip", {"1.png": png(), "2.png": png()})
    assert "archive in an archive" in refused(
        zipped(tmp_path / "d.zip", {"a.zip": inner.read_bytes()})
    )


def test_tables_do_not_reach_out(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(png())
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png())
    (tmp_path / "in" / "l.csv").write_text("a.png,0\n../out.png,1\n")
    data = open_data(DataSource(tmp_path / "in"))
    assert len(data) == 1
    assert "1 of 2 files" in str(data.notes[0])


def test_most_files_of_a_table_are_missing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "l.csv").write_text("a.png,0\nb.png,1\nc.png,1\n")
    assert "2 of 3 files that l.csv lists are missing: b.png, c.png" in refused(tmp_path)


def test_a_name_longer_than_any_file_has_is_missing(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(png())
    (tmp_path / "l.csv").write_text(f"a.png,0\n{'x' * 300}.png,1\nb.png,1\n")
    assert len(open_data(DataSource(tmp_path))) == 2


def test_boxes_that_are_none_are_counted(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(png())
    good = {"image_id": 0, "category_id": 1, "bbox": [0, 0, 2, 2]}
    bad = [
        {**good, "bbox": [0, 0, -1, 2]}, {**good, "category_id": 9}, {**good, "image_id": 77},
        {**good, "bbox": [0, 0, float("inf"), 1]}, {**good, "bbox": "none"},
    ]  # fmt: skip
    (tmp_path / "c.json").write_bytes(coco(annotations=[*bad, *[good] * 5]))
    assert str(open_data(DataSource(tmp_path)).notes[0]).startswith("5 of 10 boxes")
    (tmp_path / "c.json").write_bytes(coco(annotations=[*bad, good]))
    assert "5 of 6 boxes" in refused(tmp_path)


def test_masks_of_other_names(tmp_path: Path) -> None:
    for name in ("images/a.png", "masks/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(png())
    assert "No mask" in refused(tmp_path)


def test_sounds_and_pictures_together(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.wav").write_bytes(wav())
    assert "1 sounds and 1 pictures" in refused(tmp_path)


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [(20, b"\x02\x00", "Form 2"), (22, b"\0\0", "Form 1"), (24, bytes(4), "0 Hz"),
     (34, b"\x0b\0", "11 bits"), (40, bytes(4), "no sound"), (40, b"\xff" * 4, "cut off")],
)  # fmt: skip
def test_strange_wav(at: int, value: bytes, why: str, tmp_path: Path) -> None:
    data = bytearray(wav())
    data[at : at + len(value)] = value
    (tmp_path / "a.wav").write_bytes(data)
    assert "1 of 1 cannot be read" in refused(tmp_path)
    with pytest.raises(UserError, match=why):
        read_sound(tmp_path / "a.wav")


@pytest.mark.parametrize("name", sorted(WHOLE))
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_damage_is_answered_in_words(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """Bytes flipped, put in or cut off: data, or a UserError, and no other exception."""
    content = bytearray(WHOLE[name].content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        how = data.draw(st.sampled_from(("flip", "cut", "put")))
        if how == "flip" and content:
            content[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[at:]
        else:
            content[at:at] = data.draw(st.binary(max_size=8))
    try:
        opened = open_data(DataSource(WHOLE[name].lay(tmp_path / "data", bytes(content))))
        for i in range(len(opened)):
            opened.raw(i)
            opened.truth(i)
    except UserError:
        return
