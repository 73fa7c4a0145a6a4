"""What is plainly whole is never what Pillow would not open."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edgekiln.pipeline.data.pictures import BROKEN_PICTURE
from edgekiln.pipeline.data.whole import plainly_whole

USUAL = (("RGB", "PNG"), ("L", "PNG"), ("RGBA", "PNG"), ("RGB", "JPEG"), ("L", "JPEG"))


def stored(mode: str, kind: str, side: int = 24) -> bytes:
    """A picture of noise as a file's bytes."""
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 4), np.uint8)
    into = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(into, kind)
    return into.getvalue()


@pytest.mark.parametrize("side", [1, 24, 300])
@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "PNG"), ("L", "PNG"), ("RGBA", "PNG"), ("RGB", "JPEG"), ("L", "JPEG")],
)
def test_the_usual_pictures_are(mode: str, kind: str, side: int) -> None:
    data = stored(mode, kind, side)
    assert plainly_whole(data)
    assert not plainly_whole(data[: len(data) * 2 // 3])


def test_what_needs_a_second_look_is_left_to_pillow() -> None:
    assert not plainly_whole(stored("P", "PNG"))
    assert not plainly_whole(stored("RGB", "BMP"))
    assert not plainly_whole(b"")


@given(
    st.sampled_from([stored("RGB", "PNG"), stored("L", "JPEG")]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    st.floats(0, 1),
)
def test_a_damaged_one_that_passes_opens(
    data: bytes, changes: list[tuple[float, int]], kept: float
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    damaged = damaged[: round(max(kept, 0.02) * len(damaged))] if kept < 0.9 else damaged
    if not plainly_whole(bytes(damaged)):
        return
    try:
        with Image.open(io.BytesIO(damaged)) as picture:
            assert picture.width * picture.height > 0
            if picture.format == "PNG":
                picture.verify()
    except BROKEN_PICTURE as error:
        pytest.fail(f"Pillow refuses it: {error}")
