"""Numbers as people read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekiln.core.text import ENGLISH
from edgekiln.ui import figures


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        (figures.percent(0.993), "99.3 %"),
        (figures.percent(None), "–"),
        (figures.points(ENGLISH, -0.003), "▼ −0.3 points"),
        (figures.points(ENGLISH, 0.012), "▲ +1.2 points"),
        (figures.points(ENGLISH, 0.0001), "= no change"),
        (figures.change(ENGLISH, 29, 100), "▼ −71 %"),
        (figures.change(ENGLISH, 100.5, 100), "▲ +0.5 %"),
        (figures.change(ENGLISH, 3, 0), "= no change"),
        (figures.size(999), "999 B"),
        (figures.size(1_234_567), "1.23 MB"),
        (figures.size(999_600), "1 MB"),
        (figures.count(37_482), "37.5 k"),
        (figures.count(None), "–"),
        (figures.shape((-1, 28, 28, 1)), "? × 28 × 28 × 1"),
        (figures.shape(()), "–"),
        (figures.milliseconds(1.234), "1.23 ms"),
    ],
)
def test_shown(shown: str, meant: str) -> None:
    assert shown == meant


def test_a_loss_has_a_tone() -> None:
    assert figures.drop_tone(-0.005, 0.01) == "good"
    assert figures.drop_tone(0.02, 0.01) == "good"
    assert figures.drop_tone(-0.015, 0.01) == "warn"
    assert figures.drop_tone(-0.9, 0.01) == "bad"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/m/digits/saved_model", "digits"),
        ("/m/resnet/1", "resnet"),
        ("/m/net.keras", "net"),
        ("/m/my.net", "my.net"),
    ],
)
def test_the_name_of_a_model(path: str, name: str) -> None:
    assert figures.model_name(Path(path)) == name
