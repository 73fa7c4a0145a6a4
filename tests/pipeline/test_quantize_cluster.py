"""The same quantization on a real Dask cluster: a scheduler and two workers in processes of their
own, with workspaces of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from edgekiln.core.accuracy import QuantResult
from edgekiln.core.errors import UserError
from pipeline.fired import fire, made

pytest.importorskip("distributed")
PATIENCE_S = 60


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers of one thread."""
    address_file = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        scheduler = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        stack.enter_context(_process(tmp_path, *scheduler, "--scheduler-file", str(address_file)))
        address = _address(address_file)
        for name in ("one", "two"):
            worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
            stack.enter_context(_process(tmp_path / name, *worker))
        yield address


class _process:
    """A `dask` command that ends with the block."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir(exist_ok=True)
        self._folder, self._arguments = folder, arguments

    def __enter__(self) -> None:
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dask", *self._arguments],
            stdout=self._log,
            stderr=self._log,
            cwd=self._folder,
            env={**os.environ, "EDGEKILN_HOME": str(self._folder / "home")},
        )

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)
        self._log.close()


def _address(file: Path) -> str:
    until = time.monotonic() + PATIENCE_S
    while not file.exists() or not file.read_text():
        assert time.monotonic() < until, "the scheduler did not start"
        time.sleep(0.1)
    return str(json.loads(file.read_text())["address"])


def _figures(result: QuantResult) -> list[object]:
    return [
        (
            c.scheme,
            c.artifact and c.artifact.sha256,
            c.verdict.usable,
            c.report and c.report.accuracy,
        )
        for c in result.candidates
    ]


def test_a_cluster_finds_what_this_computer_finds(cluster: str, tmp_path: Path) -> None:
    inputs = made(tmp_path)
    plan = inputs.plan("float16", "int8")
    here = fire(inputs.artifact, plan, tmp_path / "here")
    there = fire(inputs.artifact, replace(plan, cluster=cluster), tmp_path / "root")
    assert _figures(there) == _figures(here)
    assert there.chosen == here.chosen is not None
    done = [
        list((tmp_path / name / "home/cluster/artifacts").glob("candidate-*/result.json"))
        for name in ("one", "two")
    ]
    assert sum(map(len, done)) == 2  # the float model is measured on this computer


def test_a_cluster_that_is_not_there_is_said(tmp_path: Path) -> None:
    inputs = made(tmp_path)
    plan = replace(inputs.plan("float16"), cluster="tcp://127.0.0.1:9")
    with pytest.raises(UserError) as caught:
        fire(inputs.artifact, plan, tmp_path / "root")
    assert "does not answer" in str(caught.value)
