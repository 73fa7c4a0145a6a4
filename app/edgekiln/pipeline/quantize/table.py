"""The step `lay-table`: the data as the model takes it, and what the float model makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.plans import TablePlan
from edgekiln.core.quantization import CalibrationInputs
from edgekiln.core.report import Report, part_of
from edgekiln.core.task import DERIVED, Judging
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import digest, digests, load_arrays, save_arrays
from edgekiln.pipeline.data.finder import Found, as_fed, find_preprocessing
from edgekiln.pipeline.data.labels import UNLABELLED
from edgekiln.pipeline.data.noise import random_inputs
from edgekiln.pipeline.data.source import Samples, limited, write_samples
from edgekiln.pipeline.evaluate.runtimes import run_model
from edgekiln.pipeline.graph.interface import read_interface
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.trial import FAST, GATE_SAMPLES, first_rows

CALIBRATION_SAMPLES = 200
_RANDOM_SAMPLES = 16
_FEW = 100
_READABLE_BYTES = 1 << 29  # larger evaluation data is not read twice for the sake of a note


@dataclass(frozen=True)
class Table:
    """Preprocessing with what speaks for it, samples to calibrate and to judge on, and notes.

    `few`: the first calibration samples, for the gate; `reference`: what the float model computes
    on the calibration samples, an `.npz` by output name; `digest`: of the calibration samples.
    `random`: they are random numbers.
    """

    preprocessing: Preprocessing
    evidence: Text
    calibration: Samples
    evaluation: Samples
    few: Path
    reference: Path
    digest: str
    notes: tuple[Text, ...]
    random: bool = False
    judging: Judging = DERIVED

    def to_calibrate(self, model: Artifact) -> CalibrationInputs:
        """What the step `calibrate` takes."""
        samples = self.calibration
        return CalibrationInputs(
            model,
            samples.path,
            self.digest,
            samples.data,
            samples.fingerprint,
            samples.labels,
            samples.class_names,
        )


def lay_table(inputs: Artifact, plan: TablePlan, out_dir: Path, report: Report) -> Table:
    """Find the preprocessing, write the samples, run the float model on those that calibrate.

    UserError when data and model do not fit, and for a float model that does not run.
    """
    if plan.calibration is None:
        return _random_table(inputs, out_dir, report)
    found = _preprocessing(inputs, plan, plan.calibration, out_dir, part_of(report, 0.0, 0.2))
    calibration = write_samples(
        limited(plan.calibration, CALIBRATION_SAMPLES),
        found.preprocessing,
        inputs.signature,
        out_dir / "calibration.npz",
        part_of(report, 0.2, 0.4),
        judging=plan.judging,
    )
    evaluation = calibration
    if plan.evaluation is not None:
        evaluation = write_samples(
            plan.evaluation,
            found.preprocessing,
            inputs.signature,
            out_dir / "evaluation.npz",
            part_of(report, 0.4, 0.9),
            calibration.class_names,
            plan.judging,
        )
    return Table(
        found.preprocessing,
        found.evidence,
        calibration,
        evaluation,
        first_rows(calibration.path, GATE_SAMPLES, out_dir / "few.npz"),
        _reference(inputs, calibration.path, out_dir, part_of(report, 0.9, 1.0)),
        digest(load_arrays(calibration.path)),
        tuple(_notes(calibration, None if plan.evaluation is None else evaluation)),
        judging=plan.judging,
    )


def _random_table(model: Artifact, out_dir: Path, report: Report) -> Table:
    path = out_dir / "calibration.npz"
    inputs = {s.name: random_inputs(s, _RANDOM_SAMPLES) for s in model.signature.inputs}
    save_arrays(path, inputs)
    samples = Samples(
        path, _RANDOM_SAMPLES, (UNLABELLED,) * _RANDOM_SAMPLES, (), "random", data="random"
    )
    note = say("Random numbers instead of data: latency can be told, accuracy cannot.")
    few = first_rows(path, GATE_SAMPLES, out_dir / "few.npz")
    reference = _reference(model, path, out_dir, report)
    evidence = say("No data was given")
    known = digest(inputs)
    return Table(
        Preprocessing(), evidence, samples, samples, few, reference, known, (note,), random=True
    )


def _reference(model: Artifact, samples: Path, out_dir: Path, report: Report) -> Path:
    report(0.0, say("Running the float model"))
    outputs = out_dir / "reference.npz"
    ran = run_model(model.path, samples, FAST, outputs, out_dir)
    if ran.refused is not None:
        raise UserError(
            say("The float model does not run."),
            ran.refused,
            say("Open the model again, or another one."),
        )
    return outputs


def _preprocessing(
    model: Artifact, plan: TablePlan, data: DataSource, work: Path, report: Report
) -> Found:
    if plan.preprocessing is not None:
        fed = read_interface(read_graph(model.path)).feed(model.signature.inputs[0].name)
        return Found(as_fed(plan.preprocessing, fed), say("Chosen by you"))
    return find_preprocessing(model.path, model.signature, data, work, report, judging=plan.judging)


def _notes(calibration: Samples, evaluation: Samples | None) -> Iterator[Text]:
    yield from calibration.notes
    if calibration.count < _FEW:
        yield say(
            "Few calibration samples ({count}); {few} and more give steadier ranges.",
            count=calibration.count,
            few=_FEW,
        )
    if evaluation is None:
        yield say(
            "No evaluation data: all figures are on the calibration samples, which flatter them."
        )
        return
    yield from (note for note in evaluation.notes if note not in calibration.notes)
    if not evaluation.labelled and evaluation.truth is None:
        yield say("The evaluation data is unlabelled: candidates are judged by agreement.")
    if shared := _shared(calibration.path, evaluation.path):
        yield say(
            "Evaluation samples that also calibrate: {count}. They flatter the figures.",
            count=shared,
        )


def _shared(calibration: Path, evaluation: Path) -> int:
    """How many evaluation samples are, bit by bit, calibration samples (0 when too large)."""
    if evaluation.stat().st_size > _READABLE_BYTES:
        return 0
    known = set(digests(load_arrays(calibration)))
    return sum(each in known for each in digests(load_arrays(evaluation)))
