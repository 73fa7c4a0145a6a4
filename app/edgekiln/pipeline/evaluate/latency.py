"""The step `time-models`: several models timed in turn, in one process, on one runtime.

One after the other, a computer's changing speed is taken for a difference between the models (seen:
2.8 times where it was 1.25); A B A B … sees the same speed for all.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from edgekiln.core.fusion import Latency
from edgekiln.core.inference import InferPlan, TimeInputs, TimePlan, TimeResult
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.evaluate.infer import Net, Refused, in_words, name_runtime

_FEWEST = 5  # runs, whatever time they take
_WARM_UP = 2


def time_models(inputs: TimeInputs, plan: TimePlan, out_dir: Path, report: Report) -> TimeResult:
    """Each model's latency on the first sample, runs in turn; `refused` where one does not run."""
    del out_dir
    runtime = name_runtime(plan.runtime)
    sample = {name: array[0] for name, array in load_arrays(inputs.samples).items()}
    try:
        nets = [Net.load(model, InferPlan(plan.runtime, plan.threads)) for model in inputs.models]
        for net in nets * _WARM_UP:
            net.run(sample)
        times = _in_turn(nets, sample, plan, report)
    except Refused as refused:
        return TimeResult((), in_words(runtime, refused))
    return TimeResult(tuple(latency(each, runtime, plan.threads) for each in times))


def _in_turn(
    nets: list[Net], sample: dict[str, Array], plan: TimePlan, report: Report
) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in nets]
    began = time.monotonic()
    for i in range(plan.runs):
        if i >= _FEWEST and time.monotonic() - began > plan.seconds:
            break
        for net, each in zip(nets, times, strict=True):
            each.append(net.run(sample)[1])
        report(i / plan.runs, say("Timing, run {i} of {count}", i=i + 1, count=plan.runs))
    return times


def latency(times: list[float], runtime: str, threads: int) -> Latency:
    """Median and quartiles of times in milliseconds."""
    low, median, high = np.percentile(times, (25, 50, 75))
    return Latency(float(median), float(low), float(high), len(times), runtime, threads)
