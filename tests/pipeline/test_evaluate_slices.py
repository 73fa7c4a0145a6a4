"""Figures per slice, against a plain count of who was right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest

from edgekiln.core.accuracy import (
    AccuracyReport,
    EvalInputs,
    SliceInputs,
    SlicePlan,
    SliceTable,
)
from edgekiln.core.codec import decode, encode
from edgekiln.core.data import PRESETS, DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.plans import EvalPlan
from edgekiln.core.report import silent
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.data.source import open_data
from edgekiln.pipeline.evaluate.evaluate import evaluate
from edgekiln.pipeline.evaluate.sliced import slice_figures
from pipeline.test_data_finder import brightness
from pipeline.test_data_kinds import coco

COUNT = 60


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Shades with labels that some of the night's pictures contradict, in two sizes."""
    random = np.random.default_rng(5)
    rows = ["file,label,shift,note"]
    for i in range(COUNT):
        shade, shift = int(random.integers(0, 256)), "day" if i % 3 else "night"
        right = "dark" if shade < 128 else "light"
        label = right if shift == "day" or i % 2 else "dark"
        Image.new("RGB", (4, 4) if i % 4 else (8, 6), (shade,) * 3).save(tmp_path / f"{i:02}.png")
        rows.append(f"{i:02}.png,{label},{shift},note {i}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def judged(listed: Path, out: Path, level: float = 128.0, *by: str) -> AccuracyReport:
    out.mkdir()
    plan = EvalPlan(DataSource(listed), preprocessing=PRESETS[0], slices=by)
    return evaluate(EvalInputs(brightness(out, level)), plan, out, silent)


def test_each_slice_is_counted(listed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("out")
    report = judged(listed, out / "a", 128.0, "shift", "class", "size")
    arrays = load_arrays(report.outputs)
    right = arrays["labels"] == arrays["predicted"]
    shifts = np.array(["day" if i % 3 else "night" for i in range(COUNT)])
    sizes = np.array(["4×4" if i % 4 else "8×6" for i in range(COUNT)])
    names = np.array(report.class_names)[arrays["labels"]]
    by = {"shift": shifts, "size": sizes, "class": names}
    assert {(s.by, s.value) for s in report.slices} == {
        (kind, value) for kind, values in by.items() for value in set(values.tolist())
    }
    assert not right[shifts == "night"].all()
    for each in report.slices:
        own = right[by[each.by] == each.value]
        assert each.samples == len(own)
        assert each.primary is not None
        assert each.primary.value == pytest.approx(own.mean())
        assert each.primary.samples == len(own)
        interval = binomtest(int(own.sum()), len(own)).proportion_ci(method="wilson")
        assert each.primary.interval is not None
        assert each.primary.interval.low == pytest.approx(interval.low, abs=1e-9)
        assert each.primary.interval.high == pytest.approx(interval.high, abs=1e-9)
    assert decode(AccuracyReport, encode(report)) == report
    assert judged(listed, out / "b").slices == ()


def test_two_models_on_each_slice(listed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("out")
    float_, worse = judged(listed, out / "a"), judged(listed, out / "b", 90.0)
    inputs = SliceInputs(worse, float_, DataSource(listed))
    told = slice_figures(inputs, SlicePlan(), out, silent)
    assert decode(SliceTable, encode(told)) == told
    assert {s.by for s in told.slices} == {"class", "shift", "size"}  # a note is no property
    for each in told.slices:
        assert each.primary is not None
        assert each.float_primary is not None
        assert each.paired is not None
        lost = each.primary.value - each.float_primary.value
        assert each.paired.difference == pytest.approx(lost)
        assert each.paired.samples == each.samples
    (dark,) = [s for s in told.slices if s.value == "dark"]
    assert dark.paired is not None
    assert dark.paired.difference < 0


def test_what_the_data_cannot_be_sliced_by(
    listed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("out")
    report = judged(listed, out / "a")
    inputs = SliceInputs(report, None, DataSource(listed))
    with pytest.raises(UserError, match="cannot be sliced by “weather”") as refused:
        slice_figures(inputs, SlicePlan(("weather",)), out, silent)
    assert refused.value.choices == ("class", "shift", "size")
    (listed / "00.png").write_bytes(b"broken")
    with pytest.raises(UserError, match="not as it was"):
        slice_figures(inputs, SlicePlan(("class",)), out, silent)


def test_without_classes_there_is_no_figure(
    listed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("out")
    report = replace(judged(listed, out / "a"), task="none")
    told = slice_figures(SliceInputs(report, None, DataSource(listed)), SlicePlan(("shift",)),
                         out, silent)  # fmt: skip
    assert [(s.value, s.samples, s.primary) for s in told.slices] == [
        ("night", 20, None), ("day", 40, None),
    ]  # fmt: skip


def test_boxes_are_told_by_the_class_they_show(tmp_path: Path) -> None:
    """A detector by slices: mAP of the pictures of each, from what its report keeps."""
    file = coco(tmp_path / "data").parents[1]
    data = open_data(DataSource(file))
    truths = [data.truth(i) for i in range(len(data))]
    corners = np.concatenate([t.corners / (8, 6, 8, 6) for t in truths])  # type: ignore[union-attr]
    classes = np.concatenate([t.classes for t in truths])  # type: ignore[union-attr]
    starts = np.cumsum([0, *(len(t.classes) for t in truths)])  # type: ignore[union-attr,arg-type]
    boxes = {"starts": starts, "corners": corners, "classes": classes}
    own = {**boxes, "box_scores": np.linspace(0.9, 0.8, len(classes))}
    truth = {f"true_{name}": array for name, array in boxes.items()}
    none = np.full(len(data), -1, np.int64)
    np.savez(
        tmp_path / "o.npz", scores=np.zeros((len(data), 1), np.float32), labels=none,
        predicted=none, **own, **truth,
    )  # fmt: skip
    report = AccuracyReport(
        "litert 2.3.0", "data", "", len(data), None, None, (), data.class_names,
        tmp_path / "o.npz", 1.0, PRESETS[0], task="detection",
    )  # fmt: skip
    told = slice_figures(SliceInputs(report, report, DataSource(file)), SlicePlan(("class",)),
                         tmp_path, silent)  # fmt: skip
    assert {s.value for s in told.slices} == {"cat", "dog"}
    for each in told.slices:
        assert each.primary is not None
        assert each.primary.name.startswith("map")
        assert each.primary.value == pytest.approx(1.0)
        assert each.paired is None or each.paired.difference == 0
