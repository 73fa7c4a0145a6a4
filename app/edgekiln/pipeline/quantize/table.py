"""What lies on the table before anything is fired: the data as the model takes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.plans import QuantPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import digests, load_arrays
from edgekiln.pipeline.data.finder import Found, as_fed, find_preprocessing
from edgekiln.pipeline.data.source import Samples, limited, write_samples
from edgekiln.pipeline.graph.interface import read_interface
from edgekiln.pipeline.graph.read import read_graph

CALIBRATION_SAMPLES = 200
_FEW = 100
_READABLE_BYTES = 1 << 29  # larger evaluation data is not read twice for the sake of a note


@dataclass(frozen=True)
class Table:
    """Preprocessing with what speaks for it, samples to calibrate and to judge on, and notes."""

    preprocessing: Preprocessing
    evidence: Text
    calibration: Samples
    evaluation: Samples
    notes: tuple[Text, ...]


def lay_table(model: Artifact, plan: QuantPlan, work: Path, report: Report) -> Table:
    """Find the preprocessing and write the samples; UserError when data and model do not fit."""
    found = _preprocessing(model, plan, work, part_of(report, 0.0, 0.2))
    calibration = write_samples(
        limited(plan.calibration, CALIBRATION_SAMPLES),
        found.preprocessing,
        model.signature,
        work / "calibration.npz",
        part_of(report, 0.2, 0.4),
    )
    evaluation = calibration
    if plan.evaluation is not None:
        evaluation = write_samples(
            plan.evaluation,
            found.preprocessing,
            model.signature,
            work / "evaluation.npz",
            part_of(report, 0.4, 1.0),
            calibration.class_names,
        )
    notes = tuple(_notes(calibration, None if plan.evaluation is None else evaluation))
    return Table(found.preprocessing, found.evidence, calibration, evaluation, notes)


def _preprocessing(model: Artifact, plan: QuantPlan, work: Path, report: Report) -> Found:
    if plan.preprocessing is not None:
        fed = read_interface(read_graph(model.path)).feed(model.signature.inputs[0].name)
        return Found(as_fed(plan.preprocessing, fed), say("Chosen by you"))
    return find_preprocessing(model.path, model.signature, plan.calibration, work, report)


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
    if not evaluation.labelled:
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
    return sum(digest in known for digest in digests(load_arrays(evaluation)))
