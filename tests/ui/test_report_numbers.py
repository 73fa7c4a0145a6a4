"""The report in a real browser without a network: nothing cut, every number of the preview."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
from PySide6.QtWidgets import QLabel, QTableView, QWidget

from edgekiln.child import run_step
from edgekiln.core.accuracy import AccuracyReport, OutputLikeness, QuantResult
from edgekiln.core.measures import ClassFigures, Interval, Measure
from edgekiln.core.reporting import ReportFile, ReportInputs, ReportPlan, WrittenReport
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.confusion import ConfusionMatrix
from edgekiln.ui.widgets.kit import CutLabel
from ui import examples
from ui.conftest import Compose
from ui.test_screenshots import have

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
# Runs in the page: what is wider than the sheet (A4 less the margins) or than its own box.
_LOOK = """<script>addEventListener("load", () => {
  const wide = [...document.querySelectorAll("body *")].filter(
    e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display != "inline"
      && e.clientWidth && !["TR", "TBODY", "THEAD"].includes(e.tagName));
  document.body.append("Cut:" + wide.map(e => e.tagName + e.className).join() + ";");
})</script></body>"""


def browse(page: Path, *options: str) -> str:
    """What Chromium prints; its network log must be without a request."""
    browser = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if browser is None:
        pytest.skip("no Chromium here: packaging/install-system-packages.sh browser")
    log = page.with_suffix(".net")
    command = (browser, "--headless", "--no-sandbox", "--disable-gpu", f"--log-net-log={log}",
               f"--user-data-dir={page.parent / 'browser'}", *options, page.as_uri())  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    data = json.loads(log.read_bytes())
    names = {number: name for name, number in data["constants"]["logEventTypes"].items()}
    asked = [e for e in data["events"] if names[e["type"]] in ("URL_REQUEST_START_JOB",
             "HOST_RESOLVER_MANAGER_REQUEST", "TCP_CONNECT", "UDP_CONNECT")]  # fmt: skip
    urls = [e.get("params", {}).get("url", "?") for e in asked]
    assert [url for url in urls if not url.startswith(("file:", "data:"))] == []
    return ran.stdout


def numbers(text: str) -> set[str]:
    return {number.replace(",", "") for number in _NUMBER.findall(text)}


def is_in(number: str, others: set[str]) -> bool:
    """Whether one of the others is that number, or says it with more decimals."""
    places = len(number.partition(".")[2])
    if not places:
        return number in others
    return any(abs(float(o) - float(number)) <= 0.5001 * 10**-places for o in others)


def written(inputs: ReportInputs, folder: Path, language: str = "en") -> Path:
    plan = ReportPlan((ReportFile(folder / "r.html", "html", language),))
    return run_step("report", inputs, plan, folder / "work", WrittenReport).files[0]


def everything(root: Path) -> ReportInputs:
    return ReportInputs(
        examples.model(root), examples.fusion(root), examples.quantized(root),
        examples.bundle(root), examples.PUSHED, None, examples.SOURCE_LATENCY,
    )  # fmt: skip


def test_every_number_of_the_preview_is_in_the_report(
    compose: Compose, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "quantized")
    window.go("preview")
    wanted = shown(window.pages["preview"])
    assert {"98.9", "44.5", "359"} <= wanted
    there = numbers(browse(written(everything(tmp_path), tmp_path), "--dump-dom"))
    assert [number for number in sorted(wanted) if not is_in(number, there)] == []


def test_every_number_of_a_detector_is_in_the_report(
    compose: Compose, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    have(desk, tmp_path, "quantized")
    inputs = everything(tmp_path)
    assert inputs.quantized is not None
    result = _detecting(inputs.quantized)
    desk.put(replace(desk.in_hand, quantized=result))
    window.go("preview")
    wanted = shown(window.pages["preview"])
    assert {"71.23", "359"} <= wanted  # of the float model, in the table of figures
    page = browse(written(replace(inputs, quantized=result), tmp_path), "--dump-dom")
    there = numbers(page)
    assert [number for number in sorted(wanted) if not is_in(number, there)] == []
    assert "AP or IoU" in page
    assert {"0.9987", "31.4", "2.13"} <= there


def shown(page: QWidget) -> set[str]:
    """The numbers of a page: of its sentences, its tables and its confusion matrix."""
    labels = page.findChildren(QLabel)
    texts = {w.full() if isinstance(w, CutLabel) else w.text() for w in labels}
    for view in page.findChildren(QTableView):
        model = view.model()
        places = itertools.product(range(model.rowCount()), range(model.columnCount()))
        texts |= {str(model.index(row, column).data()) for row, column in places}
    for matrix in page.findChildren(ConfusionMatrix):
        texts |= {str(count) for counts in matrix._counts for count in counts if count}
    return set().union(*(numbers(text) for text in texts if not text.startswith("label ")))


def _detecting(result: QuantResult) -> QuantResult:
    """The same candidates, of a model that draws boxes."""

    def judged(report: AccuracyReport | None, value: float) -> AccuracyReport | None:
        if report is None:
            return None
        first = Measure("map50-95", value, 359, Interval(value - 0.05, value + 0.05, "bootstrap"))
        others = Measure("map50", value + 0.1, 359), Measure("kl", value / 50, 359)
        figures = ClassFigures(0, 0.81, 0.72, 0.765, 240, 0.6871)
        return replace(
            report, task="detection", accuracy=None, confusion=(), primary=first,
            measures=(first, *others), per_class=(figures,),
            by_output=(OutputLikeness("boxes", 0.9987, 31.4, 0.0213),),
        )  # fmt: skip

    candidates = [
        replace(c, report=judged(c.report, 0.7 - n / 1000)) for n, c in enumerate(result.candidates)
    ]
    return replace(
        result, candidates=tuple(candidates), float_report=judged(result.float_report, 0.7123)
    )


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_prints_on_few_sheets_with_nothing_cut(language: str, tmp_path: Path) -> None:
    page = written(everything(tmp_path), tmp_path, language)
    assert "http" not in page.read_text("utf-8")
    browse(page, f"--print-to-pdf={tmp_path / 'r.pdf'}", "--no-pdf-header-footer")
    document = pypdf.PdfReader(tmp_path / "r.pdf")
    assert 3 <= len(document.pages) <= 7
    as_printed = page.read_text("utf-8").replace("@media print", "@media all")
    page.write_text(as_printed.replace("</body>", _LOOK), "utf-8")
    assert "Cut:;" in browse(page, "--window-size=688,971", "--dump-dom")


@pytest.mark.parametrize("classes", [24, 300])
def test_many_classes_with_long_names_are_not_cut(classes: int, tmp_path: Path) -> None:
    inputs = everything(tmp_path)
    assert inputs.quantized is not None
    many = _many(inputs.quantized.candidate("int8").report, classes)
    candidates = [replace(c, report=many) for c in inputs.quantized.candidates]
    page = written(
        replace(inputs, quantized=replace(inputs.quantized, candidates=tuple(candidates))), tmp_path
    )
    browse(page, f"--print-to-pdf={tmp_path / 'r.pdf'}", "--no-pdf-header-footer")
    text = "".join(p.extract_text() for p in pypdf.PdfReader(tmp_path / "r.pdf").pages)
    assert f"kind-{classes - 1:03}" in re.sub(r"\s", "", text)
    assert len(pypdf.PdfReader(tmp_path / "r.pdf").pages) <= 14


def _many(report: AccuracyReport | None, count: int) -> AccuracyReport:
    assert report is not None
    rows: Sequence[tuple[int, ...]] = [
        tuple(90 if t == p else int(p == (t + 1) % count) for p in range(count))
        for t in range(count)
    ]
    names = tuple(f"kind-{i:03}" for i in range(count))
    return replace(report, confusion=tuple(rows), class_names=names)
