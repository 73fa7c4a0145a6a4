"""The step `quantize`: a float model in, judged candidates out. Convert once, calibrate once,
quantize many.

Each part is a step of its own, kept as soon as it is there: a run that was cancelled or killed goes
on where it stopped, and a second one with another limit starts from what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace
from pathlib import Path

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.artifact import INTEGER, Artifact
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic, store_of
from edgekiln.core.plans import QuantPlan
from edgekiln.core.quantization import Attempt, Sensitivity, SensitivityInputs, SensitivityPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import Text, say
from edgekiln.executor import executor
from edgekiln.pipeline.evaluate.beside import beside_others
from edgekiln.pipeline.quantize.batch import Batch, lay_batch
from edgekiln.pipeline.quantize.choose import choose, choose_without_data
from edgekiln.pipeline.quantize.equalized import equalized
from edgekiln.pipeline.quantize.mixing import Mixing, is_wanted, way_of
from edgekiln.pipeline.quantize.speed import time_beside_float
from edgekiln.pipeline.quantize.variants import Way
from edgekiln.profiles import load_profile

_SLOWEST = "int16x8"


def quantize(inputs: Artifact, plan: QuantPlan, out_dir: Path, report: Report) -> QuantResult:
    """Every scheme of the plan made, gated and judged; the candidates lie in `out_dir`.

    Where int8 loses more than the plan allows, the fewest operators to keep out of it are searched
    for. `inputs` is a float artifact. A candidate that fails carries the reason in its verdict and
    never sinks the others. UserError for data that does not fit, for a model that is quantized
    already and for a float model that does not run.
    """
    profile = load_profile(plan.target)
    _refuse_quantized(inputs)
    with executor(store_of(out_dir), plan.cluster) as where:
        batch = lay_batch(inputs, plan, where, report)
        made = _candidates(batch, part_of(report, 0.4, 0.75))
        made, sensitivity = _sense(batch, made, part_of(report, 0.75, 0.8))
        made = made.joined(_mixed(batch, made.candidates, sensitivity, part_of(report, 0.8, 1.0)))
    table, reference = batch.table, batch.float_report
    candidates = time_beside_float(
        [_gathered(candidate, out_dir) for candidate in made.candidates],
        inputs.path,
        profile,
        table.calibration.path,
        out_dir,
    )
    if table.random:
        chosen, reason = choose_without_data(candidates, profile.title)
    else:
        chosen, reason = choose(
            candidates, reference, plan.max_drop, profile.title, plan.goal, plan.limit_on
        )
    return QuantResult(
        float_report=_gathered(batch.float_candidate, out_dir).report,
        candidates=candidates,
        chosen=chosen,
        reason=reason,
        target=plan.target,
        preprocessing=table.preprocessing,
        preprocessing_evidence=table.evidence,
        calibration_samples=table.calibration.count,
        notes=(*batch.notes, *made.notes),
        sensitivity=sensitivity,
        attempts=made.attempts,
        goal=plan.goal,
        limit_on=plan.limit_on,
        max_drop=plan.max_drop,
        calibration=_kept_file(batch.calibration, out_dir),
        random=table.random,
        beside=beside_others(candidates, chosen),
    )


@dataclass(frozen=True)
class _Made:
    """Candidates, all that was tried on the way to them, and what is to be said of it."""

    candidates: tuple[Candidate, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    notes: tuple[Text, ...] = ()

    def joined(self, other: _Made) -> _Made:
        """This and then the other."""
        return _Made(
            self.candidates + other.candidates,
            self.attempts + other.attempts,
            self.notes + other.notes,
        )


def _refuse_quantized(model: Artifact) -> None:
    if model.scheme != "float32":
        raise UserError(
            say("The model is quantized already."),
            say(
                "Its file is {scheme}; what was rounded away does not come back.",
                scheme=model.scheme,
            ),
            say("Open the float model it was made from; evaluate can judge this one as it is."),
        )


def _candidates(batch: Batch, report: Report) -> _Made:
    """Each scheme of the plan made and judged, as many at once as there are cores."""
    plan = batch.plan
    attempts = [batch.attempt(batch.float_candidate)]
    report(0.0, say("Making candidates"), attempts[0])
    schemes = [s for s in plan.schemes if s not in ("float32", "mixed")]
    leader = next((scheme for scheme in schemes if scheme in INTEGER), None)
    followers = [s for s in schemes if s in INTEGER and s != leader]
    # The slowest first, or it would run alone at the end: 16-bit kernels are the plain ones
    first = sorted(set(schemes) - set(followers), key=lambda s: (s != _SLOWEST, s != leader))
    pending = {batch.submit(scheme) for scheme in first}
    judged = {"float32": batch.float_candidate}
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for candidate in (future.result() for future in done):
            judged[candidate.scheme] = candidate
            attempts.append(batch.attempt(candidate))
            told = say("Judged {scheme}", scheme=candidate.scheme)
            report(len(judged) / (len(schemes) + 1), told, attempts[-1])
            if candidate.scheme == leader:  # the best way to make it is so for theirs
                way = way_of([candidate])
                pending |= {batch.submit(scheme, way=way) for scheme in followers}
    return _Made(tuple(judged[s] for s in plan.schemes if s in judged), tuple(attempts))


def _sense(batch: Batch, made: _Made, report: Report) -> tuple[_Made, Sensitivity | None]:
    """What int8 does to each operator, where there is an int8 model to see it in; where it cannot
    be told, a note says why."""
    integers = [c.artifact for c in made.candidates if c.scheme in INTEGER]
    int8 = next((artifact for artifact in integers if artifact is not None), None)
    if int8 is None or batch.table.random:
        return made, None
    try:
        inputs = SensitivityInputs(_base_of(int8, batch), int8, batch.table.calibration.path)
        seen = batch.where.run("sensitivity", inputs, SensitivityPlan(), Sensitivity, report)
    except UserError as error:
        return made.joined(_Made(notes=(error.what,))), None
    return made, seen


def _base_of(int8: Artifact, batch: Batch) -> Artifact:
    """The float model the int8 one was made from: its operators' names are those to keep."""
    way = Way.of(int8.made_by)
    equal = equalized(batch.model, batch.where.root) if way and way.equalized else None
    return equal or batch.model


def _mixed(
    batch: Batch,
    candidates: Sequence[Candidate],
    sensitivity: Sensitivity | None,
    report: Report,
) -> _Made:
    """The mixed candidate, where one is asked for or needed."""
    if not is_wanted(batch, candidates):
        return _Made()
    mixing = Mixing(batch, way_of(candidates), report)
    if batch.plan.kept:
        found: Candidate | None = mixing.by_hand(batch.plan.kept)
    else:
        found = None if sensitivity is None else mixing.find(sensitivity)
    return _Made(() if found is None else (found,), tuple(mixing.attempts), tuple(mixing.notes))


def _kept_file(calibration: Path | None, out_dir: Path) -> Path | None:
    if calibration is None:
        return None
    copy_atomic(calibration, out_dir / "calibration.npz")
    return out_dir / "calibration.npz"


def _gathered(candidate: Candidate, out_dir: Path) -> Candidate:
    """The candidate with its files below `out_dir`: a result is whole by itself."""
    artifact, report = candidate.artifact, candidate.report
    if artifact is not None:
        copy_atomic(artifact.path, out_dir / artifact.path.name)
        artifact = replace(artifact, path=out_dir / artifact.path.name)
    if report is not None:
        copy_atomic(report.outputs, out_dir / report.outputs.name)
        report = replace(report, outputs=out_dir / report.outputs.name)
    return replace(candidate, artifact=artifact, report=report)
