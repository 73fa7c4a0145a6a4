"""The step `candidate`: one form of the model from its scheme's name to its verdict and figures."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from edgekiln.child import ChildCrashed, StepFailed
from edgekiln.core.accuracy import AccuracyReport, Candidate, TargetReport
from edgekiln.core.artifact import INTEGER, Artifact, SchemeName
from edgekiln.core.codec import encode
from edgekiln.core.device import Profile
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic, store_of
from edgekiln.core.quantization import Kept
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.evaluate.embedded import Note, embed_note
from edgekiln.pipeline.evaluate.judge import judge, judge_on_target
from edgekiln.pipeline.evaluate.runtimes import stand_in
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.gate import not_usable
from edgekiln.pipeline.quantize.lower import Gated, gate_or_lower
from edgekiln.pipeline.quantize.table import Table
from edgekiln.pipeline.quantize.trial import FAST, Trial
from edgekiln.pipeline.quantize.variants import Kiln, Variant, Way
from edgekiln.profiles import load_profile

_NOTE_BYTES = 1000  # a note with all names of a large model would cost what quantizing saves
_WORK = "work"
_TARGET_SECONDS = 15.0
_TARGET_SAMPLES = 32  # at least


@dataclass(frozen=True)
class CandidateInputs:
    """The float model, the samples, what calibration saw (ranges, and the means of layer inputs),
    and how the float model was judged; None for that when it is the float model's own turn."""

    model: Artifact
    table: Table
    calibration: Path | None
    means: Path | None
    float_report: AccuracyReport | None


@dataclass(frozen=True)
class CandidatePlan:
    """`kept`: the operators of a "mixed" one that are not int8; `way`: how a calibrated one is
    made, None tries all. Without `gated` it is tried on the fast runtime alone, and not usable."""

    scheme: SchemeName
    target: str
    target_samples: int
    kept: Kept = ()
    way: Way | None = None
    gated: bool = True


def make_candidate(
    inputs: CandidateInputs, plan: CandidatePlan, out_dir: Path, report: Report
) -> Candidate:
    """The candidate with its verdict and figures; its file lies in `out_dir`.

    What a quantizer cannot do and what fails while it is judged is the verdict, not an error.
    """
    report(0.0, say("Making {scheme}", scheme=plan.scheme))
    work = out_dir / _WORK
    work.mkdir()
    firing = _Firing(inputs, plan, load_profile(plan.target), out_dir, work)
    try:
        variant = firing.make()
    except UserError as error:
        return firing.failed(say("{what} {why}", what=error.what, why=error.why))
    except Exception as error:  # noqa: BLE001  (a quantizer raises anything; one bad candidate must not sink the others)
        traceback.print_exc(file=sys.stderr)  # into the job's log
        return firing.failed(_cannot_be_made(error))
    report(0.4, say("Judging {scheme}", scheme=plan.scheme))
    try:
        return firing.judge(firing.gate(variant))
    except (UserError, ChildCrashed, StepFailed) as error:
        traceback.print_exc(file=sys.stderr)  # into the job's log
        return replace(firing.failed(_broke(error)), engine=variant.engine)


@dataclass(frozen=True)
class _Firing:
    """One candidate on its way."""

    inputs: CandidateInputs
    plan: CandidatePlan
    profile: Profile
    out_dir: Path
    work: Path

    def make(self) -> Variant:
        """Whatever the quantizer raises comes through."""
        known = self.inputs
        root, trial = store_of(self.out_dir), self._trial()
        if self.plan.way is not None or self.plan.scheme not in INTEGER:
            trial = trial.short  # little to choose from, and the kernels of int16x8 are slow
        kiln = Kiln.of(known.model, known.calibration, known.means, known.table, trial, root)
        if self.plan.scheme == "mixed" or self.plan.way is not None:
            way, kept = self.plan.way or Way(), self.plan.kept
            return kiln.make_one(self.plan.scheme, way, kept, tried=self.plan.gated)
        return kiln.make(self.plan.scheme)

    def keep(self, variant: Variant) -> Artifact:
        """The file, with preprocessing and labels inside."""
        path, model = self.out_dir / f"{self.plan.scheme}.tflite", self.inputs.model
        copy_atomic(variant.path, path)
        embed_note(path, _note(self.inputs.table))
        made_by = model.made_by + variant.tools
        return artifact_of(path, scheme=self.plan.scheme, made_from=model.sha256, made_by=made_by)

    def gate(self, variant: Variant) -> Gated:
        """The variant, or a lower form of it, with the gate's answer; not asked in a search."""
        if not self.plan.gated:
            return Gated(variant, self.keep(variant), not_usable(self.profile, _only_tried()))
        scheme, model = self.plan.scheme, self.inputs.model
        return gate_or_lower(variant, scheme, model, self.profile, self._trial(), self.keep)

    def judge(self, gated: Gated) -> Candidate:
        """Its figures on the fast runtime and the target's."""
        artifact, verdict, variant = gated.artifact, gated.verdict, gated.variant
        made = replace(
            self.failed(_only_tried()),
            artifact=artifact,
            engine=variant.engine,
            verdict=verdict,
            operators=len(read_graph(self.inputs.model.path).main.operators),
        )
        if variant.run is not None and variant.run.refused is not None:
            return made
        report = self._report(artifact)
        measured = verdict.measured_on and not self.inputs.table.random
        on_target = self._on_target(artifact, report, verdict.median_ms) if measured else None
        return replace(made, report=report, on_target=on_target)

    def failed(self, why: Text) -> Candidate:
        """The candidate with nothing but a reason."""
        verdict = not_usable(self.profile, why)
        return Candidate(self.plan.scheme, None, "none", verdict, None, None, self.plan.kept)

    def _trial(self) -> Trial:
        return Trial.of(self.inputs.table, self.inputs.model, self.work)

    def _report(self, artifact: Artifact) -> AccuracyReport:
        table, known = self.inputs.table, self.inputs.float_report
        samples, preprocessing = table.evaluation, table.preprocessing
        report = judge(
            artifact,
            samples,
            known,
            FAST,
            self.out_dir,
            self.work,
            preprocessing,
            judging=table.judging,
            is_reference=known is None,
        )
        return _withheld(report) if table.random else report

    def _on_target(
        self, artifact: Artifact, report: AccuracyReport, median_ms: float
    ) -> TargetReport:
        known = self.inputs.float_report or report
        return judge_on_target(
            artifact,
            self.inputs.table.evaluation,
            report,
            stand_in(self.profile.runtime),
            min(self.plan.target_samples, affordable(median_ms)),
            self.work,
            self.work,
            known,
        )


def affordable(median_ms: float) -> int:
    """How many samples a runtime that takes so long for one is given: old ones have slow kernels
    for some of an int8 model, and a search must not wait for them."""
    return max(_TARGET_SAMPLES, int(_TARGET_SECONDS * 1000 / max(median_ms, 1e-3)))


def _withheld(report: AccuracyReport) -> AccuracyReport:
    """The report without what random numbers cannot tell."""
    unsure = replace(
        report, interval=None, agreement_interval=None, paired=None, measures=(), per_class=(),
        reliability=(), primary=None, by_output=(),
    )  # fmt: skip
    return replace(unsure, accuracy=None, agreement=None, error=None, confusion=(), differing=())


def _note(table: Table) -> Note:
    note = Note(table.preprocessing, table.evaluation.class_names)
    size = len(json.dumps(encode(note), ensure_ascii=False).encode())
    return note if size <= _NOTE_BYTES else Note(table.preprocessing)


def _only_tried() -> Text:
    return say("It was only tried on the fast runtime: one step of a search.")


def _cannot_be_made(error: Exception) -> Text:
    return say(
        "It could not be made: {kind}: {text}", kind=type(error).__name__, text=str(error)[:300]
    )


def _broke(error: Exception) -> Text:
    if isinstance(error, UserError):
        return say("{what} {why}", what=error.what, why=error.why)
    return say("Judging it failed: {text}", text=str(error).strip().splitlines()[-1][:300])
