"""The "mixed" candidate: int8 but for the operators that cost it most, chosen by hand or found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from edgekiln.core.accuracy import Candidate
from edgekiln.core.artifact import INTEGER
from edgekiln.core.quantization import Attempt, Kept, Sensitivity
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.quantize.batch import Batch
from edgekiln.pipeline.quantize.choose import loss_of
from edgekiln.pipeline.quantize.search import Search, Tried
from edgekiln.pipeline.quantize.variants import Way

_MORE = 2  # larger sets that go through the gate where the smallest fails on the target


def is_wanted(batch: Batch, candidates: Sequence[Candidate]) -> bool:
    """Whether to search: int8 was asked for, loses too much on this model, and there is time."""
    plan = batch.plan
    if plan.kept:
        return True
    if batch.table.random or not plan.search_seconds:
        return False
    integers = [c for c in candidates if c.scheme in INTEGER and c.artifact is not None]
    if any(batch.attempt(candidate).within for candidate in integers):
        return False
    return bool(integers) or "mixed" in plan.schemes


def way_of(candidates: Sequence[Candidate]) -> Way | None:
    """The way that was best for int8; None when another engine made it."""
    for candidate in candidates:
        if candidate.scheme in INTEGER and candidate.artifact is not None:
            return Way.of(candidate.artifact.made_by)
    return None


@dataclass
class Mixing:
    """One search for a mixed candidate, with all it tried and what there is to say of it."""

    batch: Batch
    way: Way | None
    report: Report
    attempts: list[Attempt] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def by_hand(self, kept: Kept) -> Candidate:
        """The candidate with just these operators kept."""
        return self._finished([kept])[0]

    def find(self, sensitivity: Sensitivity) -> Candidate | None:
        """The candidate with the fewest operators kept that loses no more than the plan allows, and
        is right on the target; where none does, the one that lost least. None when nothing could
        be made."""
        search = Search(
            sensitivity.ranking, self._try, self._expired, self.batch.where.width, "float32"
        )
        best = search.run()
        if self._expired():
            self.notes.append(say("The search ended with its time; what it had found is shown."))
        if best is None:
            closest = search.closest()
            return None if closest is None else self._finished([closest.kept])[0]
        larger = [tried.kept for tried in search.held() if len(tried.kept) > len(best.kept)]
        return self._best_of([*self._in_int16(best), best.kept, *larger[:_MORE]])

    def _in_int16(self, best: Tried) -> list[Kept]:
        """The same operators in int16x8, where the limit holds with that, too: smaller than in
        float, which keeps four bytes a weight."""
        kept: Kept = tuple((name, "int16x8") for name, _ in best.kept)
        return [tried.kept for tried in self._try([kept]) if tried.holds]

    def _best_of(self, finalists: Sequence[Kept]) -> Candidate:
        """The first that holds on the target as well; else the one that loses least there. What
        the search knows is the fast runtime's word."""
        width = self.batch.where.width
        finished: list[tuple[float, Candidate]] = []
        for start in range(0, len(finalists), width):
            for candidate in self._finished(finalists[start : start + width]):
                attempt = self.batch.attempt(candidate)
                if attempt.within:
                    return candidate
                loss = attempt.loss if attempt.usable and attempt.loss is not None else float("inf")
                finished.append((loss, candidate))
        return min(finished, key=lambda each: each[0])[1]

    def _try(self, sets: Sequence[Kept]) -> list[Tried]:
        pending = [self._submit(kept, gated=False) for kept in sets]
        return [self._tried(kept, each) for kept, each in zip(sets, pending, strict=True)]

    def _tried(self, kept: Kept, pending: Future[Candidate]) -> Tried:
        batch, candidate = self.batch, pending.result()
        loss = float("inf")
        if candidate.report is not None:
            limit_on = batch.plan.limit_on
            loss = loss_of(candidate.report, None, batch.float_report, limit_on)
        holds = loss <= batch.plan.max_drop
        self._found(replace(batch.attempt(candidate), within=holds, gated=False))
        return Tried(kept, loss, holds)

    def _finished(self, sets: Sequence[Kept]) -> list[Candidate]:
        """Candidates through the gate and judged, side by side."""
        pending = [self._submit(kept, gated=True) for kept in sets]
        candidates = [each.result() for each in pending]
        for candidate in candidates:
            self._found(self.batch.attempt(candidate))
        return candidates

    def _submit(self, kept: Kept, *, gated: bool) -> Future[Candidate]:
        return self.batch.submit("mixed", kept, self.way, gated=gated)

    def _found(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        share = (time.monotonic() - self._began) / max(self.batch.plan.search_seconds, 1.0)
        text = say("Searching: {count} operators not int8", count=len(attempt.kept))
        self.report(min(share, 1.0), text, attempt)

    def _expired(self) -> bool:
        return time.monotonic() - self._began > self.batch.plan.search_seconds
