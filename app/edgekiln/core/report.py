"""The only way out of a step while it runs."""

from __future__ import annotations

from typing import Protocol

from edgekiln.core.quantization import Attempt
from edgekiln.core.text import Text


class Report(Protocol):
    """`report(fraction, text)`: 0…1 done (None: unknown) and what is being done now; `found`: what
    a search has found by now, to be shown before it ends."""

    def __call__(
        self, fraction: float | None, text: Text, found: Attempt | None = None
    ) -> None: ...


def part_of(report: Report, start: float, end: float) -> Report:
    """A report for a sub-step whose 0…1 is `start`…`end` of the whole."""

    def inner(fraction: float | None, text: Text, found: Attempt | None = None) -> None:
        report(None if fraction is None else start + (end - start) * fraction, text, found)

    return inner


def silent(fraction: float | None, text: Text, found: Attempt | None = None) -> None:
    """A report nobody reads."""
