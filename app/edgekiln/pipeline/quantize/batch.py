"""What all candidates of one run of `quantize` are made from, and where they are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.accuracy import AccuracyReport, Candidate
from edgekiln.core.artifact import CALIBRATED_SCHEMES, Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.plans import QuantPlan
from edgekiln.core.quantization import Attempt, Kept, RangeRule
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import say
from edgekiln.executor import Executor
from edgekiln.pipeline.quantize.calibrate import (
    CalibrationInputs,
    CalibrationPlan,
    CalibrationResult,
)
from edgekiln.pipeline.quantize.candidate import CandidateInputs, CandidatePlan
from edgekiln.pipeline.quantize.choose import attempt_of
from edgekiln.pipeline.quantize.table import Table


@dataclass(frozen=True)
class Batch:
    """What all candidates of a run have in common, and where they are made."""

    model: Artifact
    plan: QuantPlan
    where: Executor
    table: Table
    calibration: Path | None
    float_candidate: Candidate

    @property
    def float_report(self) -> AccuracyReport:
        """How the float model was judged."""
        assert self.float_candidate.report is not None
        return self.float_candidate.report

    @property
    def inputs(self) -> CandidateInputs:
        """What a candidate is made from."""
        return CandidateInputs(self.model, self.table, self.calibration, self.float_report)

    def candidate_plan(
        self,
        scheme: SchemeName,
        kept: Kept = (),
        rule: RangeRule = "extremes",
        *,
        gated: bool = True,
    ) -> CandidatePlan:
        """The plan of one candidate."""
        plan = self.plan
        return CandidatePlan(scheme, plan.target, plan.target_samples, kept, rule, gated)

    def attempt(self, candidate: Candidate) -> Attempt:
        """A candidate as a point of the search."""
        return attempt_of(candidate, self.float_report, self.plan)


def _calibrate(model: Artifact, table: Table, where: Executor, report: Report) -> Path:
    inputs = CalibrationInputs(model, table.calibration.path)
    return where.run("calibrate", inputs, CalibrationPlan(), CalibrationResult, report).path


def lay_batch(model: Artifact, plan: QuantPlan, where: Executor, report: Report) -> Batch:
    """Data, calibration and the float model's own figures."""
    table = where.run("lay-table", model, plan.table, Table, part_of(report, 0.0, 0.15))
    calibration = None
    if plan.kept or not CALIBRATED_SCHEMES.isdisjoint(plan.schemes):
        calibration = _calibrate(model, table, where, part_of(report, 0.15, 0.3))
    report(0.3, say("Measuring the float model"))
    inputs = CandidateInputs(model, table, calibration, None)
    judged = CandidatePlan("float32", plan.target, plan.target_samples)
    candidate = where.run("candidate", inputs, judged, Candidate)
    if candidate.report is None:
        why = candidate.verdict.why_not or say("It could not be judged.")
        raise UserError(
            say("The float model does not run."), why, say("Open the model again, or another one.")
        )
    return Batch(model, plan, where, table, calibration, candidate)
