"""Contrast from the tokens; the style sheet has no token left in it."""

from __future__ import annotations

from dataclasses import fields

import pytest
from PySide6.QtWidgets import QApplication

from edgekiln.ui.theme import PAIRS, ThemeName, Tokens, apply, contrast, load, resolve

THEMES: tuple[ThemeName, ...] = ("light", "dark")


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_contrast(name: ThemeName, text: str, ground: str) -> None:
    tokens = load(name)
    assert contrast(getattr(tokens, text), getattr(tokens, ground)) >= 4.5


def test_contrast_by_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", THEMES)
def test_the_style_sheet_is_whole(qapp: QApplication, name: ThemeName) -> None:
    tokens = apply(qapp, name, "en")
    assert "@" not in qapp.styleSheet()
    assert tokens.accent in qapp.styleSheet()
    assert len({getattr(tokens, f.name) for f in fields(Tokens)}) > 10


def test_a_set_theme_wins_over_the_system() -> None:
    assert resolve("dark") == "dark"
    assert resolve("light") == "light"
    assert resolve("system") in THEMES
