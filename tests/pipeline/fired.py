"""A small float classifier with data, and the step `quantize` on it in a child."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgekiln.child import run_step
from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import SCHEMES, Artifact, SchemeName
from edgekiln.core.data import DataSource
from edgekiln.core.plans import QuantPlan
from edgekiln.pipeline.graph.graph import Graph, constant
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import run_file

CLASSES = 5
SHAPE = (8, 8, 3)


def classifier(dead: int = 0) -> Graph:
    """Conv + ReLU6, depthwise, conv + ReLU6, Dense; `dead` channels of the last conv have weights
    near zero and a bias of a half, as training leaves them."""
    builder = GraphBuilder(seed=3)
    x = builder.conv(builder.input((1, *SHAPE)), 8, 3, same=True, activation="relu6")
    x = builder.conv(builder.depthwise(x, 3), 8, 1, activation="relu6")
    graph = builder.graph(builder.dense(builder.flatten(x), CLASSES))
    if dead:
        _, weights, bias = graph.main.operators[2].inputs
        assert weights is not None
        assert bias is not None
        faint, half = weights.array().copy(), bias.array().copy()
        faint[:dead], half[:dead] = 1e-12, 0.5
        weights.data = constant("", faint).data
        bias.data = constant("", half).data
    return graph


@dataclass(frozen=True)
class Made:
    """A float artifact, calibration and evaluation data labelled by the float model itself."""

    artifact: Artifact
    calibration: DataSource
    evaluation: DataSource

    def plan(
        self, *schemes: SchemeName, target: str = "rdk-x5", evaluation: bool = True
    ) -> QuantPlan:
        """A plan for all schemes unless told; operators to keep are searched for elsewhere."""
        data = self.evaluation if evaluation else None
        return QuantPlan(self.calibration, data, target, schemes or SCHEMES, search_seconds=0.0)


def made(folder: Path, dead: int = 0, calibration: int = 120) -> Made:
    """The classifier and its data in a folder; a float accuracy of 1 by construction."""
    artifact = as_artifact(classifier(dead), folder, "float.tflite")
    random = np.random.default_rng(5)
    for name, count in (("calibration", calibration), ("evaluation", 150)):
        x = random.normal(size=(count, *SHAPE)).astype(np.float32)
        scores = run_file(artifact.path, {"x": x}, folder)["out0"]
        np.savez(folder / f"{name}.npz", x=x, y=scores.argmax(axis=1))
    data = DataSource(folder / "calibration.npz")
    return Made(artifact, data, replace(data, path=folder / "evaluation.npz"))


def fire(inputs: Artifact, plan: QuantPlan, root: Path) -> QuantResult:
    """The step, in a child."""
    return run_step("quantize", inputs, plan, root, QuantResult)
