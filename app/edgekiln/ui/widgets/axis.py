"""The numbers along an axis, without Qt: round steps, and how they are written."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

_ROUND = (1.0, 2.0, 5.0, 10.0)
_SLACK = 1e-9  # of a step: what counts as on it


@dataclass(frozen=True)
class Axis:
    """What an axis measures, with its unit, and from where to where."""

    title: str
    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value lies, 0 at `low`, 1 at `high`."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int = 6) -> tuple[tuple[float, str], ...]:
        """About `most` round values with their texts, lowest first; never more than one above."""
        step = round_step((self.high - self.low) / most)
        digits = max(0, -floor(log10(step) + _SLACK))
        first, last = ceil(self.low / step - _SLACK), floor(self.high / step + _SLACK)
        return tuple(
            (n * step, f"{n * step:.{digits}f}".replace("-", "−")) for n in range(first, last + 1)
        )


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 × 10ⁿ that is not below `least`."""
    power = 10.0 ** floor(log10(least))
    return next(r * power for r in _ROUND if r * power >= least * (1 - _SLACK))
