"""Arrays in `.npz` files: written whole or not at all, and never unpickled."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekiln.core.errors import UserError
from edgekiln.core.files import complete_file
from edgekiln.core.text import say

Array = npt.NDArray[Any]
_ZIP_MAGIC = b"PK"
_ARRAY_MAGIC = b"\x93NUMPY"
_PICKLE_MAGIC = b"\x80"  # protocol 2 and later
BROKEN = (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, SyntaxError)


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write an uncompressed `.npz` to `path`, completely or not at all."""
    with complete_file(path) as file:
        np.savez(file, **dict(arrays))


def save_rows(
    path: Path, name: str, count: int, shape: tuple[int, ...], rows: Iterable[Array]
) -> None:
    """Write one float32 array `[count, *shape]` row by row, so that memory holds a row, not all."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, *shape)}
    with (
        complete_file(path) as file,
        zipfile.ZipFile(file, "w", allowZip64=True) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_2_0(member, header)  # type: ignore[no-untyped-call]
        for row in rows:
            member.write(np.ascontiguousarray(row, "<f4").tobytes())


def load_arrays(path: Path, without: Collection[str] = ()) -> dict[str, Array]:
    """All arrays of an `.npz` we wrote ourselves, but those named."""
    # numpy leaves a file it opened itself open when the archive is broken
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name not in without}


def digests(arrays: Mapping[str, Array]) -> Iterator[bytes]:
    """16 bytes for each sample of `[samples, …]` arrays: equal for samples equal bit by bit."""
    for rows in zip(*(arrays[name] for name in sorted(arrays)), strict=True):
        known = hashlib.sha256()
        for row in rows:
            known.update(np.ascontiguousarray(row).data)
        yield known.digest()[:16]


def digest(arrays: Mapping[str, Array]) -> str:
    """One hexadecimal digest of all samples in their order."""
    return hashlib.sha256(b"".join(digests(arrays))).hexdigest()


def read_arrays(path: Path) -> dict[str, Array]:
    """All arrays of the user's `.npz`. UserError when it is broken, or pickled: that is refused
    unread, because unpickling runs whatever code the file brings."""
    try:
        _check_kind(path)
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: _member(file, name, path) for name in file.files}
    except BROKEN as error:
        raise UserError(
            say("The data file {path} cannot be read.", path=str(path)),
            say("It is empty, cut off or not an .npz archive: {reason}", reason=str(error)[:200]),
            say('Write it again with numpy.savez("data.npz", x=x, y=y).'),
        ) from error


def _check_kind(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(_ARRAY_MAGIC))
    if head.startswith(_PICKLE_MAGIC):
        raise _pickled(path)
    if head == _ARRAY_MAGIC:
        raise _not_an_archive(path)
    if not head.startswith(_ZIP_MAGIC):
        raise ValueError("no zip archive")


def _member(file: Any, name: str, path: Path) -> Array:
    try:
        return np.asarray(file[name])
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise _pickled(path, name) from error
        raise


def _pickled(path: Path, name: str = "") -> UserError:
    return UserError(
        say("The data file {path} holds pickled objects.", path=str(path)),
        say(
            "Reading a pickle runs the code inside it, so it is refused unread. Array: “{name}”.",
            name=name or path.name,
        ),
        say("Save plain arrays of numbers: x of one shape and type, y as integers."),
    )


def _not_an_archive(path: Path) -> UserError:
    return UserError(
        say("The data file {path} is a single array.", path=str(path)),
        say("Data needs an .npz archive with x and, for accuracy, y."),
        say('Write it again with numpy.savez("data.npz", x=x, y=y).'),
    )
