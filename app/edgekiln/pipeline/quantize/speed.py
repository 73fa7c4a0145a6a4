"""Whether a candidate is faster than the float model at all: both in turn, on the target's runtime.

"Quantized" is not "faster": hybrid kernels quantize activations on the way, and older runtimes have
no fast kernel for some types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekiln.core.accuracy import Candidate, Speed
from edgekiln.core.device import Profile
from edgekiln.core.inference import TimeInputs, TimePlan
from edgekiln.core.text import Text, say
from edgekiln.pipeline.evaluate.runtimes import stand_in, time_on

RUNS, SECONDS = 30, 10.0  # of each; fewer, but at least 5, when the seconds are over


def time_beside_float(
    candidates: Sequence[Candidate], float_model: Path, profile: Profile, samples: Path, root: Path
) -> tuple[Candidate, ...]:
    """The candidates, the usable ones with their speed beside `float_model` on the first of
    `samples`, and a note where one is slower. What cannot be timed says so."""
    files = [c.artifact.path for c in candidates if c.artifact is not None and _is_timed(c)]
    if not files:
        return tuple(candidates)
    inputs, plan = TimeInputs((float_model, *files), samples), TimePlan(RUNS, SECONDS)
    result = time_on(stand_in(profile.runtime), inputs, plan, root)
    if result.refused is not None:
        note = say("It could not be timed: {why}", why=result.refused)
        return tuple(_noted(c, note) if _is_timed(c) else c for c in candidates)
    beside, *rest = result.latencies
    speeds = iter([Speed(latency, beside) for latency in rest])
    return tuple(_with_speed(c, next(speeds)) if _is_timed(c) else c for c in candidates)


def _is_timed(candidate: Candidate) -> bool:
    is_other = candidate.scheme != "float32"
    return is_other and candidate.artifact is not None and candidate.verdict.usable


def _with_speed(candidate: Candidate, speed: Speed) -> Candidate:
    candidate = replace(candidate, speed=speed)
    return _noted(candidate, _slower(speed)) if speed.is_slower else candidate


def _noted(candidate: Candidate, note: Text) -> Candidate:
    verdict = candidate.verdict
    return replace(candidate, verdict=replace(verdict, notes=(*verdict.notes, note)))


def _slower(speed: Speed) -> Text:
    return say(
        "Slower than float on this computer: {own} ms beside {float} ms ({runtime}, {runs} runs in "
        "turn).",
        own=f"{speed.candidate.median:.3g}",
        float=f"{speed.beside.median:.3g}",
        runtime=speed.candidate.runtime,
        runs=speed.candidate.runs,
    )
