"""Sentences for the user: an English template and its values, put into a language where shown.

Steps run in a child that does not know the window's language; so what they say travels as a
template and values, and the catalogue of the window (or of the command line) renders it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

Value = Union[str, int, float, "Text"]


@dataclass(frozen=True)
class Text:
    """An English template with `{name}` fields and the values for them."""

    template: str
    values: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        return ENGLISH.render(self)


def say(template: str, **values: Value) -> Text:
    """A sentence: `say("{count} pictures", count=3)`. The template must be a literal: it is the key
    of the translation."""
    return Text(
        template, tuple((k, shown(v)) if isinstance(v, str) else (k, v) for k, v in values.items())
    )


def shown(name: str) -> str:
    """A file's name that can be written down. Its bytes may be no UTF-8, which Python keeps as half
    characters: then they are read as Chinese Windows writes them, else as numbers."""
    data = name.encode("utf-8", "surrogateescape")
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "backslashreplace")


class Words:
    """The words of one language: template -> translated template. English needs no table."""

    def __init__(self, language: str, table: Mapping[str, str] | None = None) -> None:
        self.language = language
        self._table = table or {}

    def render(self, text: Text) -> str:
        """The sentence in this language, its values filled in."""
        values = {k: self.render(v) if isinstance(v, Text) else v for k, v in text.values}
        template = self._table.get(text.template, text.template)
        return template.format(**values)

    def __call__(self, template: str, **values: Value) -> str:
        """`words("Open")`: say and render at once."""
        return self.render(say(template, **values))


ENGLISH = Words("en")
