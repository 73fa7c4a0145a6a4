"""The steps of a wizard on top of it: done, here, ahead."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import row, word


def stepper(tokens: Tokens, titles: Sequence[str], here: int) -> QWidget:
    """Numbered titles; those behind have a tick."""
    items: list[QWidget | None] = []
    for number, title in enumerate(titles):
        mark = "✓" if number < here else str(number + 1)
        label = word(f"{mark}  {title}", "" if number == here else "muted")
        if number == here:
            label.setStyleSheet(f"color: {tokens.accent}; font-weight: 600;")
        items.append(label)
        if number + 1 < len(titles):
            items.append(word("—", "muted"))
    whole = row(*items, None, gap=12)
    whole.setAccessibleName(f"{here + 1} / {len(titles)}: {titles[here]}")
    return whole
