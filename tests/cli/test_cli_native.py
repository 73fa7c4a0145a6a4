"""The command `edgekiln` with models whose native code really crashes or never ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import fatal_models
from cli.conftest import Edgekiln
from cli.test_cli_hardship import living, start, unfinished


def test_a_crash_is_said_with_its_signal(edgekiln: Edgekiln, tmp_path: Path) -> None:
    model, data = fatal_models.crashing(tmp_path), fatal_models.samples(tmp_path, 8, 8, 4)
    ran = edgekiln("evaluate", model, "--data", data)
    assert ran.code == 1
    assert "litert" in ran.err
    assert "SIGSEGV" in ran.err
    assert "error in EdgeKiln" not in ran.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_endless_model_is_ended_with_all_its_children(
    tmp_path: Path, number: signal.Signals
) -> None:
    workspace = tmp_path / "workspace"
    model, data = fatal_models.endless(tmp_path), fatal_models.samples(tmp_path)
    running = start(workspace, "evaluate", model, "--data", data)
    wait(lambda: any(computing(stat) for stat in living(running.pid)), 60)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.terminate()
    running.communicate(timeout=10)
    assert running.returncode == 130
    assert unfinished(workspace) == []
    wait(lambda: living(running.pid) == [], 3)


def wait(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def computing(stat: Path) -> bool:
    """Whether a process has computed for more than 4 s: it loads in 2, the model runs 1 µs."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 4
