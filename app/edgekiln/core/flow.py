"""What a wizard asks, in order, without a window: a table of steps over one typed draft.

A page only edits the draft; the table says what comes next and what still stands in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from edgekiln.core.artifact import CALIBRATED_SCHEMES, SCHEMES, SchemeName
from edgekiln.core.codec import CodecError, decode
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.model import DYNAMIC, Signature
from edgekiln.core.passes import PassInfo
from edgekiln.core.plans import ConvertPlan, FusionPlan, Goal, Limit, QuantPlan
from edgekiln.core.quantization import Kept
from edgekiln.core.task import DERIVED, Judging
from edgekiln.core.text import Text, say

D = TypeVar("D")
T = TypeVar("T", str, tuple[str, str])
_STEPS_KEPT = 50


@dataclass(frozen=True)
class FlowStep(Generic[D]):
    """One page of a wizard: its name, its title, and what stands in the way of leaving it."""

    name: str
    title: Text
    problems: Callable[[D], tuple[Text, ...]]


@dataclass(frozen=True)
class Flow(Generic[D]):
    """The steps of a wizard, in order."""

    steps: tuple[FlowStep[D], ...]

    def names(self) -> tuple[str, ...]:
        """The steps' names, in order."""
        return tuple(step.name for step in self.steps)

    def problems(self, step: str, draft: D) -> tuple[Text, ...]:
        """What must be put right in the draft before the next step; () when nothing."""
        return self.steps[self.names().index(step)].problems(draft)

    def is_last(self, step: str) -> bool:
        """Whether nothing comes after it."""
        return step == self.names()[-1]

    def next_step(self, step: str, draft: D) -> str:
        """The step after this one; the same one while it has problems or is the last."""
        if self.is_last(step) or self.problems(step, draft):
            return step
        return self.names()[self.names().index(step) + 1]

    def previous_step(self, step: str) -> str:
        """The step before this one; the first stays."""
        return self.names()[max(0, self.names().index(step) - 1)]


@dataclass(frozen=True)
class ModelDraft:
    """Which signature, and whole shapes for inputs with dynamic sizes, as in ConvertPlan."""

    signature: str = ""
    sizes: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def pinned(self, name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an input as the user wants it; a dynamic batch is 1."""
        chosen = dict(self.sizes).get(name, shape)
        return tuple(1 if n == 0 and size == DYNAMIC else size for n, size in enumerate(chosen))

    def with_sizes(self, sizes: tuple[tuple[str, tuple[int, ...]], ...]) -> ModelDraft:
        """The draft with these whole shapes; inputs that are not among them stay."""
        others = tuple((n, s) for n, s in self.sizes if n not in dict(sizes))
        return replace(self, sizes=(*others, *sizes))

    def plan(self) -> ConvertPlan:
        """The plan of the conversion."""
        return ConvertPlan(self.signature, self.sizes)


def unpinned(draft: ModelDraft, signature: Signature) -> tuple[str, ...]:
    """Names of the inputs whose shape still has a dynamic size."""
    return tuple(
        spec.name for spec in signature.inputs if DYNAMIC in draft.pinned(spec.name, spec.shape)
    )


@dataclass(frozen=True)
class Switches:
    """Passes and places switched otherwise than they are unless asked, as in FusionPlan."""

    skip: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    leave: tuple[tuple[str, str], ...] = ()

    def has(self, info: PassInfo) -> bool:
        """Whether a pass is on."""
        return info.name in self.extra if info.asked else info.name not in self.skip

    def with_pass(self, info: PassInfo, on: bool) -> Switches:
        """A pass switched on or off."""
        if info.asked:
            return replace(self, extra=_with(self.extra, info.name, on))
        return replace(self, skip=_with(self.skip, info.name, not on))

    def with_place(self, place: tuple[str, str], on: bool) -> Switches:
        """A place, (pass, tensor), switched on or off."""
        return replace(self, leave=_with(self.leave, place, not on))


@dataclass(frozen=True)
class FuseDraft:
    """What FusionPlan decides, and the samples to prove equality on (None: random numbers).

    `made`: the switches of the result in hand. `past` and `undone`: those before the last changes,
    and those taken back, newest last. `time_source`: time TensorFlow beside it.
    """

    step: str = "choose"
    skip: tuple[str, ...] = ()
    data: Path | None = None
    extra: tuple[str, ...] = ()
    leave: tuple[tuple[str, str], ...] = ()
    made: Switches | None = None
    past: tuple[Switches, ...] = ()
    undone: tuple[Switches, ...] = ()
    time_source: bool = False

    def plan(self) -> FusionPlan:
        """The plan of the fusion."""
        data = DataSource(self.data, 32) if self.data else None
        return FusionPlan(self.skip, data, extra=self.extra, leave=self.leave)

    @property
    def switches(self) -> Switches:
        """How passes and places are switched now."""
        return Switches(self.skip, self.extra, self.leave)

    @property
    def changed(self) -> bool:
        """Whether the result in hand was made with other switches."""
        return self.made is not None and self.made != self.switches

    def switch(self, to: Switches) -> FuseDraft:
        """One change of the switches, which can be undone."""
        return self._set(to, (*self.past, self.switches)[-_STEPS_KEPT:], ())

    def undo(self) -> FuseDraft:
        """The switches before the last change; unchanged where there was none."""
        if not self.past:
            return self
        return self._set(self.past[-1], self.past[:-1], (*self.undone, self.switches))

    def redo(self) -> FuseDraft:
        """The last change that was undone, again; unchanged where there was none."""
        if not self.undone:
            return self
        return self._set(self.undone[-1], (*self.past, self.switches), self.undone[:-1])

    def _set(
        self, to: Switches, past: tuple[Switches, ...], undone: tuple[Switches, ...]
    ) -> FuseDraft:
        switched = replace(self, skip=to.skip, extra=to.extra, leave=to.leave)
        return replace(switched, past=past, undone=undone)


def _with(listed: tuple[T, ...], item: T, there: bool) -> tuple[T, ...]:
    """In order, so that switching there and back changes nothing."""
    kept = {other for other in listed if other != item}
    if there:
        kept.add(item)
    return tuple(sorted(kept))


@dataclass(frozen=True)
class QuantDraft:
    """Target, goal, data, and what an expert sets. `max_drop`: what may be lost, as a fraction.

    `random`: no data, random numbers, for latency alone. `share`: of the calibration data that is
    calibrated with, the rest is to evaluate (None: the evaluation data is data of its own).
    `found`: the operators the last search kept out of int8; `switches`: those switched by hand
    since, the oldest first.
    """

    step: str = "target"
    target: str = "this-computer"
    calibration: Path | None = None
    evaluation: Path | None = None
    share: float | None = None
    random: bool = False
    calibration_samples: int = 200
    schemes: tuple[SchemeName, ...] = SCHEMES
    preprocessing: Preprocessing | None = None
    max_drop: float = 0.01
    goal: Goal = "size"
    limit_on: Limit = "accuracy"
    search_minutes: float = 3.0
    cluster: str = ""
    found: Kept = ()
    switches: Kept = ()
    judging: Judging = DERIVED

    @property
    def kept(self) -> Kept:
        """The operators that are not to be int8: as found, then as switched."""
        now = dict(self.found) | dict(self.switches)
        return tuple((tensor, each) for tensor, each in now.items() if each != "int8")

    def plan(self) -> QuantPlan:
        """The plan of a search; the data step must be without problems."""
        if self.calibration is None and not self.random:
            raise ValueError("no calibration data")
        calibration, evaluation = self.parts
        return QuantPlan(
            calibration=calibration and replace(calibration, limit=self.calibration_samples),
            evaluation=evaluation,
            target=self.target,
            schemes=self.schemes,
            preprocessing=self.preprocessing,
            max_drop=self.max_drop,
            goal=self.goal,
            limit_on=self.limit_on,
            search_seconds=60 * self.search_minutes,
            cluster=self.cluster,
            judging=self.judging,
        )

    @property
    def parts(self) -> tuple[DataSource | None, DataSource | None]:
        """All that may be calibrated with, and what is to evaluate; None where there is none."""
        if self.random:
            return None, None
        paths = (self.calibration, self.evaluation)
        first, second = (None if path is None else DataSource(path) for path in paths)
        if self.share is None or first is None:
            return first, second
        return (
            replace(first, part="calibration", share=self.share),
            replace(first, part="evaluation", share=self.share),
        )


def recall(kind: type[D], saved: dict[str, Any]) -> D:
    """A saved draft as its type; a new one when there is none or it is of another release."""
    try:
        return decode(kind, saved)
    except CodecError:
        return kind()


def _nothing(draft: object) -> tuple[Text, ...]:  # noqa: ARG001  (the shape of the table)
    return ()


def _data_problems(draft: QuantDraft) -> tuple[Text, ...]:
    problems: list[Text] = []
    if not draft.random:
        if draft.calibration is None:
            problems.append(say("Choose calibration data: a folder or a file."))
        for path in (draft.calibration, draft.evaluation):
            problems += _path_problems(path)
    return (*problems, *_scheme_problems(draft))


def _path_problems(path: Path | None) -> tuple[Text, ...]:
    if path is None:
        return ()
    if not path.exists():
        return (say("{path} is not there any more.", path=str(path)),)
    return ()


def _scheme_problems(draft: QuantDraft) -> tuple[Text, ...]:
    if not draft.schemes:
        return (say("Choose at least one scheme."),)
    if CALIBRATED_SCHEMES & set(draft.schemes) and draft.calibration_samples < 1:
        return (say("int8 and int16x8 need at least one calibration sample."),)
    return ()


def _fuse_problems(draft: FuseDraft) -> tuple[Text, ...]:
    return _path_problems(draft.data)


FUSE: Flow[FuseDraft] = Flow(
    (
        FlowStep("choose", say("What to try"), _fuse_problems),
        FlowStep("run", say("Fuse"), _nothing),
        FlowStep("result", say("Result"), _nothing),
    )
)

QUANTIZE: Flow[QuantDraft] = Flow(
    (
        FlowStep("target", say("Target and goal"), _nothing),
        FlowStep("data", say("Data"), _data_problems),
        FlowStep("run", say("Run"), _nothing),
        FlowStep("look", say("Look inside"), _nothing),
        FlowStep("result", say("Choose"), _nothing),
    )
)
