"""Answers in parts: the same as of one, kept, told on the way, in memory that does not grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekiln.child import run_step
from edgekiln.core.accuracy import AccuracyReport, EvalInputs
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import PRESETS, DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.plans import EvalPlan
from edgekiln.executor import executor
from edgekiln.pipeline.data.source import write_samples
from edgekiln.pipeline.evaluate.answers import Answered, Asked, answers_of
from pipeline.graphs import GraphBuilder, as_artifact

COUNT = 300
MB = 30.0  # what the peak may differ


def model(folder: Path, classes: int = 5) -> Artifact:
    """Scores of a picture of 8 x 8."""
    builder = GraphBuilder()
    out = builder.softmax(builder.dense(builder.flatten(builder.input((1, 8, 8, 3))), classes))
    return as_artifact(builder.graph(out), folder)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    random, folder = np.random.default_rng(0), tmp_path / "pictures"
    for i in range(COUNT):
        place = folder / "abcde"[i % 5]
        place.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (9, 10, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{i:04}.png")
    return folder


def ask(
    artifact: Artifact, data: Path, root: Path, width: int, told: list[str] | None = None
) -> Answered:
    """In `width` parts."""
    samples = write_samples(
        DataSource(data), PRESETS[0], artifact.signature, root / "no.npz", laid=False
    )
    with executor(root) as where:
        where.width = width
        said = (
            (lambda fraction, text, found=None: told.append(str(text)))
            if told is not None
            else None
        )
        asked = Asked((artifact,), samples, PRESETS[0], "litert")
        (answered,) = answers_of(asked, where, said) if said else answers_of(asked, where)
    return answered


def kept(root: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in (root / "artifacts").glob("answer-*")}


def test_parts_say_what_one_says(pictures: Path, tmp_path: Path) -> None:
    artifact = model(tmp_path)
    told: list[str] = []
    whole = ask(artifact, pictures, tmp_path / "one", 1)
    parts = ask(artifact, pictures, tmp_path / "four", 4, told)
    assert len(kept(tmp_path / "one")) == 1
    assert len(kept(tmp_path / "four")) == 4
    assert whole.ran.samples == parts.ran.samples == COUNT
    assert np.array_equal(whole.outputs["out0"], parts.outputs["out0"])
    assert any("right so far" in text for text in told)
    assert told[-1].startswith(f"Sample {COUNT} of {COUNT};")


def test_what_is_there_is_not_asked_again(pictures: Path, tmp_path: Path) -> None:
    """As after a cancelled run: two of four parts are missing."""
    artifact = model(tmp_path)
    first = ask(artifact, pictures, tmp_path, 4)
    before = kept(tmp_path)
    for name in sorted(before)[:2]:
        (tmp_path / "artifacts" / name / "result.json").unlink()
    second = ask(artifact, pictures, tmp_path, 4)
    after = kept(tmp_path)
    assert sum(after[name] == before[name] for name in before) == 2
    assert np.array_equal(first.outputs["out0"], second.outputs["out0"])


def test_a_picture_that_goes_on_the_way_is_named(pictures: Path, tmp_path: Path) -> None:
    artifact = model(tmp_path)
    samples = write_samples(
        DataSource(pictures), PRESETS[0], artifact.signature, tmp_path / "no.npz", laid=False
    )
    (pictures / "e" / "0299.png").write_bytes(b"gone")
    with executor(tmp_path) as where, pytest.raises(UserError, match="0299"):
        answers_of(Asked((artifact,), samples, PRESETS[0], "litert"), where)


def test_the_step_keeps_its_parts(pictures: Path, tmp_path: Path) -> None:
    plan = EvalPlan(DataSource(pictures), preprocessing=PRESETS[0])
    inputs = EvalInputs(model(tmp_path))
    report = run_step("evaluate", inputs, plan, tmp_path / "root", AccuracyReport)
    assert report.samples == COUNT
    assert kept(tmp_path / "root")


def peak(folder: Path, artifact: Artifact, count: int, kind: str) -> float:
    """MB of the largest process of an evaluation of so many samples."""
    rows = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8).astype(kind)
    np.savez(folder / "data.npz", x=rows, y=np.arange(count) % 5)
    script = Path(__file__).with_name("peak_memory.py")
    command = [sys.executable, str(script), str(artifact.path), str(folder / "data.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    samples, megabytes = done.stdout.split()
    assert int(samples) == count
    return float(megabytes)


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are told in other units elsewhere")
def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    builder = GraphBuilder()
    out = builder.dense(builder.flatten(builder.input((1, 32, 32, 3))), 5)
    artifact = as_artifact(builder.graph(out), tmp_path)
    few, many = (peak(tmp_path, artifact, count, "uint8") for count in (1_000, 10_000))
    assert abs(many - few) < MB, (few, many)
