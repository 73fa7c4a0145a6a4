"""What boards say, read; and which profile it points to."""

from __future__ import annotations

import pytest

from edgekiln.ship.deploy.lock import is_dead, new_token
from edgekiln.ship.deploy.refusals import Refused
from edgekiln.ship.device.probe import facts_from
from edgekiln.ship.device.pythons import parse_pythons, python_for

X5 = """edgekiln-probe\t1
arch\taarch64
kernel\t6.1.83
system\tUbuntu 22.04.5 LTS
glibc\t2.35
board\tD-Robotics RDK X5 V1.0
memory_kib\t7340032
data_dir\t/userdata/edgekiln
free_kib\t1048576
python\t/usr/bin/python3\t3.10.12\ttflite-runtime 2.14.0
"""
ATLAS = """edgekiln-probe\t1
arch\taarch64
board\t
ascend\t1
python\t/usr/bin/python3\t3.10.12
python\t/usr/local/miniconda3/bin/python3\t3.9.2\ttflite-runtime 2.14.0\tai-edge-litert 2.1.0
"""


def test_facts_of_an_rdk_x5() -> None:
    facts = facts_from(X5)
    assert (facts.profile, facts.board) == ("rdk-x5", "D-Robotics RDK X5 V1.0")
    assert (facts.memory_bytes, facts.disk_free_bytes) == (7340032 * 1024, 1 << 30)
    assert (facts.python, facts.runtimes) == ("3.10.12", ("tflite-runtime 2.14.0",))
    assert facts.notes == ()


def test_the_python_with_the_runtime_counts() -> None:
    """Atlas images have the runtime in conda, not in the system's Python."""
    facts = facts_from(ATLAS)
    assert facts.profile == "atlas-200i-dk-a2"
    assert facts.python == "3.9.2"
    assert facts.runtimes == ("tflite-runtime 2.14.0", "litert 2.1.0")
    assert facts.memory_bytes is None


def test_without_a_runtime_it_says_so() -> None:
    facts = facts_from(X5.replace("\ttflite-runtime 2.14.0", ""))
    assert [note.template for note in facts.notes] == [
        "{runtime} is not installed; a push will be refused."
    ]
    facts = facts_from(X5.replace("3.10.12", "3.6.9"))
    assert facts.python == ""
    assert "no Python 3.7" in facts.notes[0].template


@pytest.mark.parametrize(
    ("board", "profile"),
    [
        ("Hobot X3 PI V2.1", "rdk-x3"),
        ("D-Robotics RDK X5 V1.0", "rdk-x5"),
        ("Raspberry Pi 4", "this-computer"),
    ],
)
def test_profiles_by_board(board: str, profile: str) -> None:
    assert facts_from(f"edgekiln-probe\t1\nboard\t{board}\n").profile == profile


def test_pythons_by_family() -> None:
    pythons = parse_pythons(ATLAS)
    assert python_for(pythons, "litert 2.3.0").path == "/usr/local/miniconda3/bin/python3"
    assert python_for(pythons, "tensorflow 2.21").path == "/usr/bin/python3"


def test_a_living_process_is_not_dead() -> None:
    token = new_token()
    node, pid, chance = token.split("-")
    assert not is_dead(token)
    assert is_dead(f"{node}-{2**22 + 1}-{chance}")
    assert not is_dead(f"abc-{2**22 + 1}-{chance}")  # another computer's: who knows
    assert not is_dead("")
    assert pid.isdigit()


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("os-error", {"errno": 28}, "The disk of the box is full."),
        ("os-error", {"errno": 30}, "The disk of the box is read-only."),
        ("corrupt-file", {"file": "a"}, "“a” on the box is not what was packed."),
        ("locked", {"owner": "ann@a"}, "ann@a is changing this box right now."),
        ("no-space", {"free": 1e6, "needed": 2e6}, "The box has 1.0 MB free, 2.0 MB are needed."),
        ("anything", {}, "The box says: anything"),
    ],
)
def test_codes_become_sentences(code: str, values: dict[str, object], words: str) -> None:
    assert str(Refused(code, values).why) == words
