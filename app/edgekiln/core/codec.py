"""Frozen dataclasses to plain JSON and back, by their type hints.

Only what the vocabulary uses: dataclasses, tuples, dicts with string keys, optionals, unions of
dataclasses (tagged), literals, paths, bytes-free scalars. A path below `base` is written relative
to it, so that a result folder can be renamed, zipped and mailed.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")
_BELOW_BASE = "@/"


class CodecError(ValueError):
    """The JSON does not fit the type: where, what was expected, what was found."""


def encode(value: object, base: Path | None = None) -> Any:
    """`value` as JSON-ready data; paths below `base` become relative to it."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Path):
        return _encode_path(value, base)
    if isinstance(value, tuple | list):
        return [encode(item, base) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item, base) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: encode(getattr(value, f.name), base) for f in dataclasses.fields(value)}
        return {"$": type(value).__name__, **fields}
    raise CodecError(f"cannot encode a {type(value).__name__}")


def decode(hint: type[T], data: Any, base: Path | None = None, where: str = "value") -> T:
    """`data` as a `hint`; raises CodecError naming the place that does not fit."""
    return typing.cast(T, _decode(hint, data, base, where))


def paths_below(data: Any) -> Iterator[str]:
    """The paths in encoded data that lie below its base, relative to it, each once."""
    yield from dict.fromkeys(_paths_below(data))


def based(data: Any, base: Path) -> Any:
    """Encoded data with the paths below its base as they are when the base lies at `base`."""
    if isinstance(data, str) and data.startswith(_BELOW_BASE):
        return str(base / data.removeprefix(_BELOW_BASE))
    if isinstance(data, dict):
        return {key: based(item, base) for key, item in data.items()}
    return [based(item, base) for item in data] if isinstance(data, list | tuple) else data


def _paths_below(data: Any) -> Iterator[str]:
    if isinstance(data, str) and data.startswith(_BELOW_BASE):
        yield data.removeprefix(_BELOW_BASE)
    elif isinstance(data, dict):
        yield from (path for item in data.values() for path in _paths_below(item))
    elif isinstance(data, list | tuple):
        yield from (path for item in data for path in _paths_below(item))


def _encode_path(path: Path, base: Path | None) -> str:
    if base is not None and path.is_relative_to(base):
        return _BELOW_BASE + path.relative_to(base).as_posix()
    return str(path)


def _decode(hint: Any, data: Any, base: Path | None, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any or hint is object:
        return data
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(hint), data, base, where)
    if origin is Literal:
        return _expect(data in get_args(hint), data, hint, where)
    if origin is tuple:
        return _decode_tuple(get_args(hint), data, base, where)
    if origin is dict:
        _expect(isinstance(data, dict), data, hint, where)
        item = get_args(hint)[1]
        return {key: _decode(item, v, base, f"{where}.{key}") for key, v in data.items()}
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, data, base, where)
    return _decode_scalar(hint, data, base, where)


def _decode_scalar(hint: Any, data: Any, base: Path | None, where: str) -> Any:
    if hint is Path:
        _expect(isinstance(data, str), data, hint, where)
        below = base is not None and data.startswith(_BELOW_BASE)
        return base / data.removeprefix(_BELOW_BASE) if base is not None and below else Path(data)
    if hint is float:
        _expect(isinstance(data, int | float) and not isinstance(data, bool), data, hint, where)
        return float(data)
    if hint is int:
        return _expect(isinstance(data, int) and not isinstance(data, bool), data, hint, where)
    return _expect(isinstance(data, hint), data, hint, where)


def _decode_union(options: tuple[Any, ...], data: Any, base: Path | None, where: str) -> Any:
    if data is None:
        return _expect(type(None) in options, data, options, where)
    if isinstance(data, dict) and "$" in data:
        options = tuple(o for o in options if getattr(o, "__name__", "") == data["$"]) or options
    for option in options:
        if option is type(None):
            continue
        try:
            return _decode(option, data, base, where)
        except CodecError:
            continue
    return _expect(False, data, options, where)


def _decode_tuple(args: tuple[Any, ...], data: Any, base: Path | None, where: str) -> Any:
    _expect(isinstance(data, list), data, "a list", where)
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_decode(args[0], v, base, f"{where}[{i}]") for i, v in enumerate(data))
    _expect(len(data) == len(args), data, f"{len(args)} items", where)
    return tuple(
        _decode(a, v, base, f"{where}[{i}]")
        for i, (a, v) in enumerate(zip(args, data, strict=True))
    )


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode_dataclass(hint: Any, data: Any, base: Path | None, where: str) -> Any:
    _expect(isinstance(data, dict), data, hint, where)
    hints = _hints(hint)
    known = {f.name: f for f in dataclasses.fields(hint)}
    unknown = set(data) - set(known) - {"$"}
    _expect(not unknown, sorted(unknown), f"only {sorted(known)}", where)
    values = {
        name: _decode(hints[name], data[name], base, f"{where}.{name}")
        for name in known
        if name in data
    }
    try:
        return hint(**values)
    except TypeError as error:
        raise CodecError(f"{where}: {error}") from error


def _expect(holds: bool, data: Any, hint: Any, where: str) -> Any:
    if not holds:
        raise CodecError(f"{where}: expected {hint}, found {str(data)[:80]!r}")
    return data


def to_line(message: Any) -> bytes:
    """A message as one UTF-8 line of JSON, newline included."""
    return json.dumps(encode(message), ensure_ascii=False).encode() + b"\n"


def from_line(line: bytes, kinds: Iterable[type[T]]) -> T:
    """The message of a line, of one of these kinds; CodecError when it is none."""
    try:
        data = json.loads(line)
        kind = {kind.__name__: kind for kind in kinds}[data["$"]]
    except (ValueError, KeyError, TypeError) as error:
        raise CodecError(f"not a message: {line[:200]!r}") from error
    return decode(kind, data)
