"""Samples that are the same, bit by bit or to the eye.

To the eye: the difference hash (dHash, Krawetz 2013) — a gray picture of 9×8, one bit where a pixel
is brighter than its left neighbour — differs in at most 4 of 64 bits, the mean gray in at most 8 of
255. Flat pictures have no hash. Five bands of bits find all such pairs: four differences cannot
touch them all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from edgekiln.pipeline.data.arrays import Array

_BITS, _GRAYS = 4, 8.0
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
_FLAT = 4.0  # spread of gray values below which there is nothing to compare
_MOST = 2000  # samples of one band that are compared with each other


def dhash(pixels: Array) -> int:
    """64 bits of a picture [height, width, channels]; 0 for a flat one."""
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    gray = Image.fromarray(flat.astype(np.uint8, copy=False)).convert("L")
    small = np.asarray(gray.resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    if small.std() < _FLAT:
        return 0
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return int.from_bytes(bits.tobytes(), "big")


def same(digests: Sequence[bytes]) -> list[list[int]]:
    """Groups of two and more equal digests, in their order."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        groups[digest].append(i)
    return [group for group in groups.values() if len(group) > 1]


def near(hashes: Sequence[int], grays: Sequence[float]) -> list[list[int]]:
    """Groups of samples alike to the eye, each alike one other of its group."""
    numbers, levels = np.array(hashes, np.uint64), np.array(grays, np.float64)
    root = list(range(len(numbers)))
    for i, j in _pairs(numbers, levels):
        root[_root(root, i)] = _root(root, j)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(root)):
        groups[_root(root, i)].append(i)
    return sorted(group for group in groups.values() if len(group) > 1)


def _pairs(numbers: Array, levels: Array) -> Iterator[tuple[int, int]]:
    whole = np.flatnonzero(numbers)
    for shift, width in _BANDS:
        band = numbers[whole] >> np.uint64(shift) & np.uint64((1 << width) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order])) + 1
        for group in np.split(whole[order], starts):
            own = group[:_MOST]
            for n, i in enumerate(own[:-1]):
                others = own[n + 1 :]
                bits = _count(numbers[others] ^ numbers[i])
                close = (bits <= _BITS) & (np.abs(levels[others] - levels[i]) <= _GRAYS)
                yield from ((int(i), int(j)) for j in others[close])


def _count(numbers: Array) -> Array:
    octets = numbers[:, None].view(np.uint8)
    return np.asarray(np.unpackbits(octets, axis=1).sum(axis=1))


def _root(root: list[int], i: int) -> int:
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i
