"""Zip and tar files of any data: unpacked for as long as they are read.

Nothing of a member's name reaches beyond the folder it is unpacked to; links and devices are left
out; sizes are added up before and while unpacking.
"""

from __future__ import annotations

import lzma
import os
import shutil
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from edgekiln.core.errors import UserError
from edgekiln.core.files import part_suffix, sweep_dead
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.mapped import GZIP_MAGIC, ZIP_MAGIC, check_room
from edgekiln.pipeline.data.pictures import SUFFIXES as PICTURE_SUFFIXES
from edgekiln.pipeline.data.refusal import unusable
from edgekiln.pipeline.data.sounds import SUFFIXES as SOUND_SUFFIXES

_SAMPLES = PICTURE_SUFFIXES | SOUND_SUFFIXES
_MOST_FILES = 2_000_000
_MOST_RATIO = 1100  # deflate cannot do better; other methods only on nothing but zeros
_RATIO_FROM = 64 << 20
_CHUNK = 1 << 20
_TAR_MAGIC, _TAR_AT = b"ustar", 257
_PACKED_MAGICS = (GZIP_MAGIC, b"BZh", b"\xfd7zXZ")
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    EOFError,
    OSError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,
    NotImplementedError,
)  # fmt: skip  (RuntimeError: encrypted)
Member = tuple[str, int, "IO[bytes] | None"]


class Scratch:
    """A folder that goes when this object goes, or when the next one is made after a crash."""

    def __init__(self) -> None:
        base = Path(tempfile.gettempdir()) / f"edgekiln-{os.getuid() if os.name == 'posix' else 0}"
        base.mkdir(mode=0o700, exist_ok=True)
        sweep_dead(base)
        self.folder = Path(tempfile.mkdtemp(part_suffix(), ".data-", base))
        self._end = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return head.startswith(ZIP_MAGIC)


def is_tar(path: Path) -> bool:
    """Whether a file is a tar, packed or not."""
    with path.open("rb") as file:
        head = file.read(_TAR_AT + 5)
    if not head.startswith(_PACKED_MAGICS) and head[_TAR_AT:] != _TAR_MAGIC:
        return False
    try:
        return tarfile.is_tarfile(path)
    except (EOFError, OSError, zlib.error, lzma.LZMAError):
        return ".tar" in path.name or path.suffix == ".tgz"


def unpack(path: Path) -> tuple[Path, Scratch, tuple[Text, ...]]:
    """The folder with what an archive holds (that of its only folder, or its only file), what keeps
    it there, and what is said of members left out. UserError when it is broken, encrypted, or
    larger than data is."""
    scratch = Scratch()
    try:
        with _members(path) as members:
            left_out = _write(path, members, scratch.folder)
    except _BROKEN as error:
        raise unusable(
            path,
            say("The archive cannot be unpacked: {reason}", reason=_reason(error)),
            say("Unpack it yourself, and choose the folder."),
        ) from error
    inside = [p for p in scratch.folder.iterdir() if p.name != "__MACOSX"]
    if not inside:
        raise unusable(
            path,
            say("The archive holds no file ({count} refused).", count=left_out),
            say("Choose another file."),
        )
    place = scratch.folder
    while len(inside) == 1 and inside[0].suffix.lower() not in _SAMPLES:
        place = inside[0]
        inside = list(place.iterdir()) if place.is_dir() and not _is_data(place) else []
    return place, scratch, _left_out_note(left_out)


def _reason(error: Exception) -> str:
    """Without the place it is unpacked to, which is none of the user's."""
    return str(getattr(error, "strerror", None) or error)[:200]


def _left_out_note(count: int) -> tuple[Text, ...]:
    if not count:
        return ()
    return (say("{count} links or unsafe names in the archive are left out", count=count),)


def _is_data(folder: Path) -> bool:
    return any(p.is_file() for p in folder.iterdir())


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    with path.open("rb") as file:
        packed = is_zip(file.read(2))
    if packed:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            check_room(path, sum(info.file_size for info in infos))
            yield (
                (i.filename, i.file_size, None if _is_link(i) else archive.open(i))
                for i in infos if not (i.filename and i.is_dir())
            )  # fmt: skip
        return
    with tarfile.open(path) as tar:
        yield (
            (m.name, m.size, tar.extractfile(m) if m.isreg() else None)
            for m in tar if not m.isdir()
        )  # fmt: skip


def _is_link(member: zipfile.ZipInfo) -> bool:
    return (member.external_attr >> 28) == 0xA


def _write(path: Path, members: Iterator[Member], folder: Path) -> int:
    """How many members were left out: links, devices, names that lead out of the folder or none."""
    total = left_out = 0
    limit = _RATIO_FROM + _MOST_RATIO * path.stat().st_size
    for count, (name, size, stream) in enumerate(members):
        total += size
        if count >= _MOST_FILES or total > limit:
            raise _bomb(path, say("It unpacks to more than such an archive can hold."))
        check_room(path, total)
        target = _inside(folder, name)
        if target is None or stream is None:
            left_out += 1
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out, _CHUNK)
        if target.stat().st_size != size:
            raise EOFError(name)
    return left_out


def _inside(folder: Path, name: str) -> Path | None:
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or ":" in name or not pure.parts:
        return None
    return folder.joinpath(*pure.parts)


def _bomb(path: Path, why: Text) -> UserError:
    return unusable(path, why, say("Unpack it yourself, and choose the folder."))
