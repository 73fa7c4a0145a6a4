"""Small models, made once a session by one TensorFlow child."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgekiln.core.codec import encode

HERE = Path(__file__).parent
Job = tuple[str, str, object, object]  # name, step, inputs, plan
Drive = Callable[[Sequence[Job]], "Driven"]


class Driven:
    """What the steps of one TensorFlow child came to, by job name, and where they worked."""

    def __init__(self, results: dict[str, Any], root: Path) -> None:
        self._results = results
        self.root = root

    def result(self, name: str) -> Any:
        """The encoded result; fails with the child's own words when there is none."""
        answer = self._results[name]
        assert "result" in answer, answer.get("bug") or answer
        return answer["result"]

    def error(self, name: str) -> dict[str, Any]:
        """The UserError's words; fails when the step did anything else."""
        answer = self._results[name]
        assert "error" in answer, answer.get("bug") or answer
        return answer["error"]


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models, see convert_models.py. Do not change it: copy what you change."""
    folder = tmp_path_factory.mktemp("models")
    run_python(HERE / "convert_models.py", folder)
    return folder


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """Performs jobs in one child and gives back what they came to."""

    def run(jobs: Sequence[Job]) -> Driven:
        root = tmp_path_factory.mktemp("drive")
        listed = [[name, step, encode(inputs), encode(plan)] for name, step, inputs, plan in jobs]
        (root / "jobs.json").write_text(json.dumps(listed))
        run_python(HERE / "convert_driver.py", root / "jobs.json", root / "done.json", root)
        return Driven(json.loads((root / "done.json").read_text()), root)

    return run


@pytest.fixture
def copy_of(small_models: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a small model that a test may break."""

    def copy(name: str) -> Path:
        source, target = small_models / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copyfile(source, target)
        return target

    return copy


@pytest.fixture(scope="session")
def evaluation_kit() -> Path:
    """The public models and data beside the checkout; skips where they are not."""
    folder = HERE.parents[1] / "../shared/eval"
    if not folder.is_dir():
        pytest.skip("the evaluation kit ../shared/eval is not here")
    return folder.resolve()


def run_python(script: Path, *arguments: Path) -> None:
    ended = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
