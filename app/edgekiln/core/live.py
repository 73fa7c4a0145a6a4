"""Single pictures and sounds through both models, as the window and its live child say it.

One JSON line each: LiveStart, then LiveAnswer or LiveRefusal to each LiveAsk; LiveStart again for
other models.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.core import codec
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.text import Text


@dataclass(frozen=True)
class LiveStart:
    """The float model and a candidate, how both are fed, and what their classes are called (none
    for what is no classifier)."""

    reference: Artifact
    candidate: Artifact
    preprocessing: Preprocessing
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class LiveAsk:
    """A picture or WAV file."""

    file: Path


@dataclass(frozen=True)
class Guess:
    """A class, and how probable the model holds it, 0…1."""

    name: str
    share: float


@dataclass(frozen=True)
class LiveSide:
    """What one model says: the best classes, or the first `values` of its first output where it is
    no classifier; `ms`: the bare inference on this computer, one thread."""

    ms: float
    top: tuple[Guess, ...]
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class LiveAnswer:
    """Both models on one file. `cosine` of their first outputs; None where one is zero."""

    file: Path
    runtime: str
    reference: LiveSide
    candidate: LiveSide
    cosine: float | None
    total_ms: float  # reading and preparing included


@dataclass(frozen=True)
class LiveRefusal:
    """Why there is no answer, as in UserError."""

    what: Text
    why: Text
    do: Text


LiveMessage = LiveStart | LiveAsk | LiveAnswer | LiveRefusal
_KINDS: tuple[type[LiveMessage], ...] = (LiveStart, LiveAsk, LiveAnswer, LiveRefusal)


def to_line(message: LiveMessage) -> bytes:
    """As one UTF-8 line."""
    return codec.to_line(message)


def from_line(line: bytes) -> LiveMessage:
    """The message of a line; CodecError when it is none."""
    return codec.from_line(line, _KINDS)
