"""Both models' boxes and masks over the picture: where they are drawn, and in which colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.core.report import silent
from edgekiln.core.samples import Overlay, OverlayInputs, OverlayPlan
from edgekiln.pipeline.data.arrays import Array, save_arrays
from edgekiln.pipeline.data.source import open_data
from edgekiln.pipeline.evaluate.overlay import overlay
from edgekiln.pipeline.evaluate.painting import AGREED, ALONE, CLASSES, TRUE

SIDE = 321  # a corner at 0.25 is on pixel 80
GRAY = (90, 90, 90)
Row = tuple[float, float, float, float, int, float]
CAT: Row = (0.25, 0.5, 0.75, 0.875, 0, 0.9)


def laid(rows: list[list[Row]], before: str = "") -> dict[str, Any]:
    flat = np.array([row for each in rows for row in each], np.float64).reshape(-1, 6)
    starts = np.cumsum([0, *(len(each) for each in rows)])
    arrays = {
        f"{before}starts": starts.astype(np.int64),
        f"{before}corners": flat[:, :4].astype(np.float32),
        f"{before}classes": flat[:, 4].astype(np.int64),
    }
    return arrays if before else {**arrays, "box_scores": flat[:, 5].astype(np.float32)}


class Drawn:
    """A drawing of sample 0."""

    def __init__(self, file: Path) -> None:
        with Image.open(file) as picture:
            self.pixels = np.asarray(picture.convert("RGBA"))

    def at(self, x: int, y: int) -> tuple[int, ...]:
        return tuple(self.pixels[y, x, :3].tolist())

    def count(self, colour: tuple[int, int, int]) -> int:
        return int((self.pixels[:, :, :3] == colour).all(axis=2).sum())


def drawn(
    folder: Path,
    own: dict[str, Any],
    other: dict[str, Any],
    size: tuple[int, int] = (32, 32),
    framing: Preprocessing = Preprocessing("0..1", (1 / 255,)),  # noqa: B008  (frozen)
    names: tuple[str, ...] = ("cat", "dog"),
) -> tuple[Overlay, Drawn, Drawn]:
    """Of one gray picture of `size` (width, height) that the model sees as 64 x 64."""
    (folder / "d").mkdir(parents=True)
    Image.new("RGB", size, GRAY).save(folder / "d" / "0.png")
    none = np.full(1, -1)
    for name, arrays in (("own", own), ("other", other)):
        save_arrays(folder / f"{name}.npz", {"predicted": none, "labels": none, **arrays})
    source = DataSource(folder / "d")
    signature = Signature("s", (TensorSpec("x", (1, 64, 64, 3), "float32"),), ())
    inputs = OverlayInputs(
        folder / "own.npz", folder / "other.npz", source, signature, framing, names
    )
    plan = OverlayPlan((0,), SIDE, open_data(source).fingerprint)
    (folder / "out").mkdir()
    (made,) = overlay(inputs, plan, folder / "out", silent).drawn
    return made, Drawn(made.of_float), Drawn(made.of_candidate)


def test_boxes_are_on_their_corners_in_the_colour_of_their_kind(tmp_path: Path) -> None:
    near = (0.25, 0.5, 0.75, 0.8125, 0, 0.6)
    alone = (0.0625, 0.25, 0.1875, 0.375, 1, 0.7)
    own, other = laid([[CAT, alone]]), laid([[near]])
    made, float_, candidate = drawn(tmp_path, own, other)
    assert (made.float_boxes, made.boxes, made.agreeing, made.alike) == (1, 2, 1, None)
    for x, y in ((80, 200), (240, 200), (200, 160), (160, 280)):
        assert candidate.at(x, y) == AGREED
    assert candidate.at(160, 220) == GRAY  # inside
    assert float_.at(160, 260) == AGREED
    assert float_.at(160, 280) == GRAY
    assert candidate.at(20, 100) == ALONE
    assert candidate.at(60, 100) == ALONE
    assert float_.count(ALONE) == 0


def test_another_class_is_no_partner(tmp_path: Path) -> None:
    made, float_, candidate = drawn(tmp_path, laid([[CAT]]), laid([[(*CAT[:4], 1, 0.9)]]))
    assert made.agreeing == 0
    assert float_.at(80, 200) == candidate.at(80, 200) == ALONE


def test_true_boxes_are_dashed(tmp_path: Path) -> None:
    true = laid([[CAT]], "true_")
    made, float_, candidate = drawn(tmp_path, {**laid([[]]), **true}, {**laid([[]]), **true})
    assert (made.float_boxes, made.boxes, made.agreeing) == (0, 0, 0)
    for each in (float_, candidate):
        side = [each.at(80, y) for y in range(160, 281)]
        assert 40 < sum(colour == TRUE for colour in side) < 100
        assert GRAY in side


def test_weak_boxes_are_left_out_and_none_leave_the_picture(tmp_path: Path) -> None:
    made, _, candidate = drawn(tmp_path, laid([[(*CAT[:5], 0.2)]]), laid([[]]))
    assert made.boxes == 0
    assert candidate.count(GRAY) == SIDE * SIDE


def test_a_box_that_leaves_the_picture_ends_at_its_edge(tmp_path: Path) -> None:
    outside = (-0.5, 0.5, 1.5, 2.0, 0, 0.9)
    made, _, candidate = drawn(tmp_path, laid([[outside]]), laid([[outside]]))
    assert made.agreeing == 1
    for x, y in ((0, 240), (SIDE - 1, 240), (160, 160), (160, SIDE - 1)):
        assert candidate.at(x, y) == AGREED


def test_a_letterboxed_picture_is_seen_as_the_model_does(tmp_path: Path) -> None:
    framing = Preprocessing("0..1", (1 / 255,), framing="letterbox", fill=7)
    own = laid([[(0.0, 0.25, 0.5, 0.75, 0, 0.9)]])  # the left half of the picture
    _, float_, candidate = drawn(tmp_path, own, own, (64, 32), framing)
    for each in (float_, candidate):
        assert each.at(300, 20) == each.at(300, 300) == (7, 7, 7)
        assert each.at(300, 160) == each.at(80, 160) == GRAY
        assert each.at(160, 160) == AGREED  # the middle of the picture, across
        assert each.at(80, 80) == AGREED  # its upper edge


@pytest.mark.parametrize("names", [(), ("猫", "狗"), ("a cat with a very long name " * 9,)])
def test_any_name_can_be_written(tmp_path: Path, names: tuple[str, ...]) -> None:
    _, _, candidate = drawn(tmp_path, laid([[CAT]]), laid([[CAT]]), names=names)
    tag = candidate.pixels[146:158, 80:120, :3]
    assert (tag == AGREED).all(axis=2).mean() > 0.3
    assert (tag.sum(axis=2) < 100).sum() > 20  # letters


def masks(*rows: str) -> dict[str, Array]:
    return {"masks": np.array([[[int(c) for c in row] for row in rows]], np.uint8)}


def test_masks_by_class_and_where_they_differ(tmp_path: Path) -> None:
    own = masks("0011", "0011", "2200", "2200")
    other = masks("0011", "0011", "2200", "2201")
    made, float_, candidate = drawn(tmp_path, own, other)
    assert made.alike == 15 / 16
    assert made.boxes == 0
    mixed = [tuple(g // 2 + c // 2 for g, c in zip(GRAY, each, strict=True)) for each in CLASSES]
    for each in (float_, candidate):
        assert each.at(40, 40) == GRAY
        assert each.at(280, 40) == mixed[0]
        assert each.at(40, 280) == mixed[1]
        assert each.at(SIDE - 1, 280) == ALONE  # the outline of what differs
        assert each.at(200, 280) == GRAY
        corner = each.pixels[242:, 242:, :3]
        assert 0.2 < (corner == ALONE).all(axis=2).mean() < 0.5
        assert each.count(ALONE) == (corner == ALONE).all(axis=2).sum() + _outside(each)
    assert (float_.pixels[250:318, 250:318, :3] == mixed[0]).all(axis=2).any()
    assert not (candidate.pixels[250:318, 250:318, :3] == mixed[0]).all(axis=2).any()


def _outside(each: Drawn) -> int:
    """Of the outline, what is not in the corner looked at."""
    pixels = (each.pixels[:, :, :3] == ALONE).all(axis=2)
    return int(pixels[240:, 240:].sum() - pixels[242:, 242:].sum())


def test_masks_that_are_alike_have_no_warning(tmp_path: Path) -> None:
    own = masks("01", "10")
    made, float_, candidate = drawn(tmp_path, own, own)
    assert made.alike == 1.0
    assert float_.count(ALONE) == candidate.count(ALONE) == 0


def test_data_that_changed_is_said_in_words(tmp_path: Path) -> None:
    drawn(tmp_path, laid([[CAT]]), laid([[CAT]]))
    source = DataSource(tmp_path / "d")
    plan = OverlayPlan((0,), SIDE, open_data(source).fingerprint)
    Image.new("RGB", (32, 32), (1, 2, 3)).save(tmp_path / "d" / "0.png")
    signature = Signature("s", (TensorSpec("x", (1, 64, 64, 3), "float32"),), ())
    files = (tmp_path / "own.npz", tmp_path / "other.npz")
    inputs = OverlayInputs(*files, source, signature, Preprocessing())
    with pytest.raises(UserError, match="cannot be drawn"):
        overlay(inputs, plan, tmp_path / "out", silent)
