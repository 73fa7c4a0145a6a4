"""Picture files: which are whole, and what is in them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from edgekiln.core.errors import UserError
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.whole import JPEG_END, TAIL, plainly_whole

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
)
BROKEN_PICTURE = (
    OSError,
    SyntaxError,
    ValueError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)
_SMALL = 1 << 20  # bytes: opening what is larger costs less than reading it


def is_whole(path: Path) -> bool:
    """Whether a picture can be decoded to its end, without decoding where the format allows it."""
    try:
        if path.stat().st_size <= _SMALL and plainly_whole(path.read_bytes()):
            return True
        with Image.open(path) as picture:
            if picture.format == "PNG":
                picture.verify()  # the checksum of every chunk
            elif picture.format != "JPEG" or not _ends_well(path):
                picture.load()
    except BROKEN_PICTURE:
        return False
    return True


def decode(path: Path, data: bytes | None = None) -> Array:
    """A picture as uint8 [height, width, channels], 1, 3 or 4 channels; `data`: its bytes, where
    `path` holds many. Neither colour profile nor EXIF rotation is applied: TensorFlow's loaders do
    not either."""
    try:
        with Image.open(path if data is None else io.BytesIO(data)) as picture:
            return _pixels(picture)
    except BROKEN_PICTURE as error:
        raise UserError(
            say("The picture {path} is broken.", path=str(path)),
            say("Reading it failed: {reason}", reason=str(error)[:200]),
            say("Remove it from the folder and start again."),
        ) from error


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
        file.seek(-min(TAIL, file.tell()), 1)
        return JPEG_END in file.read()


def picture_files(folder: Path) -> tuple[Path, ...]:
    """The picture files of a folder, by name."""
    return tuple(Path(file) for file in files_of(folder, SUFFIXES))


def files_of(folder: Path, suffixes: frozenset[str]) -> list[str]:
    """The files of a folder with one of these suffixes, by name; hidden ones aside. As text, for a
    Path is twenty times as large and there may be very many."""
    endings = tuple(suffixes)
    with os.scandir(folder) as entries:
        return sorted(
            entry.path
            for entry in entries
            if entry.name.lower().endswith(endings)
            and not entry.name.startswith(".")
            and _is_file(entry)
        )


def _is_file(entry: os.DirEntry[str]) -> bool:
    """A link that leads nowhere, or round, counts: it is named with the broken files."""
    if entry.is_symlink():
        return (file := Path(entry.path)).is_file() or not file.exists()
    return entry.is_file()
