"""The largest resident size, in MB, of any process of an evaluation: `peak_memory.py MODEL DATA`.

A process of its own, for the system tells the peak of all that it ever waited for.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from edgekiln.child import run_step
from edgekiln.core.accuracy import AccuracyReport, EvalInputs
from edgekiln.core.data import PRESETS, DataSource
from edgekiln.core.plans import EvalPlan
from edgekiln.pipeline.graph.artifact import artifact_of

model, data = map(Path, sys.argv[1:])
artifact = artifact_of(model, scheme="float32", made_from="", made_by=())
with TemporaryDirectory() as folder:
    plan = EvalPlan(DataSource(data), preprocessing=PRESETS[0])
    report = run_step("evaluate", EvalInputs(artifact), plan, Path(folder), AccuracyReport)
print(report.samples, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
