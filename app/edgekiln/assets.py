"""Finds `resources/`: beside `app/` in the tree, inside the package in a wheel or a frozen app."""

from __future__ import annotations

import json
import locale
import os
from pathlib import Path

from edgekiln.core.text import Words

LANGUAGES = ("zh_CN", "en")


def path(name: str = "") -> Path:
    """The path of a resource: `path("devices/rdk-x5.toml")`."""
    package = Path(__file__).parent
    inside = package / "resources"
    root = inside if inside.is_dir() else package.parent.parent / "resources"
    return root / name


def words(language: str) -> Words:
    """The words of a language ("zh_CN", "en"). English is the key itself and needs no table."""
    if language == "en":
        return Words(language)
    return Words(language, json.loads(path(f"translations/{language}.json").read_text("utf-8")))


def system_language() -> str:
    """The language the system asks for, of those we speak; English when unsure."""
    # The variables before getlocale(): where the asked locale is not installed, it says en_US
    variables = ("EDGEKILN_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    asked = next(filter(None, map(os.environ.get, variables)), None) or locale.getlocale()[0] or ""
    return "zh_CN" if asked.lower().startswith("zh") else "en"
