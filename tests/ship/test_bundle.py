"""Bundles: packed, signed, opened again, and refused in every way they can be wrong."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgekiln.core.bundle import Bundle, PackInputs
from edgekiln.core.errors import UserError
from edgekiln.core.report import silent
from edgekiln.ship.bundle import manifest as manifests
from edgekiln.ship.bundle.archive import MAX_BYTES, is_safe_name, pack_files, unpack_files
from edgekiln.ship.bundle.keys import public_hex, signing_key
from edgekiln.ship.bundle.pack import pack
from edgekiln.ship.bundle.verify import open_bundle, open_files
from peers.packed import make_inputs, make_plan, refused_candidate

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> PackInputs:
    return make_inputs(tmp_path_factory.mktemp("made") / "tiny")


@pytest.fixture(scope="module")
def bundle(inputs: PackInputs, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return pack(inputs, make_plan(inputs.golden_inputs), tmp_path_factory.mktemp("x"), silent)


def test_what_is_in_it(bundle: Bundle, inputs: PackInputs) -> None:
    opened, files = open_files(bundle.path)
    assert opened == bundle
    listed = {file.path for file in bundle.manifest.files}
    assert set(files) == listed | {"manifest.json", "manifest.sig", "key.pub"}
    assert {
        "model.tflite",
        "labels.txt",
        "preprocessing.json",
        "agent.py",
        "preprocess.py",
    } <= listed
    assert files["labels.txt"] == b"a\nb\n"
    assert bundle.manifest.golden.samples == 4
    assert bundle.manifest.release.startswith(bundle.manifest.created[:4])
    assert bundle.public_key == public_hex(signing_key(inputs.workspace))
    sizes = {figure.name: figure.value for figure in bundle.manifest.figures}
    assert sizes["size_bytes"] == len(files["model.tflite"])


def test_nothing_ungated_is_packed(inputs: PackInputs, tmp_path: Path) -> None:
    wrong = replace(
        inputs,
        candidate=refused_candidate(inputs.candidate),
        destination=tmp_path / "out" / "b.zip",
    )
    with pytest.raises(UserError) as raised:
        pack(wrong, make_plan(inputs.golden_inputs), tmp_path, silent)
    assert str(raised.value.why) == "Wrong numbers there."
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "changed",
    [{"measured_on": ""}, {"samples": 0}, {"target_runtime": "tflite-runtime 2.13.0"}],
    ids=["never ran", "no samples", "gated for another release"],
)
def test_a_verdict_counts_for_its_runtime_and_only_after_a_run(
    inputs: PackInputs, tmp_path: Path, changed: dict[str, Any]
) -> None:
    candidate = inputs.candidate
    candidate = replace(candidate, verdict=replace(candidate.verdict, **changed))
    wrong = replace(inputs, candidate=candidate, destination=tmp_path / "b.zip")
    with pytest.raises(UserError, match="not packed"):
        pack(wrong, make_plan(inputs.golden_inputs), tmp_path, silent)
    assert not (tmp_path / "b.zip").exists()


def test_the_file_must_be_the_one_that_was_judged(inputs: PackInputs, tmp_path: Path) -> None:
    assert inputs.candidate.artifact is not None
    other = tmp_path / "other.tflite"
    other.write_bytes(inputs.candidate.artifact.path.read_bytes() + b"\0")
    artifact = replace(inputs.candidate.artifact, path=other)
    swapped = replace(inputs, candidate=replace(inputs.candidate, artifact=artifact))
    with pytest.raises(UserError, match="not the one that was judged"):
        pack(
            replace(swapped, destination=tmp_path / "b.zip"),
            make_plan(inputs.golden_inputs),
            tmp_path,
            silent,
        )
    assert not (tmp_path / "b.zip").exists()


def test_a_folder_nobody_can_write_to(inputs: PackInputs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = replace(inputs, destination=tmp_path / "file" / "b.zip")
    with pytest.raises(UserError, match="cannot be written"):
        pack(blocked, make_plan(inputs.golden_inputs), tmp_path, silent)


def test_the_same_files_make_the_same_zip(bundle: Bundle) -> None:
    files = unpack_files(bundle.path)
    backwards = dict(reversed(files.items()))
    assert pack_files(files) == pack_files(backwards) == bundle.path.read_bytes()


def test_the_manifest_has_one_form(bundle: Bundle) -> None:
    text = manifests.to_bytes(bundle.manifest)
    assert manifests.from_bytes(text) == bundle.manifest
    assert b'"$"' not in text
    for other in (text + b" ", json.dumps(json.loads(text), indent=1).encode(), b"{}", b"[" * 9999):
        with pytest.raises(ValueError):
            manifests.from_bytes(other)


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    first = public_hex(signing_key(tmp_path))
    path = tmp_path / "keys" / "signing.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_hex(signing_key(tmp_path)) == first
    assert [p.name for p in path.parent.iterdir()] == ["signing.pem"]
    path.write_text("torn")
    with pytest.raises(UserError, match="signing key cannot be used"):
        signing_key(tmp_path)


def test_the_key_is_below_the_default_root(edgekiln_home: Path) -> None:
    signing_key()
    assert (edgekiln_home / "keys" / "signing.pem").exists()


def _flip(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        files[name] = bytes(data)

    return change


def _remove(name: str) -> Callable[[Files], None]:
    return lambda files: files.pop(name) and None


def _add(name: str) -> Callable[[Files], None]:
    return lambda files: files.update({name: b"x"})


@pytest.mark.parametrize(
    "change",
    [
        *(_flip(name) for name in ("model.tflite", "manifest.json", "manifest.sig", "agent.py")),
        *(_flip(name) for name in ("key.pub", "golden/outputs.npz")),
        *(_remove(name) for name in ("model.tflite", "manifest.json", "manifest.sig", "key.pub")),
        *(_add(name) for name in ("more.txt", "../up", "/etc/passwd", "a\\b", "C:/x", ".hidden")),
    ],
)
def test_changed_bundles_are_refused(
    bundle: Bundle, tmp_path: Path, change: Callable[[Files], None]
) -> None:
    files = unpack_files(bundle.path)
    change(files)
    changed = tmp_path / "changed.zip"
    changed.write_bytes(pack_files(files))
    with pytest.raises(UserError, match="is not used"):
        open_bundle(changed)


def test_signed_again_by_another_is_another_key(bundle: Bundle, tmp_path: Path) -> None:
    """The laptop cannot know whom a box trusts: it says whose key it is, the box decides."""
    files, key = unpack_files(bundle.path), signing_key(tmp_path)
    files["manifest.sig"] = key.sign(files["manifest.json"])
    files["key.pub"] = public_hex(key).encode()
    again = tmp_path / "again.zip"
    again.write_bytes(pack_files(files))
    assert open_bundle(again).public_key == public_hex(key) != bundle.public_key


def test_a_manifest_may_not_name_a_file_outside(bundle: Bundle, tmp_path: Path) -> None:
    key, files = signing_key(tmp_path), unpack_files(bundle.path)
    listed = bundle.manifest.files
    evil = replace(bundle.manifest, files=(*listed, replace(listed[0], path="../../up")))
    files["manifest.json"] = manifests.to_bytes(evil)
    files["manifest.sig"] = key.sign(files["manifest.json"])
    files["key.pub"] = public_hex(key).encode()
    path = tmp_path / "evil.zip"
    path.write_bytes(pack_files(files))
    with pytest.raises(UserError, match="does not belong"):
        open_bundle(path)


def test_links_and_twins_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    files = unpack_files(bundle.path)
    link = tmp_path / "link.zip"
    link.write_bytes(bundle.path.read_bytes())
    with zipfile.ZipFile(link, "a") as archive:
        entry = zipfile.ZipInfo("passwd")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    twin = tmp_path / "twin.zip"
    twin.write_bytes(bundle.path.read_bytes())
    with zipfile.ZipFile(twin, "a") as archive:
        archive.writestr("MODEL.tflite", files["model.tflite"])
    for path, why in ((link, "does not belong"), (twin, "in it twice")):
        with pytest.raises(UserError, match=why):
            open_bundle(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A directory that declares more than any bundle has is refused before a byte is read."""
    bomb = tmp_path / "bomb.zip"
    data = pack_files({"model.tflite": b"x"})
    size = (1).to_bytes(4, "little")
    at = data.rindex(b"PK\x01\x02") + 24
    assert data[at : at + 4] == size
    bomb.write_bytes(data[:at] + (MAX_BYTES + 1).to_bytes(4, "little") + data[at + 4 :])
    with pytest.raises(UserError, match="more than any bundle"):
        open_bundle(bomb)


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        open_bundle(path)
    with pytest.raises(UserError, match="no bundle at"):
        open_bundle(tmp_path / "absent.zip")


def test_a_torn_zip(bundle: Bundle, tmp_path: Path) -> None:
    whole = bundle.path.read_bytes()
    for cut in (len(whole) // 2, len(whole) - 5):
        torn = tmp_path / f"{cut}.zip"
        torn.write_bytes(whole[:cut])
        with pytest.raises(UserError, match="is not used"):
            open_bundle(torn)


def test_safe_names() -> None:
    assert all(is_safe_name(name) for name in ("a", "golden/inputs.npz", "model-1_2.tflite"))
    bad = ("", "/a", "a/", "..", "a/../b", "a//b", "a b", "a\n", "é", "~", "a/.b", "-x")
    assert not any(is_safe_name(name) for name in bad)


def test_the_release_names_its_content(bundle: Bundle) -> None:
    content = "\n".join(f"{file.path} {file.sha256}" for file in bundle.manifest.files)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    assert bundle.manifest.release.endswith(f"Z-{digest}")
