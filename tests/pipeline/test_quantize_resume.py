"""A quantization that is killed loses at most the step in flight; another limit starts from what is
known."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgekiln.core.codec import encode
from edgekiln.protocol import Ready, Request, from_line, to_line
from pipeline.fired import Made, fire, made

PATIENCE_S = 120


def finished(root: Path) -> dict[str, int]:
    """The kept results below a workspace, by folder, with the time they were written."""
    return {
        result.parent.name: result.stat().st_mtime_ns
        for result in (root / "artifacts").glob("*/result.json")
    }


def killed(inputs: Made, root: Path, after: str) -> dict[str, int]:
    """Start the step in a child, kill it as soon as a result of a step is kept; what is kept."""
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "edgekiln", "worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    assert isinstance(from_line(worker.stdout.readline()), Ready)
    plan = inputs.plan()
    worker.stdin.write(to_line(Request("quantize", encode(inputs.artifact), encode(plan), root)))
    worker.stdin.flush()
    until = time.monotonic() + PATIENCE_S
    while not any(name.startswith(after) for name in finished(root)):
        assert time.monotonic() < until, f"no {after} in time"
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdin.close()
    worker.stdout.close()
    time.sleep(0.3)  # its own children end with it
    return finished(root)


@pytest.mark.parametrize("after", ["lay-table", "calibrate", "candidate"])
def test_killed_it_goes_on_where_it_was(after: str, tmp_path: Path) -> None:
    inputs, root = made(tmp_path), tmp_path / "root"
    before = killed(inputs, root, after)
    assert not any(name.startswith("quantize-") for name in before)
    result = fire(inputs.artifact, inputs.plan(), root)
    assert all(candidate.artifact is not None for candidate in result.candidates)
    kept = finished(root)
    assert {name: kept[name] for name in before} == before  # none was made again
    assert not list((root / "artifacts").glob(".*"))  # nothing unfinished is left
    assert not list(root.glob("*.part.npz"))


def test_another_limit_starts_from_what_is_known(tmp_path: Path) -> None:
    inputs, root = made(tmp_path), tmp_path / "root"
    fire(inputs.artifact, inputs.plan(), root)
    before = finished(root)
    again = fire(inputs.artifact, replace(inputs.plan(), max_drop=0.2), root)
    assert again.max_drop == 0.2
    new = {name.rsplit("-", 1)[0] for name in finished(root).keys() - before.keys()}
    assert new == {"quantize"}
