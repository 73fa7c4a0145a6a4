"""The answers of models on all of the data, in parts: one process for every core."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, prod

import numpy as np

from edgekiln.child import ChildCrashed
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import Preprocessing
from edgekiln.core.inference import (
    AnswerInputs,
    AnswerPlan,
    Answers,
    InferResult,
    RuntimeFamily,
)
from edgekiln.core.report import Report, silent
from edgekiln.core.text import Text, say
from edgekiln.executor import Executor
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.data.source import Samples
from edgekiln.pipeline.evaluate import metrics
from edgekiln.pipeline.evaluate.runtimes import crashed_on

ANSWER = "edgekiln.pipeline.evaluate.answer"  # what a child for it loads
_FEWEST = 64  # samples that are worth a process
_PART_VALUES = (
    1 << 25
)  # values fed in a part: 200 pictures of 224 × 224, or all of a small data set
_MOST_PARTS = 16  # each opens the data again


@dataclass(frozen=True)
class Answered:
    """What one model said: its outputs by name [samples, …], in the order of the data, and how it
    ran; no outputs where the runtime refused it."""

    outputs: dict[str, Array]
    ran: InferResult


@dataclass(frozen=True)
class Asked:
    """What all parts have in common."""

    models: tuple[Artifact, ...]
    samples: Samples
    preprocessing: Preprocessing
    runtime: RuntimeFamily
    labels: tuple[str, ...] = ()

    def part(self, rows: range) -> tuple[AnswerInputs, AnswerPlan]:
        """The step `answer` for some of the samples."""
        inputs = AnswerInputs(self.models, self.samples.source, self.samples.fingerprint)
        signature = self.models[0].signature
        index = tuple(self.samples.index[i] for i in rows)
        plan = AnswerPlan(self.runtime, index, self.preprocessing, signature, self.labels)
        return inputs, plan


def answers_of(asked: Asked, where: Executor, report: Report = silent) -> tuple[Answered, ...]:
    """What each model says on all samples. Parts are kept as soon as they are done; the accuracy so
    far is told of the first model. UserError for a sample that cannot be read."""
    parts = _parts(asked, where.width)
    told = _Told(asked, report, len(asked.samples.index))
    found = list(_performed(asked, parts, where, told))
    return tuple(_joined(found, i) for i in range(len(asked.models)))


def _parts(asked: Asked, width: int) -> list[range]:
    """As many as there are cores or more, equal in size."""
    count = len(asked.samples.index)
    values = sum(prod(spec.shape[1:]) for spec in asked.models[0].signature.inputs)
    wanted = max(width, ceil(count * values / _PART_VALUES))
    wanted = max(1, min(wanted, max(width, _MOST_PARTS), count // _FEWEST))
    ends = [count * i // wanted for i in range(wanted + 1)]
    return [range(start, end) for start, end in pairwise(ends)]


def _performed(
    asked: Asked, parts: Sequence[range], where: Executor, told: _Told
) -> Iterator[Answers]:
    """The answers of the parts, in their order."""
    futures = {
        where.submit("answer", *asked.part(rows), Answers, told.within(rows)): rows
        for rows in parts
    }
    try:
        for future in as_completed(futures):
            if future.exception() is None:
                told.add(futures[future], future.result())
        for future in futures:
            yield _result(future.result, asked)
    finally:
        for future in futures:
            future.cancel()


def _result(result: Callable[[], Answers], asked: Asked) -> Answers:
    """A child that native code took down counts as a refusal, as in `run_model`."""
    try:
        return result()
    except ChildCrashed as crash:
        name, why = crashed_on(asked.runtime, crash)
        count = len(asked.models)
        return Answers(name, (None,) * count, (0.0,) * count, (why,) * count)


class _Told:
    """What is told while parts are on their way: how far they are, and the accuracy so far."""

    def __init__(self, asked: Asked, report: Report, count: int) -> None:
        self._asked, self._report, self._count = asked, report, count
        self._done: dict[int, float] = defaultdict(float)
        self._right: list[bool] = []
        self._text: Text = say("Sample {i} of {count}", i=0, count=count)

    def within(self, rows: range) -> Report:
        """The report of a part."""

        def inner(fraction: float | None, text: Text, found: object = None) -> None:
            del text, found
            self._tell(rows, fraction or 0.0)

        return inner

    def add(self, rows: range, part: Answers) -> None:
        """A part that is done."""
        labels = np.asarray(self._asked.samples.labels, np.int64)[rows.start : rows.stop]
        known = labels >= 0
        if part.outputs[0] is not None and known.any():
            output = next(iter(load_arrays(part.outputs[0]).values()))
            scores = metrics.scores_of(output)
            if scores is not None:
                self._right += (metrics.top1(scores) == labels)[known].tolist()
        self._tell(rows, 1.0)

    def _tell(self, rows: range, fraction: float) -> None:
        self._done[rows.start] = max(self._done[rows.start], fraction * len(rows))
        done = round(sum(self._done.values()))
        self._report(done / self._count, self._words(done))

    def _words(self, done: int) -> Text:
        if not self._right:
            return say("Sample {i} of {count}", i=done, count=self._count)
        return say(
            "Sample {i} of {count}; {share} of {known} right so far",
            i=done, count=self._count, known=len(self._right),
            share=f"{np.mean(self._right):.1%}",
        )  # fmt: skip


def _joined(parts: Sequence[Answers], model: int) -> Answered:
    """One model's answers on all parts."""
    runtime = parts[0].runtime
    refused = next((p.refused[model] for p in parts if p.refused[model] is not None), None)
    if refused is not None:
        return Answered({}, InferResult(runtime, 0, 0.0, refused))
    arrays = [load_arrays(path) for p in parts if (path := p.outputs[model]) is not None]
    outputs = {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}
    median = float(np.median([p.median_ms[model] for p in parts]))
    return Answered(outputs, InferResult(runtime, len(next(iter(outputs.values()))), median))
