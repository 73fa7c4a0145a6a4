"""Steps on a Dask cluster: the files a step needs travel with it, those it made come back.

A worker of the cluster needs EdgeKiln in the same release. It keeps results in a workspace of its
own, so what it has done once it does not do again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edgekiln.child import run_step
from edgekiln.core.codec import based, decode, encode, paths_below
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.report import Report, silent
from edgekiln.core.text import say
from edgekiln.core.workspace import default_root

T = TypeVar("T")
Files = dict[str, bytes]  # path below the workspace -> content
_ANSWER_S = 10


class ClusterExecutor:
    """Steps on the workers of a cluster. A file that several steps need is sent once."""

    def __init__(self, root: Path, client: Any, width: int) -> None:
        self.root, self.width, self._client = root, width, client
        self._sent: dict[str, Any] = {}

    def submit(
        self,
        step: str,
        inputs: Any,
        plan: Any,
        result_type: type[T],
        report: Report = silent,  # noqa: ARG002  (a cluster tells nothing on the way)
    ) -> Future[T]:
        """The step's result to be; its files are in this workspace when it is there."""
        arguments = (encode(inputs, self.root), encode(plan, self.root))
        files = {name: self._send(name) for name in paths_below(arguments)}
        there = self._client.submit(
            perform_there, step, *arguments, files, result_type, pure=False, retries=1
        )
        here: Future[T] = Future()
        here.set_running_or_notify_cancel()
        there.add_done_callback(lambda done: self._bring_home(done, here, result_type))
        return here

    def run(
        self, step: str, inputs: Any, plan: Any, result_type: type[T], report: Report = silent
    ) -> T:
        """One step on this computer: what only one can do is not worth a journey."""
        return run_step(step, inputs, plan, self.root, result_type, report)

    def _send(self, name: str) -> Any:
        if name not in self._sent:
            self._sent[name] = self._client.scatter((self.root / name).read_bytes())
        return self._sent[name]

    def _bring_home(self, there: Any, here: Future[T], result_type: type[T]) -> None:
        try:
            result, files = there.result()
            for name, content in files.items():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                write_atomic(self.root / name, content)
            here.set_result(decode(result_type, result, self.root))
        except Exception as error:  # noqa: BLE001  (whatever it is, it belongs to who waits for it)
            here.set_exception(error)


def perform_there(
    step: str, inputs: Any, plan: Any, files: Files, result_type: type[Any]
) -> tuple[Any, Files]:
    """On a worker: the step's encoded result and the files it names, both below a workspace."""
    root = default_root() / "cluster"
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(root / name, content)
    # What is encoded already stays as it is when it is encoded again
    done = run_step(step, based(inputs, root), based(plan, root), root, result_type)
    result = encode(done, root)
    made = {name: (root / name).read_bytes() for name in paths_below(result)}
    return result, {name: content for name, content in made.items() if name not in files}


@contextmanager
def cluster_executor(root: Path, address: str) -> Iterator[ClusterExecutor]:
    """The executor of the cluster whose scheduler has this address ("tcp://10.0.0.2:8786").

    UserError when it does not answer within 10 s, has no workers, or `distributed` is missing.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError(
            say("A cluster cannot be used here."),
            say("The package “distributed” is not installed."),
            say("Install it with EdgeKiln's extra “cluster”, or leave the address empty."),
        ) from error
    try:
        client = Client(address, timeout=_ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _no_answer(address, str(error)) from error
    with client:
        width = sum(client.nthreads().values())
        if not width:
            raise _no_answer(address, "no workers")
        yield ClusterExecutor(root, client, width)


def _no_answer(address: str, reason: str) -> UserError:
    print(reason, file=sys.stderr)
    return UserError(
        say("The cluster at {address} does not answer.", address=address),
        say("The reason given: {reason}.", reason=reason[:200]),
        say("Check the address and that its workers run; without an address this computer works."),
    )
