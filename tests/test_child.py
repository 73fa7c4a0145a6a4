"""A step in a real child: its errors arrive as they are, its death is told from its failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edgekiln import assets
from edgekiln.child import ChildCrashed, StepFailed, run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.codec import encode
from edgekiln.core.errors import UserError
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, InspectPlan
from edgekiln.protocol import Ready, Request, from_line, to_line


def children_of(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_user_error_arrives_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        run_step("identify", tmp_path / "none", InspectPlan(), tmp_path, ModelSource)
    assert "none" in str(caught.value.what)
    assert str(caught.value.do)


def test_our_own_error_keeps_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="KeyError"):
        run_step("no-such-step", tmp_path, InspectPlan(), tmp_path, ModelSource)


def test_a_crash_is_told_from_a_failure(tmp_path: Path) -> None:
    """Killed while it imports TensorFlow, which takes seconds: as native code would end it."""
    source = ModelSource(assets.path("sample/saved_model"), "saved-model", "any")
    before = set(children_of(os.getpid()))

    def kill_child() -> None:
        while not (new := set(children_of(os.getpid())) - before):
            time.sleep(0.01)
        os.kill(new.pop(), signal.SIGSEGV)

    killer = threading.Thread(target=kill_child)
    killer.start()
    with pytest.raises(ChildCrashed, match="SIGSEGV"):
        run_step("convert", source, ConvertPlan(), tmp_path, Artifact)
    killer.join()


def spare() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "edgekiln", "worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_prints_of_native_code_never_reach_the_messages(tmp_path: Path) -> None:
    """Descriptor 1 is for messages alone: what is printed there lands on 2."""
    program = (
        "import os, sys; sys.stdin = open(os.devnull)\n"
        "from edgekiln import protocol, worker\n"
        "out = protocol.own_stdout()\n"
        "os.write(1, b'noise from native code\\n'); print('noise from Python', flush=True)\n"
        "from edgekiln.protocol import Ready\n"
        "worker._send(out, Ready(1, os.getpid()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert isinstance(from_line(done.stdout), Ready)
    assert b"native code" in done.stderr
    assert b"from Python" in done.stderr


def test_a_spare_child_ends_quietly_when_not_needed() -> None:
    child = spare()
    assert child.stdout is not None
    assert isinstance(from_line(child.stdout.readline()), Ready)
    _, errors = child.communicate()
    assert child.returncode == 0
    assert errors == b""


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed while its child waits: nothing of ours stays behind."""
    program = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'edgekiln', 'worker']\n"
        "c = subprocess.Popen(command, stdin=subprocess.PIPE)\n"
        "print(c.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child outlived its parent by 5 s")


def test_a_secret_never_shows_in_a_repr() -> None:
    from edgekiln.core.device import Contact, Device, Secret

    contact = Contact(Device("b", "h", 22, "u", "rdk-x5"), Secret("hunter2"))
    assert "hunter2" not in repr(contact)
    line = to_line(Request("probe", encode(contact), {}, Path("/w")))
    assert b"hunter2" in line  # it does travel, over stdin alone
