"""Numbers as the report writes them."""

from __future__ import annotations

from edgekiln.core.text import Words, say
from edgekiln.pipeline.evaluate.html import Html, tag


def percent(share: float) -> str:
    """0.9152 -> "91.52 %"."""
    return f"{100 * share:.2f} %"


def points(change: float, words: Words) -> Html:
    """A signed difference in percentage points, marked by more than its colour."""
    rounded = round(100 * change, 2)
    if rounded == 0:
        return tag("span", " ±0")
    mark = "▲" if rounded > 0 else "▼"
    text = words.render(say("{change} points", change=f"{rounded:+.2f}"))
    return tag("span", f" {mark} {text}", kind="good" if rounded > 0 else "bad")


def kilobytes(size: int) -> str:
    """Bytes as kB or MB (powers of ten), one decimal."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def number(value: int | None) -> str:
    """Grouped by thousands; a dash for nothing."""
    return "–" if value is None else f"{value:,}"
