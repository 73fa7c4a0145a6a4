"""The search for the fewest operators that must not be int8.

Operators are ranked by what they cost the int8 model. Keeping the first k of the ranking loses less
the larger k is, nearly always; so k is bisected with the real metric, and what was found is then
thinned out, because a ranking measured one operator at a time is not right for all of them
together. Several counts are tried at once where several cores are free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil

from edgekiln.core.quantization import Kept, Precision

# Shares of the ranking that are tried until one loses little enough.
_LADDER = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Tried:
    """Operators kept out of int8 and whether the limit holds with them. `loss` is a fraction."""

    kept: Kept
    loss: float
    holds: bool


Try = Callable[[Sequence[Kept]], Sequence[Tried]]


@dataclass
class Search:
    """One search over a ranking (names of operators' first outputs, the costliest first).

    `attempt` tries several sets at once, at most `width`; `expired` tells that the time is over.
    """

    ranking: Sequence[str]
    attempt: Try
    expired: Callable[[], bool]
    width: int = 1
    precision: Precision = "float32"
    _seen: dict[Kept, Tried] = field(default_factory=dict)

    def run(self) -> Tried | None:
        """The smallest set found with which the limit holds; None when none was found in time."""
        best = self._bisect()
        return None if best is None else self._thin(best)

    def closest(self) -> Tried | None:
        """The set that lost least of all that were tried."""
        return min(self._seen.values(), key=lambda tried: tried.loss, default=None)

    def held(self) -> list[Tried]:
        """The sets with which the limit held, the smallest first."""
        held = [tried for tried in self._seen.values() if tried.holds]
        return sorted(held, key=lambda tried: (len(tried.kept), tried.loss))

    def first(self, count: int) -> Kept:
        """The first `count` operators of the ranking."""
        return tuple((name, self.precision) for name in self.ranking[:count])

    def _try(self, sets: Sequence[Kept]) -> list[Tried]:
        fresh = [kept for kept in dict.fromkeys(sets) if kept not in self._seen]
        for tried in self.attempt(fresh) if fresh else ():
            self._seen[tried.kept] = tried
        return [self._seen[kept] for kept in sets if kept in self._seen]

    def _bisect(self) -> Tried | None:
        low, best = self._climb()
        while best is not None and len(best.kept) - low > 1 and not self.expired():
            counts = _between(low, len(best.kept), self.width)
            tried = self._try([self.first(count) for count in counts])
            low, best = _narrowed(low, best, tried)
        return best

    def _climb(self) -> tuple[int, Tried | None]:
        """Up the ladder until the limit holds: the highest count that failed below the first that
        holds, and that one."""
        counts = sorted({ceil(share * len(self.ranking)) for share in _LADDER} - {0})
        low = 0
        while counts and not self.expired():
            now, counts = counts[: self.width], counts[self.width :]
            tried = self._try([self.first(count) for count in now])
            held = [one for one in tried if one.holds]
            if held:
                return _narrowed(low, held[0], tried)
            low = now[-1]
        return low, None

    def _thin(self, best: Tried) -> Tried:
        """Take back to int8 what is not needed: halves of the set, then ever smaller parts."""
        size = len(best.kept) // 2
        while size and not self.expired():
            found = self._without_part(best, size)
            if found is None:
                size //= 2
            else:
                best = found
                size = min(size, len(best.kept) // 2)
        return best

    def _without_part(self, best: Tried, size: int) -> Tried | None:
        """The set without `size` operators in a row, the least costly first; None when each part
        is needed."""
        kept = best.kept
        starts = range(len(kept) - size, -1, -size)
        smaller = [kept[:start] + kept[start + size :] for start in starts]
        while smaller and not self.expired():
            now, smaller = smaller[: self.width], smaller[self.width :]
            held = [tried for tried in self._try([k for k in now if k]) if tried.holds]
            if held:
                return min(held, key=lambda tried: tried.loss)
        return None


def _between(low: int, high: int, width: int) -> list[int]:
    """At most `width` counts between two, evenly."""
    inner = high - low - 1
    parts = min(width, inner)
    return sorted({low + round((i + 1) * (high - low) / (parts + 1)) for i in range(parts)})


def _narrowed(low: int, best: Tried, tried: Sequence[Tried]) -> tuple[int, Tried]:
    for one in tried:
        if one.holds and len(one.kept) < len(best.kept):
            best = one
    failed = [len(t.kept) for t in tried if not t.holds and len(t.kept) < len(best.kept)]
    return max([low, *failed]), best
