"""Every sentence a user can meet is there in Chinese, with the same fields."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

from edgekiln import assets
from edgekiln.profiles import all_profiles

SPEAKERS = {"say", "words", "line"}
APP = Path(assets.__file__).parent


def calls(file: Path) -> list[ast.Call]:
    return [n for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.Call)]


def templates() -> dict[str, str]:
    """Template -> where it is said: literals of say(), words(), line(), and the profiles' texts."""
    found = {text: p.name for p in all_profiles() for text in (p.title, p.note)}
    for file in sorted(APP.rglob("*.py")):
        for call in calls(file):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            first = call.args[0] if call.args else None
            if name.lstrip("_") not in SPEAKERS or not isinstance(first, ast.Constant):
                continue
            if isinstance(first.value, str) and any(c.isalpha() for c in first.value):
                found.setdefault(first.value, f"{file.name}:{call.lineno}")
    return found


def fields(template: str) -> Counter[str]:
    return Counter({name for _, name, _, _ in Formatter().parse(template) if name})


CHINESE = assets.words("zh_CN")._table


def test_there_are_sentences() -> None:
    assert len(templates()) > 100


def test_every_sentence_is_translated() -> None:
    missing = {t: where for t, where in templates().items() if t not in CHINESE}
    assert not missing


@pytest.mark.parametrize("template", sorted(CHINESE))
def test_fields_are_the_same(template: str) -> None:
    assert fields(CHINESE[template]) == fields(template)


def test_no_translation_is_left_over() -> None:
    assert not set(CHINESE) - set(templates())


def test_say_gets_only_literals() -> None:
    """A computed template could not be translated. `Words` itself passes on what it is given."""
    offenders = [
        f"{file.name}:{call.lineno}"
        for file in sorted(APP.rglob("*.py"))
        if file.name != "text.py"
        for call in calls(file)
        if getattr(call.func, "id", "") == "say"
        and not (isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str))
    ]
    assert not offenders


def test_no_exclamation_marks() -> None:
    loud = [text for pair in CHINESE.items() for text in pair if set("!！") & set(text)]
    assert not loud
