"""A candidate that fails on the target is made lower, and tried again, before it is given up."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from edgekiln.child import ChildCrashed, StepFailed
from edgekiln.core.artifact import Artifact, SchemeName, Verdict
from edgekiln.core.device import Profile
from edgekiln.core.errors import UserError
from edgekiln.core.text import Text, say
from edgekiln.pipeline.evaluate.runtimes import parse_runtime, stand_in
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import lower_forms, stamp_needed_runtime
from edgekiln.pipeline.graph.write import write_graph
from edgekiln.pipeline.quantize.engines import STOCK_SCHEMES, quantize_by_tensorflow
from edgekiln.pipeline.quantize.gate import gate
from edgekiln.pipeline.quantize.one_scale import give_one_scale
from edgekiln.pipeline.quantize.trial import FAST, Run, Trial, run_on, score
from edgekiln.pipeline.quantize.variants import Variant

Keep = Callable[[Variant], Artifact]


@dataclass(frozen=True)
class Gated:
    """The variant that was taken, its file as it will be packed, and the gate's answer."""

    variant: Variant
    artifact: Artifact
    verdict: Verdict


def gate_or_lower(
    variant: Variant,
    scheme: SchemeName,
    float_model: Artifact,
    profile: Profile,
    trial: Trial,
    keep: Keep,
) -> Gated:
    """The variant where the target's runtime takes it, else the first lower form it takes, else
    the variant with what is wrong with it and with what was tried.

    `keep` puts a variant's file in its final place, with its notes: that very file is gated.
    """
    artifact = keep(variant)
    first = Gated(variant, artifact, _gate(artifact, scheme, variant, profile, trial))
    if first.verdict.usable or _run(variant).refused is not None:
        return first
    tried = []
    for lowered, how in lower(variant, scheme, float_model, profile, trial):
        artifact = keep(lowered)
        verdict = _gate(artifact, scheme, lowered, profile, trial)
        if verdict.usable:
            return Gated(lowered, artifact, replace(verdict, lowered=_now(how, first.verdict)))
        tried.append(say("Tried in vain: {how}", how=how))
    notes = (*first.verdict.notes, *tried)
    return Gated(variant, keep(variant), replace(first.verdict, notes=notes))


def _now(how: Text, before: Verdict) -> Text:
    return say("{how}. As it was made: {why}", how=how, why=before.why_not or "")


def lower(
    variant: Variant, scheme: SchemeName, float_model: Artifact, profile: Profile, trial: Trial
) -> Iterator[tuple[Variant, Text]]:
    """Lower forms of a variant, the nearest first, each with what was done. Made one by one, for
    the last costs a TensorFlow."""
    original = read_graph(variant.base)
    graph = read_graph(variant.path)
    if count := give_one_scale(graph, original):
        yield (
            _rewritten(variant, graph, "one-scale", count, trial),
            say(
                "Dense layers with one weight scale in place of one for each unit: {count}",
                count=count,
            ),
        )
    family, release = parse_runtime(profile.runtime)
    # An older form is only tried on the very release: the stand-in would take the newer one, too
    exact = family != FAST and profile.runtime == stand_in(profile.runtime)
    if exact and (count := lower_forms(graph, release)):
        yield (
            _rewritten(variant, graph, f"older-forms-{release}", count, trial),
            say(
                "Operators in an older form that {runtime} has: {count}",
                runtime=profile.runtime,
                count=count,
            ),
        )
    if scheme in STOCK_SCHEMES and variant.engine != "tensorflow":
        yield from _by_tensorflow(scheme, float_model, trial)


def _rewritten(variant: Variant, graph: Graph, what: str, count: int, trial: Trial) -> Variant:
    path = trial.folder / f"{variant.path.stem}-{what}.tflite"
    stamp_needed_runtime(graph)
    write_graph(graph, path)
    run = run_on(path, trial.samples, FAST, trial.folder)
    seen = None if run.refused is not None else score(run.outputs, trial)
    tools = (*variant.tools, (what, str(count)))
    return Variant(path, variant.base, variant.engine, tools, run, seen)


def _by_tensorflow(
    scheme: SchemeName, float_model: Artifact, trial: Trial
) -> Iterator[tuple[Variant, Text]]:
    try:
        made = quantize_by_tensorflow(float_model, scheme, trial.samples, trial.folder)
    except (UserError, ChildCrashed, StepFailed):
        traceback.print_exc(file=sys.stderr)  # into the job's log; what failed before is told
        return
    run = run_on(made.path, trial.samples, FAST, trial.folder)
    seen = None if run.refused is not None else score(run.outputs, trial)
    variant = Variant(made.path, float_model.path, "tensorflow", made.made_by, run, seen)
    yield variant, say("Quantized by TensorFlow’s own quantizer")


def _gate(
    artifact: Artifact, scheme: SchemeName, variant: Variant, profile: Profile, trial: Trial
) -> Verdict:
    return gate(artifact.path, scheme, profile, _run(variant), trial)


def _run(variant: Variant) -> Run:
    assert variant.run is not None, "what is gated was tried"
    return variant.run
