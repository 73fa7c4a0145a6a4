"""What int8 does to each operator, told in words, and which operators are worth keeping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.artifact import SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.quantization import (
    Kept,
    OperatorError,
    Sensitivity,
    SensitivityInputs,
    SensitivityPlan,
)
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.graph import Graph, Tensor
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import Outputs, all_tensors, quantize_all, random_samples, run_file

COUNT = 16
INPUT = (1, 8, 8, 4)


def started(seed: int = 1) -> tuple[GraphBuilder, Tensor]:
    builder = GraphBuilder(seed)
    return builder, builder.conv(builder.input(INPUT), 8, 3, same=True)


def detector() -> Graph:
    """Boxes in pixels and scores from 0 to 1 in one output."""
    builder, x = started()
    boxes = builder.affine("MUL", builder.conv(x, 4, activation="relu6"), 100.0)
    return builder.graph(builder.concat(boxes, builder.unary("LOGISTIC", builder.conv(x, 4))))


def swish() -> Graph:
    builder = GraphBuilder(1)
    x = builder.conv(builder.input(INPUT), 8, 3, widths=(0.2,) * 7 + (30.0,))
    return builder.graph(builder.conv(builder.two("MUL", x, builder.unary("LOGISTIC", x)), 4))


def unequal() -> Graph:
    builder, x = started()
    x = builder.conv(x, 8, widths=(0.01,) * 7 + (5.0,))
    return builder.graph(builder.conv(builder.depthwise(builder.relu(x), 3), 4))


def layer_norm() -> Graph:
    builder, x = started()
    x = builder.affine("MUL", x, np.geomspace(0.05, 20, 64).reshape(1, 8, 8, 1))

    def mean(values: Tensor) -> Tensor:
        options = builder.keeping()
        return builder.op("MEAN", [values, builder.integers([3])], (1, 8, 8, 1), options)

    centred = builder.two("SUB", x, mean(x))
    spread = mean(builder.two("MUL", centred, centred))
    root = builder.unary("RSQRT", builder.affine("ADD", spread, 1e-3))
    return builder.graph(builder.conv(builder.two("MUL", centred, root), 4))


def attention() -> Graph:
    builder, x = started()
    rows = builder.reshape(x, 1, 64, 8)
    scores = builder.matmul(builder.affine("MUL", rows, 3.0), rows, transposed=True)
    return builder.graph(builder.matmul(builder.softmax(scores), rows))


def never_reached() -> Graph:
    builder, x = started()
    dead = builder.relu(builder.affine("ADD", x, -1000.0))
    return builder.graph(builder.add(x, dead))


def stays_float() -> Graph:
    builder, x = started()
    return builder.graph(builder.conv(builder.leaky(x), 4))


def plain() -> Graph:
    builder, x = started()
    return builder.graph(builder.conv(builder.relu(x), 4))


class Case:
    """A float graph with its int8 form and samples."""

    def __init__(self, graph: Graph, folder: Path, narrower: float = 1.0) -> None:
        self.folder = folder
        self.graph = graph
        self.model = as_artifact(graph, folder)
        self.samples = random_samples(graph, COUNT)
        self.seen = all_tensors(self.model.path, self.samples, folder)
        self.narrowed = {name: rows * narrower for name, rows in self.seen.items()}
        self.quantized = self.make("int8-float-io", ())
        np.savez(folder / "calibration.npz", **self.samples)

    def make(self, scheme: SchemeName, kept: Kept) -> Path:
        out = self.folder / f"{scheme}-{len(list(self.folder.glob('*.tflite')))}.tflite"
        quantize_all([(self.model.path, self.narrowed, scheme, kept, out)], self.folder)
        return out

    def sense(self) -> Sensitivity:
        quantized = artifact_of(self.quantized, scheme="int8", made_from="", made_by=())
        inputs = SensitivityInputs(self.model, quantized, self.folder / "calibration.npz")
        return run_step("sensitivity", inputs, SensitivityPlan(8), self.folder, Sensitivity)

    def run(self, path: Path) -> Outputs:
        return run_file(path, self.samples, self.folder)


def entry(found: Sensitivity, kind: str, last: bool = False) -> OperatorError:
    matching = [error for error in found.operators if error.operator == kind]
    return matching[-1 if last else 0]


@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (detector, "CONCATENATION", "One scale for what is joined here"),
        (swish, "MUL", "x·sigmoid(x)"),
        (unequal, "RELU", "Unequal channels"),
        (layer_norm, "RSQRT", "layer normalisation"),
        (attention, "SOFTMAX", "attention"),
        (never_reached, "RELU", "never reached this branch"),
        (stays_float, "LEAKY_RELU", "has no int8 form"),
    ],
)
def test_a_problem_is_said_in_words(
    build: Callable[[], Graph], kind: str, words: str, tmp_path: Path
) -> None:
    found = Case(build(), tmp_path).sense()
    assert words in str(entry(found, kind).why)
    assert found.samples == 8
    assert found.runtime.startswith("litert")


def test_values_that_are_cut_off_are_said_to_be(tmp_path: Path) -> None:
    found = Case(plain(), tmp_path, narrower=0.3).sense()
    error = entry(found, "CONV_2D")
    assert error.saturated > 0.05
    assert "cut off" in str(error.why)


def test_nothing_is_said_of_what_is_fine(tmp_path: Path) -> None:
    found = Case(plain(), tmp_path).sense()
    for error in found.operators:
        assert error.why is None
        assert error.precision == "int8"
        assert error.cosine == pytest.approx(1.0, abs=1e-3)
    relu = entry(found, "RELU")
    assert relu.rmse_per_scale is not None
    assert relu.rmse_per_scale < 0.45  # two roundings


def test_figures_are_those_of_the_files(tmp_path: Path) -> None:
    case = Case(plain(), tmp_path)
    found = entry(case.sense(), "CONV_2D", last=True)
    exact = case.seen[found.tensor][:8].astype(np.float64)
    int8 = case.run(case.quantized)["out0"][:8]
    accumulated = 10 * np.log10(np.sum(exact**2) / np.sum((exact - int8) ** 2))
    assert found.accumulated_sqnr_db == pytest.approx(accumulated, abs=0.1)
    assert (found.low, found.high) == pytest.approx((exact.min(), exact.max()))
    assert found.isolated_sqnr_db is not None
    assert found.isolated_sqnr_db > accumulated


def part_error(case: Case, path: Path) -> float:
    """The worst channel's relative error of the output."""
    exact, seen = case.seen[case.graph.main.outputs[0].name], case.run(path)["out0"]
    axes = tuple(range(exact.ndim - 1))
    return float(np.sqrt(((seen - exact) ** 2).sum(axes) / (exact**2).sum(axes)).max())


@pytest.mark.parametrize(("build", "count"), [(detector, 1), (layer_norm, 4), (attention, 4)])
def test_keeping_the_first_of_the_ranking_takes_most_of_the_error(
    build: Callable[[], Graph], count: int, tmp_path: Path
) -> None:
    case = Case(build(), tmp_path)
    found = case.sense()
    by_itself = sorted(found.operators, key=lambda error: error.isolated_sqnr_db or 0.0)
    first = case.make("mixed", tuple((name, "float32") for name in found.ranking[:count]))
    kept = part_error(case, first)
    plain = case.make("mixed", tuple((error.tensor, "float32") for error in by_itself[:count]))
    assert kept < 0.65 * part_error(case, case.quantized)
    assert kept <= part_error(case, plain)  # never worse than by the isolated error alone


def test_the_concatenation_of_a_detector_is_the_first(tmp_path: Path) -> None:
    found = Case(detector(), tmp_path).sense()
    assert found.ranking[0] == entry(found, "CONCATENATION").tensor
    assert len(set(found.ranking)) == len(found.ranking) == len(found.operators)


def test_int16x8_is_compared_as_well(tmp_path: Path) -> None:
    case = Case(plain(), tmp_path)
    case.quantized = case.make("int16x8", ())
    found = case.sense()
    assert {error.precision for error in found.operators} == {"int16x8"}
    assert all(error.isolated_sqnr_db > 35 for error in found.operators)


def test_a_model_with_subgraphs_is_refused_in_words(tmp_path: Path) -> None:
    case = Case(plain(), tmp_path)
    graph = plain()
    graph.subgraphs.append(plain().main)
    case.model = as_artifact(graph, tmp_path, "two.tflite")
    with pytest.raises(UserError, match="one by one"):
        case.sense()


def test_what_the_runtime_will_not_have_is_said_in_its_words(tmp_path: Path) -> None:
    builder, _ = started()  # a convolution nobody reads: the quantizer leaves its output float
    x = builder.conv(builder.inputs[0], 4)
    case = Case(builder.graph(x), tmp_path)
    with pytest.raises(UserError, match=r"refuses the model: .*CONV_2D"):
        case.sense()
