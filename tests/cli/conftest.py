"""The command `edgekiln`, run as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgekiln import assets


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Edgekiln = Callable[..., Ran]


@pytest.fixture(scope="session")
def command_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One workspace for all command tests: what one test made, the next takes from it."""
    return tmp_path_factory.mktemp("command-workspace")


@pytest.fixture(scope="session")
def edgekiln(command_workspace: Path) -> Edgekiln:
    environment = {**os.environ, "EDGEKILN_HOME": str(command_workspace), "LANG": "C.UTF-8"}

    def run(*arguments: object, language: str = "en") -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "edgekiln", *map(str, arguments)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**environment, "EDGEKILN_LANGUAGE": language},
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def sample() -> Path:
    return assets.path("sample")


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder nobody can write to, root neither."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", folder], check=False)
    if mount.returncode != 0:
        pytest.skip("root may write everywhere and cannot mount a read-only folder here")
    yield folder
    subprocess.run(["umount", folder], check=True)
