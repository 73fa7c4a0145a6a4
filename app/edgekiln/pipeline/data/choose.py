"""A seeded choice of samples with the same share of every class."""

from __future__ import annotations

import numpy as np


def choose(labels: tuple[int, ...], limit: int | None, seed: int = 0) -> tuple[int, ...]:
    """Indexes of at most `limit` samples, ascending; the same share of every class.

    Shares are rounded by largest remainder, so the counts add up to `limit` exactly.
    """
    count = len(labels)
    if limit is None or limit >= count:
        return tuple(range(count))
    limit = max(limit, 0)
    rng = np.random.default_rng(seed)
    array = np.asarray(labels)
    classes, sizes = np.unique(array, return_counts=True)
    shares = sizes * limit / count
    quotas = np.floor(shares).astype(int)
    rest = limit - int(quotas.sum())
    largest = np.argsort(-(shares - quotas), kind="stable")[:rest]
    quotas[largest] += 1
    chosen = [
        rng.permutation(np.flatnonzero(array == label))[:quota]
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return tuple(int(i) for i in np.sort(np.concatenate(chosen)))
