"""Further figures of a model, how sure each is, and whether a difference is more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekiln.core.text import Text, say

CONFIDENCE = 0.95
MeasureName = Literal[
    "accuracy", "top5", "macro-f1", "ece", "confidence-drift", "kl", "cosine", "sqnr-db",
    "box-agreement", "map50", "map50-95", "miou", "pixel-accuracy",
    "mae", "rmse", "r2", "auc", "recall1",
]  # fmt: skip
_SHARES = ("accuracy", "top5", "macro-f1", "ece", "box-agreement", "map50", "map50-95", "miou",
           "pixel-accuracy", "auc", "recall1")  # fmt: skip


@dataclass(frozen=True)
class Interval:
    """Where the figure lies for all data like these, with a confidence of 95 %."""

    low: float
    high: float
    method: Literal["wilson", "bootstrap"]


@dataclass(frozen=True)
class Measure:
    """One figure on `samples` samples. Shares are fractions; drift is one of probability; kl in
    nats; "sqnr-db" in dB; the errors in the unit of the output."""

    name: MeasureName
    value: float
    samples: int
    interval: Interval | None = None

    @property
    def is_share(self) -> bool:
        """Whether it reads as a percentage."""
        return self.name in _SHARES


@dataclass(frozen=True)
class ClassFigures:
    """One class, as fractions; None where there is nothing to divide by. `support`: what bears this
    label: samples, boxes or pixels. `score`: a detector's AP 50–95, a segmenter's IoU."""

    index: int
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    score: float | None = None


@dataclass(frozen=True)
class SliceFigures:
    """The samples that have `value` in common: `by` is "class", "size" or a table's column.

    `primary`: the figure of those that are labelled, None where there are none; `float_primary`:
    the float model's; `paired`: the difference, and whether so few samples can show it.
    """

    by: str
    value: str
    samples: int
    primary: Measure | None
    float_primary: Measure | None = None
    paired: PairedTest | None = None


@dataclass(frozen=True)
class ReliabilityBin:
    """The samples whose confidence lies in (low, high]: how sure the model was of them on average,
    and the share it had right."""

    low: float
    high: float
    samples: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class PairedTest:
    """Two models on the same samples: the first's figure minus the second's, and `p`, the chance of
    a difference at least so large if they were equally good (two-sided).

    `gained` and `lost`: samples only the first, only the second had right (McNemar).
    """

    difference: float
    p: float
    samples: int
    method: Literal["mcnemar", "permutation", "bootstrap"]
    gained: int = 0
    lost: int = 0

    @property
    def is_noise(self) -> bool:
        """Whether chance alone explains it, at the 5 % level."""
        return self.p > 1 - CONFIDENCE


def told(test: PairedTest, is_share: bool = True) -> Text:
    """The test in a sentence: "The difference of 0.3 points is within noise for 400 samples"."""
    size = abs(100 * test.difference) if is_share else abs(test.difference)
    change = say("{change} points", change=f"{size:.2f}") if is_share else f"{size:.4g}"
    p = "< 0.001" if test.p < 0.001 else f"= {test.p:.3f}"
    if test.is_noise:
        return say(
            "The difference of {change} is within noise for {samples} samples (p {p}).",
            change=change, samples=test.samples, p=p,
        )  # fmt: skip
    return say(
        "The difference of {change} is more than noise on {samples} samples (p {p}).",
        change=change, samples=test.samples, p=p,
    )  # fmt: skip


def title(name: MeasureName) -> Text:
    """What a figure is called where users read it."""
    titles: dict[MeasureName, Text] = {
        "accuracy": say("Top-1 accuracy"),
        "top5": say("Top-5 accuracy"),
        "macro-f1": say("F1, mean of the classes"),
        "ece": say("Calibration error of confidence (ECE)"),
        "confidence-drift": say("Confidence against float"),
        "kl": say("KL divergence from float"),
        "cosine": say("Cosine with float"),
        "sqnr-db": say("SQNR against float"),
        "box-agreement": say("Boxes as the float model's"),
        "map50": say("mAP 50"),
        "map50-95": say("mAP 50–95"),
        "miou": say("Mean IoU"),
        "pixel-accuracy": say("Pixel accuracy"),
        "mae": say("Mean absolute error"),
        "rmse": say("Root mean square error"),
        "r2": say("R²"),
        "auc": say("AUC"),
        "recall1": say("Recall@1"),
    }
    return titles[name]


def span(interval: Interval | None, is_share: bool = True) -> str:
    """ "85.35–88.30 %" of a share, "1.2 … 1.4" of anything else; a dash for none."""
    if interval is None:
        return "–"
    if is_share:
        return f"{100 * interval.low:.2f}–{100 * interval.high:.2f} %"
    return f"{interval.low:.3g} … {interval.high:.3g}"


def figure(measure: Measure) -> str:
    """The value as users read it."""
    if measure.is_share:
        return f"{100 * measure.value:.2f} %"
    if measure.name == "sqnr-db":
        return f"{measure.value:.1f} dB"
    return f"{measure.value:+.4f}" if measure.name == "confidence-drift" else f"{measure.value:.4g}"
