"""The step `fuse`: every pass applied, proven equal, and kept or taken back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekiln import __version__
from edgekiln.core.artifact import Artifact
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic
from edgekiln.core.fusion import FusionResult, PassOutcome
from edgekiln.core.plans import FusionPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import Text, say
from edgekiln.pipeline.fuse.equivalence import Difference, Proof
from edgekiln.pipeline.fuse.groups import list_groups
from edgekiln.pipeline.fuse.passes import PASSES, Pass, check_names, count
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.macs import count_macs
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph

FUSED = "fused.tflite"


@dataclass(frozen=True)
class _Stage:
    """The model after a pass, and what the pass did."""

    model: Path
    outcome: PassOutcome


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
    check_names(plan.skip, passes)
    with tempfile.TemporaryDirectory(prefix=".proof-", dir=out_dir) as scratch:
        proof = Proof(inputs, plan, Path(scratch), part_of(report, 0.0, 0.1))
        model, outcomes = inputs.path, []
        for i, item in enumerate(passes):
            report(0.1 + 0.8 * i / len(passes), item.title)
            stage = _perform(item, model, plan, proof, Path(scratch))
            model = stage.model
            outcomes.append(stage.outcome)
        report(0.9, say("Comparing the fused model with the unfused one"))
        return _result(inputs, model, tuple(outcomes), proof, out_dir)


def _perform(item: Pass, model: Path, plan: FusionPlan, proof: Proof, scratch: Path) -> _Stage:
    if item.name in plan.skip:
        return _Stage(model, _outcome(item, 0, Difference(), skipped=True))
    graph = read_graph(model)
    applied = item.run(graph)
    if not applied:
        return _Stage(model, _outcome(item, 0, Difference()))
    changed = scratch / f"{item.name}.tflite"
    write_graph(graph, changed)
    if (refused := proof.run(model, probes=applied).refused) is not None:
        raise _cannot_prove(refused, item.name)
    proof.run(changed, probes=applied)
    difference = proof.difference(model, changed)
    kept = changed if difference.is_equal else model
    return _Stage(kept, _outcome(item, len(applied), difference))


def _outcome(
    item: Pass, applied: int, difference: Difference, *, skipped: bool = False
) -> PassOutcome:
    return PassOutcome(
        name=item.name,
        title=item.title,
        applied=applied if difference.is_equal else 0,
        skipped=skipped,
        taken_back=not difference.is_equal,
        max_abs_error=difference.max_abs,
        max_relative_error=difference.max_relative,
    )


def _result(
    inputs: Artifact, model: Path, outcomes: tuple[PassOutcome, ...], proof: Proof, out_dir: Path
) -> FusionResult:
    before, after = read_graph(inputs.path), read_graph(model)
    changed = model != inputs.path
    difference = proof.output_difference(inputs.path, model) if changed else Difference()
    proven = proof.first
    copy_atomic(model, out_dir / FUSED)
    return FusionResult(
        artifact=artifact_of(
            out_dir / FUSED,
            scheme=inputs.scheme,
            made_from=inputs.sha256,
            made_by=(*inputs.made_by, ("edgekiln", __version__)),
        ),
        ops_before=count(before),
        ops_after=count(after),
        macs_before=count_macs(before) or 0,
        macs_after=count_macs(after) or 0,
        max_abs_error=difference.max_abs,
        max_relative_error=difference.max_relative,
        proof_samples=proven.samples if proven else 0,
        proof_data=proof.data,
        runtime=proven.runtime if proven else "",
        passes=outcomes,
        groups=list_groups(inputs.path, before, outcomes),
    )


def _cannot_prove(refused: Text, name: str) -> UserError:
    return UserError(
        say("The fusion cannot be proven: the model does not run on this computer."),
        refused,
        say("Switch the pass “{name}” off to go on without it.", name=name),
    )
