"""The command `report`, as a user types it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pypdf
import pytest

from cli.conftest import Edgekiln


@pytest.fixture(scope="module")
def quantized(edgekiln: Edgekiln, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantized")
    model = next(p for p in sample.iterdir() if p.is_dir())
    ran = edgekiln("quantize", model, "--calibration", sample / "calibration.npz", "--evaluation",
                   sample / "evaluation.npz", "--scheme", "float32", "int8", "--minutes", 0,
                   "-o", folder)  # fmt: skip
    assert ran.code == 0, ran.err
    return folder


def test_all_formats(
    edgekiln: Edgekiln, quantized: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")  # there is no screen, whatever is asked for
    packed = edgekiln("pack", quantized, "-o", tmp_path / "b.zip", "--json").json
    out = tmp_path / "new" / "r"
    ran = edgekiln("report", quantized, "-o", f"{out}.html", f"{out}.csv", f"{out}.json",
                   tmp_path / "events", "--pdf", f"{out}.pdf", "--bundle", tmp_path / "b.zip",
                   language="zh_CN")  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.out.count("已写入") == 5
    rows = list(csv.DictReader(io.StringIO(Path(f"{out}.csv").read_text("utf-8-sig"))))
    accuracy = next(float(r["value"]) for r in rows
                    if (r["candidate"], r["measure"]) == ("int8", "accuracy"))  # fmt: skip
    text = "".join(p.extract_text() for p in pypdf.PdfReader(f"{out}.pdf").pages)
    text = re.sub(r"\s", "", text)
    for said in (f"{accuracy:.2%}", packed["manifest_sha256"], packed["signature"],
                 packed["public_key"], packed["manifest"]["release"], "验收人",
                 "evaluation.npz", "calibration.npz"):  # fmt: skip
        assert said in text, said
    assert list((tmp_path / "events" / "int8").glob("events.out.tfevents.*"))


def test_what_cannot_be_written(edgekiln: Edgekiln, quantized: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((quantized, "-o", tmp_path / "r.docx"), "no format"),
        ((quantized,), "No file is asked for"),
        ((tmp_path, "-o", tmp_path / "r.pdf"), "not a folder"),
        ((quantized, "-o", tmp_path / "r.pdf", "--model", tmp_path / "gone"), "not known"),
        ((quantized, "-o", tmp_path / "r.pdf", "--bundle", quantized / "int8.tflite"), "bundle"),
    ):
        ran = edgekiln("report", *arguments)
        assert ran.code == 1
        assert said in ran.err
        assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []
