"""Raw samples as small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekiln.core.data import (
    PER_SHEET,
    SHEET_COLUMNS,
    DataSource,
    ThumbnailPlan,
    Thumbnails,
)
from edgekiln.core.report import silent
from edgekiln.pipeline.data.thumbnails import gray_map, thumbnails

RANDOM = np.random.default_rng(0)


def drawn(path: Path, folder: Path, *indexes: int, size: int = 40) -> list[Image.Image]:
    (folder / "out").mkdir()
    plan = ThumbnailPlan(indexes, size)
    result = thumbnails(DataSource(path), plan, folder / "out", silent)
    assert isinstance(result, Thumbnails)
    (sheet,) = result.sheets
    with Image.open(sheet) as file:
        whole = file.copy()
    cells = [whole.crop((size * n, 0, size * (n + 1), size)) for n in range(len(indexes))]
    return [cell.crop(cell.getbbox()).convert("RGB") for cell in cells]


def test_small_picture_is_enlarged_sharp(tmp_path: Path) -> None:
    x = RANDOM.integers(0, 256, (3, 4, 8, 3), np.uint8)
    np.savez(tmp_path / "d.npz", x=x)
    second, first = drawn(tmp_path / "d.npz", tmp_path, 2, 0)
    assert second.size == (40, 20)
    assert np.array_equal(np.asarray(second)[2::5, 2::5], x[2])
    assert np.array_equal(np.asarray(first)[2::5, 2::5], x[0])


def test_large_picture_is_reduced(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    Image.new("RGB", (400, 100), "red").save(tmp_path / "p" / "1.png")
    (picture,) = drawn(tmp_path / "p", tmp_path, 0)
    assert picture.size == (40, 10)
    assert picture.getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "I;16", "LA", "CMYK"])
def test_every_kind_of_picture(mode: str, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new(mode, (10, 10)).save(tmp_path / "p" / f"1.{suffix}")
    (picture,) = drawn(tmp_path / "p", tmp_path, 0)
    assert picture.size == (40, 40)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((49, 10, 1), (40, 8)), ((7,), (40, 6)), ((4, 4, 5), (8, 40)), ((), (40, 40))],
)
def test_numbers_are_a_gray_map(
    shape: tuple[int, ...], size: tuple[int, int], tmp_path: Path
) -> None:
    np.savez(tmp_path / "d.npz", x=RANDOM.normal(size=(2, *shape)))
    (picture,) = drawn(tmp_path / "d.npz", tmp_path, 1)
    bands = np.asarray(picture)
    assert (bands == bands[:, :, :1]).all()
    assert picture.size == size


def test_gray_map_spans_black_to_white() -> None:
    drawn_map = gray_map(np.array([[-3.0, 0.0], [1.0, 5.0]]))
    assert drawn_map.tolist() == [[0, 127], [95, 255]]
    assert gray_map(np.full((2, 2), 7.0)).max() == 0


def test_many_are_on_several_sheets(tmp_path: Path) -> None:
    shades = np.arange(130, dtype=np.uint8)
    np.savez(tmp_path / "d.npz", x=np.broadcast_to(shades[:, None, None, None], (130, 8, 8, 1)))
    (tmp_path / "out").mkdir()
    plan = ThumbnailPlan(tuple(range(129, -1, -1)), 16)
    sheets = thumbnails(DataSource(tmp_path / "d.npz"), plan, tmp_path / "out", silent).sheets
    drawn_sheets = []
    for sheet in sheets:
        with Image.open(sheet) as file:
            drawn_sheets.append(file.copy())
    assert [each.size for each in drawn_sheets] == [(160, 96), (160, 96), (160, 16)]
    for n in range(130):
        which, cell = divmod(n, PER_SHEET)
        row, column = divmod(cell, SHEET_COLUMNS)
        seen = drawn_sheets[which].getpixel((16 * column + 8, 16 * row + 8))
        assert seen == (*(129 - n,) * 3, 255)
