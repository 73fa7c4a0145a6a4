"""The TFLite runtimes of this computer, each run in a process of its own.

A runtime is named "family release". Two are in our environment; others lie in folders (`foreign`).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from edgekiln.child import ChildCrashed, describe_exit, run_step
from edgekiln.core.errors import UserError
from edgekiln.core.inference import (
    InferInputs,
    InferPlan,
    InferResult,
    RuntimeFamily,
    TimeInputs,
    TimePlan,
    TimeResult,
)
from edgekiln.core.report import Report, silent
from edgekiln.core.text import Text, say
from edgekiln.pipeline.evaluate.foreign import (
    Crashed,
    ForeignRuntime,
    foreign_runtimes,
    infer_elsewhere,
    time_elsewhere,
)
from edgekiln.pipeline.evaluate.infer import DISTRIBUTIONS, Refused, in_words, name_runtime
from edgekiln.pipeline.evaluate.latency import latency
from edgekiln.pipeline.graph.versions import release_order


def run_model(
    model: Path,
    samples: Path,
    runtime: str,
    outputs: Path,
    root: Path,
    report: Report = silent,
    threads: int = 1,
    brief: tuple[str, ...] = (),
    in_order: bool = False,
) -> InferResult:
    """`model` on all `samples` with a runtime, a family ("litert": the release of this environment)
    or one of `known_runtimes`; outputs go to the `.npz` `outputs`, the `brief` ones for the first
    samples alone. `in_order`: as in InferPlan.

    A child that native code took down counts as a refusal: on a box it would have been the same.
    """
    if (foreign := _foreign(runtime)) is not None:
        return infer_elsewhere(foreign, model, samples, outputs)
    family = parse_runtime(runtime)[0]
    try:
        return run_step(
            "infer",
            InferInputs(model, samples, outputs),
            InferPlan(family, threads, brief, in_order),
            root,
            InferResult,
            report,
        )
    except ChildCrashed as crash:
        release, why = crashed_on(family, crash)
        return InferResult(release, 0, 0.0, why)


def crashed_on(family: RuntimeFamily, crash: ChildCrashed) -> tuple[str, Text]:
    """The runtime's name, and that it went down with the model; the child's log goes into ours."""
    sys.stderr.write(crash.log)
    release, how = name_runtime(family), describe_exit(crash.returncode)
    return release, say("{runtime} crashed on the model ({how}).", runtime=release, how=how)


def time_on(runtime: str, inputs: TimeInputs, plan: TimePlan, root: Path) -> TimeResult:
    """The models of `inputs` timed in turn on a runtime; `refused` where one does not run, or takes
    the process down. `plan.runtime` is ignored."""
    foreign = _foreign(runtime)
    name = runtime if foreign else name_runtime(parse_runtime(runtime)[0])
    try:
        if foreign is None:
            plan = replace(plan, runtime=parse_runtime(runtime)[0])
            return run_step("time-models", inputs, plan, root, TimeResult)
        name, times = time_elsewhere(foreign, inputs, plan)
        return TimeResult(tuple(latency(each, name, plan.threads) for each in times))
    except Refused as refused:
        return TimeResult((), in_words(name, refused))
    except ChildCrashed as crash:
        how = describe_exit(crash.returncode)
    except Crashed as crash:
        how = str(crash)
    return TimeResult((), say("{runtime} crashed on the model ({how}).", runtime=name, how=how))


def known_runtimes() -> tuple[str, ...]:
    """ "family release" of every runtime of this computer, those of this environment first."""
    ours = (name_runtime(family) for family in DISTRIBUTIONS)
    return tuple(dict.fromkeys((*ours, *(item.name for item in foreign_runtimes()))))


def is_foreign(runtime: str) -> bool:
    """Whether a runtime has a Python of its own; UserError for one that is not here."""
    return _foreign(runtime) is not None


def _foreign(runtime: str) -> ForeignRuntime | None:
    """The folder's runtime of that name; None for a family alone and for our own."""
    family, release = parse_runtime(runtime)
    if not release or runtime == name_runtime(family):
        return None
    found = next((item for item in foreign_runtimes() if item.name == runtime), None)
    if found is None:
        raise UserError(
            say("{runtime} is not on this computer.", runtime=runtime),
            say("There are: {known}.", known=", ".join(known_runtimes())),
            say("Take one of these, or add it: edgekiln runtime add “{runtime}”", runtime=runtime),
            choices=known_runtimes(),
        )
    return found


def installed_runtimes() -> dict[RuntimeFamily, str]:
    """Runtime family -> release, of this environment."""
    return {family: metadata.version(name) for family, name in DISTRIBUTIONS.items()}


def as_family(name: str) -> RuntimeFamily:
    """The runtime family of that name; UserError for another."""
    if name == "litert":
        return "litert"
    if name == "tflite-runtime":
        return "tflite-runtime"
    raise UserError(
        say("There is no runtime “{name}”.", name=name),
        say("EdgeKiln runs models with litert and tflite-runtime."),
        say("Choose one of the two."),
        choices=tuple(DISTRIBUTIONS),
    )


def parse_runtime(text: str) -> tuple[RuntimeFamily, str]:
    """ "tflite-runtime 2.13.0" -> ("tflite-runtime", "2.13.0"); the release may be missing."""
    name, _, release = text.strip().partition(" ")
    return as_family(name), release.strip()


def stand_in(target_runtime: str) -> str:
    """The runtime here that stands in for a box's: that very release, else the nearest of its
    family.

    Releases of one family differ little in their kernels; the two families differ a lot.
    """
    family, release = parse_runtime(target_runtime)
    same = [name for name in known_runtimes() if parse_runtime(name)[0] == family]
    return min(same, key=lambda name: _distance(parse_runtime(name)[1], release))


def _distance(release: str, wanted: str) -> tuple[int, ...]:
    """0 for the same; a family without a release is served by the first, ours."""
    if not wanted:
        return (0,)
    pairs = zip(release_order(release), release_order(wanted), strict=True)
    return tuple(abs(a - b) for a, b in pairs)
