"""Every sentence a user can meet is there in Chinese, with the same fields."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

from edgekiln import assets

SPEAKERS = {"say", "words", "line"}
APP = Path(assets.__file__).parent


def templates() -> dict[str, str]:
    """Template -> where it is said, of all literal calls of say(), words() and line()."""
    found: dict[str, str] = {}
    for file in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            if (
                name.lstrip("_") in SPEAKERS
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ) and first.value:
                found.setdefault(first.value, f"{file.name}:{node.lineno}")
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
    """A computed template could not be translated."""
    offenders = []
    for file in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say" and node.args:
                first = node.args[0]
                literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
                if not literal:
                    offenders.append(f"{file.name}:{node.lineno}")
    assert not offenders
