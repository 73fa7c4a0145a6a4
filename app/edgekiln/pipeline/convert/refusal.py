"""What TensorFlow's converter refuses, in words: which operators, in which layer, what to do."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.convert.live import layer_name

_REFUSED = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_PLACED = re.compile(r'loc\((?:callsite\()?fused\["(\w+):", "([^"]+)"')
_LISTED = re.compile(r"^(?:TF Select ops|Custom ops): (.+)$", re.MULTILINE)
_TYPED = re.compile(r"\btf\.(\w+)\(([^)]*)\)")
_NO_TYPES = {"f64": "float64", "f16": "float16", "bf16": "bfloat16", "complex<": "complex"}
_MOST_PLACES = 3
_TEXT = re.compile(r"String|Regex|Parse|Decode|Substr|Unicode|Tokeniz|HashBucket|Base64")
_FOURIER = re.compile(r"^I?R?FFT(2D|3D)?$")


def refusal(words: str, loop: Text | None = None) -> UserError:
    """The converter's own words as a UserError; `loop`: why a loop was left in the graph."""
    if operators := _operators(words):
        return _unavailable(operators, words)
    told = " ".join(words.split())[:400]
    if loop is not None or "TensorList" in words:  # tensorflow #58668
        return _loop(loop or say("the sizes of a list are not known before it runs"), told)
    return UserError(
        say("TensorFlow's converter refuses the model."),
        say("TensorFlow says: {words}", words=told),
        say("Export the model for inference, with fixed sizes and without training parts."),
    )


def _operators(words: str) -> dict[str, list[str]]:
    """Operators no plain runtime has -> the layers they are in."""
    found = set(_REFUSED.findall(words))
    for names in _LISTED.findall(words):
        found.update(name.strip() for name in names.split(","))
    places: dict[str, set[str]] = defaultdict(set)
    for operator, node in _PLACED.findall(words):
        if (layer := layer_name(node)) != operator:
            places[operator].add(layer)
    return {name: sorted(places[name]) for name in sorted(found)}


def _unavailable(operators: dict[str, list[str]], words: str) -> UserError:
    named = ", ".join(name + _shown(places) for name, places in operators.items())
    types = _unusual_types(words, operators)
    why = say("Not available: {names}.", names=named)
    if types:
        why = say("Not available with {types}: {names}.", types=", ".join(types), names=named)
    return UserError(
        say("The model uses operators a TensorFlow Lite runtime does not have."),
        why,
        _advice(tuple(operators), types),
    )


def _shown(places: Sequence[str]) -> str:
    more = len(places) - _MOST_PLACES
    shown = ", ".join(places[:_MOST_PLACES]) + (f", +{more}" if more > 0 else "")
    return f" ({shown})" if shown else ""


def _unusual_types(words: str, operators: dict[str, list[str]]) -> list[str]:
    """Number types of the refused operators that no runtime computes with."""
    taken = " ".join(types for name, types in _TYPED.findall(words) if name in operators)
    return [name for short, name in _NO_TYPES.items() if re.search(rf"[x<]{short}", taken)]


def _advice(operators: tuple[str, ...], types: list[str]) -> Text:
    if any(map(_TEXT.search, operators)):
        return say(
            "Read texts, records and files outside of the model: export a signature that "
            "begins with numbers."
        )
    if any(map(_FOURIER.match, operators)) or "complex" in types:
        return say(
            "Of the Fourier transforms only tf.signal.rfft and rfft2d are there, with the "
            "absolute value after them. Use these, or transform outside of the model."
        )
    if types:
        return say("Let the model compute in float32 (tf.cast) and export it again.")
    return say("Replace them by standard operators, or move them out of the model; export again.")


def _loop(why: Text, told: str) -> UserError:
    return UserError(
        say("A loop of the model cannot be converted."),
        say("It stays a loop, since {why}. TensorFlow says: {words}", why=why, words=told),
        say(
            "Give the loop a number of steps and sizes that do not depend on the values of the "
            "inputs; in recurrent layers (LSTM, GRU) a fixed length, or unroll=True."
        ),
    )
