"""The report: one file that says everything in either language and needs nothing from outside."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekiln import assets
from edgekiln.core.accuracy import AccuracyReport, Candidate, EvalInputs, QuantResult, TargetReport
from edgekiln.core.artifact import Artifact, Verdict
from edgekiln.core.bundle import Bundle, Figure, Golden, Manifest
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.device import Health, PushResult
from edgekiln.core.drawing import Drawing
from edgekiln.core.errors import UserError
from edgekiln.core.files import sha256
from edgekiln.core.fusion import (
    FusionGroup,
    FusionResult,
    Latency,
    PassOutcome,
    Price,
    SourceLatency,
)
from edgekiln.core.measures import Measure
from edgekiln.core.model import InspectedModel, ModelSource, OperatorCount
from edgekiln.core.plans import EvalPlan
from edgekiln.core.report import silent
from edgekiln.core.reporting import ReportFile, ReportInputs, ReportPlan
from edgekiln.core.text import say
from edgekiln.pipeline.evaluate.evaluate import evaluate
from edgekiln.pipeline.evaluate.report import write_report
from pipeline.graphs import GraphBuilder, as_artifact

VOID = {"meta", "img", "br"}
SHARP = "<script>alert('x')<"


class Page(HTMLParser):
    """Checks that tags are closed in order; keeps text, pictures and everything referred to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.references: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [v or "" for k, v in attrs if k in ("src", "href", "action", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, DataSource, AccuracyReport]:
    """A model that is wrong about dark pictures where the float one is right, really run."""
    folder = tmp_path_factory.mktemp("judged")
    for name, shade in (("dark", 20), (SHARP, 220)):
        (folder / "data" / name).mkdir(parents=True)
        for i in range(9):
            Image.new("RGB", (6, 6), (shade + i,) * 3).save(folder / "data" / name / f"{i}.png")
    artifact = threshold(folder, "float.tflite", 120.0)
    against = threshold(folder, "int8.tflite", 10.0)
    source = DataSource(folder / "data")
    plan = EvalPlan(source, preprocessing=Preprocessing("0..255"))
    return against, source, evaluate(EvalInputs(against, artifact), plan, folder, silent)


def threshold(folder: Path, name: str, level: float) -> Artifact:
    """Says the brighter class above a mean level: class 1 is '<script>…', by alphabet first."""
    builder = GraphBuilder()
    x = builder.input((1, 6, 6, 3))
    graph = builder.graph(builder.dense(builder.flatten(x), 2))
    _, weights, bias = graph.main.operators[1].inputs
    assert weights is not None
    assert bias is not None
    rows = np.stack([np.full(108, 1 / 108), np.zeros(108)])
    weights.data = rows.astype(np.float32).tobytes()
    bias.data = np.array([0, level], np.float32).tobytes()
    return as_artifact(graph, folder, name)


def everything(judged: tuple[Artifact, DataSource, AccuracyReport]) -> ReportInputs:
    artifact, source, report = judged
    assert report.agreement == 0.5
    passed = Verdict(True, "tflite-runtime 2.13.0", "tflite-runtime 2.14.0", 18, 0.01, "2.3.0")
    failed = replace(passed, usable=False, why_not=say("The outputs differ there."))
    target = TargetReport("tflite-runtime 2.14.0", 10, 0.5, 0.5, 1.0)
    quantized = QuantResult(
        float_report=replace(report, accuracy=1.0, primary=Measure("accuracy", 1.0, 10)),
        candidates=(
            Candidate("int8", artifact, "converter", passed, report, target),
            Candidate("dynamic-range", artifact, "ai-edge-quantizer", failed, report, None),
            Candidate("float16", None, "converter", failed, None, None),
        ),
        chosen="int8",
        reason=say("int8 is the smallest that keeps the accuracy."),
        target="rdk-x3",
        preprocessing=report.preprocessing,
        preprocessing_evidence=say("given"),
        calibration_samples=100,
        notes=(say("A note."),),
    )
    return ReportInputs(
        inspected(artifact), fusion(artifact), quantized, bundle(), pushed(), source, timed()
    )


def inspected(artifact: Artifact) -> InspectedModel:
    source = ModelSource(Path("/models") / SHARP, "saved-model", "f" * 64)
    operators = (OperatorCount("CONV_2D", 3),)
    return InspectedModel(
        source, ("serve",), (artifact.signature,), "2.21.0", operators, 78666, 12_501_632, 321_000
    )


def fusion(artifact: Artifact) -> FusionResult:
    outcome = PassOutcome("affine-forward", say("Affine into the next"), 2, False, False, 1e-7, 0.0)
    group = FusionGroup("Conv2D + BatchNorm", "conv1", "by-converter", say("The converter did it."))
    return FusionResult(
        artifact, Price(40, 12_345, 9, 8, 7), Price(31, 9_876, 6, 5, 4),
        1e-7, 1e-7, 32, "calibration", "litert 2.3.0",
        (outcome,), (group,), Drawing(()), Drawing(()),
        (say("The input is now uint8."),), (say("It is slower here."),),
    )  # fmt: skip


def timed() -> SourceLatency:
    plain = Latency(7.5, 7.25, 8.0, 30, "tensorflow 2.21.0", 1)
    return SourceLatency(plain, None, say("XLA refuses the model: no {words}", words="Where"))


def bundle() -> Bundle:
    golden = Golden("golden-inputs.npz", "golden-outputs.npz", 8, 0.1, "tflite-runtime 2.14.0")
    figure = Figure("accuracy", 0.993, "litert 2.3.0, 18 samples")
    manifest = Manifest(
        1, "digits", "20250101-abc", "2025-01-01T00:00:00Z", "rdk-x3", "tflite-runtime 2.13.0",
        "int8", "model.tflite", ("a", "b"), Preprocessing(), golden, (), (figure,), (),
    )  # fmt: skip
    return Bundle(Path("/out/digits.zip"), "b" * 64, 123_456, manifest, "c" * 64)


def pushed() -> PushResult:
    health = Health(True, "tflite-runtime 2.13.0", 8, 0.002, 1.5)
    return PushResult("live", "20250101-abc", health, None, 123_456, 1.25)


def written(inputs: ReportInputs, tmp_path: Path, language: str = "en") -> str:
    path = tmp_path / "report.html"
    plan = ReportPlan((ReportFile(path, "html", language),))
    result = write_report(inputs, plan, tmp_path, silent)
    assert result.files == (path,)
    return path.read_text("utf-8")


def test_everything_is_in_it(
    judged: tuple[Artifact, DataSource, AccuracyReport], tmp_path: Path
) -> None:
    text = written(everything(judged), tmp_path)
    page = Page(text)
    for expected in (
        "int8 is the smallest that keeps the accuracy.", "40 operators became 31", "50.00 %",
        "▼ -50.00 points", "18 samples, litert", "10 samples, tflite-runtime", "not usable",
        "The outputs differ there.", "the device has tflite-runtime 2.13.0", "20250101-abc",
        "78,666", "123.5 kB", sha256(judged[0].path), "live", "8 samples", "b" * 64, "A note.",
        "12,345", "9,876", "The input is now uint8.", "It is slower here.", "7.5 (7.25–8)",
        "XLA refuses the model: no Where",
        "The converter did it.", "proven equal", "0.993 (litert 2.3.0, 18 samples)",
    ):  # fmt: skip
        assert expected in page.text, expected


def test_nothing_comes_from_outside_and_nothing_runs(
    judged: tuple[Artifact, DataSource, AccuracyReport], tmp_path: Path
) -> None:
    text = written(everything(judged), tmp_path)
    page = Page(text)
    assert all(r.startswith("data:image/png;base64,") for r in page.references)
    assert "script" not in page.tags
    assert "http" not in text
    assert "url(" not in text
    assert SHARP in page.text


def test_differing_samples_are_pictures(
    judged: tuple[Artifact, DataSource, AccuracyReport], tmp_path: Path
) -> None:
    page = Page(written(everything(judged), tmp_path))
    assert len(page.references) == 9
    assert "label: dark" in page.text
    assert "float: dark" in page.text


def test_changed_data_is_not_shown(
    judged: tuple[Artifact, DataSource, AccuracyReport], tmp_path: Path
) -> None:
    inputs = everything(judged)
    other = replace(inputs, evaluation=DataSource(judged[1].path, limit=4))
    page = Page(written(other, tmp_path))
    assert page.references == []
    assert "has changed" in page.text
    assert Page(written(replace(inputs, evaluation=None), tmp_path)).references == []


def test_chinese(
    judged: tuple[Artifact, DataSource, AccuracyReport],
    tmp_path: Path,
) -> None:
    text = written(everything(judged), tmp_path, "zh_CN")
    assert 'lang="zh-CN"' in text
    page = Page(text)
    chinese = assets.words("zh_CN")
    for title in ("Confusion matrix", "Where the two differ", "Hashes and versions"):
        assert chinese(title) in page.text
        assert title not in page.text


def test_little_is_enough(
    judged: tuple[Artifact, DataSource, AccuracyReport], tmp_path: Path
) -> None:
    page = Page(written(ReportInputs(inspected(judged[0])), tmp_path))
    assert page.tags.count("section") == 2


def test_refused_push_says_why(
    judged: tuple[Artifact, DataSource, AccuracyReport], tmp_path: Path
) -> None:
    refused = PushResult("refused", "old", None, say("The disk is full."))
    page = Page(written(ReportInputs(inspected(judged[0]), push=refused), tmp_path))
    assert "The disk is full." in page.text


def test_place_that_cannot_be_written(
    judged: tuple[Artifact, DataSource, AccuracyReport], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    inputs = ReportInputs(inspected(judged[0]))
    plan = ReportPlan((ReportFile(tmp_path / "file" / "report.html"),))
    with pytest.raises(UserError, match="cannot be written"):
        write_report(inputs, plan, tmp_path, silent)
