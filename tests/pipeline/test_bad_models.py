"""Bad models: each gets a clear what, why and do, and leaves nothing behind."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekiln.core.errors import UserError
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, InspectPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.identify import identify

Copy = Callable[[str], Path]
SHARD = "variables/variables.data-00000-of-00001"


def refusal(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        identify(path, InspectPlan(), path.parent, silent)
    assert str(caught.value.what)
    assert str(caught.value.do)
    return caught.value


def test_no_such_folder(tmp_path: Path) -> None:
    error = refusal(tmp_path / "gone" / "model")
    assert "gone" in str(error.what)
    assert str(tmp_path) in str(error.why)


def test_empty_folder(tmp_path: Path) -> None:
    assert "empty" in str(refusal(tmp_path).why)


def test_folder_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "no saved_model.pb" in str(refusal(tmp_path).why)


def test_text_form_without_its_weights(copy_of: Copy) -> None:
    folder = copy_of("keras3")
    (folder / "saved_model.pb").unlink()
    (folder / "saved_model.pbtxt").write_text('node_def { op: "VarHandleOp" }')
    (folder / "variables" / "variables.index").unlink()
    assert "variables.index" in str(refusal(folder).why)


def test_versions_one_level_down_are_offered_newest_first(
    small_models: Path, tmp_path: Path
) -> None:
    for version in ("2", "10", "beta"):
        shutil.copytree(small_models / "two_inputs", tmp_path / version)
    error = refusal(tmp_path)
    assert error.choices == tuple(str(tmp_path / name) for name in ("10", "2", "beta"))
    assert identify(Path(error.choices[0]), InspectPlan(), tmp_path, silent).kind == "saved-model"


def test_model_files_in_a_folder_are_offered(small_models: Path, tmp_path: Path) -> None:
    shutil.copyfile(small_models / "model.keras", tmp_path / "best.keras")
    assert refusal(tmp_path).choices == (str(tmp_path / "best.keras"),)


def test_empty_saved_model_pb(copy_of: Copy) -> None:
    folder = copy_of("keras3")
    (folder / "saved_model.pb").write_bytes(b"")
    assert "0 bytes" in str(refusal(folder).why)


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.99, 0.99999])
def test_truncated_saved_model_pb(copy_of: Copy, share: float) -> None:
    folder = copy_of("keras3")
    data = (folder / "saved_model.pb").read_bytes()
    (folder / "saved_model.pb").write_bytes(data[: max(2, int(len(data) * share))])
    assert "cut off" in str(refusal(folder).why)


def test_something_else_named_saved_model_pb(copy_of: Copy) -> None:
    folder = copy_of("keras3")
    (folder / "saved_model.pb").write_bytes(b"<html>404 not found</html>" * 9)
    assert "does not hold a SavedModel" in str(refusal(folder).why)


def test_frozen_graph_named_saved_model_pb(small_models: Path) -> None:
    error = refusal(small_models / "frozen_graph")
    assert "frozen graph" in str(error.why)
    assert "model.export" in str(error.do)


def test_frozen_graph_under_its_own_name(copy_of: Copy) -> None:
    folder = copy_of("frozen_graph")
    file = (folder / "saved_model.pb").rename(folder / "frozen.pb")
    assert "frozen graph" in str(refusal(file).why)


@pytest.mark.parametrize(
    ("lost", "word"),
    [
        ("variables", "variables.index"),
        ("variables/variables.index", "variables.index"),
        (SHARD, "variables.data"),
    ],
)
def test_missing_variables(copy_of: Copy, lost: str, word: str) -> None:
    folder = copy_of("keras3")
    victim = folder / lost
    shutil.rmtree(victim) if victim.is_dir() else victim.unlink()
    error = refusal(folder)
    assert "missing" in str(error.why)
    assert word in str(error.why)


def test_missing_shard(copy_of: Copy) -> None:
    folder = copy_of("keras3")
    (folder / SHARD).rename(folder / "variables/variables.data-00000-of-00002")
    assert "Of its 2 weight files only 1" in str(refusal(folder).why)


@pytest.mark.parametrize("name", [SHARD, "variables/variables.index"])
def test_emptied_variables(copy_of: Copy, name: str) -> None:
    folder = copy_of("keras3")
    (folder / name).write_bytes(b"")
    assert "cut off" in str(refusal(folder).why)


@pytest.mark.parametrize("name", ["a.tflite", "a.h5", "a.keras", "a.pb", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"not a model at all"])
def test_file_that_is_no_model(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in str(refusal(tmp_path / name).what)


@pytest.mark.parametrize("name", ["small.tflite", "model.keras"])
@pytest.mark.parametrize("share", [0.003, 0.1, 0.5, 0.9, 0.99])
def test_cut_file(copy_of: Copy, name: str, share: float) -> None:
    file = copy_of(name)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    assert "cut off" in str(refusal(file).why)


def test_zip_without_a_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "config.json" in str(refusal(tmp_path / "a.keras").why)


def test_zipped_saved_model(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("model/saved_model.pb", b"x")
    assert "Unpack" in str(refusal(tmp_path / "a.zip").do)


def source_of(path: Path) -> ModelSource:
    return identify(path, InspectPlan(), path.parent, silent)


@pytest.fixture(scope="module")
def broken(
    small_models: Path, tmp_path_factory: pytest.TempPathFactory, drive: Callable[..., Any]
) -> Any:
    """What only TensorFlow can tell: all bad models through both steps, in one child."""
    bad = tmp_path_factory.mktemp("bad")
    models = {
        "cut_shard": _cut(small_models / "keras3", bad / "cut_shard", SHARD),
        "cut_index": _cut(small_models / "keras3", bad / "cut_index", "variables/variables.index"),
        "garbled": _garbled(small_models / "keras3", bad / "garbled"),
        "cut_h5": _cut_file(small_models / "model.h5", bad / "cut.h5"),
        **{name: small_models / name for name in ("custom_op", "weights.h5", "lambda.keras")},
    }
    jobs: list[tuple[str, str, object, object]] = []
    for name, path in models.items():
        source = source_of(path)
        jobs.append((f"inspect {name}", "inspect-source", source, InspectPlan()))
        jobs.append((f"convert {name}", "convert", source, ConvertPlan()))
    for name in ("flex", "text_input", "dynamic", "stateful", "no_inputs"):
        jobs.append((f"convert {name}", "convert", source_of(small_models / name), ConvertPlan()))
    keras3, dynamic = source_of(small_models / "keras3"), source_of(small_models / "dynamic")
    jobs += [
        ("no signature", "convert", keras3, ConvertPlan("missing")),
        ("no input", "convert", keras3, ConvertPlan(sizes=(("nothing", (1, 8, 8, 3)),))),
        ("wrong rank", "convert", dynamic, ConvertPlan(sizes=(("image", (1, 8, 8)),))),
        ("wrong size", "convert", dynamic, ConvertPlan(sizes=(("image", (1, 8, 8, 4)),))),
        ("no size", "convert", dynamic, ConvertPlan(sizes=(("image", (1, -1, 8, 3)),))),
    ]
    return drive(jobs)


def _cut(source: Path, target: Path, name: str) -> Path:
    shutil.copytree(source, target)
    _cut_file(source / name, target / name)
    return target


def _cut_file(source: Path, target: Path) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: len(data) // 2])
    return target


def _garbled(source: Path, target: Path) -> Path:
    """Whole by its outermost fields (version, one meta graph), nonsense inside."""
    shutil.copytree(source, target)
    (target / "saved_model.pb").write_bytes(b"\x08\x01\x12\x08\xff\xff\xff\xff\xff\xff\xff\xff")
    return target


@pytest.mark.parametrize("step", ["inspect", "convert"])
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("cut_shard", "weights cannot be read"),
        ("cut_index", "weights cannot be read"),
        ("garbled", "damaged"),
        ("cut_h5", "cut off"),
        ("custom_op", "AcmeSoftmax"),
        ("weights.h5", "weights only"),
        ("lambda.keras", "Lambda"),
    ],
)
def test_refused_by_both_steps(broken: Any, step: str, name: str, word: str) -> None:
    error = broken.error(f"{step} {name}")
    assert word in error["why"]
    assert error["what"]
    assert error["do"]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("convert flex", "Erfinv"),
        ("convert text_input", "plain numbers"),
        ("convert dynamic", "?×?×?×3"),
        ("convert stateful", "AssignAddVariableOp"),
        ("convert no_inputs", "nothing to feed it with"),
        ("no signature", "serving_default"),
        ("no input", "image"),
        ("wrong rank", "?×?×?×3"),
        ("wrong size", "?×?×?×3"),
        ("no size", "?×?×?×3"),
    ],
)
def test_refused_by_convert(broken: Any, name: str, word: str) -> None:
    assert word in broken.error(name)["why"]


def test_choices_are_ready_answers(broken: Any) -> None:
    assert broken.error("no signature")["choices"] == ["serve", "serving_default"]
    assert broken.error("no input")["choices"] == ["image"]


def test_nothing_is_left_behind(broken: Any) -> None:
    left = [f for f in broken.root.rglob("*") if f.is_file() and f.parent != broken.root]
    assert left == []


def test_a_missing_size_is_told_as_the_command_line_takes_it(broken: Any) -> None:
    assert "--pin image=1,224,224,3" in broken.error("convert dynamic")["do"]
