"""How far two sets of samples lie apart, in plain respects.

For numbers: the two-sample Kolmogorov-Smirnov distance, the largest difference of the two
cumulated shares; more than chance beyond 1.63 sqrt((n + m) / (n m)), which equal sources exceed in
one of a hundred trials (Smirnov 1948). For classes: half the sum of the differences of their shares
(total variation); beyond a tenth it is said, or beyond what as few samples would show by chance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from edgekiln.core.data import Drift
from edgekiln.pipeline.data.arrays import Array

_ONE_IN_A_HUNDRED = 1.63
_TENTH = 0.1


def drift_of(respect: str, first: Array, second: Array) -> Drift:
    """Of one number a sample."""
    values = np.sort(np.concatenate([first, second]))
    shares = [np.searchsorted(np.sort(own), values, "right") / len(own) for own in (first, second)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    return Drift(respect, distance, _limit(len(first), len(second)))


def class_drift(first: Sequence[int], second: Sequence[int]) -> Drift:
    """Of the shares of classes."""
    one, two = Counter(first), Counter(second)
    parts = (abs(one[c] / len(first) - two[c] / len(second)) for c in one.keys() | two.keys())
    limit = max(_TENTH, _limit(len(first), len(second)))
    return Drift("classes", sum(parts) / 2, limit)


def _limit(n: int, m: int) -> float:
    return min(1.0, _ONE_IN_A_HUNDRED * math.sqrt((n + m) / (n * m)))
