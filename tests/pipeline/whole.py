"""The smallest whole data of every kind that is read: what tests and the fuzzer break."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import wave
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from edgekiln.pipeline.data.crc32c import masked

X = np.arange(4 * 6 * 8 * 3, dtype=np.uint8).reshape(4, 6, 8, 3)


@dataclass(frozen=True)
class Whole:
    """One file, what lies beside it, and whether the folder is what a user opens."""

    name: str
    content: bytes
    beside: dict[str, bytes] = field(default_factory=dict)
    is_folder: bool = False

    def lay(self, folder: Path, content: bytes | None = None) -> Path:
        """Write it with another content of the file; the path to open."""
        files = {**self.beside, self.name: self.content if content is None else content}
        for name, data in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return folder if self.is_folder else folder / self.name


def picture(form: str = "PNG", size: tuple[int, int] = (8, 6), shade: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.roll(X[0], shade)).resize(size).save(file, form)
    return file.getvalue()


def png() -> bytes:
    return picture()


def gray(value: int, size: tuple[int, int] = (8, 6)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, value).save(file, "PNG")
    return file.getvalue()


def idx(*shape: int, values: int | None = None) -> bytes:
    count = int(np.prod(shape)) if values is None else values
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(count)


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **(arrays or {"x": X, "y": np.arange(4)}))
    return file.getvalue()


def coco(**changes: object) -> bytes:
    data: dict[str, object] = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in range(3)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 0, "category_id": 1, "bbox": [0, 0, 2, 2]}],
    }
    return json.dumps({**data, **changes}).encode()


def voc(name: str = "a.png", box: str = "<xmin>0</xmin><ymin>0</ymin><xmax>4</xmax>") -> bytes:
    return (
        f"<annotation><filename>{name}</filename><object><name>cat</name><bndbox>{box}"
        "<ymax>3</ymax></bndbox></object></annotation>"
    ).encode()


def record(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked(head)) + data + struct.pack("<I", masked(data))


def wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(200))
    return file.getvalue()


def tar(names: tuple[str, ...] = ("cat/0.png", "cat/1.png")) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as out:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(png())
            out.addfile(info, io.BytesIO(png()))
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


# x: three floats, as an Example on the wire
EXAMPLE = b"\n\x17\n\x15\n\x01x\x12\x10\x12\x0e\n\x0c" + struct.pack("<3f", 1, 2, 3)
TABLE = b"a,b,label\n1,2,cat\n3,4,dog\n"
FOUR = "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}"
PICTURES = {f"{i}.png": png() for i in range(3)}
WHOLE: dict[str, Whole] = {
    "npz": Whole("d.npz", npz()),
    "npy": Whole("x.npy", npy(FOUR, bytes(4)), {"y.npy": npy(FOUR, bytes(4))}),
    "idx": Whole("a-idx3", idx(4, 6, 8)),
    "idx.gz": Whole("a-idx3.gz", gzip.compress(idx(4, 6, 8))),
    "tar": Whole("d.tar.gz", tar()),
    "zip": Whole("d.zip", zipped({f"cat/{i}.png": png() for i in range(2)})),
    "wav": Whole("c/a.wav", wav(), {"d/b.wav": wav()}, is_folder=True),
    "png": Whole("c/a.png", png(), {"d/b.png": png()}, is_folder=True),
    "jpeg": Whole("c/a.jpg", picture("JPEG"), {"d/b.png": png()}, is_folder=True),
    "csv": Whole("t.csv", TABLE),
    "list": Whole("l.csv", b"file,label\n0.png,cat\n1.png,dog\n", PICTURES, is_folder=True),
    "coco": Whole("c.json", coco(), PICTURES, is_folder=True),
    "voc": Whole("a.xml", voc(), {"a.png": png()}, is_folder=True),
    "mask": Whole("masks/a.png", gray(1), {"images/a.png": png()}, is_folder=True),
    "tfrecord": Whole("r.tfrecord", record(EXAMPLE) * 2),
    "labels": Whole("labels.txt", b"cat\ndog\n", {"cat/a.png": png(), "dog/b.png": png()},
                    is_folder=True),
}  # fmt: skip
