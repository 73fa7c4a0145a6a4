"""The good way: push, push again, roll back, forward, on a real OpenSSH server."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekiln.core.device import PushInputs
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import silent
from edgekiln.core.text import Text
from edgekiln.ship.deploy.push import push
from edgekiln.ship.deploy.rollback import rollback
from peers.conftest import Bundles
from peers.sshd import Sshd

pytestmark = pytest.mark.sshd


def test_push_twice_roll_back_and_forward(
    sshd: Sshd, bundles: Bundles, plan: DeployPlan, tmp_path: Path
) -> None:
    contact, told = sshd.contact(), []

    def report(fraction: float | None, text: Text, found: object = None) -> None:
        told.append(fraction)

    first = push(PushInputs(contact, bundles.first.path), plan, tmp_path, report)
    assert (first.state, first.release) == ("live", bundles.first.manifest.release)
    assert first.health is not None
    assert first.health.runtime == "tflite-runtime 2.14.0"
    assert first.health.samples == 4
    assert first.health.max_relative_error is not None
    assert first.health.max_relative_error < 1e-5
    assert first.health.median_ms is not None
    assert told == sorted(told)
    assert told[-1] == 1.0

    second = push(PushInputs(contact, bundles.second.path), plan, tmp_path, silent)
    assert (second.state, second.release) == ("live", bundles.second.manifest.release)

    back = rollback(contact, plan, tmp_path, silent)
    assert [r.id for r in back.releases if r.current] == [first.release]
    assert back.health is not None
    assert back.health.healthy
    assert back.locked_by == ""

    forward = push(PushInputs(contact, bundles.second.path), plan, tmp_path, silent)
    assert (forward.state, forward.sent_bytes) == ("live", 0)
    assert forward.release == second.release
