"""Sound files: WAV of whole numbers (PCM, 8 to 32 bits) or floats, read when asked for.

Source: Microsoft, "Multimedia Programming Interface and Data Specifications 1.0", chapter RIFF,
and "Multiple channel audio data and WAVE files" for the extensible form.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array
from edgekiln.pipeline.data.refusal import unusable
from edgekiln.pipeline.data.rows import Kind, called

SUFFIXES = frozenset((".wav", ".wave"))
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MOST_BYTES = 1 << 28
_WIDTHS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}


@dataclass(frozen=True)
class _Form:
    code: int
    channels: int
    rate: int
    bits: int
    start: int
    size: int


@dataclass(frozen=True, eq=False)
class Sounds:
    """WAV files: mono (the mean of the channels) float32 in -1…1, at each file's own rate."""

    files: Sequence[Path]
    kind: Kind = "sound"
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[np.generic] = np.dtype(np.float32)  # noqa: RUF009  (immutable)

    def __len__(self) -> int:
        return len(self.files)

    def read(self, i: int) -> Array:
        return read_sound(self.files[i])[0]

    def hear(self, i: int) -> tuple[Array, int]:
        """Sound `i` and its rate in Hz."""
        return read_sound(self.files[i])

    def fault(self, i: int) -> Text | None:
        try:
            _form(self.files[i])
        except UserError as error:
            return error.why
        return None

    def called(self, i: int) -> str:
        return called(self.files[i])


def read_sound(path: Path) -> tuple[Array, int]:
    """A WAV file as float32 [time] in -1…1, the mean of its channels, and its rate in Hz; whole
    numbers are divided by half their range, as tf.audio.decode_wav does. UserError when broken."""
    form = _form(path)
    with path.open("rb") as file:
        file.seek(form.start)
        data = file.read(form.size)
    values = _values(data, form).reshape(-1, form.channels)
    return values.mean(axis=1, dtype=np.float64).astype(np.float32), form.rate


def _values(data: bytes, form: _Form) -> Array:
    if form.code == _FLOAT:
        floats = np.frombuffer(data, "<f4" if form.bits == 32 else "<f8").astype(np.float32)
        return np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0)
    if form.bits == 8:  # the only one without a sign
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if form.bits == 24:
        parts = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        whole = parts[:, 0] << 8 | parts[:, 1] << 16 | parts[:, 2] << 24
        return whole.astype(np.float64) / (1 << 31)
    whole = np.frombuffer(data, "<i2" if form.bits == 16 else "<i4")
    return whole.astype(np.float64) / (1 << (form.bits - 1))


def _form(path: Path) -> _Form:
    """What the header says, after comparing it with the size of the file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            riff, _, wave = struct.unpack("<4sI4s", file.read(12))
            if riff != b"RIFF" or wave != b"WAVE":
                raise _refused(path, say("It is no WAV file."))
            head = b""
            while len(mark := file.read(8)) == 8:
                name, length = struct.unpack("<4sI", mark)
                if name == b"data":
                    return _checked(path, head, file.tell(), length, size)
                if name == b"fmt ":
                    head = file.read(length) if length < size else b""
                    file.seek(length & 1, 1)
                else:
                    file.seek(length + (length & 1), 1)
    except (OSError, struct.error) as error:
        raise _refused(path, say("It is empty or cut off.")) from error
    raise _refused(path, say("It holds no sound."))


def _checked(path: Path, head: bytes, start: int, length: int, size: int) -> _Form:
    code, channels, rate, _, align, bits = struct.unpack("<HHIIHH", head[:16])
    if code == _EXTENSIBLE and len(head) >= 26:
        code = int.from_bytes(head[24:26], "little")
    if bits not in _WIDTHS.get(code, ()) or not channels or align != channels * bits // 8:
        raise _refused(path, say("Form {code} with {bits} bits is not read.", code=code, bits=bits))
    if not 1000 <= rate <= 768000:
        raise _refused(path, say("A rate of {rate} Hz cannot be.", rate=rate))
    if start + length > size:
        raise _refused(path, say("It is empty or cut off."))
    if length < align or length > _MOST_BYTES:
        raise _refused(path, say("It holds no sound, or more than 256 MB."))
    return _Form(code, channels, rate, bits, start, length - length % align)


def _refused(path: Path, why: Text) -> UserError:
    return unusable(path, why, say("Save it as WAV, PCM of 16 bits, or remove it."))
