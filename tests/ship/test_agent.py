"""The agent as a program: old syntax, nothing of ours, the signature's own standard, its lock."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekiln.onboard import agent, agent_source, preprocess_source

# RFC 8032, section 7.1, tests 1 to 3: key, message, signature.
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
)


def run(*arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """A command as on a box: the agent's text over stdin."""
    command = [python, "-", *arguments]
    done = subprocess.run(command, input=agent_source(), capture_output=True, check=False)
    answer = json.loads(done.stdout.decode().splitlines()[-1])
    assert (done.returncode == 0) == answer["ok"]
    return dict(answer)


@pytest.fixture
def app(tmp_path: Path) -> str:
    return str(run("stage", str(tmp_path / "data"), "app")["app"])


def test_syntax_of_python_3_7() -> None:
    ast.parse(agent_source(), feature_version=(3, 7))
    ast.parse(preprocess_source(), feature_version=(3, 7))


def test_imports_the_standard_library_alone() -> None:
    tree = ast.parse(agent_source())
    names = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_starts_no_shell() -> None:
    assert b"shell=True" not in agent_source()
    assert b"os.system" not in agent_source()


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_signatures_of_the_rfc(key: str, message: str, signature: str) -> None:
    given_ = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert agent.signature_holds(*given_)
    assert not agent.signature_holds(given_[0], given_[1] + b"x", given_[2])


@settings(max_examples=12, deadline=None)
@given(message=st.binary(max_size=200), flip=st.integers(0, 96 * 8 - 1))
def test_agrees_with_cryptography(message: bytes, flip: int) -> None:
    """A true signature holds; with any one bit of key or signature turned, it does not."""
    private = Ed25519PrivateKey.generate()
    key, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert agent.signature_holds(key, message, signature)
    both = bytearray(key + signature)
    both[flip // 8] ^= 1 << flip % 8
    assert not agent.signature_holds(bytes(both[:32]), message, bytes(both[32:]))


def test_a_signature_is_not_malleable() -> None:
    """S + L is the same point: RFC 8032 asks to refuse it."""
    private = Ed25519PrivateKey.generate()
    key, signature = private.public_key().public_bytes_raw(), private.sign(b"m")
    s = int.from_bytes(signature[32:], "little") + agent.L
    assert not agent.signature_holds(key, b"m", signature[:32] + s.to_bytes(32, "little"))


def test_stage_makes_the_folder_and_says_what_is_free(tmp_path: Path) -> None:
    said = run("stage", str(tmp_path / "data"), "app")
    assert said["app"] == str(tmp_path / "data" / "app")
    assert said["free"] > 0
    assert not said["fell_back"]
    assert (tmp_path / "data/app/releases").is_dir()
    assert list((tmp_path / "data/app/releases").iterdir()) == []


def test_stage_without_making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert run("stage", str(tmp_path / "data"), "app", "")["app"] == ""
    assert list(tmp_path.iterdir()) == []


def test_lock_is_exclusive_and_given_back(app: str) -> None:
    assert run("lock", app, "ann@a", "token-a")["ok"]
    refused = run("lock", app, "ben@b", "token-b")
    assert (refused["code"], refused["owner"]) == ("locked", "ann@a")
    assert run("lock", app, "ann@a", "token-a")["ok"]  # a sign of life
    run("unlock", app, "token-b")  # not his to give
    assert run("lock", app, "ben@b", "token-b")["code"] == "locked"
    run("unlock", app, "token-a")
    assert run("lock", app, "ben@b", "token-b")["ok"]


@pytest.mark.parametrize(
    "change",
    [{"boot": "another boot"}, {"beat": -1e6}],
    ids=["rebooted", "silent for long"],
)
def test_stale_locks_are_taken(app: str, change: dict[str, object]) -> None:
    run("lock", app, "ann@a", "token-a")
    lock = Path(app) / "lock"
    lock.write_text(json.dumps(json.loads(lock.read_text()) | change))
    assert run("lock", app, "ben@b", "token-b")["ok"]
    lost = run("recover", app, "token-a")
    assert (lost["code"], lost["owner"]) == ("lock-lost", "ben@b")


def test_a_lock_of_the_dead_is_taken(app: str) -> None:
    run("lock", app, "ann@a", "token-a")
    assert run("lock", app, "ann@a", "token-c", "token-a")["ok"]


def test_a_torn_lock_holds_nobody_off(app: str) -> None:
    (Path(app) / "lock").write_text('{"owner": "an')
    assert run("lock", app, "ben@b", "token-b")["ok"]


def test_recover_clears_what_a_crash_left(app: str) -> None:
    run("lock", app, "ann@a", "t")
    left = Path(app) / "releases" / "20260101T000000Z-0.part"
    left.mkdir()
    (left / "half").write_bytes(b"cut")
    (Path(app) / "current.new").symlink_to("releases/nothing")
    said = run("recover", app, "t")
    assert said["removed"] == [left.name]
    assert list((Path(app) / "releases").iterdir()) == []
    assert not (Path(app) / "current.new").is_symlink()


@pytest.mark.parametrize("name", ["", "..", "../../etc", "a/b", ".hidden"])
def test_names_stay_in_the_releases_folder(app: str, name: str) -> None:
    run("lock", app, "ann@a", "t")
    assert run("discard", app, name, "t")["code"] == "bad-name"
    assert run("receive", app, name, "t")["code"] == "bad-name"


def test_what_it_does_not_know_is_refused(app: str) -> None:
    assert run("format-disk", app)["code"] == "malformed"
    assert run("lock", app)["code"] == "malformed"
    assert run("check", app, app)["code"] == "missing-file"
