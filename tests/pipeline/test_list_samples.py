"""All samples with both models' answers, written by the child and read without numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekiln.core.data import DataSource
from edgekiln.core.report import silent
from edgekiln.core.samples import ListInputs, ListPlan, SampleList, Samples, read_samples
from edgekiln.pipeline.data.arrays import save_arrays
from edgekiln.pipeline.data.source import open_data
from edgekiln.pipeline.evaluate.samples import list_samples


def listed(
    folder: Path,
    candidate: dict[str, Any],
    reference: dict[str, Any] | None,
    data: DataSource | None = None,
    fingerprint: str = "",
) -> tuple[SampleList, Samples]:
    save_arrays(folder / "candidate.npz", candidate)
    if reference is not None:
        save_arrays(folder / "float.npz", reference)
    inputs = ListInputs(
        folder / "candidate.npz", folder / "float.npz" if reference is not None else None, data
    )
    out = folder / "out"
    out.mkdir()
    made = list_samples(inputs, ListPlan(fingerprint), out, silent)
    return made, read_samples(made)


def classes(scores: list[list[float]], labels: list[int]) -> dict[str, Any]:
    rows = np.array(scores, np.float32)
    return {"scores": rows, "predicted": rows.argmax(1), "labels": np.array(labels)}


def test_classes_with_their_scores(tmp_path: Path) -> None:
    labels = [0, 1, 2, -1]
    candidate = classes(
        [[0.7, 0.2, 0.1, 0], [0.5, 0.3, 0.2, 0], [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 1]], labels
    )
    reference = classes(
        [[0.9, 0.05, 0.05, 0], [0.1, 0.8, 0.1, 0], [0, 0, 0.2, 0.8], [0, 0, 0, 1]], labels
    )
    made, samples = listed(tmp_path, candidate, reference)
    assert not made.same_data
    assert samples.names == ["0", "1", "2", "3"]
    assert [(a.of, pytest.approx(a.score)) for a in samples.answers(1, False)] == [
        (0, 0.5), (1, 0.3), (2, 0.2), (3, 0.0)
    ]  # fmt: skip
    assert samples.answers(1, True)[0].of == 1
    assert samples.choose("all") == [0, 1, 2, 3]
    assert samples.choose("wrong") == [1, 2]
    assert samples.choose("lost") == [1]
    assert samples.choose("differ") == [1]
    assert samples.choose("all", (2, 3)) == [2]
    assert samples.choose("lost", (2, 3)) == []


def test_the_label_has_its_score_though_it_is_none_of_the_best(tmp_path: Path) -> None:
    rows = [[0.3, 0.25, 0.2, 0.15, 0.1, 0.0]]
    _, samples = listed(tmp_path, classes(rows, [5]), classes(rows, [5]))
    assert [a.of for a in samples.answers(0, False)] == [0, 1, 2, 5]
    assert samples.answers(0, False)[-1].score == 0.0


def test_names_come_from_the_data_while_it_is_the_same(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 8, 8, 1), np.uint8), y=[0, 1, 0])
    source = DataSource(tmp_path / "d.npz")
    outputs = classes([[1, 0], [0, 1], [0, 1]], [0, 1, 0])
    made, samples = listed(tmp_path, outputs, None, source, open_data(source).fingerprint)
    assert made.same_data
    assert samples.names == [open_data(source).called(i) for i in range(3)]
    assert samples.answers(0, True) == ()
    (tmp_path / "again").mkdir()
    changed, _ = listed(tmp_path / "again", outputs, None, source, "another")
    assert not changed.same_data


def test_values_are_ordered_by_how_far_they_are_apart(tmp_path: Path) -> None:
    def values(rows: list[list[float]]) -> dict[str, Any]:
        none = np.full(len(rows), -1)
        return {"scores": np.array(rows, np.float32), "predicted": none, "labels": none}

    _, samples = listed(
        tmp_path, values([[3, 4], [1, 1], [0, 2]]), values([[3, 4], [1, 0], [0, 1.6]])
    )
    assert not samples.has_classes
    assert samples.choose("all") == [1, 2, 0]
    assert samples.choose("differ") == [1, 2]
    assert samples.apart[1] == pytest.approx(1.0)
    assert samples.apart[2] == pytest.approx(0.25)


def test_boxes_and_pixels(tmp_path: Path) -> None:
    none = np.full(2, -1)
    boxes = {
        "predicted": none, "labels": none, "scores": np.zeros((2, 1), np.float32),
        "starts": np.array([0, 2]), "corners": np.array([[0, 0, 1, 1], [0, 0, 0.5, 0.5]]),
        "classes": np.array([1, 2]), "box_scores": np.array([0.9, 0.8]),
    }  # fmt: skip
    fewer = boxes | {
        "starts": np.array([0, 1]),
        "corners": boxes["corners"][:1],
        "classes": np.array([1]),
        "box_scores": np.array([0.9]),
    }
    _, samples = listed(tmp_path, boxes, fewer)
    assert list(samples.apart) == pytest.approx([1 - 2 / 3, 0.0])
    masks = {"predicted": none, "labels": none, "scores": np.zeros((2, 1), np.float32)}
    (tmp_path / "m").mkdir()
    one, other = np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 4), np.uint8)
    one[1, 0] = 1
    _, pixels = listed(tmp_path / "m", masks | {"masks": one}, masks | {"masks": other})
    assert list(pixels.apart) == [0.0, 0.25]


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    made, _ = listed(tmp_path, classes([[1, 0]], [0]), None)
    made.numbers.write_bytes(made.numbers.read_bytes()[:-4])
    with pytest.raises(ValueError, match="not whole"):
        read_samples(made)
