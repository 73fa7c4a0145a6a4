"""The practice box's process, as the window sees it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from edgekiln.jobs.practice import PracticeBox

SERVER = (sys.executable, str(Path(__file__).with_name("fake_practice.py")))


def test_it_says_where_it_is_and_takes_its_password_from_stdin(
    qtbot: QtBot, tmp_path: Path
) -> None:
    box = PracticeBox(tmp_path, SERVER)
    with qtbot.waitSignal(box.ready, timeout=10_000):
        box.start()
    assert box.address is not None
    assert box.address.user == "practice"
    assert box.address.fingerprint == box.password.value  # the fake tells what it was given
    with qtbot.waitSignal(box.ready):
        box.start()  # again: the same box
    box.close()
    assert not box.running


@pytest.mark.parametrize(
    ("folder", "said"), [("broken", "no free port"), ("dies", "no such module")]
)
def test_it_fails_with_its_last_words(qtbot: QtBot, tmp_path: Path, folder: str, said: str) -> None:
    box = PracticeBox(tmp_path / folder, SERVER)
    with qtbot.waitSignal(box.failed, timeout=10_000) as failed:
        box.start()
    assert failed.args == [said]
    box.close()
    assert box.address is None
