"""The step `propose`: the preprocessing the finder would take, before anything is quantized."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgekiln.core.artifact import Artifact
from edgekiln.core.data import FindPlan, Proposal
from edgekiln.core.report import Report
from edgekiln.pipeline.data.finder import find_preprocessing


def propose(inputs: Artifact, plan: FindPlan, out_dir: Path, report: Report) -> Proposal:
    """As quantizing would find it with the same float model and data; errors as there."""
    with tempfile.TemporaryDirectory(prefix=".trials-", dir=out_dir) as scratch:
        found = find_preprocessing(
            inputs.path, inputs.signature, plan.data, Path(scratch), report, judging=plan.judging
        )
    return Proposal(found.preprocessing, found.evidence)
