"""Arrays in files of the user's, mapped into memory: their size does not matter, and nothing is
ever unpickled."""

from __future__ import annotations

import gzip
import math
import shutil
import tempfile
import tokenize
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import BROKEN, Array
from edgekiln.pipeline.data.refusal import unusable

ZIP_MAGIC = b"PK"
ARRAY_MAGIC = b"\x93NUMPY"
PICKLE_MAGIC = b"\x80"  # protocol 2 and later
GZIP_MAGIC = b"\x1f\x8b"
MOST_BYTES = 1 << 35  # unpacked data larger than this is taken for a bomb
_CHUNK = 1 << 20
_LOCAL_HEADER = 30


def is_array_archive(path: Path) -> bool:
    """Whether a zip file is an `.npz`: arrays, and nothing in folders."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (*BROKEN, RuntimeError):  # NotImplementedError: of a later version of zip
        return path.suffix == ".npz"
    return path.suffix == ".npz" or any(n.endswith(".npy") and "/" not in n for n in names)


def map_archive(path: Path) -> dict[str, Array]:
    """All arrays of an `.npz`; those that were compressed are unpacked into an unnamed file.
    UserError when it is broken (every checksum is tried), too large, or pickled: that is refused
    unread, because unpickling runs whatever code the file brings."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
            check_room(path, sum(m.file_size for m in members if m.compress_type))
            return {m.filename.removesuffix(".npy"): _map_member(archive, m, path) for m in members}
    except (*BROKEN, RuntimeError, zlib.error) as error:  # RuntimeError: encrypted
        raise _broken(path, error) from error


def map_array(path: Path) -> Array:
    """The array of an `.npy`; UserError as map_archive."""
    try:
        with path.open("rb") as file:
            dtype, shape, order = _header(file, path, path.name)
            start, size = file.tell(), path.stat().st_size
        return _mapped(path, dtype, shape, order, start, size - start)
    except BROKEN as error:
        raise _broken(path, error) from error


def check_room(path: Path, needed: int) -> None:
    """UserError when what is to be unpacked is larger than data is, or than the disk has room."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if needed > min(MOST_BYTES, free):
        raise unusable(
            path,
            say(
                "Unpacked it would take {needed:.1f} GB; {free:.1f} GB are free for it.",
                needed=needed / 1e9,
                free=min(MOST_BYTES, free) / 1e9,
            ),
            say("Unpack it yourself where there is room, and choose the folder."),
        )


def unzipped(path: Path, size: int) -> IO[bytes]:
    """A gzip file of exactly `size` bytes, unpacked; EOFError when it has fewer or more."""
    check_room(path, size)
    with gzip.open(path) as packed, ExitStack() as on_error:
        file = on_error.enter_context(_copied(packed, size))
        if packed.read(1):
            raise EOFError(f"more than {size} bytes")
        on_error.pop_all()
    return file


def pickled(path: Path, name: str = "") -> UserError:
    """What is said about a pickle."""
    return UserError(
        say("The data file {path} holds pickled objects.", path=str(path)),
        say(
            "Reading a pickle runs the code inside it, so it is refused unread. Array: “{name}”.",
            name=name or path.name,
        ),
        say("Save plain arrays of numbers: x of one shape and type, y as integers."),
    )


def _broken(path: Path, error: Exception) -> UserError:
    return UserError(
        say("The data file {path} cannot be read.", path=str(path)),
        say("It is empty, cut off or not an .npz archive: {reason}", reason=str(error)[:200]),
        say('Write it again with numpy.savez("data.npz", x=x, y=y).'),
    )


def _map_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> Array:
    with archive.open(member) as stream:
        dtype, shape, order = _header(stream, path, member.filename.removesuffix(".npy"))
        start = stream.tell()
        size = member.file_size - start
        if member.compress_type == zipfile.ZIP_STORED:
            while stream.read(_CHUNK):  # to the end, where the checksum is compared
                pass
            return _mapped(path, dtype, shape, order, _offset(path, member) + start, size)
        with _copied(stream, size) as file:
            stream.read(1)
            return _mapped(file, dtype, shape, order, 0, size)


def _copied(stream: Any, size: int) -> IO[bytes]:
    """The next `size` bytes in an unnamed file, which goes when the last mapping of it goes."""
    with ExitStack() as on_error:
        file = on_error.enter_context(tempfile.TemporaryFile())
        left = size
        while left and (chunk := stream.read(min(_CHUNK, left))):
            file.write(chunk)
            left -= len(chunk)
        if left:
            raise EOFError(f"{left} bytes are missing")
        file.flush()
        on_error.pop_all()
    return file


def _header(stream: Any, path: Path, name: str) -> tuple[Any, tuple[int, ...], bool]:
    version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"version {version} of .npy")
    try:
        shape, order, dtype = read(stream)  # type: ignore[no-untyped-call]
    except (tokenize.TokenError, RecursionError, MemoryError, TypeError) as error:
        raise ValueError("its header is damaged") from error
    if dtype.hasobject:
        raise pickled(path, name)
    return dtype, shape, order


def _mapped(
    file: Any, dtype: Any, shape: tuple[int, ...], fortran: bool, start: int, size: int
) -> Array:
    if math.prod(shape) * dtype.itemsize != size:
        raise EOFError(f"{list(shape)} {dtype} are not {size} bytes")
    if not size:
        return np.empty(0, dtype)  # its other sizes may be more than any array can have
    return np.memmap(file, dtype, "r", start, shape, "F" if fortran else "C")


def _offset(path: Path, member: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: its own header has another length than the directory's."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER)
    lengths = (header[26:28], header[28:30])
    return member.header_offset + _LOCAL_HEADER + sum(int.from_bytes(n, "little") for n in lengths)
