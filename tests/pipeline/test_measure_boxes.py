"""Detectors: mAP against an independent COCO evaluation, heads decoded, double boxes dropped."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgekiln.core.task import Decoder
from edgekiln.pipeline.evaluate.boxes import Boxes, decode_boxes, iou, layout_of, suppressed
from edgekiln.pipeline.evaluate.detection import (
    MatchedBoxes,
    agreed_boxes,
    box_agreement,
    matched_pairs,
)
from edgekiln.pipeline.evaluate.statistics import bootstrap
from pipeline import independent

LEVELS = np.linspace(0.5, 0.95, 10)
seeds = st.integers(0, 2**32 - 1)
SIDE = 12  # a small picture: many boxes overlap


def boxes_of(rows: list[tuple[float, ...]]) -> Boxes:
    """Rows as independent.py has them: corners, class, score, crowd."""
    table = np.array(rows, float).reshape(-1, 7)
    return Boxes(table[:, :4], table[:, 4].astype(np.int64), table[:, 5], table[:, 6].astype(bool))


def drawn(random: np.random.Generator, most: int, crowds: bool = False) -> list[tuple[float, ...]]:
    """Boxes with whole corners; all scores differ, as the order of equal ones is nobody's."""
    rows = []
    for _ in range(int(random.integers(0, most + 1))):
        left, top = random.integers(0, SIDE - 2, 2)
        width, height = random.integers(1, SIDE // 2, 2)
        crowd = float(crowds and random.random() < 0.3)
        rows.append((left, top, left + width, top + height, random.integers(0, 3),
                     random.random(), crowd))  # fmt: skip
    return rows


def moved(random: np.random.Generator, truth: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Labels as a fair detector finds them."""
    found = []
    for left, top, right, bottom, kind, _, _ in truth:
        if random.random() < 0.8:
            dx, dy = random.integers(-1, 2, 2)
            found.append((left + dx, top + dy, right + dx, bottom + dy, kind, random.random(), 0.0))
    return found


def pictures(seed: int, crowds: bool = True, most: int = 8):
    random = np.random.default_rng(seed)
    truth = [drawn(random, most, crowds) for _ in range(int(random.integers(1, 6)))]
    found = [moved(random, rows) + drawn(random, 4) for rows in truth]
    return found, truth


@settings(deadline=None)
@given(seeds)
def test_mean_average_precision_equals_the_independent_one(seed: int) -> None:
    found, truth = pictures(seed)
    own = MatchedBoxes(list(map(boxes_of, found)), list(map(boxes_of, truth))).mean_precision()
    wanted = independent.mean_average_precision(found, truth, LEVELS)
    if own is None:
        assert wanted is None
        return
    assert own.map50_95 == pytest.approx(wanted, abs=1e-6)
    at_half = independent.mean_average_precision(found, truth, [0.5])
    assert own.map50 == pytest.approx(at_half, abs=1e-6)
    assert (
        0 <= own.map50_95 <= own.map50 + 1e-12 <= 1 + 1e-9
    )  # means of equal numbers differ by rounding
    assert np.mean([value for _, value in own.by_class]) == pytest.approx(own.map50_95)


@settings(deadline=None)
@given(seeds)
def test_mean_average_precision_equals_pycocotools(seed: int) -> None:
    """Its whole evaluation, accumulated by itself; empty pictures, crowds and classes that only one
    side has are among the cases."""
    found, truth = pictures(seed, most=12)
    own = MatchedBoxes([boxes_of(r) for r in found], [boxes_of(r) for r in truth]).mean_precision()
    wanted = by_pycocotools(found, truth)
    assert (own is None) == (wanted is None)
    if own is not None and wanted is not None:
        assert (own.map50_95, own.map50) == pytest.approx(wanted, abs=1e-6)


def by_pycocotools(found: list[Any], truth: list[Any]) -> tuple[float, float] | None:
    """AP and AP50 as its summary prints them."""
    tables = []
    for boxes in (truth, found):
        table = COCO()
        rows = [(i, box) for i, each in enumerate(boxes) for box in each]
        table.dataset = {
            "images": [{"id": i} for i in range(len(truth))],
            "categories": [{"id": c} for c in range(3)],
            "annotations": [
                {"id": n + 1, "image_id": i, "category_id": int(b[4]), "score": b[5],
                 "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]],
                 "area": (b[2] - b[0]) * (b[3] - b[1]), "iscrowd": int(b[6])}
                for n, (i, b) in enumerate(rows)
            ],
        }  # fmt: skip
        with redirect_stdout(io.StringIO()):
            table.createIndex()
        tables.append(table)
    with redirect_stdout(io.StringIO()):
        whole = COCOeval(*tables, "bbox")
        whole.evaluate()
        whole.accumulate()
        whole.summarize()
    return None if whole.stats[0] == -1 else (whole.stats[0], whole.stats[1])


def test_crowded_pictures_count_a_hundred_boxes_of_a_class() -> None:
    random = np.random.default_rng(5)
    truth = [[(i % 11, i // 11, i % 11 + 1, i // 11 + 1, 0, 0, 0) for i in range(121)]]
    found = [[(*row[:5], random.random(), 0.0) for row in truth[0]]]
    own = MatchedBoxes([boxes_of(found[0])], [boxes_of(truth[0])]).mean_precision()
    assert own is not None
    wanted = independent.mean_average_precision(found, truth, LEVELS)
    assert own.map50_95 == pytest.approx(wanted, abs=1e-6)
    assert 0.8 < own.map50 < 100 / 121 + 0.01


@settings(deadline=None)
@given(seeds)
def test_order_of_pictures_and_boxes_is_of_no_matter(seed: int) -> None:
    found, truth = pictures(seed)
    forth = MatchedBoxes(list(map(boxes_of, found)), list(map(boxes_of, truth)))
    back = MatchedBoxes(
        [boxes_of(rows[::-1]) for rows in found[::-1]], [boxes_of(rows) for rows in truth[::-1]]
    )
    one, other = forth.mean_precision(), back.mean_precision()
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert one.map50_95 == pytest.approx(other.map50_95, abs=1e-9)


@settings(deadline=None)
@given(seeds)
def test_perfect_boxes(seed: int) -> None:
    _, truth = pictures(seed, crowds=False)
    labels = list(map(boxes_of, truth))
    own = MatchedBoxes(labels, labels).mean_precision()
    assert own is None or (own.map50, own.map50_95) == pytest.approx((1, 1))
    nothing = MatchedBoxes([boxes_of([])] * len(labels), labels).mean_precision()
    assert nothing is None or nothing.map50 == 0
    assert (own is None) == (not any(truth)) == (nothing is None)


def test_nothing_to_find() -> None:
    none, one = boxes_of([]), boxes_of([(0, 0, 2, 2, 0, 0.5, 0)])
    assert MatchedBoxes([], []).mean_precision() is None
    assert MatchedBoxes([none], [none]).mean_precision() is None
    assert MatchedBoxes([one], [none]).mean_precision() is None
    crowd = boxes_of([(0, 0, 2, 2, 0, 0.5, 1)])
    assert MatchedBoxes([one], [crowd]).mean_precision() is None


def test_boxes_inside_out_are_wrong() -> None:
    """A detector may put right left of left: such a box finds nothing, and counts."""
    truth = [[(0, 0, 4, 4, 0, 0.0, 0)]]
    found = [[(0, 0, 4, 4, 0, 0.5, 0), (5, 0, 2, 4, 0, 0.9, 0)]]
    own = MatchedBoxes([boxes_of(found[0])], [boxes_of(truth[0])]).mean_precision()
    assert own is not None
    assert own.map50 == pytest.approx(independent.mean_average_precision(found, truth, [0.5]))
    assert own.map50 == pytest.approx(0.5)


def test_boxes_that_are_no_numbers_find_nothing() -> None:
    truth = boxes_of([(0, 0, 2, 2, 0, 0.5, 0)])
    broken = boxes_of([(0, np.nan, 2, 2, 0, 0.5, 0), (0, 0, 2, 2, 0, np.nan, 0)])
    own = MatchedBoxes([broken], [truth]).mean_precision()
    assert own is not None
    assert own.map50 == 0


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_pictures_drawn_anew_are_as_if_evaluated_anew(seed: int) -> None:
    found, truth = pictures(seed)
    rows = np.random.default_rng(seed).integers(0, len(truth), len(truth))
    matched = MatchedBoxes(list(map(boxes_of, found)), list(map(boxes_of, truth)))
    own = matched.mean_precision(rows)
    wanted = independent.mean_average_precision(
        [found[i] for i in rows], [truth[i] for i in rows], LEVELS
    )
    assert (own is None) == (wanted is None)
    if own is not None and len(set(rows.tolist())) == len(rows):  # equal scores have no order
        assert own.map50_95 == pytest.approx(wanted, abs=1e-6)
    whole = matched.mean_precision()
    assert whole == matched.mean_precision(np.arange(len(truth)))


def test_interval_of_map() -> None:
    found, truth = pictures(7, crowds=False)
    matched = MatchedBoxes(list(map(boxes_of, found)), list(map(boxes_of, truth)))

    def map50(rows: np.ndarray) -> float | None:
        precision = matched.mean_precision(rows)
        return None if precision is None else precision.map50

    whole, interval = map50(np.arange(len(truth))), bootstrap(map50, len(truth), resamples=100)
    assert whole is not None
    assert interval is not None
    assert 0 <= interval.low <= whole <= interval.high <= 1


@given(seeds)
def test_iou(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = drawn(random, 6), drawn(random, 6)
    own = iou(boxes_of(one).corners, boxes_of(other).corners)
    wanted = [[independent.overlap(a, (*b[:6], 0)) for b in other] for a in one]
    assert own == pytest.approx(np.array(wanted).reshape(own.shape))


@given(seeds)
def test_double_boxes_are_dropped(seed: int) -> None:
    rows = sorted(drawn(np.random.default_rng(seed), 15), key=lambda b: -b[5])
    own = suppressed(boxes_of(rows), 0.45)
    wanted = independent.suppress(rows, 0.45)
    assert own.scores.tolist() == [b[5] for b in wanted]
    assert suppressed(own, 0.45).scores.tolist() == own.scores.tolist()


HEADS: list[tuple[Decoder, dict[str, tuple[int, ...]], int | None]] = [
    ("ssd", {"a": (10, 4), "b": (10,), "c": (10,), "d": ()}, None),
    ("ssd", {"count": (), "scores": (4,), "classes": (4,), "boxes": (4, 4)}, None),
    ("yolov5", {"out": (6300, 85)}, None),
    ("yolov8", {"out": (84, 8400)}, None),
    ("yolov5", {"out": (20, 85)}, 80),
    ("yolov8", {"out": (84, 20)}, 80),
]


@pytest.mark.parametrize(("layout", "shapes", "classes"), HEADS)
def test_heads_are_told_by_their_shapes(
    layout: Decoder, shapes: dict[str, tuple[int, ...]], classes: int | None
) -> None:
    outputs = {name: np.zeros((2, *shape)) for name, shape in shapes.items()}
    assert layout_of(outputs, classes) == layout


def test_what_is_no_head() -> None:
    assert layout_of({"scores": np.zeros((2, 10))}) is None
    assert layout_of({"mask": np.zeros((2, 8, 8, 3))}) is None
    assert layout_of({"pairs": np.zeros((2, 100, 4))}) is None
    assert layout_of({"out": np.zeros((2, 84, 20))}, classes=3) is None
    assert layout_of({}) is None


CORNERS = np.array([[0.1, 0.2, 0.5, 0.4], [0.6, 0.6, 0.9, 0.8]])  # left, top, right, bottom


def test_ssd_head_in_any_order() -> None:
    outputs = {
        "count": np.array([2.0, 0.0]),
        "scores": np.array([[0.9, 0.4, 0.3], [0.9, 0.4, 0.3]]),
        "boxes": np.zeros((2, 3, 4)),
        "classes": np.array([[3.0, 1.0, 7.0], [0.0, 0.0, 0.0]]),
    }
    outputs["boxes"][:, :2] = CORNERS[:, [1, 0, 3, 2]]
    first, second = decode_boxes(outputs, "ssd", (10, 10))
    assert first.corners == pytest.approx(CORNERS)
    assert first.classes.tolist() == [3, 1]
    assert first.scores.tolist() == [0.9, 0.4]
    assert len(second) == 0
    certain = dict(outputs, scores=np.ones((2, 3)), count=np.array([1.0, 1.0]))
    assert decode_boxes(certain, "ssd", (10, 10))[0].classes.tolist() == [3]


@pytest.mark.parametrize("layout", ["yolov5", "yolov8"])
@pytest.mark.parametrize("pixels", [False, True])
def test_yolo_heads(layout: Decoder, pixels: bool) -> None:
    """Two objects, the first seen twice, among boxes of no score."""
    height, width = 320, 640
    sides = CORNERS[:, 2:] - CORNERS[:, :2]
    centred = np.hstack([CORNERS[:, :2] + sides / 2, sides])
    rows = np.zeros((50, 7))
    rows[[3, 20], :4] = centred
    rows[21, :4] = centred[0] + 0.005
    rows[[3, 20, 21], 4] = 0.9, 0.5, 0.8
    rows[3, 5], rows[20, 6], rows[21, 5] = 1.0, 0.8, 1.0
    if pixels:
        rows[:, :4] *= width, height, width, height
    head = rows
    if layout == "yolov8":
        head = np.hstack([rows[:, :4], rows[:, 5:] * rows[:, 4:5]]).T
    assert layout_of({"out": head[None]}) == layout
    (found,) = decode_boxes({"out": head[None]}, layout, (height, width))
    assert found.corners == pytest.approx(CORNERS)
    assert found.classes.tolist() == [0, 1]
    assert found.scores == pytest.approx(np.array([0.9, 0.4]))


def test_heads_that_are_no_numbers() -> None:
    head = np.full((1, 20, 7), np.nan)
    assert [len(boxes) for boxes in decode_boxes({"out": head}, "yolov5", (8, 8))] == [0]


def test_agreement_of_two_detectors() -> None:
    one = boxes_of([(0, 0, 4, 4, 0, 0.9, 0), (6, 6, 9, 9, 1, 0.8, 0), (0, 0, 1, 1, 2, 0.1, 0)])
    other = boxes_of([(0, 0, 4, 5, 0, 0.7, 0), (6, 6, 9, 9, 2, 0.8, 0)])
    assert matched_pairs(one, other) == [(0, 0)]
    counts = agreed_boxes([one, other], [other, other])
    assert counts.tolist() == [[2, 4], [4, 4]]  # the weak box does not count
    assert box_agreement(counts) == 6 / 8
    assert box_agreement(agreed_boxes([], [])) is None
    assert box_agreement(agreed_boxes([boxes_of([])], [boxes_of([])])) is None


@settings(deadline=None)
@given(seeds)
def test_agreement_is_mutual(seed: int) -> None:
    found, truth = pictures(seed, crowds=False)
    one, other = list(map(boxes_of, found)), list(map(boxes_of, truth))
    forth = box_agreement(agreed_boxes(one, other, 0.0))
    assert forth == box_agreement(agreed_boxes(other, one, 0.0))
    assert forth is None or 0 <= forth <= 1
    assert box_agreement(agreed_boxes(one, one, 0.0)) == (1 if any(found) else None)
