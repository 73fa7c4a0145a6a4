"""The viewer's children: started, ended with the window, and heard when they fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from edgekiln.jobs import netron
from edgekiln.jobs.netron import Netron

# A child that says who it is and serves until it is ended, as Netron does.
SERVES = """
import os, sys, time
from pathlib import Path
Path(sys.argv[1] + ".pid").write_text(str(os.getpid()))
time.sleep(60)
"""
DIES = "import sys; sys.exit('no port is free')"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def served(qtbot: QtBot, model: Path) -> int:
    file = Path(f"{model}.pid")
    qtbot.waitUntil(lambda: file.exists() and file.read_text() != "", timeout=10_000)
    pid = int(file.read_text())
    file.unlink()
    return pid


def test_it_serves_until_the_window_ends(qtbot: QtBot, tmp_path: Path) -> None:
    viewer = Netron(tmp_path, (sys.executable, "-c", SERVES))
    first, second = tmp_path / "a.tflite", tmp_path / "b.tflite"
    viewer.open(first)
    viewer.open(second)
    pids = [served(qtbot, model) for model in (first, second)]
    assert all(map(is_alive, pids))
    viewer.open(first)  # again: the one before it goes
    again = served(qtbot, first)
    assert (again == pids[0], is_alive(pids[0]), len(viewer.shown())) == (False, False, 2)
    viewer.close()
    assert not any(map(is_alive, (again, *pids)))
    assert viewer.shown() == ()


def test_its_last_words_are_told(qtbot: QtBot, tmp_path: Path) -> None:
    viewer = Netron(tmp_path, (sys.executable, "-c", DIES))
    with qtbot.waitSignal(viewer.failed, timeout=10_000) as told:
        viewer.open(tmp_path / "a.tflite")
    assert told.args == ["no port is free"]
    assert viewer.shown() == ()


def test_a_program_that_is_not_there_is_told(qtbot: QtBot, tmp_path: Path) -> None:
    viewer = Netron(tmp_path, (str(tmp_path / "none"),))
    told: list[str] = []
    viewer.failed.connect(told.append)
    viewer.open(tmp_path / "a.tflite")
    qtbot.waitUntil(lambda: bool(told), timeout=10_000)
    assert (len(told), viewer.shown()) == (1, ())


@pytest.mark.skipif(not netron.is_installed(), reason="Netron is not installed")
def test_the_real_one_serves_a_model(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "true")
    model = tmp_path / "a.tflite"
    model.write_bytes(b"\0" * 64)
    viewer = Netron(tmp_path)
    viewer.open(model)
    log = tmp_path / "logs" / "netron.log"
    qtbot.waitUntil(lambda: log.exists() and "http://127.0.0.1" in log.read_text(), timeout=20_000)
    viewer.close()
