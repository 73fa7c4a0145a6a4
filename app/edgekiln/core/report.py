"""The only way out of a step while it runs."""

from __future__ import annotations

from typing import Protocol

from edgekiln.core.text import Text


class Report(Protocol):
    """`report(fraction, text)`: 0…1 done (None: unknown) and what is being done now."""

    def __call__(self, fraction: float | None, text: Text) -> None: ...


def part_of(report: Report, start: float, end: float) -> Report:
    """A report for a sub-step whose 0…1 is `start`…`end` of the whole."""

    def inner(fraction: float | None, text: Text) -> None:
        report(None if fraction is None else start + (end - start) * fraction, text)

    return inner


def silent(fraction: float | None, text: Text) -> None:
    """A report nobody reads."""
