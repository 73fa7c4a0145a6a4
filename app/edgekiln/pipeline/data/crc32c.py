"""CRC-32C (Castagnoli), the checksum of TFRecord files.

Source: RFC 3720, appendix B.4. A table a byte, as everywhere; long data in lanes that numpy steps
side by side, joined by what zero bytes do to a checksum, which is linear over single bits.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from edgekiln.pipeline.data.arrays import Array

_POLYNOMIAL = 0x82F63B78
_ONES = 0xFFFFFFFF
_SHORT = 2048  # bytes, below which plain steps are as fast
_LANES = 512


def crc32c(data: bytes) -> int:
    """The checksum of `data`, 0…2³²-1."""
    if len(data) < _SHORT:
        return _plain(data, _ONES) ^ _ONES
    length = len(data) // _LANES
    lanes = np.frombuffer(data, np.uint8, length * _LANES).reshape(_LANES, length)
    columns = np.ascontiguousarray(lanes.T)
    table = _table()
    states = np.zeros(_LANES, np.uint32)
    for column in columns:
        states = table[(states ^ column) & 0xFF] ^ (states >> np.uint32(8))
    state = _ONES
    shift = _shift(length)
    for lane in states.tolist():
        state = _moved(shift, state) ^ lane
    return _plain(data[length * _LANES :], state) ^ _ONES


def masked(data: bytes) -> int:
    """The checksum as TFRecord stores it: turned by 15 bits, plus a constant."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & _ONES


def _plain(data: bytes, state: int) -> int:
    table = _list()
    for byte in data:
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state


@cache
def _list() -> list[int]:
    table = []
    for byte in range(256):
        state = byte
        for _ in range(8):
            state = state >> 1 ^ (_POLYNOMIAL if state & 1 else 0)
        table.append(state)
    return table


@cache
def _table() -> Array:
    return np.array(_list(), np.uint32)


@cache
def _shift(length: int) -> tuple[list[int], ...]:
    """What `length` zero bytes make of each byte of a state: four tables."""
    bits = [1 << bit for bit in range(32)]
    step = [_plain(b"\0", bit) for bit in bits]
    while length:
        if length & 1:
            bits = [_mixed(step, state) for state in bits]
        step = [_mixed(step, state) for state in step]
        length >>= 1
    return tuple([_mixed(bits, byte << place) for byte in range(256)] for place in (0, 8, 16, 24))


def _mixed(columns: list[int], state: int) -> int:
    out = 0
    for bit in range(32):
        if state >> bit & 1:
            out ^= columns[bit]
    return out


def _moved(shift: tuple[list[int], ...], state: int) -> int:
    first, second, third, fourth = shift
    return (
        first[state & 0xFF]
        ^ second[state >> 8 & 0xFF]
        ^ third[state >> 16 & 0xFF]
        ^ fourth[state >> 24]
    )
