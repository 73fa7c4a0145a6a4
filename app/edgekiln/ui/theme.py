"""Colours and sizes, from tokens in `resources/themes/`, as a palette and a short style sheet."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from edgekiln import assets
from edgekiln.core.codec import decode

ThemeName = Literal["light", "dark"]
ThemeChoice = Literal["system", "light", "dark"]
Tone = Literal["", "good", "warn", "bad", "muted"]

GRID = 8
FAMILIES = {
    "zh_CN": (
        "Noto Sans CJK SC",
        "Source Han Sans SC",
        "Microsoft YaHei",
        "PingFang SC",
        "WenQuanYi Micro Hei",
        "WenQuanYi Zen Hei",
    ),
    "en": ("Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans"),
}


@dataclass(frozen=True)
class Tokens:
    """The colours of a theme, `#RRGGBB`."""

    window: str
    surface: str
    sunken: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_soft: str
    good: str
    good_soft: str
    warn: str
    warn_soft: str
    bad: str
    bad_soft: str

    def tone(self, tone: Tone) -> str:
        """The colour of a verdict; the text's own for none."""
        colours = {"": self.text, "good": self.good, "warn": self.warn, "bad": self.bad}
        return colours.get(tone, self.muted)


# What is written on what: (text, ground). The test of contrast reads this.
PAIRS: tuple[tuple[str, str], ...] = (
    *(("text", ground) for ground in ("window", "surface", "sunken", "accent_soft")),
    *(("muted", ground) for ground in ("window", "surface", "sunken")),
    *(("accent", ground) for ground in ("window", "surface", "accent_soft")),
    ("on_accent", "accent"),
    *((tone, ground) for tone in ("good", "warn", "bad") for ground in ("window", "surface")),
    *((tone, f"{tone}_soft") for tone in ("good", "warn", "bad")),
    *(("text", f"{tone}_soft") for tone in ("good", "warn", "bad")),
)


def load(name: ThemeName) -> Tokens:
    """The tokens of a theme."""
    return decode(Tokens, json.loads(assets.path(f"themes/{name}.json").read_text("utf-8")))


def contrast(first: str, second: str) -> float:
    """WCAG 2.1 contrast ratio of two colours, 1…21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def resolve(choice: ThemeChoice) -> ThemeName:
    """The theme to show; "system" asks the desktop."""
    if choice != "system":
        return choice
    dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return "dark" if dark else "light"


def apply(app: QApplication, name: ThemeName, language: str) -> Tokens:
    """Dress the application; the tokens it wears now."""
    tokens = load(name)
    app.setStyle("Fusion")
    app.setPalette(_palette(tokens))
    font = QFont()
    font.setFamilies(list(FAMILIES.get(language, FAMILIES["en"])))
    font.setPixelSize(13)
    app.setFont(font)
    app.setStyleSheet(_style_sheet(tokens, name))
    return tokens


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _palette(tokens: Tokens) -> QPalette:
    roles = {
        QPalette.ColorRole.Window: tokens.window,
        QPalette.ColorRole.WindowText: tokens.text,
        QPalette.ColorRole.Base: tokens.surface,
        QPalette.ColorRole.AlternateBase: tokens.sunken,
        QPalette.ColorRole.Text: tokens.text,
        QPalette.ColorRole.Button: tokens.surface,
        QPalette.ColorRole.ButtonText: tokens.text,
        QPalette.ColorRole.ToolTipBase: tokens.sunken,
        QPalette.ColorRole.ToolTipText: tokens.text,
        QPalette.ColorRole.PlaceholderText: tokens.muted,
        QPalette.ColorRole.Highlight: tokens.accent,
        QPalette.ColorRole.HighlightedText: tokens.on_accent,
        QPalette.ColorRole.Link: tokens.accent,
    }
    palette = QPalette()
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (
        QPalette.ColorRole.WindowText,
        QPalette.ColorRole.Text,
        QPalette.ColorRole.ButtonText,
    ):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(tokens.muted))
    return palette


def _style_sheet(tokens: Tokens, theme: ThemeName) -> str:
    values = {f.name: getattr(tokens, f.name) for f in fields(tokens)}
    values |= {"theme": theme, "icons": assets.path("icons").as_posix()}
    template = assets.path("themes/window.qss").read_text("utf-8")
    return re.sub(r"@(\w+)", lambda match: str(values[match[1]]), template)
