"""A seeded choice of samples, and a split of them into two parts that share none."""

from __future__ import annotations

import numpy as np

from edgekiln.core.data import DataSource, Sampling


def chosen(labels: tuple[int, ...], source: DataSource) -> tuple[int, ...]:
    """Indexes of the samples a source asks for, ascending: its part, and of that its limit."""
    if source.part == "all":
        return choose(labels, source.limit, source.seed, source.sampling)
    own = split(labels, source.share, source.seed)[source.part == "evaluation"]
    few = choose(tuple(labels[i] for i in own), source.limit, source.seed, source.sampling)
    return tuple(own[i] for i in few)


def split(
    labels: tuple[int, ...], share: float, seed: int = 0
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indexes to calibrate on, `share` of every class, and all others, to evaluate; each part has
    at least one sample where there are two."""
    count = len(labels)
    wanted = min(max(round(share * count), 1), max(count - 1, 0))
    first = choose(labels, wanted, seed)
    taken = set(first)
    return first, tuple(i for i in range(count) if i not in taken)


def choose(
    labels: tuple[int, ...], limit: int | None, seed: int = 0, sampling: Sampling = "stratified"
) -> tuple[int, ...]:
    """Indexes of at most `limit` samples, ascending; stratified: the same share of every class.

    Shares are rounded by largest remainder, so the counts add up to `limit` exactly.
    """
    count = len(labels)
    if limit is None or limit >= count:
        return tuple(range(count))
    limit = max(limit, 0)
    if sampling == "first":
        return tuple(range(limit))
    rng = np.random.default_rng(seed)
    if sampling == "random":
        return tuple(int(i) for i in np.sort(rng.permutation(count)[:limit]))
    array = np.asarray(labels)
    classes, sizes = np.unique(array, return_counts=True)
    shares = sizes * limit / count
    quotas = np.floor(shares).astype(int)
    rest = limit - int(quotas.sum())
    largest = np.argsort(-(shares - quotas), kind="stable")[:rest]
    quotas[largest] += 1
    taken = [
        rng.permutation(np.flatnonzero(array == label))[:quota]
        for label, quota in zip(classes, quotas, strict=True)
    ]
    return tuple(int(i) for i in np.sort(np.concatenate(taken)))
