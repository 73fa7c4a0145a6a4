"""Numbers as people read them: with their unit, signed where they are differences."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.text import Words
from edgekiln.ui.theme import Tone

_SAME = 0.0005  # half of the last digit shown
_FIRST_PRECISE = 100
_FIRST_WHOLE = 10
_NO_NAMES = frozenset(("saved_model", "savedmodel", "model", "export"))


def percent(fraction: float | None) -> str:
    """0.993 -> "99.3 %"; a dash where nothing was measured."""
    return "–" if fraction is None else f"{fraction * 100:.1f} %"


def points(words: Words, difference: float) -> str:
    """-0.003 -> "▼ −0.3 points": a sign and a shape, not a colour alone."""
    if abs(difference) < _SAME:
        return words("= no change")
    arrow = "▲" if difference > 0 else "▼"
    return words("{arrow} {points} points", arrow=arrow, points=_signed(difference * 100, 1))


def change(words: Words, after: float, before: float) -> str:
    """Relative change, "▼ −71 %"."""
    if not before or after == before:
        return words("= no change")
    relative = (after - before) / before * 100
    digits = 0 if abs(relative) >= _FIRST_WHOLE else 1
    return f"{'▲' if relative > 0 else '▼'} {_signed(relative, digits)} %"


def _signed(number: float, digits: int) -> str:
    return f"{number:+.{digits}f}".replace("-", "−")


def drop_tone(difference: float, allowed: float) -> Tone:
    """Green while the loss is within what is allowed, amber up to twice that, else red."""
    if -difference <= allowed + 1e-9:
        return "good"
    return "warn" if -difference <= 2 * allowed else "bad"


def size(size_bytes: int | None) -> str:
    """1234567 -> "1.23 MB" (decimal units)."""
    if size_bytes is None:
        return "–"
    return scaled(size_bytes, (" B", " kB", " MB", " GB", " TB"))


def count(number: int | None) -> str:
    """1234567 -> "1.23 M"."""
    return "–" if number is None else scaled(number, ("", " k", " M", " G", " T"))


def scaled(number: float, units: tuple[str, ...]) -> str:
    """Three significant digits and a unit."""
    value, unit = float(number), 0
    while value >= 999.5 and unit < len(units) - 1:
        value, unit = value / 1000, unit + 1
    text = str(int(value)) if unit == 0 or value >= _FIRST_PRECISE - 0.5 else f"{value:.3g}"
    return f"{text}{units[unit]}"


def error(value: float | None) -> str:
    """An error with two digits: 0.00012 -> "1.2e-04"."""
    return "–" if value is None else f"{value:.2g}"


def decibels(value: float | None) -> str:
    """ "23.4", with a minus of its own width."""
    return "–" if value is None else f"{value:.1f}".replace("-", "−")


def milliseconds(value: float | None) -> str:
    """ "1.23 ms"."""
    return "–" if value is None else f"{value:.3g} ms"


def model_name(path: Path) -> str:
    """What to call a model: its file's or folder's name, or that of the folder around it where
    its own says nothing ("saved_model", "1")."""
    name = path.stem if path.suffix in (".keras", ".h5", ".hdf5", ".tflite") else path.name
    return path.parent.name if name.lower() in _NO_NAMES or name.isdecimal() else name


def shape(sizes: tuple[int, ...]) -> str:
    """(−1, 28, 28, 1) -> "? × 28 × 28 × 1"."""
    return " × ".join("?" if s < 0 else str(s) for s in sizes) or "–"
