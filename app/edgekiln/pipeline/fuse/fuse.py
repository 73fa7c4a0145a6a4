"""The step `fuse`: every pass applied, proven equal, and kept or taken back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekiln import __version__
from edgekiln.core.artifact import Artifact
from edgekiln.core.files import copy_atomic
from edgekiln.core.fusion import FusionResult
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import say
from edgekiln.pipeline.fuse.course import Course, Fused
from edgekiln.pipeline.fuse.drawing import draw
from edgekiln.pipeline.fuse.equivalence import Difference, Proof
from edgekiln.pipeline.fuse.fates import Fates
from edgekiln.pipeline.fuse.groups import list_groups, list_misses
from edgekiln.pipeline.fuse.passes import PASSES, Pass, check_names
from edgekiln.pipeline.fuse.price import price
from edgekiln.pipeline.fuse.timing import time_both
from edgekiln.pipeline.fuse.unlike import unlike_parts
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.interface import read_interface
from edgekiln.pipeline.graph.read import read_graph

FUSED = "fused.tflite"


def fuse(
    inputs: Artifact,
    plan: FusionPlan,
    out_dir: Path,
    report: Report,
    passes: Sequence[Pass] = PASSES,
) -> FusionResult:
    """The fused artifact below `out_dir`, with what each pass did and its proof.

    A pass whose outputs differ by more than 1e-4 relative is taken back. UserError for an unknown
    pass in `plan.skip`, a damaged file, or a model that cannot be run to prove anything.
    """
    check_names((*plan.skip, *plan.extra, *(name for name, _ in plan.leave)), passes)
    with tempfile.TemporaryDirectory(prefix=".proof-", dir=out_dir) as scratch:
        proof = Proof(inputs, plan, Path(scratch), part_of(report, 0.0, 0.1))
        fused = Course(inputs.path, plan, proof, Path(scratch)).run(
            passes, part_of(report, 0.1, 0.9)
        )
        report(0.9, say("Comparing the fused model with the unfused one"))
        return _result(inputs, plan, fused, proof, passes, out_dir)


def _result(
    inputs: Artifact,
    plan: FusionPlan,
    fused: Fused,
    proof: Proof,
    passes: Sequence[Pass],
    out_dir: Path,
) -> FusionResult:
    model = fused.model
    before, after = read_graph(inputs.path), read_graph(model)
    changed = model != inputs.path
    mending = {item.name for item in passes if item.mends}
    mends = any(outcome.applied for outcome in fused.outcomes if outcome.name in mending)
    difference = (
        proof.output_difference(inputs.path, model, mends=mends) if changed else Difference()
    )
    proven = proof.first
    fates = Fates.of(fused.outcomes, plan)
    timing = time_both(inputs.path, model, proof, plan.timed)
    told = list_misses(after, fates, passes)
    return FusionResult(
        artifact=_kept(inputs, model, out_dir / FUSED),
        before=replace(price(before, inputs.path), latency=timing.before),
        after=replace(price(after, model), latency=timing.after),
        max_abs_error=difference.max_abs,
        max_relative_error=difference.max_relative,
        proof_samples=proven.samples if proven else 0,
        proof_data=proof.data,
        runtime=proven.runtime if proven else "",
        passes=fused.outcomes,
        groups=list_groups(inputs.path, before, fates, (*fused.groups, *told)),
        drawing_before=draw(before),
        drawing_after=draw(after),
        interface=read_interface(after).told(),
        notes=(*unlike_parts(before, inputs.path, proof), *timing.notes),
    )


def _kept(inputs: Artifact, model: Path, path: Path) -> Artifact:
    copy_atomic(model, path)
    made_by = (*inputs.made_by, ("edgekiln", __version__))
    return artifact_of(path, scheme=inputs.scheme, made_from=inputs.sha256, made_by=made_by)
