"""Folders of pictures: which are there, which are broken, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.labels import UNLABELLED, class_order, order_note, read_labels

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
)
_BROKEN = (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError)
_JPEG_END = b"\xff\xd9"


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder with their labels (-1: none), in the order of classes and names."""

    files: tuple[Path, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...]
    notes: tuple[Text, ...] = ()


def list_pictures(folder: Path, known: tuple[str, ...] = ()) -> Listing:
    """Pictures by class folder, or a flat folder of unlabelled ones. `known`: class names of the
    model, in the order of its outputs."""
    known = read_labels(folder) or known
    classes = {sub.name: found for sub in _folders(folder) if (found := _files(sub))}
    loose = _files(folder)
    if not classes and not loose:
        raise _nothing(folder)
    if not classes or (len(classes) == 1 and not set(classes) <= set(known)):
        files = loose + tuple(f for found in classes.values() for f in found)
        return Listing(files, (UNLABELLED,) * len(files), known)
    names, strange = class_order(tuple(classes), known)
    notes: list[Text] = [order_note(names, known)] if strange or not known else []
    if loose:
        notes.append(
            say("{count} pictures lie outside the class folders and are left out", count=len(loose))
        )
    listed = [(f, i) for i, name in enumerate(names) for f in classes.get(name, ())]
    return Listing(tuple(f for f, _ in listed), tuple(i for _, i in listed), names, tuple(notes))


def is_whole(path: Path) -> bool:
    """Whether a picture can be decoded to its end, without decoding where the format allows it."""
    try:
        with Image.open(path) as picture:
            if picture.format == "PNG":
                picture.verify()  # the checksum of every chunk
            elif picture.format != "JPEG" or not _ends_well(path):
                picture.load()
    except _BROKEN:
        return False
    return True


def decode(path: Path) -> Array:
    """A picture as uint8 [height, width, channels], 1, 3 or 4 channels. Neither colour profile nor
    EXIF rotation is applied: TensorFlow's loaders do not either."""
    try:
        with Image.open(path) as picture:
            return _pixels(picture)
    except _BROKEN as error:
        raise UserError(
            say("The picture {path} is broken.", path=str(path)),
            say("Reading it failed: {reason}", reason=str(error)[:200]),
            say("Remove it from the folder and start again."),
        ) from error


def fit(pixels: Array, height: int, width: int, channels: int) -> Array:
    """uint8 [height, width, channels], resized bilinearly; colour becomes gray (ITU-R 601) or gray
    is repeated where the model wants another number of channels."""
    if pixels.shape == (height, width, channels):
        return pixels
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    picture = Image.fromarray(flat).convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture).reshape(height, width, channels)


def too_many_broken(path: Path, broken: int, count: int) -> UserError:
    """What is said when a folder is more broken than whole."""
    return UserError(
        say("Too many pictures in {path} are broken.", path=str(path)),
        say("{broken} of {count} cannot be read.", broken=broken, count=count),
        say("Copy the folder again and check the disk it came from."),
    )


def _pixels(picture: Image.Image) -> Array:
    if picture.mode.startswith("I"):  # 16 bits a pixel
        wide = np.asarray(picture).astype(np.int64)
        return (wide >> 8).clip(0, 255).astype(np.uint8)[:, :, None]
    if picture.mode not in ("L", "RGB", "RGBA"):
        picture = picture.convert("L" if picture.mode in ("1", "LA", "F") else "RGB")
    array = np.asarray(picture)
    return array[:, :, None] if array.ndim == 2 else array


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(-min(64, file.tell()), 1)
        return _JPEG_END in file.read()


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(
        sorted(
            p
            for p in folder.glob("*")
            if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()
        )
    )


def _nothing(folder: Path) -> UserError:
    usable = (p for p in sorted(folder.iterdir()) if p.suffix == ".npz" or p.is_dir())
    return UserError(
        say("There is no data in {path}.", path=str(folder)),
        say("The folder holds no picture."),
        say("Choose a folder with one sub-folder of pictures per class, or an .npz with x and y."),
        choices=tuple(str(p) for p in usable)[:8],
    )
