"""The commands on a box, against the practice box: a real SSH server serving a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Edgekiln, Ran
from edgekiln.ship.practice.box import PracticeBox


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeBox]:
    with PracticeBox(tmp_path_factory.mktemp("practice") / "box") as running:
        yield running


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("box-workspace")


def edgekiln_with(workspace: Path, password: str, *arguments: object) -> Ran:
    """A command with the password on stdin, as a script would give it."""
    done = subprocess.run(
        [sys.executable, "-m", "edgekiln", *map(str, arguments)],
        input=password + "\n",
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "EDGEKILN_HOME": str(workspace),
            "EDGEKILN_LANGUAGE": "en",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        },
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def bundles(
    edgekiln: Edgekiln, sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("to-push")
    made = edgekiln(
        "quantize", sample / "saved_model", "-o", folder,
        "--calibration", sample / "calibration.npz", "--evaluation", sample / "evaluation.npz",
        "--target", "rdk-x5", "--scheme", "int8", "float16",
    )  # fmt: skip
    assert made.code == 0, made.err
    paths = []
    for scheme in ("float16", "int8"):
        path = folder / f"{scheme}.zip"
        packed = edgekiln("pack", folder, "--scheme", scheme, "-o", path)
        assert packed.code == 0, packed.err
        paths.append(path)
    return paths[0], paths[1]


def add(box: PracticeBox, workspace: Path, fingerprint: str) -> Ran:
    return edgekiln_with(
        workspace, box.password, "device", "add", "practice", "--host", box.host,
        "--port", box.port, "--user", box.user, "--profile", "rdk-x5",
        "--fingerprint", fingerprint, "--password-stdin", "--json",
    )  # fmt: skip


def test_an_unconfirmed_box_is_not_added(box: PracticeBox, workspace: Path) -> None:
    asked = add(box, workspace, "")
    assert asked.code == 1
    assert box.fingerprint in asked.err
    wrong = add(box, workspace, "SHA256:another")
    assert wrong.code == 1
    listed = edgekiln_with(workspace, "", "device", "list", "--json")
    assert listed.json["devices"] == []


def test_the_whole_way_of_a_release(
    box: PracticeBox, workspace: Path, bundles: tuple[Path, Path]
) -> None:
    assert add(box, workspace, box.fingerprint).code == 0

    def run(*arguments: object) -> Ran:
        options = ("--password-stdin", "--json")
        return edgekiln_with(workspace, box.password, *arguments, *options)

    probed = run("device", "probe", "practice")
    assert probed.code == 0
    assert "tflite-runtime 2.14.0" in probed.json["runtimes"]

    pushes = [run("push", bundle, "--device", "practice") for bundle in bundles]
    for pushed in pushes:
        assert pushed.code == 0, pushed.err
        assert pushed.json["state"] == "live"
        assert pushed.json["health"]["healthy"] is True
        assert pushed.json["health"]["runtime"] == "tflite-runtime 2.14.0"

    back = run("rollback", "--device", "practice")
    assert back.code == 0
    current = [r["id"] for r in back.json["releases"] if r["current"]]
    assert current == [pushes[0].json["release"]]
    status = run("status", "--device", "practice")
    assert [r["id"] for r in status.json["releases"] if r["current"]] == current

    secrets = [
        p for p in workspace.rglob("*") if p.is_file() and box.password.encode() in p.read_bytes()
    ]
    assert secrets == []


def test_a_wrong_password_is_said(
    box: PracticeBox, workspace: Path, bundles: tuple[Path, Path]
) -> None:
    assert add(box, workspace, box.fingerprint).code == 0
    pushed = edgekiln_with(
        workspace, "wrong", "push", bundles[0], "--device", "practice", "--password-stdin", "--json"
    )
    assert pushed.code == 1
    assert "refuses the login" in pushed.err
    assert pushed.out == ""


def test_a_box_nobody_added_is_answered_with_the_known(workspace: Path, tmp_path: Path) -> None:
    pushed = edgekiln_with(workspace, "", "push", tmp_path / "b.zip", "--device", "moon")
    assert pushed.code == 1
    assert "moon" in pushed.err
