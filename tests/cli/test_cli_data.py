"""check-data and --split, as a user types them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cli.conftest import Edgekiln


def picture(file: Path, seed: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    few = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    Image.fromarray(few).resize((48, 32), Image.Resampling.BICUBIC).save(file)


def test_check_data(edgekiln: Edgekiln, tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "a" / "cat" / f"{i}.png", i)
        picture(tmp_path / "b" / "dog" / f"{i}.png", i + 3)
        picture(tmp_path / "a" / "dog" / f"{i}.png", i + 50)
        picture(tmp_path / "b" / "cat" / f"{i}.png", i + 70)
    (tmp_path / "a" / "cat" / "x.png").write_bytes(b"no")
    (tmp_path / "names.txt").write_text("cat\n")
    command = ("check-data", tmp_path / "a", "--evaluation", tmp_path / "b", "--labels",
               tmp_path / "names.txt")  # fmt: skip
    ran = edgekiln(*command)
    assert ran.code == 0, ran.err
    assert "9 samples, 8 to evaluate" in ran.out
    assert "Labels the model does not have: dog" in ran.out
    assert "cat/3.png, dog/0.png (calibrates and evaluates, different labels)" in ran.out
    assert "cat/x.png" in ran.out
    assert edgekiln(*command, "--json").json["exact_count"] == 1
    assert "模型没有的标签" in edgekiln(*command, language="zh_CN").out


def test_data_of_no_kind(edgekiln: Edgekiln, tmp_path: Path) -> None:
    (tmp_path / "d.bin").write_bytes(b"\0\1\2")
    ran = edgekiln("check-data", tmp_path / "d.bin")
    assert ran.code != 0
    assert "neither a folder nor" in ran.err


def test_a_split_that_cannot_be(edgekiln: Edgekiln, sample: Path, tmp_path: Path) -> None:
    data = sample / "calibration.npz"
    ran = edgekiln("quantize", sample / "model", "--calibration", data, "--evaluation", data,
                   "--split", 0.3, "-o", tmp_path / "out")  # fmt: skip
    assert ran.code != 0
    assert "without --evaluation" in ran.err


def test_one_source_calibrates_and_evaluates(
    edgekiln: Edgekiln, sample: Path, tmp_path: Path
) -> None:
    model = next(p for p in sample.iterdir() if p.is_dir())
    ran = edgekiln("quantize", model, "--calibration", sample / "evaluation.npz", "--split", 0.4,
                   "--scheme", "int8", "--minutes", 0, "-o", tmp_path / "out",
                   "--json")  # fmt: skip
    assert ran.code == 0, ran.err
    count = len(np.load(sample / "evaluation.npz")["y"])
    assert f'"samples": {count - round(0.4 * count)}' in ran.out
    assert "flatter" not in ran.out
