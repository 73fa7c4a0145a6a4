"""One candidate from the scheme's name to its verdict and its figures."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from edgekiln.child import ChildCrashed, StepFailed
from edgekiln.core.accuracy import AccuracyReport, Candidate, TargetReport
from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.codec import encode
from edgekiln.core.device import Profile
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.evaluate.embedded import Note, embed_note
from edgekiln.pipeline.evaluate.judge import judge, judge_on_target
from edgekiln.pipeline.evaluate.runtimes import stand_in
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.quantize.gate import not_usable
from edgekiln.pipeline.quantize.lower import gate_or_lower
from edgekiln.pipeline.quantize.table import Table
from edgekiln.pipeline.quantize.trial import FAST
from edgekiln.pipeline.quantize.variants import Kiln, Variant

_NOTE_BYTES = 1000  # a note with all names of a large model would cost what quantizing saves


@dataclass(frozen=True)
class Made:
    """A scheme's file on the disk; or, with `why_not`, why there is none."""

    scheme: SchemeName
    variant: Variant | None
    why_not: Text | None = None


@dataclass(frozen=True)
class Bench:
    """Where candidates are made and judged: all they have in common."""

    kiln: Kiln
    table: Table
    profile: Profile
    float_report: AccuracyReport
    target_samples: int
    out_dir: Path
    work: Path

    def make(self, scheme: SchemeName) -> Made:
        """The scheme's best file, with preprocessing and labels inside. Never raises for what a
        quantizer cannot do: that is said in `why_not`."""
        try:
            return Made(scheme, self.kiln.make(scheme))
        except UserError as error:
            return Made(scheme, None, say("{what} {why}", what=error.what, why=error.why))
        except Exception as error:  # noqa: BLE001  (a quantizer raises anything; one bad candidate must not sink the others)
            traceback.print_exc(file=sys.stderr)  # into the job's log
            return Made(scheme, None, _cannot_be_made(error))

    def judge(self, made: Made) -> Candidate:
        """The candidate with its verdict and figures; what fails on the way is its verdict."""
        if made.variant is None:
            why = made.why_not or say("It could not be made.")
            return Candidate(made.scheme, None, "none", not_usable(self.profile, why), None, None)
        try:
            return self._judge(made.scheme, made.variant)
        except (UserError, ChildCrashed, StepFailed) as error:
            traceback.print_exc(file=sys.stderr)  # into the job's log
            verdict = not_usable(self.profile, _broke(error))
            return Candidate(made.scheme, None, made.variant.engine, verdict, None, None)

    def _keep(self, scheme: SchemeName, variant: Variant) -> Artifact:
        path = self.out_dir / f"{scheme}.tflite"
        copy_atomic(variant.path, path)
        embed_note(path, _note(self.table))
        made_from = self.kiln.model.sha256
        made_by = self.kiln.model.made_by + variant.tools
        return artifact_of(path, scheme=scheme, made_from=made_from, made_by=made_by)

    def _judge(self, scheme: SchemeName, made: Variant) -> Candidate:
        gated = gate_or_lower(
            made,
            scheme,
            self.kiln.model,
            self.profile,
            self.kiln.trial,
            lambda variant: self._keep(scheme, variant),
        )
        variant, artifact, verdict = gated.variant, gated.artifact, gated.verdict
        report = on_target = None
        if variant.run.refused is None:
            report = self._report(artifact)
            if verdict.measured_on:
                on_target = self._on_target(artifact, report)
        return Candidate(scheme, artifact, variant.engine, verdict, report, on_target)

    def _report(self, artifact: Artifact) -> AccuracyReport:
        scores = _scores(self.float_report)
        table = self.table
        return judge(
            artifact, table.evaluation, scores, FAST, self.out_dir, self.work, table.preprocessing
        )

    def _on_target(self, artifact: Artifact, report: AccuracyReport) -> TargetReport:
        return judge_on_target(
            artifact,
            self.table.evaluation,
            report,
            stand_in(self.profile.runtime),
            self.target_samples,
            self.work,
            self.work,
            _scores(self.float_report),
        )


def judge_float(model: Artifact, table: Table, out_dir: Path, work: Path) -> AccuracyReport:
    """The float model on the evaluation samples."""
    return judge(model, table.evaluation, None, FAST, out_dir, work, table.preprocessing)


def _scores(report: AccuracyReport) -> Array:
    return load_arrays(report.outputs)["scores"]


def _note(table: Table) -> Note:
    note = Note(table.preprocessing, table.evaluation.class_names)
    size = len(json.dumps(encode(note), ensure_ascii=False).encode())
    return note if size <= _NOTE_BYTES else Note(table.preprocessing)


def _cannot_be_made(error: Exception) -> Text:
    return say(
        "It could not be made: {kind}: {text}", kind=type(error).__name__, text=str(error)[:300]
    )


def _broke(error: Exception) -> Text:
    if isinstance(error, UserError):
        return say("{what} {why}", what=error.what, why=error.why)
    return say("Judging it failed: {text}", text=str(error).strip().splitlines()[-1][:300])
