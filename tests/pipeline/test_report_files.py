"""A report as PDF, CSV, JSON and events: every figure is there, read back by other programs."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest

from edgekiln.core.errors import UserError
from edgekiln.core.measures import Interval
from edgekiln.core.report import silent
from edgekiln.core.reporting import ReportFile, ReportInputs, ReportPlan
from edgekiln.pipeline.evaluate.report import write_report
from edgekiln.pipeline.evaluate.tidy import tidy_rows
from ui import examples

SAID = ("90.20", "98.90 %", "1,234,567", "2.4e-07", "20261122-231500-3f9a1c", "3.1 (3.01–3.26)",
        "tflite-runtime", "152.3 kB", "9c" * 32, "aa" * 32, "cd" * 32, "ef" * 32, "0.1.0",
        "61.3 kB", "2.4 s", "0.004", "ab" * 32)  # fmt: skip
TITLES = {
    "en": ("Model", "Fusion", "Candidates", "Confusion matrix", "Data", "Bundle", "Device",
           "Hashes and versions", "Acceptance", "Accepted by"),
    "zh_CN": ("模型", "融合", "候选", "混淆矩阵", "数据", "部署包", "设备", "哈希与版本", "验收",
              "验收人"),
}  # fmt: skip


def inputs(root: Path) -> ReportInputs:
    quantized, hostile = examples.quantized(root), '=HYPERLINK("x")'
    first, *rest = quantized.candidates
    assert first.report is not None
    seen = replace(
        first.report,
        interval=Interval(0.975, 0.997, "wilson"),
        class_names=(hostile, *examples.CLASSES[1:]),
    )
    return ReportInputs(
        examples.model(root), examples.fusion(root),
        replace(quantized, candidates=(replace(first, report=seen), *rest)),
        examples.bundle(root), examples.PUSHED, None, examples.SOURCE_LATENCY,
    )  # fmt: skip


def write(root: Path, *files: ReportFile) -> tuple[Path, ...]:
    return write_report(inputs(root), ReportPlan(files), root, silent).files


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_pdf_holds_every_figure_and_chapter(language: str, tmp_path: Path) -> None:
    (path,) = write(tmp_path, ReportFile(tmp_path / "r.pdf", "pdf", language))
    document = pypdf.PdfReader(path)
    text = squeezed("".join(page.extract_text() for page in document.pages))
    assert [s for s in (*SAID, *TITLES[language]) if squeezed(s) not in text] == []
    assert 2 <= len(document.pages) <= 6
    assert document.pages[0].mediabox.width == pytest.approx(595, abs=1)  # A4
    fonts = [f.get_object() for p in document.pages for f in p["/Resources"]["/Font"].values()]
    inner = [f["/DescendantFonts"][0].get_object() for f in fonts]
    assert all("/FontFile2" in font["/FontDescriptor"] for font in inner)


def test_csv_is_tidy_and_computes_nothing(tmp_path: Path) -> None:
    (path,) = write(tmp_path, ReportFile(tmp_path / "n.csv", "csv"))
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    assert len(rows) == len(tidy_rows(inputs(tmp_path)))
    found = next(r for r in rows if (r["candidate"], r["measure"]) == ("float32", "accuracy"))
    assert float(found["value"]) == 0.991
    assert (float(found["low"]), float(found["high"])) == (0.975, 0.997)
    assert (found["runtime"], found["samples"]) == (examples.LITERT, "359")
    assert not any(cell.startswith(("=", "@", "\t")) for row in rows for cell in row.values())
    keys = [tuple(r[k] for k in ("candidate", "measure", "of", "runtime", "samples")) for r in rows]
    assert len(set(keys)) == len(keys)


def test_json_has_a_schema_and_every_row(tmp_path: Path) -> None:
    (path,) = write(tmp_path, ReportFile(tmp_path / "n.json", "json"))
    data = json.loads(path.read_bytes())
    assert data["schema"] == "edgekiln.report/1"
    assert len(data["figures"]) == len(tidy_rows(inputs(tmp_path)))
    assert data["results"]["quantized"]["candidates"][3]["report"]["accuracy"] == 0.989
    assert data["results"]["fusion"]["before"]["macs"] == 1_234_567


READ = """
import json, sys
from pathlib import Path
import tensorflow as tf
found = {}
for file in sorted(Path(sys.argv[1]).glob("*/events.out.tfevents.*")):
    for event in tf.compat.v1.train.summary_iterator(str(file)):
        for value in event.summary.value:
            read = [value.tag, event.step, value.simple_value]
            found.setdefault(file.parent.name, []).append(read)
print(json.dumps(found))
"""


def test_tensorflow_reads_the_events(tmp_path: Path) -> None:
    plan = ReportFile(tmp_path / "events", "tensorboard")
    write(tmp_path, plan)
    (folder,) = write(tmp_path, plan)  # again: the first ones are replaced
    ran = subprocess.run([sys.executable, "-c", READ, folder], capture_output=True, check=True)
    found = json.loads(ran.stdout)
    assert len(list(folder.glob("int8/*"))) == 1
    assert ["accuracy/litert 2.3.0", 0, pytest.approx(0.989)] in found["int8"]
    assert ["accuracy/litert 2.3.0/low", 0, pytest.approx(0.975)] in found["float32"]
    rows = tidy_rows(inputs(tmp_path))
    ends = sum((r.low is not None) + (r.high is not None) for r in rows)
    assert sum(map(len, found.values())) == len(rows) + ends


def test_a_pdf_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "r.pdf").mkdir()
    with pytest.raises(UserError):
        write(tmp_path, ReportFile(tmp_path / "r.pdf", "pdf"))
    assert not list(tmp_path.glob(".*.part"))
