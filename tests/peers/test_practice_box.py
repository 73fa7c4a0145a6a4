"""The practice box: a real SSH server of ours, walked like a board."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgekiln.core.device import (
    Contact,
    Device,
    ProbePlan,
    PushInputs,
    ReadHostKeyPlan,
    Secret,
)
from edgekiln.core.errors import UserError
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import silent
from edgekiln.ship.deploy.push import push
from edgekiln.ship.deploy.rollback import rollback
from edgekiln.ship.device.connect import connect, read_host_key
from edgekiln.ship.device.probe import probe
from edgekiln.ship.practice.box import PracticeBox
from peers.conftest import Bundles


def meet(box: PracticeBox, folder: Path, profile: str = "rdk-x5") -> Contact:
    device = Device("practice-box", box.host, box.port, box.user, profile)
    key = read_host_key(Contact(device), ReadHostKeyPlan(), folder, silent)
    assert key.fingerprint == box.fingerprint
    return Contact(replace(device, host_key=key), Secret(box.password))


def test_push_and_roll_back(bundles: Bundles, tmp_path: Path) -> None:
    """With a board's profile: its absolute data folder stays inside the sandbox."""
    with PracticeBox(tmp_path / "box") as box:
        contact, plan = meet(box, tmp_path), DeployPlan()
        first = push(PushInputs(contact, bundles.first.path), plan, tmp_path, silent)
        second = push(PushInputs(contact, bundles.second.path), plan, tmp_path, silent)
        assert [first.state, second.state] == ["live", "live"]
        back = rollback(contact, plan, tmp_path, silent)
        assert [r.id for r in back.releases if r.current] == [first.release]
        current = tmp_path / "box/userdata/edgekiln/edgekiln/current"
        assert current.resolve().name == first.release


def test_same_identity_and_port_next_time(tmp_path: Path) -> None:
    with PracticeBox(tmp_path / "box") as box:
        contact = meet(box, tmp_path)
        fingerprint = box.fingerprint
    with PracticeBox(tmp_path / "box") as again:
        assert (again.port, again.fingerprint) == (contact.device.port, fingerprint)
        with connect(replace(contact, password=Secret(again.password))) as session:
            outcome = session.run(["sh", "-c", "cat; echo $HOME; echo no >&2; exit 3"], b"hello\n")
    assert outcome.out == f"hello\n{tmp_path / 'box'}\n".encode()
    assert (outcome.err, outcome.code) == (b"no\n", 3)


def test_only_its_password_opens_it(tmp_path: Path) -> None:
    with PracticeBox(tmp_path / "box") as box:
        contact = replace(meet(box, tmp_path), password=Secret("practice"))
        with pytest.raises(UserError, match="refuses the login"), connect(contact):
            pass


def test_files_end_at_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("not yours")
    with (
        PracticeBox(tmp_path / "box") as box,
        connect(meet(box, tmp_path)) as session,
        session.sftp() as sftp,
        pytest.raises(PermissionError),
    ):
        sftp.open(str(tmp_path / "outside"))


def test_probe(tmp_path: Path) -> None:
    with PracticeBox(tmp_path / "box") as box:
        facts = probe(meet(box, tmp_path, "this-computer"), ProbePlan(), tmp_path, silent)
    assert facts.profile == "this-computer"
    assert facts.python == ".".join(map(str, sys.version_info[:3]))
    assert {"tflite-runtime 2.14.0"} <= set(facts.runtimes)
    assert facts.memory_bytes is not None
    assert facts.memory_bytes > 1 << 28
    assert facts.disk_free_bytes is not None
    assert facts.data_dir == str(tmp_path / "box" / "edgekiln")
    assert facts.notes == ()


def test_it_ends_with_its_owner(tmp_path: Path) -> None:
    """The owner is killed: stdin closes, and the server goes."""
    program = (
        "import sys, os; from pathlib import Path; "
        "from edgekiln.ship.practice.box import PracticeBox; "
        "box = PracticeBox(Path(sys.argv[1])).__enter__(); print(box.port, flush=True); "
        "os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "box")]
    port = int(subprocess.run(command, capture_output=True, check=False).stdout)
    device = Device("practice-box", "127.0.0.1", port, "practice", "this-computer")
    for _ in range(60):
        try:
            read_host_key(Contact(device), ReadHostKeyPlan(), tmp_path, silent)
        except UserError:
            return
        time.sleep(0.05)
    pytest.fail("the server lives on")


def test_output_without_end_is_drained(tmp_path: Path) -> None:
    """5 MB on both streams: nothing blocks, 1 MiB of each is kept."""
    flood = "head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2"
    with PracticeBox(tmp_path / "box") as box, connect(meet(box, tmp_path)) as session:
        outcome = session.run(["sh", "-c", flood])
        with pytest.raises(UserError, match="too slow"):
            session.run(["sleep", "30"], timeout_s=0.3)
        after = session.run(["printf", "%s|", "it's", "a b", "$HOME", ""])
    assert (outcome.code, len(outcome.out), len(outcome.err)) == (0, 1 << 20, 1 << 20)
    assert after.out == b"it's|a b|$HOME||"
