"""Arrays in `.npz` files of our own: written whole or not at all, and never unpickled."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from edgekiln.core.files import complete_file

Array = npt.NDArray[Any]
_Stream = tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]
BROKEN = (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError, SyntaxError)


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write an uncompressed `.npz` to `path`, completely or not at all."""
    with complete_file(path) as file:
        np.savez(file, **dict(arrays))


def save_rows(
    path: Path, name: str, count: int, shape: tuple[int, ...], rows: Iterable[Array]
) -> None:
    """Write one float32 array `[count, *shape]` row by row, so that memory holds a row, not all."""
    save_streams(path, count, {name: (shape, rows)})


def save_streams(
    path: Path, count: int, streams: Mapping[str, tuple[tuple[int, ...], Iterable[Array]]]
) -> None:
    """Write float32 arrays `[count, *shape]` by name, each row by row, one after another."""
    with complete_file(path) as file, zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, (shape, rows) in streams.items():
            header = {"descr": "<f4", "fortran_order": False, "shape": (count, *shape)}
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_2_0(member, header)  # type: ignore[no-untyped-call]
                for row in rows:
                    member.write(np.ascontiguousarray(row, "<f4").tobytes())


def load_arrays(path: Path, without: Collection[str] = ()) -> dict[str, Array]:
    """All arrays of an `.npz` we wrote ourselves, but those named."""
    # numpy leaves a file it opened itself open when the archive is broken
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name not in without}


@contextmanager
def read_chunks(path: Path, size: int) -> Iterator[tuple[int, Iterator[dict[str, Array]]]]:
    """How many samples an `.npz` we wrote has, and its arrays `size` samples at a time, so that
    memory holds a chunk, not all; BROKEN when the file ends early or was changed."""
    with ExitStack() as opened:
        archive = opened.enter_context(zipfile.ZipFile(path))
        streams = {
            name.removesuffix(".npy"): _opened(opened.enter_context(archive.open(name)))
            for name in archive.namelist()
        }
        count = min(shape[0] for _, shape, _ in streams.values())
        yield count, _chunks(streams, count, size)


def _opened(stream: IO[bytes]) -> _Stream:
    headers = {(1, 0): np.lib.format.read_array_header_1_0}
    version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
    read = headers.get(version, np.lib.format.read_array_header_2_0)
    shape, fortran, dtype = read(stream)  # type: ignore[no-untyped-call]
    if fortran or dtype.hasobject:
        raise ValueError("an array that is not laid row by row")
    return stream, shape, dtype


def _chunks(streams: Mapping[str, _Stream], count: int, size: int) -> Iterator[dict[str, Array]]:
    for start in range(0, count, size):
        rows = min(size, count - start)
        yield {name: _rows(*stream, rows) for name, stream in streams.items()}


def _rows(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], rows: int) -> Array:
    wanted = (rows, *shape[1:])
    data = stream.read(math.prod(wanted) * dtype.itemsize)
    return np.frombuffer(data, dtype).reshape(wanted)


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
