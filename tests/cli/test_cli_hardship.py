"""The command `edgekiln` in a hard world: full disks, cut runs, damaged files, odd models."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import Edgekiln
from pipeline.graphs import GraphBuilder, as_artifact


@pytest.fixture(scope="module")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float `.tflite` whose one output is a value, no class; its data, unlabelled, beside it."""
    folder = tmp_path_factory.mktemp("regressor")
    builder = GraphBuilder(seed=1)
    graph = builder.graph(builder.dense(builder.input((1, 8)), 1))
    x = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    np.savez(folder / "data.npz", x=x)
    return as_artifact(graph, folder).path


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def start(workspace: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edgekiln", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "EDGEKILN_HOME": str(workspace), "EDGEKILN_LANGUAGE": "en"},
    )


def unfinished(workspace: Path) -> list[Path]:
    return list(workspace.rglob("*.part"))


def wait_for_work(workspace: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if any(f.name.startswith(".quantize-") for f in unfinished(workspace)):
            return
        time.sleep(0.02)
    raise AssertionError("the step quantize did not start")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ended_quantization_leaves_nothing(
    regressor: Path, tmp_path: Path, number: signal.Signals
) -> None:
    workspace, out = tmp_path / "workspace", tmp_path / "out"
    data = regressor.parent / "data.npz"
    running = start(workspace, "quantize", regressor, "--calibration", data, "-o", out, "--json")
    wait_for_work(workspace)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.terminate()
    stdout, _ = running.communicate(timeout=10)
    assert (running.returncode, stdout) == (130, "")
    assert not out.exists()
    assert unfinished(workspace) == []
    until = time.monotonic() + 1  # the kernel ends the children's children, a moment later
    while (alive := living(running.pid)) and time.monotonic() < until:
        time.sleep(0.02)
    assert alive == []


def living(group: int) -> list[Path]:
    return [stat for stat in Path("/proc").glob("[0-9]*/stat") if _group(stat) == group]


def _group(stat: Path) -> int:
    """The process group of a living process (0: gone, or only waiting to be forgotten)."""
    try:
        state, _, group, *_ = stat.read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return 0
    return 0 if state == "Z" else int(group)


def test_two_runs_at_once_share_a_workspace(regressor: Path, tmp_path: Path) -> None:
    workspace, data = tmp_path / "workspace", regressor.parent / "data.npz"
    running = [
        start(workspace, "quantize", regressor, "--json", "--scheme", "float16",
              "--calibration", data, "-o", tmp_path / f"out-{i}")
        for i in range(2)
    ]  # fmt: skip
    for i, run in enumerate(running):
        stdout, stderr = run.communicate(timeout=120)
        assert run.returncode == 0, stderr
        assert Path(json.loads(stdout)["candidates"][0]["path"]).parent == tmp_path / f"out-{i}"
    assert unfinished(workspace) == []


def test_a_full_disk_is_said_and_left_clean(
    edgekiln: Edgekiln, sample: Path, tiny_disk: Path
) -> None:
    arguments = ("quantize", sample / "saved_model", "--calibration", sample / "calibration.npz")
    ran = edgekiln(*arguments, "-o", tiny_disk / "out", "--scheme", "float32", "float16", "int8")
    assert ran.code == 1
    assert "No space left on device" in ran.err
    assert "Traceback" not in ran.err
    assert list(tiny_disk.iterdir()) == []


def test_a_full_workspace_is_said(edgekiln: Edgekiln, sample: Path, tiny_disk: Path) -> None:
    (tiny_disk / "taken").write_bytes(b"x" * 30_000)
    workspace = ("--workspace", tiny_disk / "w")
    ran = edgekiln(*workspace, "fuse", sample / "saved_model", "-o", tiny_disk / "o.tflite")
    assert ran.code == 1
    assert "No space left on device" in ran.err
    assert not (tiny_disk / "o.tflite").exists()
    assert unfinished(tiny_disk) == []


def test_a_workspace_that_cannot_be_written_is_said(
    edgekiln: Edgekiln, sample: Path, read_only_folder: Path
) -> None:
    ran = edgekiln("--workspace", read_only_folder / "w", "inspect", sample / "saved_model")
    assert (ran.code, ran.out) == (1, "")
    assert "cannot be written" in ran.err
    assert "Traceback" not in ran.err


def test_a_workspace_of_garbage_still_works(
    edgekiln: Edgekiln, regressor: Path, tmp_path: Path
) -> None:
    for name in ("history.sqlite", "workspace.json", "devices.json"):
        (tmp_path / name).write_bytes(b"{[garbage" * 500)
    assert edgekiln("--workspace", tmp_path, "inspect", regressor, "--json").code == 0
    ran = edgekiln("--workspace", tmp_path, "device", "list", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert "devices.json is damaged" in ran.err
    assert "Traceback" not in ran.err


def test_a_reader_that_leaves_is_no_error(regressor: Path, tmp_path: Path) -> None:
    running = start(tmp_path, "inspect", regressor, "--json")
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    with running.stderr:
        assert running.stderr.read() == ""
    assert running.wait(10) == 1


def test_a_file_of_the_users_is_not_imported(regressor: Path, tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('theirs')")
    command = Path(sys.executable).parent / "edgekiln"
    ran = subprocess.run(
        [command, "--workspace", tmp_path / "w", "inspect", regressor], cwd=tmp_path, check=False
    )
    assert ran.returncode == 0


def test_a_moved_model_is_named_where_it_is(
    edgekiln: Edgekiln, regressor: Path, tmp_path: Path
) -> None:
    edgekiln("inspect", regressor)
    moved = tmp_path / "moved.tflite"
    moved.write_bytes(regressor.read_bytes())
    assert edgekiln("inspect", moved, "--json").json["path"] == str(moved)


def test_data_is_named_where_it_is(edgekiln: Edgekiln, regressor: Path, tmp_path: Path) -> None:
    data = regressor.parent / "data.npz"
    edgekiln("evaluate", regressor, "--data", data)
    moved = tmp_path / "moved.npz"
    moved.write_bytes(data.read_bytes())
    assert (
        edgekiln("evaluate", regressor, "--data", moved, "--json")
        .json["data"]
        .endswith("/moved.npz")
    )


def test_a_damaged_result_is_made_again(
    edgekiln: Edgekiln, regressor: Path, tmp_path: Path
) -> None:
    out, workspace = tmp_path / "o.tflite", tmp_path / "w"
    arguments = ("--workspace", workspace, "fuse", regressor, "-o", out, "--json")
    assert edgekiln(*arguments).code == 0
    first = out.read_bytes()
    for kept in workspace.rglob("*.tflite"):
        kept.write_bytes(b"")
    assert edgekiln(*arguments).code == 0
    assert out.read_bytes() == first


def test_a_model_of_values_is_judged_by_its_error(
    edgekiln: Edgekiln, regressor: Path, tmp_path: Path
) -> None:
    data = regressor.parent / "data.npz"
    ran = edgekiln(
        "quantize", regressor, "--calibration", data, "--evaluation", data,
        "--scheme", "float32", "int8", "-o", tmp_path / "out", "--json",
    )  # fmt: skip
    assert ran.code == 0
    by_scheme = {c["scheme"]: c for c in ran.json["candidates"]}
    assert by_scheme["int8"]["agreement"] is None
    assert 0 < by_scheme["int8"]["error"] < 0.1
    assert by_scheme["float32"]["error"] == 0
    assert "away from the float model's" in ran.json["reason"]


def test_a_wrong_target_is_told_before_the_work(
    edgekiln: Edgekiln, sample: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    ran = edgekiln(
        "--workspace", tmp_path / "w", "quantize", sample / "saved_model", "--target", "toaster",
        "--calibration", sample / "calibration.npz", "-o", tmp_path / "out",
    )  # fmt: skip
    assert ran.code == 1
    assert "rdk-x3" in ran.err
    assert time.monotonic() - began < 3
    assert not (tmp_path / "out").exists()


def test_a_folder_is_no_place_for_a_file(edgekiln: Edgekiln, sample: Path, tmp_path: Path) -> None:
    ran = edgekiln("fuse", sample / "saved_model", "-o", tmp_path)
    assert ran.code == 1
    assert "is a folder" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("variable", "expected"), [("zh_CN.UTF-8", "参数"), ("C", "parameters")])
def test_the_language_is_what_the_system_asks_for(
    regressor: Path, tmp_path: Path, variable: str, expected: str
) -> None:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "EDGEKILN_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "edgekiln", "--workspace", tmp_path, "inspect", regressor],
        env={**plain, "LANG": variable, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert expected in ran.stdout


@pytest.mark.parametrize("flag", [[], ["--json"]])
def test_a_terminal_without_chinese_is_no_error(
    regressor: Path, tmp_path: Path, flag: list[str]
) -> None:
    model = tmp_path / "模型.tflite"
    model.write_bytes(regressor.read_bytes())
    ran = subprocess.run(
        [sys.executable, "-m", "edgekiln", "--workspace", tmp_path, "inspect", model, *flag],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "EDGEKILN_LANGUAGE": "zh_CN"},
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    if flag:
        assert json.loads(ran.stdout)["path"] == str(model)
