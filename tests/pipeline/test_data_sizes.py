"""offer-sizes: what the data answers where a model leaves its sizes open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.model import Signature, TensorSpec
from edgekiln.core.plans import SizePlan
from edgekiln.core.report import silent
from edgekiln.pipeline.data.sizes import offer_sizes


def offered(path: Path, *shapes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    names = ("image", "other")
    specs = tuple(TensorSpec(n, s, "float32") for n, s in zip(names, shapes, strict=False))
    signature = Signature("serving_default", specs, (TensorSpec("y", (1, 2), "float32"),))
    result = offer_sizes(DataSource(path), SizePlan(signature), path.parent, silent)
    return tuple(size for _, size in result.sizes)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two of 20x10 among three of 32x24 (width x height)."""
    folder = tmp_path / "pictures"
    for name, sizes in (("a", [(20, 10), (32, 24)]), ("b", [(32, 24), (20, 10), (32, 24)])):
        (folder / name).mkdir(parents=True)
        for i, size in enumerate(sizes):
            Image.new("RGB", size, (i, 0, 0)).save(folder / name / f"{i}.png")
    return folder


def test_pictures_offer_their_commonest_size(pictures: Path) -> None:
    assert offered(pictures, (-1, -1, -1, 3)) == ((1, 24, 32, 3),)


def test_channels_first(pictures: Path) -> None:
    assert offered(pictures, (-1, 3, -1, -1)) == ((1, 3, 24, 32),)


def test_a_size_the_model_has_stays(pictures: Path) -> None:
    assert offered(pictures, (-1, -1, 64, 3)) == ((1, 24, 64, 3),)


def test_rows_of_an_archive_offer_theirs(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", image=np.zeros((4, 7, 6), "f"), other=np.zeros((4, 3), "f"))
    assert offered(tmp_path / "d.npz", (-1, -1, 6), (-1, 3)) == ((1, 7, 6),)


def test_data_that_cannot_feed_the_model_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((4, 7, 5), "f"))
    with pytest.raises(UserError, match="per sample"):
        offered(tmp_path / "d.npz", (-1, -1, 6))
