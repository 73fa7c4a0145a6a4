"""The chosen candidate beside each other one, sample by sample."""

from __future__ import annotations

from collections.abc import Iterable

from edgekiln.core.accuracy import AccuracyReport, Beside, Candidate
from edgekiln.core.artifact import SchemeName
from edgekiln.core.measures import PairedTest
from edgekiln.pipeline.evaluate.primary import primary_of
from edgekiln.pipeline.evaluate.told import Told


def beside_others(candidates: Iterable[Candidate], chosen: SchemeName | None) -> tuple[Beside, ...]:
    """Whether the chosen one is better than each other, or worse, by more than chance; only those
    with a first figure against the truth of the same samples."""
    judged = {c.scheme: c.report for c in candidates if c.report and c.report.primary is not None}
    if chosen is None or chosen not in judged:
        return ()
    own = judged[chosen]
    tests = ((scheme, paired(own, r)) for scheme, r in judged.items() if scheme != chosen)
    return tuple(Beside(scheme, test) for scheme, test in tests if test is not None)


def paired(one: AccuracyReport, other: AccuracyReport) -> PairedTest | None:
    """The test of the first figures of two reports; None unless both are of the same samples."""
    if one.data_fingerprint != other.data_fingerprint or one.samples != other.samples:
        return None
    own, theirs = (primary_of(Told.read(report)) for report in (one, other))
    return None if own is None or theirs is None else own.against(theirs)
