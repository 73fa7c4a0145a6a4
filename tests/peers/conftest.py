"""A real server and real bundles, once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from edgekiln.core.bundle import Bundle
from edgekiln.core.device import PushInputs
from edgekiln.core.plans import DeployPlan
from edgekiln.core.report import silent
from edgekiln.ship.deploy.push import push
from peers.packed import make_bundle
from peers.sshd import Sshd, running_sshd, unavailable

_NUMBERS = count(1)


@dataclass(frozen=True)
class Bundles:
    """Two small ones and one of 6 MB, all of one key."""

    first: Bundle
    second: Bundle
    large: Bundle


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    root = tmp_path_factory.mktemp("bundles")
    return Bundles(
        make_bundle(root / "first", seed=1),
        make_bundle(root / "second", seed=2),
        make_bundle(root / "large", seed=3, inputs=1536, outputs=1024),
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if why := unavailable():
        pytest.skip(why)
    with running_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def sshd(server: Sshd) -> Iterator[Sshd]:
    """The server, with the sound Python again afterwards."""
    yield server
    server.use_python("")


@pytest.fixture(scope="session")
def seed(server: Sshd, bundles: Bundles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An application's folder with one live release, as a real push left it: to start from."""
    inputs = PushInputs(server.contact(), bundles.first.path)
    result = push(inputs, DeployPlan("seed"), tmp_path_factory.mktemp("seed"), silent)
    assert (result.state, result.release) == ("live", bundles.first.manifest.release)
    return server.home / "edgekiln" / "seed"


@pytest.fixture
def plan() -> DeployPlan:
    """An application of its own for each test."""
    return DeployPlan(f"app{next(_NUMBERS)}", timeout_s=10.0)
