"""Every sample with what both models say of it, as a file the window reads without numpy."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.model import Signature

N = TypeVar("N", int, float)
Which = Literal["all", "wrong", "lost", "differ"]
TOPS = 4
NO_CLASS = -1


@dataclass(frozen=True)
class ListInputs:
    """`outputs` of the candidate's and of the float model's report, and the data they are on."""

    candidate: Path
    reference: Path | None
    data: DataSource | None


@dataclass(frozen=True)
class ListPlan:
    """`fingerprint`: of the data the reports were made on."""

    fingerprint: str


@dataclass(frozen=True)
class SampleList:
    """`names`: text, a line a sample. `numbers`, little-endian, for n samples and k `tops`: int32
    labels[n], classes of float[n·k] and of the candidate[n·k], best first, the label last where it
    is none of the best, -1 for none; float32 scores of both in the same order, apart[n] (see
    Samples)."""

    samples: int
    tops: int
    names: Path
    numbers: Path
    same_data: bool  # whether the data is still there as the reports were made on


@dataclass(frozen=True)
class Answer:
    """A class and the model's score for it."""

    of: int
    score: float


@dataclass(frozen=True)
class OverlayInputs:
    """`outputs` of two reports on the same data, detectors' or segmenters', and how a sample of it
    becomes the models' picture. `class_names`: as far as they are known."""

    candidate: Path
    reference: Path
    data: DataSource
    signature: Signature
    preprocessing: Preprocessing
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class OverlayPlan:
    """`samples`: indexes in the data as loaded; `side`: of a drawing, in pixels; `fingerprint`: of
    the data the reports were made on."""

    samples: tuple[int, ...]
    side: int
    fingerprint: str


@dataclass(frozen=True)
class Overlay:
    """Two square PNGs of one sample with what each model says of it.

    Of a detector: the boxes of each, and how many of them agree. Of a segmenter `alike`: the share
    of pixels that are of the same class in both; None for boxes.
    """

    of_float: Path
    of_candidate: Path
    float_boxes: int = 0
    boxes: int = 0
    agreeing: int = 0
    alike: float | None = None


@dataclass(frozen=True)
class Overlays:
    """One for each sample of the plan, in its order."""

    drawn: tuple[Overlay, ...]


@dataclass(frozen=True, eq=False)
class Samples:
    """A SampleList in memory. `apart`: how far the answers for a sample lie apart, 0 where they are
    the same: without classes sqrt(sum (a-b)^2 / sum b^2), of boxes or pixels the share that is
    otherwise, of classes 0 or 1."""

    tops: int
    names: list[str]
    labels: array[int]
    float_classes: array[int]
    classes: array[int]
    float_scores: array[float]
    scores: array[float]
    apart: array[float]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def has_classes(self) -> bool:
        """Whether the candidate's answers are classes."""
        return any(each != NO_CLASS for each in self.classes)

    @cached_property
    def has_labels(self) -> bool:
        """Whether any sample says what is right."""
        return self.has_classes and any(each != NO_CLASS for each in self.labels)

    def float_top(self, i: int) -> int:
        """The float model's class."""
        return self.float_classes[i * self.tops]

    def top(self, i: int) -> int:
        """The candidate's class."""
        return self.classes[i * self.tops]

    def answers(self, i: int, of_float: bool) -> tuple[Answer, ...]:
        """The best classes with their scores, best first."""
        classes = self.float_classes if of_float else self.classes
        scores = self.float_scores if of_float else self.scores
        places = range(i * self.tops, (i + 1) * self.tops)
        return tuple(Answer(classes[n], scores[n]) for n in places if classes[n] != NO_CLASS)

    def is_wrong(self, i: int) -> bool:
        """Whether the candidate misses the label."""
        return self.labels[i] != NO_CLASS and self.top(i) != self.labels[i]

    def is_lost(self, i: int) -> bool:
        """Whether float has it right and the candidate has not."""
        return self.is_wrong(i) and self.float_top(i) == self.labels[i]

    def choose(self, which: Which, pair: tuple[int, int] | None = None) -> list[int]:
        """The samples of a kind, in their order, without classes what lies furthest apart first;
        `pair`: only those of a label (first) that the candidate takes for another (second)."""
        tests: dict[Which, Callable[[int], bool]] = {
            "all": lambda _: True,
            "wrong": self.is_wrong,
            "lost": self.is_lost,
            "differ": lambda i: self.apart[i] > 0,
        }
        chosen = list(filter(tests[which], range(len(self))))
        if pair is not None:
            chosen = [i for i in chosen if (self.labels[i], self.top(i)) == pair]
        if not self.has_classes:
            chosen.sort(key=lambda i: -self.apart[i])
        return chosen


def read_samples(listed: SampleList) -> Samples:
    """The file as it was written; OSError or ValueError where it is not."""
    whole, many = listed.samples, listed.samples * listed.tops
    raw = memoryview(listed.numbers.read_bytes())
    if len(raw) != 4 * (2 * whole + 4 * many):
        raise ValueError(f"{listed.numbers} is not whole")
    places = iter((0, whole, whole + many, whole + 2 * many, whole + 3 * many, whole + 4 * many))

    def take(into: array[N], count: int) -> array[N]:
        start = 4 * next(places)
        into.frombytes(raw[start : start + 4 * count])
        if sys.byteorder == "big":
            into.byteswap()
        return into

    names = listed.names.read_text("utf-8").split("\n")
    return Samples(
        listed.tops,
        names,
        labels=take(array("i"), whole),
        float_classes=take(array("i"), many),
        classes=take(array("i"), many),
        float_scores=take(array("f"), many),
        scores=take(array("f"), many),
        apart=take(array("f"), whole),
    )
