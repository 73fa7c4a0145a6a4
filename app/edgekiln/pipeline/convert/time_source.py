"""The step `time-source`: the source model on TensorFlow, as a plain graph and compiled by XLA."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edgekiln.core.fusion import Latency, SourceLatency
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan
from edgekiln.core.report import Report
from edgekiln.core.text import Text, say
from edgekiln.pipeline.convert.choose import choose_signature
from edgekiln.pipeline.convert.convert import pin
from edgekiln.pipeline.convert.freeze import Frozen, freeze, opened
from edgekiln.pipeline.convert.prove import random_sample

_RUNS, _WARM_UP = 30, 3
_SECONDS = 20.0
_FEWEST = 5


def time_source(
    inputs: ModelSource, plan: ConvertPlan, out_dir: Path, report: Report
) -> SourceLatency:
    """Latency of one sample, batch 1, one thread, the two in turn; what XLA refuses is said.

    The signature is frozen and pinned as for a conversion, so that the same graph is timed.
    """
    del out_dir
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    report(0.0, say("Reading the model"))
    with opened(inputs) as model:
        signature = choose_signature(model.signatures, plan.signature)
        frozen = freeze(model, signature, {s.name: pin(s, plan) for s in signature.inputs})
    sample = _tensors(frozen)
    report(0.3, say("Compiling with XLA"))
    plain, (xla, why) = tf.function(frozen.function), _compiled(frozen, sample)
    report(0.6, say("Timing TensorFlow"))
    calls = [plain] if xla is None else [plain, xla]
    times = _in_turn(calls, sample)
    release = f"tensorflow {tf.__version__}"
    return SourceLatency(
        _latency(times[0], release), None if xla is None else _latency(times[1], release), why
    )


def _tensors(frozen: Frozen) -> list[Any]:
    rng = np.random.default_rng(0)
    return [tf.constant(random_sample(spec, rng)) for spec in frozen.signature.inputs]


def _compiled(
    frozen: Frozen, sample: Sequence[Any]
) -> tuple[Callable[..., Any] | None, Text | None]:
    compiled = tf.function(frozen.function, jit_compile=True)
    try:
        compiled(*sample)
    except (tf.errors.OpError, ValueError) as error:
        words = " ".join(str(error).split())[:300]
        return None, say("XLA refuses the model: {words}", words=words)
    return compiled, None


def _in_turn(calls: Sequence[Callable[..., Any]], sample: Sequence[Any]) -> list[list[float]]:
    for call in [*calls] * _WARM_UP:
        call(*sample)
    times: list[list[float]] = [[] for _ in calls]
    began = time.monotonic()
    for i in range(_RUNS):
        if i >= _FEWEST and time.monotonic() - began > _SECONDS:
            break
        for call, each in zip(calls, times, strict=True):
            start = time.perf_counter()
            for output in tf.nest.flatten(call(*sample)):
                output.numpy()
            each.append((time.perf_counter() - start) * 1000)
    return times


def _latency(times: list[float], runtime: str) -> Latency:
    low, median, high = np.percentile(times, (25, 50, 75))
    return Latency(float(median), float(low), float(high), len(times), runtime, 1)
