"""The recommendation: small, right on the box, accurate; and the sentence that says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgekiln.core.accuracy import AccuracyReport, Candidate, Speed, TargetReport
from edgekiln.core.artifact import Artifact, SchemeName, Verdict
from edgekiln.core.data import Preprocessing
from edgekiln.core.fusion import Latency
from edgekiln.core.inference import InferResult
from edgekiln.core.model import Signature
from edgekiln.core.text import say
from edgekiln.pipeline.quantize.choose import choose, loss_of
from edgekiln.pipeline.quantize.trial import Run, Score
from edgekiln.pipeline.quantize.variants import Variant, is_good, nearest

BOX = "a box"


def report(accuracy: float | None, agreement: float | None = None) -> AccuracyReport:
    return AccuracyReport(
        "litert 2.3.0", "kit/evaluation", "", 401, accuracy, agreement, (), (), Path("s"), 1.0,
        Preprocessing(),
    )  # fmt: skip


def candidate(
    scheme: SchemeName,
    size: int,
    accuracy: float | None,
    *,
    agreement: float | None = None,
    usable: bool = True,
    on_target: TargetReport | None = None,
) -> Candidate:
    artifact = Artifact(Path(scheme), "", size, Signature("s", (), ()), scheme)
    why = None if usable else say("It is wrong.")
    verdict = Verdict(usable, "t", "t", 32, 0.0, "1.5.0", why)
    judged = report(accuracy, agreement)
    return Candidate(scheme, artifact, "ai-edge-quantizer", verdict, judged, on_target)


FLOAT = report(0.920)
KEPT = [
    candidate("float32", 100_000, 0.920),
    candidate("float16", 60_000, 0.920),
    candidate("int8", 50_000, 0.918),
]


def test_the_smallest_within_the_limit_is_taken() -> None:
    scheme, reason = choose(KEPT, FLOAT, 0.01, BOX)
    assert scheme == "int8"
    for word in ("int8", "91.8%", "92.0%", "401 samples", "litert 2.3.0", "50 kB", "1.0 points"):
        assert word in str(reason)


def timed(item: Candidate, own: float, beside: float) -> Candidate:
    latencies = (Latency(ms, ms * 0.99, ms * 1.01, 30, "t", 1) for ms in (own, beside))
    return replace(item, speed=Speed(*latencies))


@pytest.mark.parametrize("scheme", ["dynamic-range", "weight-int8", "weight-int4"])
def test_small_weights_slower_than_float_are_never_recommended(scheme: SchemeName) -> None:
    small = candidate(scheme, 30_000, 0.920)
    slow = [*KEPT[:2], timed(small, 43.0, 13.0)]
    assert choose(slow, FLOAT, 0.01, BOX)[0] == "float16"
    assert choose([timed(small, 43.0, 13.0)], FLOAT, 0.01, BOX)[0] is None
    quick = [*KEPT[:2], timed(small, 9.0, 13.0)]
    assert choose(quick, FLOAT, 0.01, BOX)[0] == scheme
    noise = [*KEPT[:2], timed(small, 13.1, 13.0)]
    assert choose(noise, FLOAT, 0.01, BOX)[0] == scheme


def test_one_that_loses_too_much_is_not_taken() -> None:
    lossy = [*KEPT[:2], candidate("int8", 50_000, 0.90)]
    assert choose(lossy, FLOAT, 0.01, BOX)[0] == "float16"


def test_an_unusable_one_is_never_taken() -> None:
    best = candidate("dynamic-range", 10_000, 0.95, usable=False)
    assert choose([*KEPT, best], FLOAT, 0.01, BOX)[0] == "int8"
    scheme, reason = choose([best], FLOAT, 0.01, BOX)
    assert scheme is None
    assert BOX in str(reason)


def test_equal_sizes_prefer_the_one_that_computes_in_integers() -> None:
    near = [candidate("dynamic-range", 49_000, 0.92), candidate("int8", 50_000, 0.918)]
    assert choose(near, FLOAT, 0.01, BOX)[0] == "int8"
    apart = [candidate("dynamic-range", 47_000, 0.92), candidate("int8", 50_000, 0.918)]
    assert choose(apart, FLOAT, 0.01, BOX)[0] == "dynamic-range"


def test_when_all_lose_too_much_the_least_loss_is_taken_and_said() -> None:
    lossy = [candidate("int8", 50_000, 0.80), candidate("int16x8", 55_000, 0.85)]
    scheme, reason = choose(lossy, FLOAT, 0.01, BOX)
    assert scheme == "int16x8"
    assert "No candidate loses 1.0 points or less" in str(reason)


def test_what_differs_on_the_box_counts_there() -> None:
    """Right on the fast runtime, one answer in ten another on the box's."""
    differs = TargetReport("tflite-runtime 2.14.0", 200, 0.83, 0.90, same_as_fast=0.90)
    one = candidate("int8", 50_000, 0.92, on_target=differs)
    assert choose([*KEPT[:2], one], FLOAT, 0.01, BOX)[0] == "float16"


def test_exactly_the_limit_is_within_it() -> None:
    """1 - 0.99 is a little more than 0.01 in floating point."""
    same = [
        candidate("float16", 60_000, None, agreement=1.0),
        candidate("int8", 50_000, None, agreement=0.99),
    ]
    assert choose(same, report(None), 0.01, BOX)[0] == "int8"


def test_without_labels_agreement_decides() -> None:
    unlabelled = [
        candidate("float32", 100_000, None, agreement=1.0),
        candidate("float16", 60_000, None, agreement=0.995),
        candidate("int8", 50_000, None, agreement=0.95),
    ]
    scheme, reason = choose(unlabelled, report(None), 0.01, BOX)
    assert scheme == "float16"
    assert "99.5% of 401 answers" in str(reason)


@pytest.mark.parametrize(
    ("seen", "good"),
    [
        (None, False),
        (Score(0.9, 0.995, 0.2), True),
        (Score(0.9, 0.97, 0.04), True),
        (Score(0.9, 0.97, 0.2), False),
        (Score(None, None, 0.04), True),
        (Score(None, None, 0.2), False),
    ],
)
def test_a_second_engine_is_asked_only_where_it_could_win(seen: Score | None, good: bool) -> None:
    assert is_good(seen) is good


def variant(seen: Score | None) -> Variant:
    return Variant(
        Path("v"), Path("f"), "ai-edge-quantizer", (), Run(InferResult("r", 1, 1.0), {}), seen
    )


def test_within_noise_the_error_decides_beyond_it_the_accuracy() -> None:
    lucky, near = variant(Score(0.905, 0.99, 0.08)), variant(Score(0.90, 0.99, 0.03))
    assert nearest([lucky, near], 200) is near
    wrong = variant(Score(0.80, 0.85, 0.02))
    assert nearest([lucky, wrong], 200) is lucky


def test_a_refused_variant_is_kept_only_when_there_is_no_other() -> None:
    refused = variant(None)
    made = variant(Score(0.5, 0.5, 1.0))
    assert nearest([refused, made], 100) is made
    assert nearest([refused, replace(refused)], 100) is refused


def test_other_answers_on_the_target_that_are_as_right_lose_nothing() -> None:
    """Answers may differ from the fast runtime's and still be as often right as the float model's
    on the same samples; an agreement that is asked for counts them."""
    differs = TargetReport(
        "tflite-runtime 2.14.0", 200, 0.86, 0.95, same_as_fast=0.96, float_accuracy=0.85
    )
    assert loss_of(report(0.92, 0.99), differs, FLOAT, "accuracy") == pytest.approx(0.0)
    assert loss_of(report(0.92, 0.99), differs, FLOAT, "agreement") == pytest.approx(0.05)
    worse = replace(differs, accuracy=0.80)
    assert loss_of(report(0.92, 0.99), worse, FLOAT, "accuracy") == pytest.approx(0.05)
