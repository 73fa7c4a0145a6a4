"""The gate: a candidate may go on a box when the box's runtime computes what it should.

A runtime can refuse a file, crash on it, or load it and compute wrong numbers without a word. So
every candidate is checked against the operator table and run, on real inputs, on the target's
runtime. What comes out is compared twice: with the same file on the fast runtime (is the kernel
right?) and with the float model (is the file right?).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from edgekiln.core.artifact import SchemeName, Verdict
from edgekiln.core.device import Profile
from edgekiln.core.text import Text, say
from edgekiln.pipeline.evaluate.infer import name_runtime
from edgekiln.pipeline.evaluate.runtimes import parse_runtime, stand_in
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import litert_as, needed_runtime, runs_on
from edgekiln.pipeline.quantize.trial import (
    FAST,
    Run,
    Trial,
    is_finite,
    largest_error,
    mean_error,
    run_on,
)

# sqrt(sum (a-b)^2 / sum b^2) between two runtimes. Measured on DS-CNN, ResNet8 and MobileNetV1 with
# 32 samples, litert 2.3.0 against tflite-runtime 2.14.0: float16 0.0000, int16x8 0.0001, int8 0.045
# at most; dynamic-range with wrong numbers 0.61 at least.
TOLERANCE: Mapping[SchemeName, float] = {
    "float32": 0.01,
    "float16": 0.01,
    "int16x8": 0.05,
    "weight-int8": 0.01,
    "weight-int4": 0.01,
    "dynamic-range": 0.2,
    "int8": 0.2,
    "int8-float-io": 0.2,
    "int8-uint8-io": 0.2,
    "mixed": 0.2,
}

# The same measure against the float model: beyond it a file is broken, whatever its scheme may
# cost. For class scores 0.7 is about a quarter of the answers changed, 0.5 an eighth, 0.3 a
# twentieth: sqrt(2 x the share).
FLOAT_LIMIT: Mapping[SchemeName, float] = {
    "float32": 0.01,
    "float16": 0.1,
    "weight-int8": 0.3,
    "int16x8": 0.3,
    "dynamic-range": 0.5,
    "int8": 0.7,
    "int8-float-io": 0.7,
    "int8-uint8-io": 0.7,
    "mixed": 0.7,
    "weight-int4": 0.7,
}
# They put out a choice or an order: one flip is as far from the float model as it gets.
_CHOOSING = (
    "TFLite_Detection_PostProcess",
    "TOPK_V2",
    "ARG_MAX",
    "ARG_MIN",
    "NON_MAX_SUPPRESSION_V4",
    "NON_MAX_SUPPRESSION_V5",
)


def gate(model: Path, scheme: SchemeName, profile: Profile, fast: Run, trial: Trial) -> Verdict:
    """The verdict on a candidate for a kind of box.

    `fast`: the same file on the fast runtime, on all samples of the trial.
    """
    graph = read_graph(model)
    run = run_on(model, trial.few, stand_in(profile.runtime), trial.folder)
    float_error = None if graph.has_operator(*_CHOOSING) else _float_error(run, trial)
    seen = _seen(scheme, run, fast) or _hopeless(scheme, float_error, run)
    why_not = _explained(seen, _table_says(graph, profile))
    return Verdict(
        usable=why_not is None,
        target_runtime=profile.runtime,
        measured_on=run.result.runtime if run.refused is None else "",
        samples=run.result.samples,
        max_relative_error=_largest(run, fast),
        needs_runtime=needed_runtime(graph).release,
        why_not=why_not,
        notes=_notes(profile, run, float_error),
        float_error=float_error,
        median_ms=run.result.median_ms,
    )


def not_usable(profile: Profile, why: Text) -> Verdict:
    """The verdict on a candidate that never became a file, or broke on the way to its figures."""
    return Verdict(False, profile.runtime, "", 0, None, "", why)


def _seen(scheme: SchemeName, run: Run, fast: Run) -> Text | None:
    """What the run on the target's runtime shows to be wrong; None when it is right."""
    if run.refused is not None:
        return run.refused
    if not is_finite(run.outputs):
        return say("{runtime} computes values that are not finite.", runtime=run.result.runtime)
    if fast.refused is not None:
        return say("It could not be compared: {why}", why=fast.refused)
    error = mean_error(run.outputs, fast.first(run.result.samples))
    if error <= TOLERANCE[scheme]:
        return None
    return say(
        "{runtime} loads it and computes wrong numbers: relative error {error} against {fast} on "
        "{samples} samples, {tolerance} is allowed.",
        runtime=run.result.runtime,
        error=f"{error:.2f}",
        fast=name_runtime(FAST),
        samples=run.result.samples,
        tolerance=f"{TOLERANCE[scheme]:g}",
    )


def _float_error(run: Run, trial: Trial) -> float | None:
    if run.refused is not None:
        return None
    reference = {name: rows[: run.result.samples] for name, rows in trial.reference.items()}
    error = mean_error(run.outputs, reference)
    return error if isfinite(error) else None


def _hopeless(scheme: SchemeName, error: float | None, run: Run) -> Text | None:
    """Both runtimes may agree on a file that was quantized to death."""
    if error is None or error <= FLOAT_LIMIT[scheme]:
        return None
    return say(
        "It computes other numbers than the float model: relative error {error} on {samples} "
        "samples, {runtime}; at most {limit} is allowed to {scheme}. The runtime is not to blame.",
        error=f"{error:.2f}",
        samples=run.result.samples,
        runtime=run.result.runtime,
        limit=f"{FLOAT_LIMIT[scheme]:g}",
        scheme=scheme,
    )


def _table_says(graph: Graph, profile: Profile) -> Text | None:
    """What the operator table says of the box's release; LiteRT counts its releases anew."""
    family, release = parse_runtime(profile.runtime)
    if family != FAST or not release:
        return runs_on(graph, release) if release else None
    why = runs_on(graph, same := litert_as(release))
    return why and say(
        "{why} ({runtime} has those of {same}.)", why=why, runtime=profile.runtime, same=same
    )


def _explained(seen: Text | None, table: Text | None) -> Text | None:
    """What was seen, with the operator that explains it; either alone is reason enough."""
    if seen is None or table is None:
        return seen or table
    return say("{seen} {reason}", seen=seen, reason=table)


def _largest(run: Run, fast: Run) -> float | None:
    if run.refused is not None or fast.refused is not None:
        return None
    error = largest_error(run.outputs, fast.first(run.result.samples))
    return error if isfinite(error) else None


def _notes(profile: Profile, run: Run, float_error: float | None) -> tuple[Text, ...]:
    notes = []
    if run.result.runtime != profile.runtime:
        notes.append(
            say(
                "{wanted} is not installed here: {found} stands in for it; the operator table was "
                "asked about {wanted}.",
                wanted=profile.runtime,
                found=run.result.runtime,
            )
        )
    if float_error is not None:
        notes.append(
            say(
                "Relative error against the float model: {error} on {samples} samples, {runtime}.",
                error=f"{float_error:.3f}",
                samples=run.result.samples,
                runtime=run.result.runtime,
            )
        )
    return tuple(notes)
