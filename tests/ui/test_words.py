"""Every sentence of the window in both languages, with the same fields."""

from __future__ import annotations

import ast
import json
import string
from pathlib import Path

from edgekiln import assets, profiles
from edgekiln.core.text import Text
from edgekiln.jobs import job

APP = Path(job.__file__).parents[1]
SOURCES = (
    *sorted((APP / "ui").rglob("*.py")),
    *sorted((APP / "jobs").glob("*.py")),
    APP / "gui.py",
    APP / "core" / "flow.py",
)


def said_in(source: Path) -> set[str]:
    """Literal templates given to `words`, `self._words` and `say`."""
    found = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        first = node.args[0]
        if name in ("say", "words", "_words") and isinstance(first, ast.Constant):
            found.add(str(first.value))
    return found


def chinese() -> dict[str, str]:
    table: dict[str, str] = json.loads(
        assets.path("translations/zh_CN.parts/ui.json").read_text("utf-8")
    )
    return table


def test_every_sentence_has_its_chinese() -> None:
    said = {template for source in SOURCES for template in said_in(source)}
    said |= {text for p in profiles.all_profiles() for text in (p.title, p.note)}
    assert len(said) > 200
    assert sorted(said - set(chinese())) == []


def test_nothing_is_translated_that_is_not_said() -> None:
    said = {template for source in SOURCES for template in said_in(source)}
    said |= {text for p in profiles.all_profiles() for text in (p.title, p.note)}
    assert sorted(set(chinese()) - said) == []


def test_fields_are_the_same() -> None:
    def fields(template: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}

    for english, translated in chinese().items():
        assert fields(english) == fields(translated), english
        assert Text(english)


def test_no_exclamation_marks() -> None:
    for english, translated in chinese().items():
        assert "!" not in english
        assert "!" not in translated
        assert "\uff01" not in translated
