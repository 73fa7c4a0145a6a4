"""For every test: no display, a home of its own, and nothing left running behind it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

_PATIENCE_S = 3.0


@pytest.fixture(autouse=True)
def edgekiln_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace a test sees unless it names another."""
    home = tmp_path / "home"
    monkeypatch.setenv("EDGEKILN_HOME", str(home))
    monkeypatch.delenv("EDGEKILN_RUNTIMES", raising=False)  # what this computer has beside ours
    return home


@pytest.fixture(autouse=True)
def leaves_nothing_running() -> Iterator[None]:
    """A live child or thread that was not there before fails the test."""
    before = _children(), set(threading.enumerate())
    yield
    until = time.monotonic() + _PATIENCE_S
    while (left := _left(*before)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not left, f"left running: {left}"


def _left(children: set[int], threads: set[threading.Thread]) -> list[str]:
    new = [thread.name for thread in set(threading.enumerate()) - threads]
    return new + [_command(child) for child in _children() - children]


def _children() -> set[int]:
    """Process ids of our live children (Linux; elsewhere none is seen)."""
    found: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        try:
            found.update(int(pid) for pid in listing.read_text().split())
        except FileNotFoundError:  # the thread ended meanwhile
            continue
    return {pid for pid in found if "resource_tracker" not in _command(pid)}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:
        return ""
