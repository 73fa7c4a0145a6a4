"""The latency of a model before and after its fusion, in turn; it is told and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.child import ChildCrashed, describe_exit, run_step
from edgekiln.core.fusion import Latency
from edgekiln.core.inference import TimeInputs, TimePlan, TimeResult
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.equivalence import Proof


@dataclass(frozen=True)
class Timing:
    """Both latencies (one, twice, where nothing was fused), and what is to be said of them."""

    before: Latency | None = None
    after: Latency | None = None
    notes: tuple[Text, ...] = ()


def time_both(before: Path, after: Path, proof: Proof, runs: int) -> Timing:
    """Both models on the proof's first sample, `runs` times in turn; nothing for 0 runs. A model
    the runtime refuses, or one that takes the child down, is said and not raised."""
    if not runs:
        return Timing()
    models = (before,) if before == after else (before, after)
    try:
        inputs, plan = TimeInputs(models, proof.samples()), TimePlan(runs)
        timed = run_step("time-models", inputs, plan, proof.scratch, TimeResult)
    except ChildCrashed as crash:
        how = describe_exit(crash.returncode)
        return Timing(notes=(say("It could not be timed: the child ended ({how}).", how=how),))
    if timed.refused is not None:
        return Timing(notes=(say("It could not be timed: {why}", why=timed.refused),))
    first, last = timed.latencies[0], timed.latencies[-1]
    return Timing(first, last, (_slower(first, last),) if last.is_slower_than(first) else ())


def _slower(before: Latency, after: Latency) -> Text:
    return say(
        "Slower on this computer: {after} ms after {before} ms. Switch passes off one by one "
        "to see which; on the box it may be otherwise.",
        after=f"{after.median:.3g}",
        before=f"{before.median:.3g}",
    )
