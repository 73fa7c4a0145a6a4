"""The chosen candidate beside each other one, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable

from edgekiln.core.accuracy import AccuracyReport, Beside, Candidate
from edgekiln.core.artifact import SchemeName
from edgekiln.core.measures import PairedTest
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.evaluate.statistics import mcnemar


def beside_others(candidates: Iterable[Candidate], chosen: SchemeName | None) -> tuple[Beside, ...]:
    """Whether the chosen one is more accurate than each other, or less, by more than chance; only
    those with an accuracy of the same samples."""
    judged = {c.scheme: c.report for c in candidates if c.report and c.report.accuracy is not None}
    if chosen is None or chosen not in judged:
        return ()
    own = judged[chosen]
    tests = ((scheme, paired(own, r)) for scheme, r in judged.items() if scheme != chosen)
    return tuple(Beside(scheme, test) for scheme, test in tests if test is not None)


def paired(one: AccuracyReport, other: AccuracyReport) -> PairedTest | None:
    """McNemar's test of two reports; None unless both are of the same labelled samples."""
    if one.data_fingerprint != other.data_fingerprint or one.samples != other.samples:
        return None
    own, theirs = load_arrays(one.outputs), load_arrays(other.outputs)
    known = own["labels"] >= 0
    right = (own["predicted"] == own["labels"])[known]
    return mcnemar(right, (theirs["predicted"] == own["labels"])[known])
