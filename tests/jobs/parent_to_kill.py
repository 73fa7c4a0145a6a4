"""A window without a window: starts a child that is stuck, says its id, and waits to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from edgekiln.core.plans import InspectPlan
from edgekiln.core.text import say
from edgekiln.jobs.job import Task
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.runner import Runner


def main(root: str) -> int:
    app = QCoreApplication(sys.argv)
    worker = str(Path(__file__).with_name("stuck_worker.py"))
    lanes = Lanes(Runner(Path(root), (sys.executable, worker)))
    task = Task("stick", InspectPlan(), InspectPlan(), InspectPlan, say("A job"))
    job = lanes.submit(task, lambda _: None)
    job.progressed.connect(lambda: print(job.pid, flush=True))
    return app.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
