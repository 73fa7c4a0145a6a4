"""What all candidates of one run of `quantize` are made from, and where they are made."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.accuracy import AccuracyReport, Candidate
from edgekiln.core.artifact import CALIBRATED_SCHEMES, Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.files import ARTIFACTS, copy_atomic, sha256
from edgekiln.core.plans import QuantPlan
from edgekiln.core.quantization import (
    Attempt,
    CalibrationPlan,
    CalibrationResult,
    Kept,
)
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import Text, say
from edgekiln.executor import Executor
from edgekiln.pipeline.quantize.calibration_file import load_calibration
from edgekiln.pipeline.quantize.candidate import CandidateInputs, CandidatePlan
from edgekiln.pipeline.quantize.choose import attempt_of
from edgekiln.pipeline.quantize.table import Table
from edgekiln.pipeline.quantize.variants import Way


@dataclass(frozen=True)
class Batch:
    """What all candidates of a run have in common, and where they are made."""

    model: Artifact
    plan: QuantPlan
    where: Executor
    table: Table
    calibration: Path | None
    means: Path | None
    float_candidate: Candidate
    notes: tuple[Text, ...] = ()  # of the data and the calibration

    @property
    def float_report(self) -> AccuracyReport:
        """How the float model was judged."""
        assert self.float_candidate.report is not None
        return self.float_candidate.report

    @property
    def inputs(self) -> CandidateInputs:
        """What a candidate is made from."""
        return CandidateInputs(
            self.model, self.table, self.calibration, self.means, self.float_report
        )

    def submit(
        self,
        scheme: SchemeName,
        kept: Kept = (),
        way: Way | None = None,
        *,
        gated: bool = True,
    ) -> Future[Candidate]:
        """One candidate to be."""
        plan = self.plan
        asked = CandidatePlan(scheme, plan.target, plan.target_samples, kept, way, gated)
        return self.where.submit("candidate", self.inputs, asked, Candidate)

    def attempt(self, candidate: Candidate) -> Attempt:
        """A candidate as a point of the search."""
        return attempt_of(candidate, self.float_report, self.plan)


def _calibrate(model: Artifact, table: Table, where: Executor, report: Report) -> CalibrationResult:
    carry_on = where.root / f"calibration-{model.sha256[:12]}-{table.digest[:12]}.part.npz"
    plan = CalibrationPlan(table.preprocessing, carry_on)
    return where.run("calibrate", table.to_calibrate(model), plan, CalibrationResult, report)


def _known(file: Path, model: Artifact, where: Executor) -> Path:
    """A copy of the user's calibration file, named by its content, where results are kept."""
    load_calibration(file, model.sha256)
    copy = where.root / ARTIFACTS / f"calibration-{sha256(file)[:20]}.npz"
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy_atomic(file, copy)
    return copy


def lay_batch(model: Artifact, plan: QuantPlan, where: Executor, report: Report) -> Batch:
    """Data, calibration and the float model's own figures."""
    table = where.run("lay-table", model, plan.table, Table, part_of(report, 0.0, 0.15))
    calibration, means, notes = None, None, table.notes
    if plan.calibration_file is not None:
        calibration = _known(plan.calibration_file, model, where)
    elif plan.kept or not CALIBRATED_SCHEMES.isdisjoint(plan.schemes):
        made = _calibrate(model, table, where, part_of(report, 0.15, 0.3))
        calibration, means = made.calibration, made.means
        notes += () if table.random else made.notes
    report(0.3, say("Measuring the float model"))
    inputs = CandidateInputs(model, table, calibration, means, None)
    judged = CandidatePlan("float32", plan.target, plan.target_samples)
    candidate = where.run("candidate", inputs, judged, Candidate)
    if candidate.report is None:
        why = candidate.verdict.why_not or say("It could not be judged.")
        raise UserError(
            say("The float model does not run."), why, say("Open the model again, or another one.")
        )
    return Batch(model, plan, where, table, calibration, means, candidate, notes)
