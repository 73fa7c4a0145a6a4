"""All that goes wrong on the way; after each, `current` is a release that passes its check."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekiln.core.bundle import Bundle
from edgekiln.core.device import Contact, PushInputs, PushResult, Secret
from edgekiln.core.errors import UserError
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import silent
from edgekiln.core.text import Text
from edgekiln.ship.bundle.pack import pack
from edgekiln.ship.deploy.push import push
from edgekiln.ship.deploy.rollback import rollback
from edgekiln.ship.deploy.status import status
from edgekiln.ship.device.faults import ConnectionLost
from peers.conftest import Bundles
from peers.packed import make_bundle, make_inputs, make_plan
from peers.relay import Relay
from peers.sshd import Sshd

pytestmark = pytest.mark.sshd


@pytest.fixture
def live(
    sshd: Sshd, bundles: Bundles, seed: Path, plan: DeployPlan, tmp_path: Path
) -> Iterator[str]:
    """A first release, live; afterwards it must still be `current` and pass its check there."""
    release = bundles.first.manifest.release
    shutil.copytree(seed, seed.with_name(plan.app), symlinks=True, dirs_exist_ok=True)
    yield release
    sshd.use_python("")
    settled = status(sshd.contact(), plan, tmp_path, silent)
    assert [r.id for r in settled.releases if r.current] == [release]
    assert settled.health is not None
    assert settled.health.healthy, settled.health.reason


def push_to(contact: Contact, bundle: Bundle, plan: DeployPlan, folder: Path) -> PushResult:
    return push(PushInputs(contact, bundle.path), plan, folder, silent)


def releases(sshd: Sshd, plan: DeployPlan) -> list[str]:
    folder = sshd.home / "edgekiln" / plan.app / "releases"
    return sorted(path.name for path in folder.iterdir())


def test_wrong_password(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    contact = sshd.contact()
    device = replace(contact.device, key_file=None)
    with pytest.raises(UserError) as raised:
        push_to(Contact(device, Secret("not this one")), bundles.second, plan, tmp_path)
    assert raised.value.why.template == "The password is wrong."
    assert releases(sshd, plan) == [live]


def test_login_by_key(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    result = push_to(sshd.key_contact(), bundles.first, plan, tmp_path)
    assert (result.state, result.release) == ("live", live)


def test_changed_host_key(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    contact = sshd.contact()
    sshd.reflash()
    with pytest.raises(UserError) as raised:
        push_to(contact, bundles.second, plan, tmp_path)
    assert "its identity changed" in raised.value.what.template
    values = dict(raised.value.why.values)
    assert contact.device.host_key is not None
    assert values["pinned"] == contact.device.host_key.fingerprint
    assert values["found"] != values["pinned"]
    assert releases(sshd, plan) == [live]


def test_unknown_host(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    contact = sshd.contact()
    stranger = replace(contact, device=replace(contact.device, host_key=None))
    with pytest.raises(UserError) as raised:
        push_to(stranger, bundles.second, plan, tmp_path)
    assert "never confirmed" in raised.value.what.template
    assert releases(sshd, plan) == [live]


def test_nobody_answers(sshd: Sshd, bundles: Bundles, plan: DeployPlan, tmp_path: Path) -> None:
    contact = sshd.contact()
    away = replace(contact, device=replace(contact.device, port=1))
    with pytest.raises(UserError) as raised:
        push_to(away, bundles.second, plan, tmp_path)
    assert "no SSH server answers" in raised.value.why.template


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own over a folder; skips where that is not allowed."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(sshd: Sshd, plan: DeployPlan) -> Iterator[Path]:
    folder = sshd.home / "edgekiln" / plan.app
    with small_disk(folder, 40):
        yield folder


def test_disk_too_small(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, disk: Path, live: str, tmp_path: Path
) -> None:
    (disk / "ballast").write_bytes(bytes(30 << 20))
    result = push_to(sshd.contact(), bundles.large, plan, tmp_path)
    assert (result.state, result.release) == ("refused", live)
    assert result.why is not None
    assert "MB are needed" in result.why.template
    assert releases(sshd, plan) == [live]


def test_disk_full_in_mid_upload(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, disk: Path, live: str, tmp_path: Path
) -> None:
    def fill(fraction: float | None, text: Text, found: object = None) -> None:
        if text.template.startswith("Sent") and not (disk / "ballast").exists():
            (disk / "ballast").write_bytes(bytes(36 << 20))

    inputs = PushInputs(sshd.contact(), bundles.large.path)
    result = push(inputs, plan, tmp_path, fill)
    assert (disk / "ballast").exists()
    (disk / "ballast").unlink()
    assert (result.state, result.release) == ("refused", live)
    assert result.why is not None
    assert result.why.template == "The disk of the box is full."
    assert releases(sshd, plan) == [live]


def test_read_only_disk(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, disk: Path, live: str, tmp_path: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        result = push_to(sshd.contact(), bundles.second, plan, tmp_path)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert (result.state, result.release) == ("refused", live)
    assert result.why is not None
    assert result.why.template == "The disk of the box is read-only."


def test_connection_reset_in_mid_upload(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    with Relay(sshd.port, "reset", 3 << 20) as relay:
        with pytest.raises(ConnectionLost):
            push_to(sshd.contact(relay.port), bundles.large, plan, tmp_path)
        assert relay.broke
    assert releases(sshd, plan) == [live]
    assert status(sshd.contact(), plan, tmp_path, silent).locked_by == ""


def test_connection_reset_after_the_switch(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, tmp_path: Path
) -> None:
    """Nobody can say whether it is live, so nobody claims it; it had passed its check before."""
    with Relay(sshd.port, "reset", 1 << 40) as relay:

        def cut(fraction: float | None, text: Text, found: object = None) -> None:
            if "after the switch" in text.template:
                relay.cut()

        inputs = PushInputs(sshd.contact(relay.port), bundles.first.path)
        with pytest.raises(ConnectionLost) as raised:
            push(inputs, plan, tmp_path, cut)
    assert "may be live" in raised.value.do.template
    settled = status(sshd.contact(), plan, tmp_path, silent)
    assert [r.id for r in settled.releases if r.current] == [bundles.first.manifest.release]
    assert settled.locked_by == ""
    assert settled.health is not None
    assert settled.health.healthy


def test_cable_pulled_in_mid_upload(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    """Silence: no goodbye, and no way to tidy up. The next push, of another process, does it."""
    hasty = replace(plan, timeout_s=3.0)
    with Relay(sshd.port, "silence", 3 << 20) as relay:
        program = Path(__file__).with_name("push_once.py")
        command = [sys.executable, str(program), str(relay.port), str(bundles.large.path)]
        key = sshd.folder / "login"
        contact = sshd.contact()
        assert contact.device.host_key is not None
        more = [contact.device.user, str(key), contact.device.host_key.key, plan.app]
        cut = subprocess.run([*command, *more], capture_output=True, timeout=60, check=False)
        assert relay.broke
    assert cut.stdout.decode().strip() == "ConnectionLost", cut.stderr.decode()
    assert f"{bundles.large.manifest.release}.part" in releases(sshd, plan)
    again = push_to(sshd.contact(), bundles.first, hasty, tmp_path)
    assert (again.state, again.release) == ("live", live)
    assert releases(sshd, plan) == [live]


def test_agent_without_numpy_and_runtime(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    sshd.use_python("-S -E")
    result = push_to(sshd.contact(), bundles.second, plan, tmp_path)
    assert (result.state, result.release) == ("refused", live)
    assert result.why is not None
    assert dict(result.why.values)["module"] == "numpy"
    assert releases(sshd, plan) == [live]


def test_file_corrupted_on_the_box(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    model = (
        sshd.home
        / f"edgekiln/{plan.app}/releases/{bundles.large.manifest.release}.part/model.tflite"
    )

    def flip(fraction: float | None, text: Text, found: object = None) -> None:
        if text.template.startswith("Comparing"):
            with model.open("r+b") as file:
                file.seek(3 << 20)
                file.write(b"\xff")

    inputs = PushInputs(sshd.contact(), bundles.large.path)
    result = push(inputs, plan, tmp_path, flip)
    assert (result.state, result.release) == ("refused", live)
    assert result.why is not None
    assert dict(result.why.values)["file"] == "model.tflite"
    assert releases(sshd, plan) == [live]


def test_failing_health_check(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    """Golden outputs that this model never had, signed with the same key."""
    inputs = make_inputs(bundles.first.path.parent.parent / "wrong", seed=5)
    with np.load(inputs.golden_outputs) as outputs:
        np.savez(inputs.golden_outputs, y=outputs["y"] * 1.5)
    wrong = pack(inputs, make_plan(inputs.golden_inputs), tmp_path, silent)
    result = push_to(sshd.contact(), wrong, plan, tmp_path)
    assert (result.state, result.release) == ("refused", live)
    assert result.health is not None
    assert not result.health.healthy
    assert result.health.max_relative_error == pytest.approx(1 / 3, rel=1e-3)
    assert releases(sshd, plan) == [live]


def test_check_that_fails_after_the_switch(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    """The box loses its runtime between the two checks: taken back by itself."""
    mark = tmp_path / "switched"
    lose = (
        f'case "$*" in *activate*) touch {mark};; *check*) [ -e {mark} ] && set -- -S "$@";; esac'
    )
    sshd.use_python("", before=lose)
    result = push_to(sshd.contact(), bundles.second, plan, tmp_path)
    assert mark.exists()
    assert (result.state, result.release) == ("rolled-back", live)
    assert result.health is not None
    assert not result.health.healthy
    assert releases(sshd, plan) == [live]


def test_another_key(sshd: Sshd, plan: DeployPlan, live: str, tmp_path: Path) -> None:
    foreign = make_bundle(tmp_path / "foreign", seed=6)
    result = push_to(sshd.contact(), foreign, plan, tmp_path)
    assert (result.state, result.release) == ("refused", live)
    assert result.why is not None
    assert result.why.template.startswith("The box trusts the key")
    assert releases(sshd, plan) == [live]


def test_two_pushes_at_once(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    """While the first one sends, a second engineer is told who is at it."""
    seen: list[PushResult] = []

    def intrude(fraction: float | None, text: Text, found: object = None) -> None:
        if text.template.startswith("Sent") and not seen:
            seen.append(push_to(sshd.contact(), bundles.first, plan, tmp_path))

    first = push(PushInputs(sshd.contact(), bundles.second.path), plan, tmp_path, intrude)
    assert (first.state, first.release) == ("live", bundles.second.manifest.release)
    assert (seen[0].state, seen[0].release) == ("refused", live)
    assert seen[0].why is not None
    assert seen[0].why.template == "{owner} is changing this box right now."
    back = rollback(sshd.contact(), plan, tmp_path, silent)
    assert back.locked_by == ""


def test_a_race_has_one_winner(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, live: str, tmp_path: Path
) -> None:
    results: list[PushResult] = []

    def run() -> None:
        results.append(push_to(sshd.contact(), bundles.first, plan, tmp_path))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.release for result in results} == {live}
    assert "live" in [result.state for result in results]


def test_nothing_to_roll_back_to(sshd: Sshd, plan: DeployPlan, live: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        rollback(sshd.contact(), plan, tmp_path, silent)
    assert raised.value.why.template == "There is no earlier release on it."


def test_status_before_the_first_push(sshd: Sshd, plan: DeployPlan, tmp_path: Path) -> None:
    empty = status(sshd.contact(), plan, tmp_path, silent)
    assert (empty.releases, empty.locked_by, empty.health) == ((), "", None)
    assert not (sshd.home / "edgekiln" / plan.app).exists()
