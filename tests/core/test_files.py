"""A file or folder is complete or absent, whatever happens in between."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgekiln.core.files import complete_folder, fingerprint, sha256, write_atomic


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    write_atomic(target, b"old")
    with pytest.raises(TypeError):
        write_atomic(target, "not bytes")  # type: ignore[arg-type]
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_only_when_the_block_ends_well(tmp_path: Path) -> None:
    target = tmp_path / "result"

    def fail_half_way() -> None:
        with complete_folder(target) as part:
            (part / "half").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []
    with complete_folder(target) as part:
        (part / "whole").write_text("x")
    assert [p.name for p in target.iterdir()] == ["whole"]


def test_a_fingerprint_follows_the_contents(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    (folder / "b").write_bytes(b"2")
    assert fingerprint(folder) != before
    assert fingerprint(folder / "a") == sha256(folder / "a")


def test_what_a_dead_process_left_is_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".result.{dead.pid}.part" / "work").mkdir(parents=True)
    ours = tmp_path / f".other.{os.getpid()}.part"
    ours.mkdir()
    with complete_folder(tmp_path / "result") as part:
        (part / "whole").write_text("x")
    assert {p.name for p in tmp_path.iterdir()} == {"result", ours.name}


def test_who_comes_second_keeps_the_first(tmp_path: Path) -> None:
    with complete_folder(tmp_path / "result") as part:
        (part / "second").write_text("x")
        (tmp_path / "result").mkdir()
        (tmp_path / "result" / "first").write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["result"]
    assert [p.name for p in (tmp_path / "result").iterdir()] == ["first"]
