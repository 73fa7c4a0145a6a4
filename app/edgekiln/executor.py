"""Where independent steps are performed: on the cores of this computer, or on a Dask cluster.

One interface for both, so that what asks for steps does not know where they run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from edgekiln.child import run_step
from edgekiln.core.report import Report, silent

T = TypeVar("T")


class Executor(Protocol):
    """Performs steps whose results are kept below `root`; `width` of them at once."""

    root: Path
    width: int

    def submit(
        self, step: str, inputs: Any, plan: Any, result_type: type[T], report: Report = silent
    ) -> Future[T]:
        """The step's result to be; its errors are those of `child.run_step`. `report` is called
        from another thread, and not at all from a cluster."""
        ...

    def run(
        self, step: str, inputs: Any, plan: Any, result_type: type[T], report: Report = silent
    ) -> T:
        """One step, awaited, on this computer."""
        ...


class LocalExecutor:
    """Each step in a child of its own, as many at once as there are cores."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor, width: int) -> None:
        self.root, self.width, self._pool = root, width, pool

    def submit(
        self, step: str, inputs: Any, plan: Any, result_type: type[T], report: Report = silent
    ) -> Future[T]:
        """The step's result to be."""
        return self._pool.submit(run_step, step, inputs, plan, self.root, result_type, report)

    def run(
        self, step: str, inputs: Any, plan: Any, result_type: type[T], report: Report = silent
    ) -> T:
        """One step, awaited."""
        return run_step(step, inputs, plan, self.root, result_type, report)


@contextmanager
def executor(root: Path, cluster: str = "") -> Iterator[Executor]:
    """The executor for a cluster's address; "" for this computer. UserError when the cluster does
    not answer, or `distributed` is not installed."""
    if cluster:
        from edgekiln.cluster import cluster_executor

        with cluster_executor(root, cluster) as there:
            yield there
        return
    width = os.cpu_count() or 1
    with ThreadPoolExecutor(width) as pool:
        yield LocalExecutor(root, pool, width)
