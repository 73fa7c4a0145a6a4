"""The real worker with one more step: native code that never gives the interpreter back."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

from edgekiln import steps, worker
from edgekiln.core.plans import InspectPlan
from edgekiln.core.report import Report
from edgekiln.core.text import say


def stick(inputs: InspectPlan, plan: InspectPlan, out_dir: Path, report: Report) -> InspectPlan:
    """Sleep in C with the GIL held, as a converter does for seconds."""
    report(None, say("stuck"))
    ctypes.PyDLL(None).sleep(600)
    return inputs


if __name__ == "__main__":
    sys.modules["stuck_worker"] = sys.modules["__main__"]
    steps.STEPS["stick"] = steps.Step("stuck_worker", "stick", kept=False)
    sys.exit(worker.main())
