"""What a report says of certainty: on the public models as the script independent.py says it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekiln.core.accuracy import AccuracyReport, Candidate, EvalInputs
from edgekiln.core.artifact import Artifact, Verdict
from edgekiln.core.codec import decode, encode
from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.plans import ConvertPlan, EvalPlan, InspectPlan
from edgekiln.core.report import silent
from edgekiln.core.task import Judging
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.evaluate.beside import beside_others
from edgekiln.pipeline.evaluate.evaluate import evaluate
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.identify import identify
from pipeline import independent
from pipeline.graphs import GraphBuilder, as_artifact

# the kit's README: preprocessing, data, samples, float accuracy, that of the source's int8
KIT = {
    "resnet8_cifar10": ("0..255", "evaluation.npz", 2000, 0.8690, 0.8630),
    "mobilenetv1_025_vww": ("0..1", "evaluation", 800, 0.8550, 0.8525),
    "dscnn_kws": ("none", "evaluation.npz", 401, 0.9202, 0.9152),
}


def plain(report: AccuracyReport, beside: AccuracyReport | None = None) -> dict[str, Any]:
    """The figures of the script, in a process that knows nothing of us."""
    files = [str(r.outputs) for r in (report, beside) if r is not None]
    script = Path(independent.__file__)
    ran = subprocess.run([sys.executable, script, *files], capture_output=True, check=True)
    return dict(json.loads(ran.stdout))


def compared(report: AccuracyReport, wanted: dict[str, Any]) -> None:
    assert report.accuracy == pytest.approx(wanted["accuracy"])
    assert report.interval is not None
    assert (report.interval.low, report.interval.high) == pytest.approx(tuple(wanted["interval"]))
    for measure in report.measures:
        assert measure.value == pytest.approx(wanted[measure.name], rel=1e-6, abs=1e-9)
        assert measure.interval is not None
        assert measure.interval.low <= measure.value <= measure.interval.high
        assert measure.samples == report.samples


@pytest.mark.evaluation_kit
def test_public_models(evaluation_kit: Path, drive: Any, tmp_path: Path) -> None:
    jobs = []
    for name in KIT:
        folder = evaluation_kit / name / "saved_model"
        source = identify(folder, InspectPlan(), folder, silent)
        jobs.append((name, "convert", source, ConvertPlan()))
    driven = drive(jobs)
    for name, (preset, data, samples, float_accuracy, int8_accuracy) in KIT.items():
        made = decode(Artifact, driven.result(name))
        fed = next(p for p in (*PRESETS, Preprocessing()) if p.name == preset)
        plan = EvalPlan(DataSource(evaluation_kit / name / data), preprocessing=fed)
        own = evaluate(EvalInputs(made), plan, tmp_path, silent)
        file = evaluation_kit / name / "reference_int8.tflite"
        int8 = artifact_of(file, scheme="int8", made_from="", made_by=())
        small = evaluate(EvalInputs(int8, made), plan, tmp_path, silent)
        assert (own.samples, small.samples) == (samples, samples)
        assert own.accuracy == pytest.approx(float_accuracy, abs=5e-4)
        assert small.accuracy == pytest.approx(int8_accuracy, abs=5e-4)
        compared(own, plain(own))
        wanted = plain(small, own)
        compared(small, wanted)
        assert small.agreement == pytest.approx(wanted["agreement"])
        assert small.paired is not None
        assert small.paired.p == pytest.approx(wanted["p"])
        assert small.paired.difference == pytest.approx(small.accuracy - own.accuracy)


@pytest.fixture
def report(tmp_path: Path) -> AccuracyReport:
    """A model of six classes that is right on 40 samples but four, beside itself."""
    builder = GraphBuilder()
    graph = builder.graph(builder.dense(builder.input((1, 6)), 6, bias=False))
    weights = graph.main.operators[0].inputs[1]
    assert weights is not None
    weights.data = np.eye(6, dtype=np.float32).tobytes()
    artifact = as_artifact(graph, tmp_path)
    labels = np.arange(40) % 6
    seen = np.where(np.arange(40) < 4, (labels + 1) % 6, labels)
    x = np.random.default_rng(0).random((40, 6)) * 0.4 + np.eye(6)[seen]
    np.savez(tmp_path / "data.npz", x=x.astype(np.float32), y=labels)
    plan = EvalPlan(DataSource(tmp_path / "data.npz"))
    return evaluate(EvalInputs(artifact, artifact), plan, tmp_path, silent)


def test_small_model(report: AccuracyReport) -> None:
    assert report.accuracy == 0.9
    itself = {"confidence-drift": 0.0, "kl": 0.0, "cosine": 1.0}  # and no noise to divide by
    compared(report, plain(report) | itself)
    assert {m.name for m in report.measures} == {
        "top5", "macro-f1", "ece", "confidence-drift", "kl", "cosine"
    }  # fmt: skip
    assert report.paired is not None
    assert (report.paired.p, report.paired.samples) == (1, 40)
    assert sum(c.support for c in report.per_class) == 40
    assert sum(b.samples for b in report.reliability) == 40


def test_a_report_of_before_is_still_read(report: AccuracyReport) -> None:
    assert decode(AccuracyReport, encode(report)) == report
    new = {"interval", "agreement_interval", "paired", "measures", "per_class", "reliability"}
    old = {key: value for key, value in encode(report).items() if key not in new}
    read = decode(AccuracyReport, old)
    assert (read.accuracy, read.interval, read.measures) == (0.9, None, ())


def test_the_chosen_one_beside_the_others(report: AccuracyReport, tmp_path: Path) -> None:
    arrays = load_arrays(report.outputs)
    worse = arrays["predicted"].copy()
    worse[10:30] = (worse[10:30] + 1) % 6
    save_arrays(tmp_path / "worse.npz", {**arrays, "predicted": worse})
    other = replace(report, accuracy=0.4, outputs=tmp_path / "worse.npz")
    elsewhere = replace(other, data_fingerprint="of other data")
    verdict = Verdict(True, "", "", 1, 0.0, "")
    candidates = [
        Candidate(scheme, None, "none", verdict, each, None)
        for scheme, each in (("int8", report), ("float16", other), ("int16x8", elsewhere))
    ]
    (beside,) = beside_others(candidates, "int8")
    assert beside.scheme == "float16"
    assert (beside.test.gained, beside.test.lost, beside.test.samples) == (20, 0, 40)
    assert beside.test.p == pytest.approx(2 / 2**20)
    assert not beside.test.is_noise
    assert beside_others(candidates, None) == ()


def test_outputs_without_classes_are_measured_against_float(tmp_path: Path) -> None:
    builder = GraphBuilder()
    artifact = as_artifact(builder.graph(builder.relu(builder.input((1, 4, 4, 2)))), tmp_path)
    np.savez(tmp_path / "d.npz", x=np.random.default_rng(0).normal(size=(3, 4, 4, 2)))
    plan = EvalPlan(DataSource(tmp_path / "d.npz"), judging=Judging("none"))
    report = evaluate(EvalInputs(artifact, artifact), plan, tmp_path, silent)
    assert [(m.name, m.value, m.samples) for m in report.measures] == [
        ("cosine", pytest.approx(1), 3)
    ]
    assert (report.interval, report.paired, report.per_class) == (None, None, ())
