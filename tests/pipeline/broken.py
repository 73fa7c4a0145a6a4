"""The list of broken data: what a user may bring, each made anew, and the answer it must get."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.whole import (
    EXAMPLE,
    FOUR,
    TABLE,
    X,
    coco,
    gray,
    idx,
    npy,
    npz,
    picture,
    png,
    record,
    tar,
    voc,
    wav,
    zipped,
)

Files = dict[str, bytes]


@dataclass(frozen=True)
class Broken:
    """Files below a folder of which `opened` ("": all) is chosen; `words` are in the answer, and
    `left` samples stay usable (0: the data is refused)."""

    files: Files
    words: str
    left: int = 0
    opened: str = ""
    more: Callable[[Path], object] = lambda _: None  # what bytes alone do not make

    def lay(self, folder: Path) -> Path:
        """Write it; the path to open."""
        for name, data in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        self.more(folder)
        return folder / self.opened


def _pictures(**more: bytes) -> Files:
    """Two classes of two, and what is broken beside them."""
    good = {f"{name}/{i}.png": picture(shade=i) for name in ("cat", "dog") for i in range(2)}
    return good | {f"cat/{name.replace('_', '.')}": data for name, data in more.items()}


def _flat(**more: bytes) -> Files:
    return {f"{i}.png": picture(shade=i) for i in range(3)} | {
        name.replace("_", "."): data for name, data in more.items()
    }


def _sounds(data: bytes) -> Files:
    return {"yes/a.wav": wav(), "no/a.wav": wav(), "no/b.wav": wav(), "no/bad.wav": data}


def _wav(at: int, value: bytes) -> bytes:
    data = bytearray(wav())
    data[at : at + len(value)] = value
    return bytes(data)


def _enormous() -> bytes:
    """A PNG whose header says 60,000 × 60,000."""
    data = bytearray(png())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def _zip(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def _encrypted() -> bytes:
    data = bytearray(zipped({"1.png": png()}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def _tar_of(*kinds: bytes) -> bytes:
    """A picture, and members that are no files."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as out:
        info = tarfile.TarInfo("a.png")
        info.size = len(png())
        out.addfile(info, io.BytesIO(png()))
        for number, kind in enumerate(kinds):
            info = tarfile.TarInfo(f"{number}.png")
            info.type, info.linkname = kind, "/etc/passwd"
            out.addfile(info)
    return file.getvalue()


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def _overlapping() -> bytes:
    """As the bombs of D. Fifield: one kernel of zeros under very many names."""
    data = zipped({"1.png": bytes(20 << 20)})
    at, end = data.rindex(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    many = b"".join(data[at:end].replace(b"1.png", f"{i:05}".encode()) for i in range(400))
    return data[:at] + many + _zip_end(400, len(many), at)


def _said_to_be_enormous() -> bytes:
    data = bytearray(zipped({"1.png": png()}))
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    many = bytes(data[at : data.rindex(b"PK\x05\x06")]) * 20
    return bytes(data[:at]) + many + _zip_end(20, len(many), at)


def _zip_end(count: int, size: int, at: int) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, size, at, 0)


_ONE = record(EXAMPLE)
_BOX = {"image_id": 0, "category_id": 1, "bbox": [0, 0, 2, 2]}
_IMAGES = [{"id": i % 2, "file_name": f"{i}.png"} for i in range(3)]
_ENTITY = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><annotation>&b;</annotation>'
_NAN = X.astype("float32")
_NAN[1, 0, 0, 0] = float("nan")
_MASKS = {f"images/{i}.png": png() for i in range(3)} | {
    f"masks/{i}.png": gray(i) for i in range(3)
}
_LIST = b"file,label\n0.png,cat\n1.png,dog\n2.png,cat\n"

BROKEN: dict[str, Broken] = {
    "png cut off": Broken(_pictures(bad_png=png()[:60]), "cat/bad.png", 4),
    "jpeg cut off": Broken(_pictures(bad_jpg=picture("JPEG")[:300]), "cat/bad.jpg", 4),
    "png of enormous size": Broken(_pictures(bad_png=_enormous()), "cat/bad.png", 4),
    "text named png": Broken(_pictures(bad_png=b"<html>404</html>"), "cat/bad.png", 4),
    "picture without a byte": Broken(_pictures(bad_png=b""), "cat/bad.png", 4),
    "link that leads to itself": Broken(
        _pictures(), "cat/bad.png", 4, more=lambda f: (f / "cat/bad.png").symlink_to("bad.png")
    ),
    "link that leads nowhere": Broken(
        _pictures(), "cat/bad.png", 4, more=lambda f: (f / "cat/bad.png").symlink_to("gone.png")
    ),
    "name in no encoding": Broken(
        _pictures(), "cat/\\xff.png", 4,
        more=lambda f: (f / "cat" / os.fsdecode(b"\xff.png")).write_bytes(b"?"),
    ),
    "class folder of a Chinese Windows": Broken(
        _pictures(), "dog, 苹果", 4,
        more=lambda f: (f / "cat").rename(f / os.fsdecode("苹果".encode("gb18030"))),
    ),
    "folders that lead in a circle": Broken(
        _pictures(), "alphabet", 4, more=lambda f: (f / "cat" / "again").symlink_to(f)
    ),
    "pipe named as a table": Broken(
        _pictures(), "alphabet", 4, more=lambda f: os.mkfifo(f / "labels.csv")
    ),
    "zip whose members overlap": Broken({"d.zip": _overlapping()}, "", opened="d.zip"),
    "zip that says it is enormous": Broken({"d.zip": _said_to_be_enormous()}, "GB are free",
                                           opened="d.zip"),
    "zip of another version": Broken(
        {"d.zip": zipped({"a.png": png()}).replace(b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\x63")},
        "zip file version 9.9", opened="d.zip",
    ),
    "zip that reaches out": Broken(
        {"d.zip": _zip(("../a.png", png()), ("/b.png", png()), ("c/1.png", png()))},
        "2 links or unsafe names", 1, "d.zip",
    ),
    "zip with a name of nothing": Broken(
        {"d.zip": zipped({"~~~~": png(), "a.png": png()}).replace(b"~~~~", bytes(4))},
        "1 links or unsafe names", 1, "d.zip",
    ),
    "zip with a file where a folder is": Broken(
        {"d.zip": _zip(("cat", png()), ("cat/a.png", png()))}, "File exists", opened="d.zip"
    ),
    "zip with a password": Broken({"d.zip": _encrypted()}, "encrypted", opened="d.zip"),
    "zip with a flipped byte": Broken(
        {"d.zip": _flipped(_zip(("a.png", png())), 60)}, "CRC", opened="d.zip"
    ),
    "tar cut off": Broken({"d.tar.gz": tar()[:150]}, "unpacked", opened="d.tar.gz"),
    "tar with links and devices": Broken(
        {"d.tar": _tar_of(tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)},
        "3 links or unsafe names", 1, "d.tar",
    ),
    "npy with a wrong header": Broken(
        {"x.npy": npy(FOUR.replace("4", "5"), bytes(4))}, "are not 4 bytes", opened="x.npy"
    ),
    "npy of more rows than there are": Broken(
        {"x.npy": npy(FOUR.replace("(4,)", "(4294967295, 4294967295, 0)"))},
        "x is missing or empty", opened="x.npy",
    ),
    "npz with a value that is no number": Broken({"d.npz": npz(x=_NAN)}, "NaN", opened="d.npz"),
    "npz with fewer labels than samples": Broken(
        {"d.npz": npz(x=X, y=X[:3, 0, 0, 0])}, "4 samples in x and 3 labels", opened="d.npz"
    ),
    "idx with a wrong magic": Broken({"a-idx3": b"\1" + idx(4, 6, 8)[1:]}, "neither",
                                     opened="a-idx3"),
    "idx of more rows than there are": Broken(
        {"a-idx3.gz": gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 0))},
        "x is missing or empty", opened="a-idx3.gz",
    ),
    "idx cut off": Broken({"a-idx3": idx(4, 6, 8)[:-9]}, "208 bytes; it has 199", opened="a-idx3"),
    "table with a short row": Broken({"t.csv": TABLE + b"5,6\n"}, "Line 4", opened="t.csv"),
    "table with a word for a number": Broken({"t.csv": TABLE + b"5,six,cat\n"}, "Line 4",
                                             opened="t.csv"),
    "table of nothing": Broken({"t.csv": b""}, "neither", opened="t.csv"),
    "table with a number too large": Broken({"t.csv": TABLE + b"5,1e999,cat\n"}, "infinite",
                                            opened="t.csv"),
    "table with a mark before it": Broken(
        {"t.csv": b"\xef\xbb\xbf" + TABLE}, "cat, dog", 2, "t.csv"
    ),
    "table of a Chinese Windows": Broken(
        {"t.csv": TABLE.decode().replace("cat", "苹果").encode("gb18030")}, "dog, 苹果", 2, "t.csv"
    ),
    "table in UTF-16": Broken({"t.csv": TABLE.decode().encode("utf-16")}, "cat, dog", 2, "t.csv"),
    "list of files that are missing": Broken(
        _flat(l_csv=_LIST + b"3.png,dog\n"), "1 of 4 files", 3
    ),
    "coco cut off": Broken(_flat(c_json=coco()[:-9]), "no whole JSON"),
    "coco of an unknown category": Broken(
        _flat(c_json=coco(annotations=[_BOX, {**_BOX, "category_id": 9}])), "1 of 2 boxes", 3
    ),
    "coco without its pictures": Broken({"c.json": coco()}, "3 of 3 files"),
    "coco with an id twice": Broken(_flat(c_json=coco(images=_IMAGES)), "the same id"),
    "voc cut off": Broken(
        _flat(**{f"{i}_xml": voc(f"{i}.png") for i in range(2)}, bad_xml=voc()[:50]), "bad.xml", 2
    ),
    "voc with entities": Broken(
        _flat(**{f"{i}_xml": voc(f"{i}.png") for i in range(2)}, bad_xml=_ENTITY), "bad.xml", 2
    ),
    "mask of another size": Broken(
        _MASKS | {"masks/1.png": gray(1, (4, 4))}, "images/1.png", 2
    ),
    "mask cut off": Broken(_MASKS | {"masks/1.png": gray(1)[:50]}, "images/1.png", 2),
    "masks of another size": Broken(
        {f"images/{i}.png": png() for i in range(2)}
        | {f"masks/{i}.png": gray(i, (4, 4)) for i in range(2)},
        "images/0.png: It is 8 × 6, its mask 0.png 4 × 4.",
    ),
    "wav that is not PCM": Broken(_sounds(_wav(20, b"\x02\x00")), "no/bad.wav", 3),
    "wav cut off": Broken(_sounds(wav()[:-40]), "no/bad.wav", 3),
    "wav without a sound": Broken(_sounds(_wav(40, bytes(4))), "no/bad.wav", 3),
    "records with a wrong checksum": Broken(
        {"r.tfrecord": _ONE + _flipped(_ONE, 14) + _ONE}, "r.tfrecord/1", 2, "r.tfrecord"
    ),
    "records cut off": Broken({"r.tfrecord": _ONE * 2 + _ONE[:20]}, "after record 2", 2,
                              "r.tfrecord"),
    "folder of nothing": Broken({}, "no picture"),
    "folder of one class": Broken({f"cat/{i}.png": png() for i in range(3)}, "", 3),
    "classes beside loose pictures": Broken(
        _pictures() | {"a.png": png()}, "1 files lie outside", 4
    ),
    "pictures and sounds": Broken(_flat(a_wav=wav()), "1 sounds and 3 pictures"),
}  # fmt: skip
