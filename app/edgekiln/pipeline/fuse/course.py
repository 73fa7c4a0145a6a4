"""The passes over one model, to a fixed point, each proven before the next begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgekiln.core.errors import UserError
from edgekiln.core.fusion import FusionGroup, PassOutcome
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.equivalence import Difference, Proof
from edgekiln.pipeline.fuse.names import short_name
from edgekiln.pipeline.fuse.passes import Applied, Pass
from edgekiln.pipeline.graph.reached import part_that_runs
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import stamp_needed_runtime
from edgekiln.pipeline.graph.write import write_graph


@dataclass(frozen=True)
class Fused:
    """The model after all passes, what each did, and where, in the order of the passes."""

    model: Path
    outcomes: tuple[PassOutcome, ...]
    groups: tuple[FusionGroup, ...]


class Course:
    """Runs the passes. After one that changed something the first has its turn again, so a later
    pass takes only what no earlier one can; ends when a whole round changes nothing."""

    def __init__(self, model: Path, plan: FusionPlan, proof: Proof, scratch: Path) -> None:
        self._model, self._plan, self._proof, self._scratch = model, plan, proof, scratch
        self._graph = read_graph(model)
        self._outcomes: dict[str, PassOutcome] = {}
        self._groups: dict[str, list[FusionGroup]] = {}
        self._written = 0

    def run(self, passes: Sequence[Pass], report: Report) -> Fused:
        """UserError when the model cannot be run to prove anything."""
        for item in passes:
            self._outcomes[item.name] = _outcome(item, skipped=is_off(item, self._plan))
            self._groups[item.name] = []
        turn = furthest = 0
        while turn < len(passes):
            furthest = max(turn, furthest)
            report(furthest / len(passes), passes[turn].title)
            turn = 0 if self._changes(passes[turn]) else turn + 1
        return Fused(
            self._model,
            tuple(self._outcomes.values()),
            tuple(group for groups in self._groups.values() for group in groups),
        )

    def _changes(self, item: Pass) -> bool:
        """Perform a pass; whether it applied and stayed."""
        outcome = self._outcomes[item.name]
        if outcome.skipped or outcome.taken_back:
            return False
        left = {tensor for name, tensor in self._plan.leave if name == item.name}
        # What only another signature runs is left: the proof runs the main one
        applied = item.run(part_that_runs(self._graph), left)
        if not applied:
            return False
        stamp_needed_runtime(self._graph)
        self._written += 1
        changed = self._scratch / f"{self._written}-{item.name}.tflite"
        write_graph(self._graph, changed)
        difference = self._prove(item, applied, changed)
        self._outcomes[item.name] = _counted(outcome, len(applied), difference)
        if not difference.is_equal:
            self._graph = read_graph(self._model)
            return False
        self._model = changed
        self._groups[item.name] += [_group(item, one) for one in applied]
        return True

    def _prove(self, item: Pass, applied: Sequence[Applied], changed: Path) -> Difference:
        # A result that a later application took away is seen through those that are left.
        left = {tensor.name for tensor in self._graph.main.tensors}
        probes = tuple(one.result for one in applied if one.result in left)
        brief = not item.mends  # where an overflow is mended, all samples tell which did
        before = self._proof.run(self._model, probes, brief=brief)
        if before.refused is not None:
            raise _cannot_prove(before.refused, item.name)
        self._proof.run(changed, probes, brief=brief)
        return self._proof.difference(self._model, changed, mends=item.mends)


def is_off(item: Pass, plan: FusionPlan) -> bool:
    """Whether the plan leaves the pass out."""
    return item.name in plan.skip or (item.asked and item.name not in plan.extra)


def _outcome(item: Pass, *, skipped: bool) -> PassOutcome:
    return PassOutcome(item.name, item.title, 0, skipped, False, 0.0, 0.0)


def _counted(outcome: PassOutcome, applied: int, difference: Difference) -> PassOutcome:
    return replace(
        outcome,
        applied=outcome.applied + applied if difference.is_equal else outcome.applied,
        taken_back=not difference.is_equal,
        max_abs_error=max(outcome.max_abs_error, difference.max_abs),
        max_relative_error=max(outcome.max_relative_error, difference.max_relative),
    )


def _group(item: Pass, one: Applied) -> FusionGroup:
    why = say("{title}.", title=item.title)
    place = short_name(one.result)
    return FusionGroup(one.pattern, place, "by-edgekiln", why, item.name, one.result, one.operators)


def _cannot_prove(refused: Text, name: str) -> UserError:
    return UserError(
        say("The fusion cannot be proven: the model does not run on this computer."),
        refused,
        say("Switch the pass “{name}” off to go on without it.", name=name),
    )
