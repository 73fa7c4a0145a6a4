"""Broken data of every kind: answered in words, nothing run, nothing outside its folder touched."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.pipeline.data.crc32c import masked
from edgekiln.pipeline.data.sounds import read_sound
from edgekiln.pipeline.data.source import open_data

X = np.arange(4 * 6 * 8 * 3, dtype=np.uint8).reshape(4, 6, 8, 3)


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        open_data(DataSource(path))
    error = caught.value
    assert str(error.what)
    assert str(error.do)
    return str(error.why)


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(X[0]).save(file, "PNG")
    return file.getvalue()


def idx(*shape: int, values: int | None = None) -> bytes:
    count = int(np.prod(shape)) if values is None else values
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(count)


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def coco(**changes: object) -> bytes:
    data: dict[str, object] = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(3)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 0, "category_id": 1, "bbox": [0, 0, 2, 2]}],
    }
    return json.dumps({**data, **changes}).encode()


def record(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked(head)) + data + struct.pack("<I", masked(data))


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
        ("d.bin", b"\0\1\2\3" * 50, "neither"),
        ("d.csv", b"", "neither"),
    ],
)
def test_broken_file(name: str, content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert why in refused(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
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


def test_zip_that_says_it_is_enormous(tmp_path: Path) -> None:
    path = zipped(tmp_path / "d.zip", {"1.png": png()})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    many = bytes(data[at : data.rindex(b"PK\x05\x06")]) * 20
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 20, 20, len(many), at, 0)
    path.write_bytes(bytes(data[:at]) + many + end)
    assert "GB are free" in refused(path)


def test_zip_whose_members_overlap(tmp_path: Path) -> None:
    """As the bombs of D. Fifield: one kernel of zeros under very many names."""
    path = zipped(tmp_path / "d.zip", {"1.png": bytes(20 << 20)})
    data = path.read_bytes()
    at, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry = data[at:end]
    many = b"".join(entry.replace(b"1.png", f"{i:05}".encode()) for i in range(400))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 400, 400, len(many), at, 0)
    path.write_bytes(data[:at] + many + tail)
    refused(path)


def test_encrypted_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "d.zip", {"1.png": png()})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    path.write_bytes(data)
    assert "encrypted" in refused(path)


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


def test_voc_with_entities_is_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'
    (tmp_path / "1.xml").write_text(bomb)
    (tmp_path / "1.png").write_bytes(png())
    assert "1 of 1 XML files" in refused(tmp_path)


def test_masks_of_other_names(tmp_path: Path) -> None:
    for name in ("images/a.png", "masks/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(png())
    assert "No mask" in refused(tmp_path)


def test_broken_mask(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a_mask.png").write_bytes(png()[:45])
    with pytest.raises(UserError, match="mask cannot be read"):
        open_data(DataSource(tmp_path)).truth(0)


def test_sounds_and_pictures_together(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.wav").write_bytes(wav())
    assert "1 sounds and 1 pictures" in refused(tmp_path)


def wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(200))
    return file.getvalue()


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


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x=X, y=np.arange(4))
    return file.getvalue()


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as out:
        for i in range(2):
            info = tarfile.TarInfo(f"cat/{i}.png")
            info.size = len(png())
            out.addfile(info, io.BytesIO(png()))
    return file.getvalue()


# x: three floats, as an Example on the wire
EXAMPLE = b"\n\x17\n\x15\n\x01x\x12\x10\x12\x0e\n\x0c" + struct.pack("<3f", 1, 2, 3)
WHOLE: dict[str, Callable[[], bytes]] = {
    "d.npz": npz, "a-idx3": lambda: idx(4, 6, 8), "d.tar.gz": tar,
    "a-idx3.gz": lambda: gzip.compress(idx(4, 6, 8)), "c/a.wav": wav, "c/a.png": png,
    "x.npy": lambda: npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}", bytes(4)),
    "t.csv": lambda: b"a,b,label\n1,2,cat\n3,4,dog\n", "c.json": coco,
    "r.tfrecord": lambda: record(EXAMPLE) * 2,
    "c/1.xml": lambda: b"<annotation><filename>a.png</filename></annotation>",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WHOLE))
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_damage_is_answered_in_words(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """Bytes flipped, put in or cut off: data, or a UserError, and no other exception."""
    content = bytearray(WHOLE[name]())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(content) - 1)))
        how = data.draw(st.sampled_from(("flip", "cut", "put")))
        if how == "flip" and content:
            content[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del content[at:]
        else:
            content[at:at] = data.draw(st.binary(max_size=8))
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        opened = open_data(DataSource(path.parent if "/" in name else path))
        for i in range(len(opened)):
            opened.raw(i)
            opened.truth(i)
    except UserError:
        return
