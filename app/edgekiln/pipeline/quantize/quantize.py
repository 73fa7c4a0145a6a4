"""The step `quantize`: a float model in, judged candidates out. Convert once, calibrate once,
quantize many."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.artifact import CALIBRATED_SCHEMES, Artifact
from edgekiln.core.errors import UserError
from edgekiln.core.plans import QuantPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.calibrate import Calibration, calibrate, for_bytes
from edgekiln.pipeline.quantize.candidate import Bench, judge_float
from edgekiln.pipeline.quantize.choose import choose
from edgekiln.pipeline.quantize.speed import time_beside_float
from edgekiln.pipeline.quantize.table import Table, lay_table
from edgekiln.pipeline.quantize.trial import FAST, GATE_SAMPLES, Trial, first_rows, run_on
from edgekiln.pipeline.quantize.variants import CHILDREN, Kiln
from edgekiln.profiles import load_profile

_WORK = "work"
_SLOWEST = "int16x8"


def quantize(inputs: Artifact, plan: QuantPlan, out_dir: Path, report: Report) -> QuantResult:
    """Every scheme of the plan made, gated and judged; the candidates lie in `out_dir`.

    `inputs` is a float artifact. A candidate that fails carries the reason in its verdict and
    never sinks the others. UserError for data that does not fit, for a model that is quantized
    already and for a float model that does not run.
    """
    profile = load_profile(plan.target)
    _refuse_quantized(inputs)
    work = out_dir / _WORK
    work.mkdir(parents=True)
    try:
        table = lay_table(inputs, plan, work, part_of(report, 0.0, 0.2))
        trial = _trial(inputs, table, work, report)
        kiln = Kiln(inputs, _calibration(inputs, plan, table, part_of(report, 0.2, 0.35)), trial)
        report(0.35, say("Measuring the float model"))
        float_report = judge_float(inputs, table, out_dir, work)
        bench = Bench(kiln, table, profile, float_report, plan.target_samples, out_dir, work)
        candidates = _candidates(bench, plan, part_of(report, 0.45, 1.0))
    finally:
        shutil.rmtree(work)
    chosen, reason = choose(candidates, float_report, plan.max_drop, profile.title)
    return QuantResult(
        float_report=float_report,
        candidates=tuple(candidates),
        chosen=chosen,
        reason=reason,
        target=plan.target,
        preprocessing=table.preprocessing,
        preprocessing_evidence=table.evidence,
        calibration_samples=table.calibration.count,
        notes=table.notes,
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


def _trial(model: Artifact, table: Table, work: Path, report: Report) -> Trial:
    report(0.2, say("Running the float model"))
    run = run_on(model.path, table.calibration.path, FAST, work)
    if run.refused is not None:
        raise UserError(
            say("The float model does not run."),
            run.refused,
            say("Open the model again, or another one."),
        )
    return Trial(
        samples=table.calibration.path,
        few=first_rows(table.calibration.path, GATE_SAMPLES, work / "few.npz"),
        labels=table.calibration.labels,
        reference=run.outputs,
        main=model.signature.outputs[0].name,
        folder=work,
    )


def _calibration(
    model: Artifact, plan: QuantPlan, table: Table, report: Report
) -> Calibration | None:
    if CALIBRATED_SCHEMES.isdisjoint(plan.schemes):
        return None
    samples = load_arrays(table.calibration.path)
    calibration = calibrate(model.path, model.signature, samples, report)
    fed = read_graph(model.path).main.inputs[0]
    return for_bytes(calibration, fed.name, table.preprocessing)


def _candidates(bench: Bench, plan: QuantPlan, report: Report) -> Sequence[Candidate]:
    """Each scheme made, then all judged, two at a time."""
    made = []
    for i, scheme in enumerate(plan.schemes):
        report(0.5 * i / len(plan.schemes), say("Making {scheme}", scheme=scheme))
        made.append(bench.make(scheme))
    # The slowest first, or it would run alone at the end: 16-bit kernels are the plain ones
    made.sort(key=lambda item: item.scheme != _SLOWEST)
    judged = {}
    with ThreadPoolExecutor(CHILDREN) as pool:
        for future in as_completed([pool.submit(bench.judge, item) for item in made]):
            candidate = future.result()
            judged[candidate.scheme] = candidate
            done = 0.5 + 0.5 * len(judged) / len(made)
            report(done, say("Judged {scheme}", scheme=candidate.scheme))
    return time_beside_float(
        [judged[scheme] for scheme in plan.schemes],
        bench.kiln.model.path,
        bench.profile,
        bench.table.calibration.path,
        bench.work,
    )
