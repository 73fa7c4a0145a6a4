"""The step `answer`: some of the data through models as it is read, decoded once for all of them.

Nothing but a chunk is in memory, and no prepared sample is on disk. What a part came to is kept:
where an evaluation is cancelled the next one goes on after the parts that are done.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekiln.core.inference import (
    AnswerInputs,
    AnswerPlan,
    Answers,
    InferPlan,
    RuntimeFamily,
)
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.data.arrays import Array, save_arrays
from edgekiln.pipeline.data.dataset import DataSet
from edgekiln.pipeline.data.prepare import Intake, intake_of
from edgekiln.pipeline.data.recognise import read_data
from edgekiln.pipeline.evaluate.infer import (
    BATCH,
    REPORT_EVERY_S,
    Many,
    Refused,
    in_words,
    name_runtime,
    put_rows,
    rows_of,
)


def answer(inputs: AnswerInputs, plan: AnswerPlan, out_dir: Path, report: Report) -> Answers:
    """The outputs of every model, in real values, as an `.npz` each in `out_dir`; none of a model
    that the runtime refuses. UserError for a sample that cannot be read."""
    data = read_data(inputs.data, plan.labels).pick(plan.rows)
    intakes = {spec.name: intake_of(data, spec, plan.signature) for spec in plan.signature.inputs}
    answering = [_Answering(model.path, plan.runtime, len(data)) for model in inputs.models]
    done, told = 0, 0.0
    for chunk in _chunks(data, intakes, plan):
        for each in answering:
            each.take(chunk, done)
        done += rows_of(chunk)
        if time.monotonic() - told > REPORT_EVERY_S:
            told = time.monotonic()
            report(done / len(data), say("Sample {i} of {count}", i=done, count=len(data)))
    paths = [each.save(out_dir / f"outputs-{i}.npz") for i, each in enumerate(answering)]
    return Answers(
        name_runtime(plan.runtime),
        tuple(paths),
        tuple(each.median_ms for each in answering),
        tuple(each.refused for each in answering),
    )


class _Answering:
    """One model and what it has answered so far."""

    def __init__(self, model: Path, runtime: RuntimeFamily, count: int) -> None:
        self._count, self._runtime = count, runtime
        self._outputs: dict[str, Array] = {}
        self._many: Many | None = None
        self.refused: Text | None = None
        try:
            self._many = Many(model, InferPlan(runtime))
        except Refused as refusal:
            self._refuse(refusal)

    @property
    def median_ms(self) -> float:
        """Of one bare invoke with one sample."""
        return 0.0 if self._many is None else self._many.median_ms

    def take(self, chunk: dict[str, Array], start: int) -> None:
        """The next samples."""
        if self._many is None:
            return
        try:
            for name, values in self._many.run(chunk).items():
                put_rows(self._outputs, name, values, start, self._count)
        except Refused as refusal:
            self._refuse(refusal)

    def save(self, path: Path) -> Path | None:
        """The outputs of all samples; None where the model was refused."""
        if self.refused is not None:
            return None
        save_arrays(path, self._outputs)
        return path

    def _refuse(self, refusal: Refused) -> None:
        self.refused = in_words(name_runtime(self._runtime), refusal)
        self._many = None


def _chunks(
    data: DataSet, intakes: dict[str, Intake], plan: AnswerPlan
) -> Iterator[dict[str, Array]]:
    for start in range(0, len(data), BATCH):
        rows = range(start, min(start + BATCH, len(data)))
        yield {
            name: np.stack([intake.take(data, i, plan.preprocessing) for i in rows])
            for name, intake in intakes.items()
        }
