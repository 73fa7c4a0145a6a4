"""Where independent steps are performed: on the cores of this computer, or on a Dask cluster.

One interface for both, so that what asks for steps does not know where they run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from edgekiln.child import Spare, run_step
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
    """Each step in a child of its own, as many at once as there are cores; in a spare one as long
    as there are such."""

    def __init__(
        self, root: Path, pool: ThreadPoolExecutor, width: int, spares: Sequence[Spare] = ()
    ) -> None:
        self.root, self.width, self._pool, self._spares = root, width, pool, list(spares)

    def submit(
        self, step: str, inputs: Any, plan: Any, result_type: type[T], report: Report = silent
    ) -> Future[T]:
        """The step's result to be."""
        spare = self._spares.pop() if self._spares else None
        return self._pool.submit(
            run_step, step, inputs, plan, self.root, result_type, report, spare
        )

    def run(
        self, step: str, inputs: Any, plan: Any, result_type: type[T], report: Report = silent
    ) -> T:
        """One step, awaited."""
        return run_step(step, inputs, plan, self.root, result_type, report)


@contextmanager
def executor(root: Path, cluster: str = "", warm: str = "") -> Iterator[Executor]:
    """The executor for a cluster's address; "" for this computer: then with a child a core that
    starts at once, where `warm` names the module of the steps to come. UserError when the cluster
    does not answer, or `distributed` is not installed."""
    if cluster:
        from edgekiln.cluster import cluster_executor

        with cluster_executor(root, cluster) as there:
            yield there
        return
    width = os.cpu_count() or 1
    with ExitStack() as spares, ThreadPoolExecutor(width) as pool:
        started = [spares.enter_context(Spare(warm)) for _ in range(width if warm else 0)]
        yield LocalExecutor(root, pool, width, started)
