"""check-data: what data is like, on data made for it and on real pictures."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import ks_2samp

from edgekiln.core.codec import decode, encode
from edgekiln.core.data import DataCheck, DataCheckPlan, DataSource
from edgekiln.core.report import silent
from edgekiln.pipeline.data.check import check_data
from edgekiln.pipeline.data.drift import drift_of
from edgekiln.pipeline.data.likeness import dhash, near
from edgekiln.pipeline.data.slices import slices_of
from edgekiln.pipeline.data.source import open_data
from edgekiln.steps import perform

KIT = Path(__file__).parents[2] / "../shared/eval"
RANDOM = np.random.default_rng(3)


def smooth(seed: int, size: tuple[int, int] = (48, 32), light: float = 1.0) -> Image.Image:
    """Blobs: a picture with neither noise nor flatness."""
    few = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    return Image.fromarray((few * light).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """5 cats and 5 dogs."""
    for i in range(10):
        file = tmp_path / "set" / ("cat" if i < 5 else "dog") / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        smooth(i).save(file)
    return tmp_path / "set"


def checked(path: Path, evaluation: Path | None = None, *labels: str) -> DataCheck:
    other = None if evaluation is None else DataSource(evaluation)
    with tempfile.TemporaryDirectory() as drawn:
        return check_data(DataSource(path), DataCheckPlan(other, labels), Path(drawn), silent)


def test_counts_by_class_and_size(folder: Path) -> None:
    smooth(20, (20, 10)).save(folder / "cat" / "small.png")
    result = checked(folder)
    assert result.samples == 11
    counts = {(s.by, s.value): s.samples for s in result.slices}
    assert counts == {
        ("class", "cat"): 6, ("class", "dog"): 5, ("size", "48×32"): 10, ("size", "20×10"): 1,
    }  # fmt: skip
    assert not result.alike
    assert not result.unreadable
    assert not result.drift


def test_unreadable_files_are_named_even_when_they_are_most(folder: Path) -> None:
    for i in range(20):
        (folder / "cat" / f"x{i}.png").write_bytes(b"no picture")
    result = checked(folder)
    assert result.unreadable_count == 20
    assert result.unreadable[0].sample == "cat/x0.png"
    assert "failed" in str(result.unreadable[0].why)


def test_the_same_picture_twice_and_with_another_label(folder: Path) -> None:
    smooth(0).save(folder / "cat" / "again.png", compress_level=0)
    smooth(1).save(folder / "dog" / "wrong.png")
    found = {each.samples: each for each in checked(folder).alike}
    assert set(found) == {("cat/0.png", "cat/again.png"), ("cat/1.png", "dog/wrong.png")}
    assert all(each.exact and not each.across for each in found.values())
    assert found["cat/1.png", "dog/wrong.png"].disputed
    assert not found["cat/0.png", "cat/again.png"].disputed


@pytest.mark.parametrize("how", ["jpeg", "smaller", "darker"])
def test_pictures_that_are_alike(how: str, folder: Path) -> None:
    other = folder / "cat" / "again.jpg"
    if how == "jpeg":
        smooth(0).save(other, quality=60)
    elif how == "smaller":
        smooth(0).resize((24, 16), Image.Resampling.BOX).save(other, quality=95)
    else:
        smooth(0, light=0.97).save(other, quality=95)
    (found,) = checked(folder).alike
    assert found.samples == ("cat/0.png", "cat/again.jpg")
    assert not found.exact


def test_samples_that_calibrate_and_evaluate(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other" / "cat").mkdir(parents=True)
    (tmp_path / "other" / "dog").mkdir(parents=True)
    smooth(0).save(tmp_path / "other" / "cat" / "0.png")
    smooth(30).save(tmp_path / "other" / "dog" / "30.png")
    result = checked(folder, tmp_path / "other")
    (found,) = result.alike
    assert found.exact
    assert found.across
    assert result.evaluation_samples == 2
    assert {(s.value, s.evaluation) for s in result.slices if s.by == "class"} == {
        ("cat", 1), ("dog", 1),
    }  # fmt: skip


def test_darker_pictures_drift(tmp_path: Path) -> None:
    for part, light in (("a", 1.0), ("b", 1.0), ("dark", 0.5)):
        for i in range(40):
            file = tmp_path / part / "cat" / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            smooth(i + 100 * len(part), light=light).save(file)
    equal = checked(tmp_path / "a", tmp_path / "b")
    darker = checked(tmp_path / "a", tmp_path / "dark")
    assert not [d for d in equal.drift if d.drifted]
    assert "brightness" in [d.respect for d in darker.drift if d.drifted]


def test_labels_the_model_does_not_have(folder: Path) -> None:
    assert checked(folder, None, "cat", "wolf").strange == ("dog",)
    assert checked(folder, None, "cat", "dog").strange == ()


def test_numbers_and_columns(tmp_path: Path) -> None:
    rows = "\n".join(f"{i},{i},{i % 3},{'day' if i < 4 else 'night'}" for i in range(10))
    (tmp_path / "t.csv").write_text(f"u,v,label,light\n{rows}\n")
    result = checked(tmp_path / "t.csv", None, "a", "b")
    counts = {(s.by, s.value): s.samples for s in result.slices}
    assert counts["light", "night"] == 6
    assert counts["class", "a"] == 4
    assert result.strange == ("2",)
    parts = slices_of(open_data(DataSource(tmp_path / "t.csv")))
    assert parts["light", "day"] == (0, 1, 2, 3)


def test_as_a_step(folder: Path, tmp_path: Path) -> None:
    args = ("check-data", DataSource(folder), DataCheckPlan(labels=("cat",)), tmp_path / "w")
    result = perform(*args, silent)
    assert decode(DataCheck, json.loads(json.dumps(encode(result)))) == result
    assert perform(*args, silent) == result


@given(st.lists(st.integers(0, 3), min_size=2), st.lists(st.integers(0, 5), min_size=2))
def test_drift_is_the_distance_of_smirnov(first: list[int], second: list[int]) -> None:
    ours = drift_of("x", np.array(first), np.array(second)).distance
    assert ours == pytest.approx(ks_2samp(first, second, method="asymp").statistic)


@given(st.integers(1, 2**64 - 1), st.sets(st.integers(0, 63), max_size=6))
def test_up_to_four_bits_are_alike(number: int, flipped: set[int]) -> None:
    other = number
    for bit in flipped:
        other ^= 1 << bit
    groups = near([number, other], [100.0, 104.0])
    assert groups == ([[0, 1]] if len(flipped) <= 4 and other else [])
    assert not near([number, other], [100.0, 120.0])


def test_flat_pictures_are_not_compared() -> None:
    assert dhash(np.full((32, 32, 3), 200, np.uint8)) == 0


@pytest.mark.evaluation_kit
@pytest.mark.skipif(not KIT.is_dir(), reason="the evaluation kit is not here")
def test_real_pictures() -> None:
    base = KIT / "resnet8_cifar10"
    result = checked(base / "calibration", base / "evaluation")
    assert (result.samples, result.evaluation_samples) == (1000, 2000)
    assert {(s.samples, s.evaluation) for s in result.slices if s.by == "class"} == {(100, 200)}
    assert not result.unreadable
    assert not [a for a in result.alike if a.exact]
    assert result.near_count < 60
    assert not [d for d in result.drift if d.drifted]
