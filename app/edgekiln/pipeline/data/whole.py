"""Picture files that are plainly whole, told by their structure alone: one read, nothing decoded.

Opening a small picture costs more than this. What is in any way uncommon is left to Pillow.
"""

from __future__ import annotations

import struct
import zlib

from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PLAIN = frozenset((b"IHDR", b"IDAT", b"IEND"))  # chunks Pillow has no opinion on
_PNG_COLOURS = (0, 2, 4, 6)  # grey, RGB, each with alpha or not: none that need a palette
_JPEG_START = b"\xff\xd8"
JPEG_END = b"\xff\xd9"
_JPEG_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_JPEG_SCAN = 0xDA
_JPEG_APART = (0xE1, 0xE2)  # Exif and colour profiles, which Pillow reads too
TAIL = 64  # bytes a camera may append


def plainly_whole(data: bytes) -> bool:
    """Whether these are all bytes of a PNG whose every checksum (PNG, ISO/IEC 15948, 5.3) is right,
    or of a JPEG (ITU-T T.81, B.1.1) with a frame, a scan and an end. False says nothing."""
    try:
        return _whole_png(data) if data.startswith(_PNG) else _whole_jpeg(data)
    except (struct.error, IndexError):  # ends too early
        return False


def _whole_png(data: bytes) -> bool:
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR" or depth != 8 or colour not in _PNG_COLOURS:
        return False
    if not _is_usual(width, height):
        return False
    at, seen = len(_PNG), b""
    while seen != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        seen, end = data[at + 4 : at + 8], at + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if seen not in _PNG_PLAIN or zlib.crc32(memoryview(data)[at + 4 : end]) != checksum:
            return False
        at = end + 4
    return b"IDAT" in data


def _whole_jpeg(data: bytes) -> bool:
    if not data.startswith(_JPEG_START) or JPEG_END not in data[-TAIL:]:
        return False
    at, framed = 2, False
    while True:
        escape, marker, length = struct.unpack_from(">BBH", data, at)
        if escape != 0xFF or marker in _JPEG_APART:
            return False
        if marker in _JPEG_FRAMES:
            precision, height, width, parts = struct.unpack_from(">BHHB", data, at + 4)
            framed = precision == 8 and parts in (1, 3) and _is_usual(width, height)
        if marker == _JPEG_SCAN:
            return framed
        at += 2 + length


def _is_usual(width: int, height: int) -> bool:
    """Neither empty nor so large that Pillow warns."""
    return 0 < width * height <= (Image.MAX_IMAGE_PIXELS or 0)
