"""A bundle's `.zip`: written the same for the same content, read with distrust."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say

MAX_FILES = 32
MAX_BYTES = 1 << 30  # unpacked; the boxes have 2 GB of memory
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same files: sorted names, no times, no modes of this computer."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def unpack_files(path: Path) -> dict[str, bytes]:
    """Every file of a `.zip` by name, in memory: nothing of it touches the disk.

    UserError for what is no zip, and for names, links or sizes that no bundle of ours has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _refuse_odd(path, entries)
            return {entry.filename: _read(archive, entry) for entry in entries}
    except FileNotFoundError as error:
        raise UserError(
            say("There is no bundle at {path}.", path=str(path)),
            say("No such file."),
            say("Give the path of a bundle made by “pack”."),
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise untrusted(path, say("The file is damaged: {why}", why=str(error))) from error


def is_safe_name(name: str) -> bool:
    """A plain relative path: no "..", no drive, no leading slash, no backslash, no hidden file."""
    return _SAFE.fullmatch(name) is not None


def untrusted(path: Path, why: Text) -> UserError:
    """The refusal of a bundle."""
    return UserError(
        say("The bundle {name} is not used.", name=path.name),
        why,
        say("Pack it again, or fetch it again from where it was made."),
    )


def _refuse_odd(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if len({name.casefold() for name in names}) != len(names):
        raise untrusted(path, say("A file is in it twice."))
    if len(names) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise untrusted(path, say("It holds more than any bundle does."))
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if not is_safe_name(entry.filename) or kind not in (0, stat.S_IFREG):
            raise untrusted(path, say("“{name}” does not belong in a bundle.", name=entry.filename))


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """zipfile stops at the size the directory declares and then checks the CRC."""
    with archive.open(entry) as file:
        return file.read(entry.file_size + 1)
