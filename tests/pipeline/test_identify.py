"""identify: the kind of a model and its fingerprint."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekiln.core.model import ModelSource
from edgekiln.core.plans import InspectPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.identify import identify


def identified(path: Path) -> ModelSource:
    return identify(path, InspectPlan(), path.parent, silent)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("keras3", "saved-model"),
        ("wrapper", "saved-model"),
        ("tf1", "saved-model"),
        ("two_inputs", "saved-model"),
        ("model.keras", "keras"),
        ("model.h5", "keras"),
        ("small.tflite", "tflite"),
    ],
)
def test_kind_is_told_from_content(small_models: Path, name: str, kind: str) -> None:
    source = identified(small_models / name)
    assert source.kind == kind
    assert source.path == small_models / name
    assert len(source.fingerprint) == 64


def test_the_name_does_not_matter(copy_of: Callable[[str], Path]) -> None:
    model = copy_of("small.tflite")
    assert identified(model.rename(model.with_name("model.bin"))).kind == "tflite"


def test_saved_model_pb_stands_for_its_folder(small_models: Path) -> None:
    file = small_models / "keras3" / "saved_model.pb"
    assert identified(file) == identified(small_models / "keras3")


def test_a_relative_path_becomes_absolute(
    small_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_models)
    assert identified(Path("keras3")).path == small_models / "keras3"


def test_a_model_without_variables_needs_none(copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("dynamic")
    shutil.rmtree(folder / "variables")
    assert identified(folder).kind == "saved-model"


def test_fingerprint_is_of_the_content_alone(copy_of: Callable[[str], Path]) -> None:
    folder = copy_of("keras3")
    before = identified(folder).fingerprint
    moved = folder.rename(folder.with_name("elsewhere"))
    for file in moved.rglob("*"):
        os.utime(file, (1, 1))
    assert identified(moved).fingerprint == before


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_fingerprint_changes_with_graph_and_weights(
    copy_of: Callable[[str], Path], name: str
) -> None:
    folder = copy_of("keras3")
    before = identified(folder).fingerprint
    data = bytearray((folder / name).read_bytes())
    data[-5] ^= 1  # same size; still a whole proto, for the last field is bytes
    (folder / name).write_bytes(data)
    assert identified(folder).fingerprint != before


def test_takes_milliseconds_and_no_tensorflow(small_models: Path) -> None:
    identified(small_models / "keras3")
    start = time.perf_counter()
    identified(small_models / "keras3")
    assert time.perf_counter() - start < 0.1
    assert "tensorflow" not in sys.modules
