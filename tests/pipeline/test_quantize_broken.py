"""A model that plain int8 breaks, from the float file to what is recommended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.plans import QuantPlan
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.joined import Joined, joined_outputs
from edgekiln.pipeline.graph.read import read_graph
from pipeline.fired import fire
from pipeline.graphs import GraphBuilder, as_artifact

SHAPE = (12, 12, 3)
PIXELS = 320.0


def detector() -> Graph:
    """Boxes in pixels and scores in 0…1, joined: 12 x 12 cells of 4 + 5 numbers."""
    builder = GraphBuilder(seed=2)
    x = builder.input((1, *SHAPE))
    for width in (8, 12, 12, 12):
        x = builder.conv(x, width, 3, same=True, activation="relu6")
    boxes = builder.unary("LOGISTIC", builder.conv(x, 4))
    boxes = builder.affine("MUL", boxes, np.float32(PIXELS))
    scores = builder.unary("LOGISTIC", builder.conv(x, 5))
    parts = [builder.reshape(part, 1, 144, part.shape[3]) for part in (boxes, scores)]
    return builder.graph(builder.concat(*parts, axis=2))


def plan(folder: Path, limit: float) -> QuantPlan:
    """int8 and what the search makes of it, on random numbers of the model's own."""
    random = np.random.default_rng(5)
    for name, count in (("calibration", 100), ("evaluation", 150)):
        x = random.normal(size=(count, *SHAPE)).astype(np.float32)
        np.savez(folder / f"{name}.npz", x=x)
    data = [DataSource(folder / f"{name}.npz") for name in ("calibration", "evaluation")]
    return QuantPlan(*data, "rdk-x5", ("int8-float-io",), Preprocessing(), max_drop=limit)


def test_boxes_and_scores_in_one_tensor(tmp_path: Path) -> None:
    model = as_artifact(detector(), tmp_path, "float.tflite")
    asked = plan(tmp_path, 0.1)
    result = fire(model, asked, tmp_path / "root")
    plain, mixed = result.candidate("int8-float-io"), result.candidate("mixed")
    assert plain.report is not None
    assert plain.report.error is not None
    assert plain.report.error > 0.3  # the scores are nothing but rounding
    assert mixed.report is not None
    assert mixed.report.error is not None
    assert mixed.report.error <= asked.max_drop
    assert mixed.on_target is not None
    assert mixed.on_target.error is not None
    assert mixed.on_target.error <= asked.max_drop
    graph = read_graph(model.path)
    (kept,) = mixed.kept
    kinds = {operator.outputs[0].name: operator.name for operator in graph.operators()}
    assert kinds[kept[0]] == "CONCATENATION"
    assert len(mixed.kept) <= 0.1 * mixed.operators
    assert result.chosen == "mixed"


@pytest.mark.parametrize("axis", [1, 2])
def test_a_joined_output_is_known_by_its_parts(axis: int) -> None:
    builder = GraphBuilder()
    x = builder.input((1, 4, 6))
    graph = builder.graph(builder.concat(builder.relu(x), x, axis=axis))
    size = graph.main.outputs[0].shape[axis]
    assert joined_outputs(graph) == {"out0": Joined(axis, (size // 2, size))}
    rows = np.arange(3 * 8 * 6).reshape(3, 8, 6) if axis == 1 else np.zeros((3, 4, 12))
    assert [part.shape[axis] for part in Joined(axis, (size // 2, size)).parts(rows)] == [
        size // 2,
        size // 2,
    ]
