"""Files that are complete or absent: temporary name, fsync, rename; and their hashes."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_CHUNK = 1 << 20
_PART = ".part"
_TRIES, _PAUSE_S = 20, 0.05


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """Hex SHA-256 that changes when a file or anything in a folder changes.

    A file is hashed by its bytes. A folder is hashed by names, sizes, modification times and rights
    (what could not be read yesterday may be today): a folder of pictures is too large to read at
    every step.
    """
    if path.is_file():
        return sha256(path)
    digest = hashlib.sha256()
    for name, stat in _files_below(path, ""):
        line = f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_mode:o}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def extent(path: Path) -> tuple[int, int]:
    """The number of files at a path and their bytes together."""
    if path.is_file():
        return 1, path.stat().st_size
    sizes = [stat.st_size for _, stat in _files_below(path, "")]
    return len(sizes), sum(sizes)


def _files_below(folder: Path, name: str) -> Iterator[tuple[str, os.stat_result]]:
    """By name, folders among files, one folder at a time: there may be very many."""
    with os.scandir(folder / name) as entries:
        names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for own, below in names:
        if below:
            yield from _files_below(folder, f"{name}{own}/")
        elif (file := folder / name / own).is_file():
            yield f"{name}{own}", file.stat()


@contextmanager
def complete_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that replaces `path` only when the block ends without an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Replace `path` by `data`, completely or not at all."""
    with complete_file(path) as file:
        file.write(data)


def copy_atomic(source: Path, target: Path) -> None:
    """Copy a file so that `target` is never half written."""
    write_atomic(target, source.read_bytes())


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut (POSIX; elsewhere the system decides)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def complete_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that appears under its name only when the block ends without an error."""
    part = folder.with_name(f".{folder.name}{part_suffix()}")
    sweep_dead(folder.parent)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        _take_place(part, folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


ARTIFACTS = "artifacts"  # the folder of a workspace with the results that are kept


def store_of(out_dir: Path) -> Path:
    """The workspace in whose store a step's folder lies: what the step has others do is kept there
    at once. A folder that lies in none is its own."""
    return out_dir.parents[1] if out_dir.parent.name == ARTIFACTS else out_dir


def part_suffix() -> str:
    """How the name of a folder ends that this process has not finished yet."""
    return f".{os.getpid()}{_PART}"


def sweep(folder: Path, pid: int) -> None:
    """Remove what a process that is dead left unfinished in a folder. Its own children, which die
    with it, may still write there for a moment."""
    for part in folder.glob(f".*.{pid}{_PART}"):
        for _ in range(_TRIES):
            _remove(part)
            if not part.exists():
                break
            time.sleep(_PAUSE_S)


def sweep_dead(folder: Path) -> None:
    """Remove what processes left unfinished in a folder that were killed, or lost their power."""
    for part in folder.glob(f".*{_PART}"):
        pid = part.name.removesuffix(_PART).rpartition(".")[2]
        if pid.isdecimal() and not _is_alive(int(pid)):
            _remove(part)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # there, asking by a signal would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _take_place(part: Path, folder: Path) -> None:
    """Rename; where another process was faster its folder stays, for both hold the same."""
    try:
        part.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(part)
