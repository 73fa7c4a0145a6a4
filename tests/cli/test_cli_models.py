"""The commands on a model keep their contract: JSON, words for people, honest exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Edgekiln, Ran
from pipeline.plain_models import detector, scenes


@pytest.fixture(scope="session")
def quantized(edgekiln: Edgekiln, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return edgekiln(
        "quantize", sample / "saved_model", "--json",
        "--calibration", sample / "calibration.npz",
        "--evaluation", sample / "evaluation.npz",
        "--target", "rdk-x5",
        "-o", tmp_path_factory.mktemp("candidates"),
    )  # fmt: skip


def candidate(quantized: Ran, scheme: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in quantized.json["candidates"] if c["scheme"] == scheme)
    return found


def test_inspect_says_what_the_sample_is(edgekiln: Edgekiln, sample: Path) -> None:
    ran = edgekiln("inspect", sample / "saved_model", "--json")
    assert ran.code == 0
    serving = next(s for s in ran.json["signatures"] if s["key"] == "serving_default")
    image = serving["inputs"][0]
    assert (image["name"], image["shape"], image["dtype"]) == ("image", [-1, 8, 8, 1], "float32")
    assert ran.json["parameters"] > 10_000
    assert ran.json["macs"] > 0
    assert ran.json["tensorflow_version"].startswith("2.")


def test_inspect_speaks_chinese(edgekiln: Edgekiln, sample: Path) -> None:
    ran = edgekiln("inspect", sample / "saved_model", language="zh_CN")
    assert ran.code == 0
    assert "参数" in ran.out


def test_fuse_reports_its_proof(edgekiln: Edgekiln, sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "fused.tflite"
    data = ("--data", sample / "calibration.npz")
    ran = edgekiln("fuse", sample / "saved_model", "-o", out, *data, "--json")
    assert ran.code == 0
    assert ran.json["after"]["operators"] < ran.json["before"]["operators"]
    assert 0 <= ran.json["max_abs_error"] < 1e-4
    applied = {p["name"]: p["applied"] for p in ran.json["passes"]}
    assert (applied["affine-forward"], applied["affine-depthwise"]) == (1, 1)
    assert out.read_bytes()[4:8] == b"TFL3"


def test_a_pass_can_be_switched_off(edgekiln: Edgekiln, sample: Path, tmp_path: Path) -> None:
    passes = ("--skip", "affine-forward", "affine-depthwise")
    ran = edgekiln("fuse", sample / "saved_model", "-o", tmp_path / "f.tflite", *passes, "--json")
    assert ran.json["after"]["operators"] == ran.json["before"]["operators"]


def test_a_single_place_can_be_left(edgekiln: Edgekiln, sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.tflite"
    fused = edgekiln("fuse", sample / "saved_model", "-o", out, "--json").json
    group = next(g for g in fused["groups"] if g["fused_by"] == "affine-depthwise")
    place = f"affine-depthwise@{group['tensor']}"
    listed = edgekiln("fuse", sample / "saved_model", "-o", out, "--groups")
    assert f"--leave '{place}'" in listed.out
    left = edgekiln("fuse", sample / "saved_model", "-o", out, "--leave", place, "--json").json
    assert left["after"]["operators"] > fused["after"]["operators"]
    assert [g["state"] for g in left["groups"] if g["tensor"] == group["tensor"]] == ["possible"]


@pytest.mark.parametrize("place", ["affine-depthwise", "@x", "affine-depthwise@nowhere"])
def test_a_place_the_model_has_not_is_named(
    edgekiln: Edgekiln, sample: Path, tmp_path: Path, place: str
) -> None:
    out = tmp_path / "f.tflite"
    ran = edgekiln("fuse", sample / "saved_model", "-o", out, "--leave", place)
    assert (ran.code, ran.out) == (1, "")
    assert place in ran.err
    assert "--groups" in ran.err
    assert not out.exists()


def test_tensorflow_is_timed_beside_it(edgekiln: Edgekiln, sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.tflite"
    ran = edgekiln("fuse", sample / "saved_model", "-o", out, "--time-tensorflow", "--json")
    timed = ran.json["tensorflow"]
    assert 0 < timed["plain"]["low"] <= timed["plain"]["median"] <= timed["plain"]["high"]
    assert timed["xla"]["median"] > 0
    refused = edgekiln("fuse", out, "-o", tmp_path / "g.tflite", "--time-tensorflow")
    assert refused.code == 1
    assert "SavedModel" in refused.err
    assert not (tmp_path / "g.tflite").exists()


def test_an_unknown_pass_is_named(edgekiln: Edgekiln, sample: Path, tmp_path: Path) -> None:
    ran = edgekiln("fuse", sample / "saved_model", "-o", tmp_path / "f.tflite", "--skip", "magic")
    assert ran.code == 1
    assert ran.out == ""
    assert "magic" in ran.err
    assert "affine-forward" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_every_scheme_is_judged(quantized: Ran) -> None:
    assert quantized.code == 0
    result = quantized.json
    schemes = [c["scheme"] for c in result["candidates"]]
    assert schemes == ["float32", "float16", "dynamic-range", "int8", "int8-float-io", "int16x8"]
    assert result["float_accuracy"] > 0.97
    for found in result["candidates"]:
        assert Path(found["path"]).stat().st_size == found["size_bytes"]
        assert found["target_runtime"] == "tflite-runtime 2.14.0"
        assert found["samples"] == 697
    assert result["chosen"] in ("int8", "int8-float-io")
    int8 = candidate(quantized, "int8")
    assert int8["usable"]
    assert int8["accuracy"] >= result["float_accuracy"] - 0.005
    assert int8["accuracy_on_target"] >= 0.95


def test_wrong_numbers_on_the_target_are_caught_and_put_right(quantized: Ran) -> None:
    trap = candidate(quantized, "dynamic-range")
    assert trap["accuracy"] > 0.97, "right on the newest runtime"
    assert trap["accuracy_on_target"] > 0.97, "and, made lower, on the board's"
    assert trap["usable"] is True


def test_evaluate_agrees_with_quantize(quantized: Ran, edgekiln: Edgekiln, sample: Path) -> None:
    int8 = candidate(quantized, "int8")
    ran = edgekiln(
        "evaluate", int8["path"], "--against", sample / "saved_model",
        "--data", sample / "evaluation.npz", "--runtime", "litert", "--json",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.json["samples"] == 697
    assert ran.json["accuracy"] == pytest.approx(int8["accuracy"])
    assert ran.json["agreement"] == pytest.approx(int8["agreement"], abs=0.005)


def test_a_detector_is_judged_by_its_map(edgekiln: Edgekiln, tmp_path: Path) -> None:
    scenes(tmp_path / "data")
    model = detector(tmp_path).path
    how = ("--preprocessing", "0..1")
    whole = edgekiln("evaluate", model, "--data", tmp_path / "data", *how, "--json")
    assert (whole.code, whole.json["task"], whole.json["decoder"]) == (0, "detection", "corners")
    ran = edgekiln(
        "quantize", model, "--calibration", tmp_path / "data", "--evaluation", tmp_path / "data",
        *how, "--scheme", "int8", "--minutes", 0, "-o", tmp_path / "out", "--json",
    )  # fmt: skip
    assert ran.json["task"] == "detection"
    assert ran.json["float_primary"]["value"] == pytest.approx(whole.json["primary"]["value"])
    int8 = candidate(ran, "int8")
    assert int8["primary"]["name"] == "map50-95"
    loss = ran.json["float_primary"]["value"] - int8["primary"]["value"]
    (attempt,) = (a for a in ran.json["attempts"] if a["scheme"] == "int8")
    assert attempt["loss"] == pytest.approx(loss, abs=1e-8)
    told = edgekiln("evaluate", model, "--data", tmp_path / "data", *how, "--decoder", "yolov5")
    assert "Judged as detection (yolov5): Chosen by you." in told.out


def test_evaluate_by_slices(quantized: Ran, edgekiln: Edgekiln, sample: Path) -> None:
    how = ["evaluate", candidate(quantized, "int8")["path"], "--data", sample / "evaluation.npz"]
    ran = edgekiln(*how, "--slice", "class", "--json")
    slices = ran.json["slices"]
    assert [each["by"] for each in slices] == ["class"] * 10
    assert sum(each["samples"] for each in slices) == 697
    right = sum(each["samples"] * each["primary"]["value"] for each in slices)
    assert right == pytest.approx(697 * ran.json["accuracy"])
    told = edgekiln(*how, "--slice", "class")
    assert "95 % interval" in told.out
    refused = edgekiln(*how, "--slice", "weather")
    assert refused.code != 0
    assert "cannot be sliced by “weather”" in refused.err


def test_only_what_passed_the_gate_is_packed(
    quantized: Ran, edgekiln: Edgekiln, tmp_path: Path
) -> None:
    folder = Path(candidate(quantized, "int8")["path"]).parent
    good = edgekiln("pack", folder, "-o", tmp_path / "good.zip", "--json")
    assert good.code == 0
    assert good.json["manifest"]["runtime"] == "tflite-runtime 2.14.0"
    # A verdict for another runtime than the target's is none
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    result = json.loads((copy / "quantized.json").read_text("utf-8"))
    result["result"]["target"] = "rdk-x3"
    (copy / "quantized.json").write_text(json.dumps(result))
    bad = edgekiln("pack", copy, "-o", tmp_path / "bad.zip")
    assert bad.code == 1
    assert "tflite-runtime 2.13.0" in bad.err
    assert {p.name for p in tmp_path.iterdir()} == {"good.zip", "copy"}


def test_a_folder_that_cannot_be_written_is_said_first(
    edgekiln: Edgekiln, sample: Path, read_only_folder: Path
) -> None:
    ran = edgekiln("fuse", sample / "saved_model", "-o", read_only_folder / "x" / "f.tflite")
    assert ran.code == 1
    assert "cannot be written" in ran.err
    assert list(read_only_folder.iterdir()) == []


def test_what_was_not_quantized_cannot_be_packed(edgekiln: Edgekiln, tmp_path: Path) -> None:
    ran = edgekiln("pack", tmp_path)
    assert ran.code == 1
    assert "edgekiln quantize" in ran.err


def test_an_unknown_target_is_answered_with_the_known(
    edgekiln: Edgekiln, sample: Path, tmp_path: Path
) -> None:
    ran = edgekiln(
        "quantize", sample / "saved_model", "--calibration", sample / "calibration.npz",
        "--target", "toaster", "-o", tmp_path / "out",
    )  # fmt: skip
    assert ran.code == 1
    assert "rdk-x5" in ran.err
    assert not (tmp_path / "out").exists()
