"""Values of the vocabulary as plain JSON for machines."""

from __future__ import annotations

from typing import Any

from edgekiln.core.codec import encode
from edgekiln.core.text import Text, Words


def plain(value: object, words: Words) -> Any:
    """A core value as plain JSON: no type tags, sentences rendered."""
    return _untag(encode(value), words)


def _untag(data: Any, words: Words) -> Any:
    if isinstance(data, list):
        return [_untag(item, words) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("$") == "Text":
        return words.render(_as_text(data))
    return {key: _untag(item, words) for key, item in data.items() if key != "$"}


def _as_text(data: dict[str, Any]) -> Text:
    values = tuple((k, _as_text(v) if isinstance(v, dict) else v) for k, v in data["values"])
    return Text(data["template"], values)
