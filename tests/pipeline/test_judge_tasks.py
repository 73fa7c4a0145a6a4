"""Every kind of model judged by the step, its figures as the script independent.py has them.

The models are so plain that their answers are known: a picture's pixels are the boxes, the scores
of the mask, the values. What is judged is what comes out of the interpreter all the same.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.accuracy import AccuracyReport, EvalInputs
from edgekiln.core.artifact import Artifact
from edgekiln.core.codec import decode, encode
from edgekiln.core.data import PRESETS, DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.plans import EvalPlan
from edgekiln.core.report import silent
from edgekiln.core.task import DERIVED, Judging
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.data.source import write_samples
from edgekiln.pipeline.evaluate.beside import paired
from edgekiln.pipeline.evaluate.evaluate import evaluate
from edgekiln.pipeline.evaluate.judge import judge, judge_on_target
from pipeline import independent
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.plain_models import BOXES, NAMES, PICTURES, detector, reshaped, scenes

SHARES = next(preset for preset in PRESETS if preset.name == "0..1")
LEVELS = np.linspace(0.5, 0.95, 10)


def judged(
    artifact: Artifact,
    data: Path,
    out: Path,
    against: Artifact | None = None,
    judging: Judging = DERIVED,
    preprocessing: Preprocessing | None = SHARES,
) -> AccuracyReport:
    plan = EvalPlan(DataSource(data), "litert", preprocessing, judging)
    report = evaluate(EvalInputs(artifact, against), plan, out, silent)
    assert decode(AccuracyReport, encode(report)) == report
    return report


def measures(report: AccuracyReport) -> dict[str, float]:
    assert all(
        m.interval is None or m.interval.low <= m.value <= m.interval.high for m in report.measures
    )
    return {m.name: m.value for m in report.measures}


# --- boxes ---------------------------------------------------------------------------------------


def test_detector_equals_the_independent_script(tmp_path: Path) -> None:
    found, truth = scenes(tmp_path / "data")
    report = judged(detector(tmp_path), tmp_path / "data", tmp_path, detector(tmp_path, 0.98))
    assert (report.task, report.decoder) == ("detection", "corners")
    assert str(report.task_why) == "The data has boxes"
    assert report.primary is not None
    wanted = independent.mean_average_precision(found, truth, LEVELS)
    assert wanted is not None
    assert 0.1 < wanted < 0.95
    assert report.primary.name == "map50-95"
    assert report.primary.value == pytest.approx(wanted, abs=1e-6)
    assert report.share == report.primary.value
    seen = measures(report)
    assert seen["map50"] == pytest.approx(
        independent.mean_average_precision(found, truth, [0.5]), abs=1e-6
    )
    assert report.agreement == seen["box-agreement"] > 0.8
    assert report.paired is not None
    assert report.paired.method == "bootstrap"
    assert report.class_names == NAMES
    for figures in report.per_class:
        ap = [independent.average_precision(found, truth, figures.index, t) for t in LEVELS]
        assert figures.score == pytest.approx(np.mean(ap), abs=1e-6)
        labels = [b for boxes in truth for b in boxes if b[4] == figures.index and not b[6]]
        assert figures.support == len(labels)
    assert report.accuracy is None
    assert report.confusion == ()


def test_the_file_of_a_detector_holds_both_boxes(tmp_path: Path) -> None:
    found, truth = scenes(tmp_path / "data")
    arrays = load_arrays(judged(detector(tmp_path), tmp_path / "data", tmp_path).outputs)
    assert arrays["starts"].tolist() == np.cumsum([0, *map(len, found)]).tolist()
    assert arrays["true_starts"].tolist() == np.cumsum([0, *map(len, truth)]).tolist()
    flat = [box for boxes in found for box in boxes]
    assert arrays["corners"] == pytest.approx(np.array([b[:4] for b in flat]), abs=1e-6)
    assert arrays["classes"].tolist() == [b[4] for b in flat]
    assert arrays["box_scores"] == pytest.approx(np.array([b[5] for b in flat]))
    real = [box for boxes in truth for box in boxes]
    assert arrays["true_corners"] == pytest.approx(np.array([b[:4] for b in real]), abs=1e-6)
    assert arrays["true_crowd"].tolist() == [bool(b[6]) for b in real]
    assert set(arrays["predicted"].tolist()) == {-1}


def test_boxes_without_a_known_head(tmp_path: Path) -> None:
    scenes(tmp_path / "data")
    odd = reshaped(tmp_path, "odd.tflite", (BOXES, 7, 1), 2, 3, 7)
    report = judged(odd, tmp_path / "data", tmp_path)
    assert (report.task, report.primary) == ("none", None)
    assert "no detector's" in str(report.task_why)
    with pytest.raises(UserError) as caught:
        judged(odd, tmp_path / "data", tmp_path, judging=Judging("detection"))
    assert "corners" in caught.value.choices


def test_a_declared_decoder_is_taken(tmp_path: Path) -> None:
    """Corners read as centres are other boxes."""
    scenes(tmp_path / "data")
    wrong = judged(detector(tmp_path), tmp_path / "data", tmp_path, judging=Judging(None, "yolov5"))
    assert (wrong.task, wrong.decoder) == ("detection", "yolov5")
    assert str(wrong.task_why) == "Chosen by you"
    right = judged(detector(tmp_path), tmp_path / "data", tmp_path)
    assert wrong.primary is not None
    assert right.primary is not None
    assert wrong.primary.value < right.primary.value / 2


# --- masks ---------------------------------------------------------------------------------------


def segmented(folder: Path, factor: int = 1) -> tuple[np.ndarray, np.ndarray, Path]:
    """Pictures whose channels are the scores of three classes, and masks, some pixels unknown."""
    random = np.random.default_rng(5)
    x = random.integers(0, 256, (20, 8, 8, 3), np.uint8)
    told = x.argmax(axis=3)
    truth = np.where(random.random(told.shape) < 0.7, told, random.integers(0, 3, told.shape))
    truth[random.random(told.shape) < 0.1] = 255
    folder.mkdir()
    np.savez(folder / "d.npz", x=(x / 255).astype(np.float32), y=truth.astype(np.uint8))
    return told, truth, folder / "d.npz"


def test_segmenter_equals_the_independent_script(tmp_path: Path) -> None:
    told, truth, data = segmented(tmp_path / "data")
    model = reshaped(tmp_path, "s.tflite", (8, 8, 3), 8, 8, 3)
    report = judged(model, data, tmp_path, against=model, preprocessing=None)
    iou, mean, right = independent.masks(told, truth, 3)
    assert report.task == "segmentation"
    assert report.primary is not None
    assert (report.primary.name, report.primary.samples) == ("miou", 20)
    assert report.primary.value == pytest.approx(mean, abs=1e-9)
    assert measures(report)["pixel-accuracy"] == pytest.approx(right, abs=1e-9)
    assert [c.score for c in report.per_class] == pytest.approx(iou)
    assert sum(c.support for c in report.per_class) == np.sum(truth != 255)
    assert report.agreement == 1.0
    assert report.paired is not None
    assert report.paired.difference == 0
    arrays = load_arrays(report.outputs)
    assert np.array_equal(arrays["masks"], told)
    assert np.array_equal(arrays["true_masks"], truth)


def test_masks_of_half_the_size_are_enlarged(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    small = random.integers(0, 256, (5, 4, 4, 3), np.uint8)
    truth = small.argmax(axis=3).repeat(2, axis=1).repeat(2, axis=2)
    x = (small / 255).astype(np.float32).repeat(2, axis=1).repeat(2, axis=2)
    np.savez(tmp_path / "d.npz", x=x, y=truth.astype(np.uint8))
    builder = GraphBuilder()
    picture = builder.input((1, 8, 8, 3))
    pooled = builder.pool("MAX", picture, size=2, stride=2)
    model = as_artifact(builder.graph(pooled), tmp_path)
    report = judged(model, tmp_path / "d.npz", tmp_path, preprocessing=None)
    assert report.primary is not None
    assert (report.task, report.primary.value) == ("segmentation", 1.0)


# --- values, reconstructions, embeddings ---------------------------------------------------------


def test_regression_equals_the_independent_script(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    x = random.normal(size=(50, 3)).astype(np.float32)
    y = x * [1.0, 2.0, 1.0] + random.normal(size=x.shape) * 0.1
    np.savez(tmp_path / "d.npz", x=x, y=y)
    model = reshaped(tmp_path, "r.tflite", (3,), 3)
    worse = reshaped(tmp_path, "w.tflite", (3,), 3, times=0.5)
    report = judged(worse, tmp_path / "d.npz", tmp_path, against=model, preprocessing=None)
    assert report.task == "regression"
    gaps = x * 0.5 - y
    assert report.primary is not None
    assert (report.primary.name, report.share) == ("mae", None)
    assert report.primary.value == pytest.approx(np.abs(gaps).mean(), rel=1e-6)
    seen = measures(report)
    assert seen["rmse"] == pytest.approx(np.sqrt((gaps**2).mean()), rel=1e-6)
    assert seen["r2"] == pytest.approx(independent.r2(x * 0.5, y), rel=1e-6)
    assert report.error == pytest.approx(0.5)
    assert report.paired is not None
    assert report.paired.difference > 0
    assert not report.paired.is_noise


@pytest.mark.parametrize("names", [("abnormal", "normal"), ("normal", "odd", "worse")])
def test_autoencoder_is_judged_by_the_auc(tmp_path: Path, names: tuple[str, ...]) -> None:
    """It gives back half of what it is fed, so large samples are rebuilt worst."""
    random = np.random.default_rng(9)
    y = np.arange(60) % len(names)
    abnormal = y != names.index("normal")
    x = random.normal(size=(60, 10)) * np.where(abnormal, 1.3, 1.0)[:, None]
    np.savez(tmp_path / "d.npz", x=x.astype(np.float32), y=y)
    (tmp_path / "labels.txt").write_text("\n".join(names))
    model = reshaped(tmp_path, "a.tflite", (10,), 10, times=0.5)
    report = judged(model, tmp_path / "d.npz", tmp_path, against=model, preprocessing=None)
    assert (report.task, report.accuracy, report.agreement) == ("autoencoder", None, None)
    score = ((0.5 * x) ** 2).mean(axis=1)
    assert report.primary is not None
    assert report.primary.name == "auc"
    assert report.primary.value == pytest.approx(independent.auc(score, abnormal), abs=1e-6)
    assert measures(report)["rmse"] == pytest.approx(np.sqrt(score.mean()), rel=1e-5)
    assert report.error == 0


def test_embeddings_are_judged_where_declared(tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    y = np.arange(40) % 5
    x = (np.eye(5)[y] + random.normal(size=(40, 5)) * 0.5).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    model = reshaped(tmp_path, "e.tflite", (5,), 5)
    asked = Judging("embedding")
    report = judged(model, tmp_path / "d.npz", tmp_path, model, asked, None)
    assert report.primary is not None
    assert report.primary.value == np.mean(independent.recall_at_1(x, y))
    assert report.primary.interval is not None
    assert (report.primary.interval.method, report.agreement) == ("wilson", None)


def test_numbers_as_labels_are_values_where_declared(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([[1.0], [2], [3], [4]], np.float32), y=[2, 2, 3, 7])
    model = reshaped(tmp_path, "n.tflite", (1,), 1)
    report = judged(model, tmp_path / "d.npz", tmp_path, judging=Judging("regression"),
                    preprocessing=None)  # fmt: skip
    assert report.primary is not None
    assert report.primary.value == 1.0


def test_what_cannot_be_judged_so_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 4), np.float32))
    model = reshaped(tmp_path, "v.tflite", (4,), 4)
    with pytest.raises(UserError, match="segmentation"):
        judged(model, tmp_path / "d.npz", tmp_path, judging=Judging("segmentation"),
               preprocessing=None)  # fmt: skip


# --- several outputs and inputs ------------------------------------------------------------------


def two_ways(folder: Path, name: str, times: float = 1.0) -> Artifact:
    """Scores are a + b; the second output is a - b."""
    builder = GraphBuilder()
    a, b = builder.input((1, 3), "a"), builder.input((1, 3), "b")
    scores = builder.add(a, b)
    apart = builder.affine("MUL", builder.two("SUB", a, b), np.float32(times))
    return as_artifact(builder.graph(scores, apart), folder, name)


def test_several_inputs_and_outputs_go_by_their_names(tmp_path: Path) -> None:
    random = np.random.default_rng(13)
    y = np.arange(30) % 3
    a, b = random.normal(size=(2, 30, 3)).astype(np.float32)
    b = b * 0.1
    y = (a + b).argmax(axis=1)
    np.savez(tmp_path / "d.npz", b=b, a=a, y=y)
    report = judged(
        two_ways(tmp_path, "h.tflite", 0.5), tmp_path / "d.npz", tmp_path,
        two_ways(tmp_path, "f.tflite"), preprocessing=None,
    )  # fmt: skip
    assert report.accuracy == 1.0
    first, second = report.by_output
    assert (first.name, first.error, first.sqnr_db) == ("out0", 0.0, None)
    assert second.name == "out1"
    assert second.error == pytest.approx(0.5)
    assert second.sqnr_db == pytest.approx(20 * np.log10(2), abs=1e-4)
    assert second.cosine == pytest.approx(1)
    assert load_arrays(report.outputs)["output:out1"] == pytest.approx((a - b) * 0.5)


# --- state ---------------------------------------------------------------------------------------


def remembering(folder: Path) -> Artifact:
    """SVDF that gives the sum of the last four samples."""
    build = GraphBuilder()
    state = build.constant(np.zeros((1, 12)))
    state.data, state.rest = None, schema.TensorT(isVariable=True, hasRank=True)
    weights = [build.constant(np.eye(3)), build.constant(np.ones((3, 4)))]
    inputs = [build.input((1, 3)), *weights, None, state]
    return as_artifact(build.graph(build.op("SVDF", inputs, (1, 3), schema.SVDFOptionsT(rank=1))),
                       folder, "state.tflite")  # fmt: skip


def test_a_state_lasts_through_the_samples_in_order(tmp_path: Path) -> None:
    x = np.random.default_rng(17).normal(size=(80, 3)).astype(np.float32)
    sums = np.array([x[max(0, i - 3) : i + 1].sum(axis=0) for i in range(80)])
    np.savez(tmp_path / "d.npz", x=x, y=sums.argmax(axis=1))
    model = remembering(tmp_path)
    report = judged(model, tmp_path / "d.npz", tmp_path, against=model, preprocessing=None)
    assert load_arrays(report.outputs)["scores"] == pytest.approx(sums, abs=1e-5)
    assert (report.accuracy, report.agreement) == (1.0, 1.0)
    samples = write_samples(
        DataSource(tmp_path / "d.npz"), None, model.signature, tmp_path / "s.npz"
    )
    fast = judge(model, samples, None, "litert", tmp_path, tmp_path, Preprocessing())
    there = judge_on_target(model, samples, fast, "tflite-runtime", 30, tmp_path, tmp_path)
    assert (there.samples, there.accuracy, there.same_as_fast) == (30, 1.0, 1.0)


# --- the runtime of a box, and two reports -------------------------------------------------------


def test_a_detector_on_the_target(tmp_path: Path) -> None:
    scenes(tmp_path / "data")
    model = detector(tmp_path)
    samples = write_samples(
        DataSource(tmp_path / "data"), SHARES, model.signature, tmp_path / "s.npz"
    )
    fast = judge(model, samples, None, "litert", tmp_path, tmp_path, SHARES, is_reference=True)
    there = judge_on_target(
        model, samples, fast, "tflite-runtime", PICTURES, tmp_path, tmp_path, fast
    )
    assert (there.same_as_fast, there.agreement, there.accuracy) == (1.0, 1.0, None)
    assert fast.primary is not None
    assert there.share == there.float_share == fast.primary.value


def test_two_reports_of_masks(tmp_path: Path) -> None:
    _, _, data = segmented(tmp_path / "data")
    model = reshaped(tmp_path, "s.tflite", (8, 8, 3), 8, 8, 3)
    builder = GraphBuilder()
    blind = builder.affine("MUL", builder.input((1, 8, 8, 3)), np.array([1, 1, 0.5], np.float32))
    worse = as_artifact(builder.graph(blind), tmp_path, "w.tflite")
    one, other = (judged(m, data, tmp_path, preprocessing=None) for m in (model, worse))
    test = paired(one, other)
    assert test is not None
    assert one.primary is not None
    assert other.primary is not None
    assert test.difference == pytest.approx(one.primary.value - other.primary.value)
    assert not test.is_noise
    assert paired(one, replace(other, data_fingerprint="of other data")) is None
