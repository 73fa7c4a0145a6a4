"""Mixed precision and the further schemes, on both runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgekiln.child import run_step
from edgekiln.core.artifact import SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.inference import InferInputs, InferPlan, InferResult
from edgekiln.core.quantization import Kept, Precision
from edgekiln.pipeline.convert.take import scheme_of
from edgekiln.pipeline.graph.graph import Graph, Operator
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.engines import quantize_by_recipe
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import Outputs, all_tensors, quantize_all, random_samples, run_file

SCHEMES: tuple[SchemeName, ...] = (
    "weight-int8",
    "weight-int4",
    "int8",
    "int8-float-io",
    "int8-uint8-io",
    "int16x8",
)
RUNTIMES = ("litert", "tflite-runtime")


def branches() -> Graph:
    """Convolutions into one CONCATENATION, Dense and SOFTMAX, and a SPLIT with two outputs."""
    builder = GraphBuilder()
    x = builder.conv(builder.input((1, 8, 8, 3)), 8, 3, same=True, activation="relu6")
    joined = builder.concat(builder.conv(x, 4), builder.unary("LOGISTIC", builder.conv(x, 4)))
    halves = builder.split(joined, 2)
    added = builder.add(*halves)
    scores = builder.dense(builder.flatten(added), 5)
    return builder.graph(builder.softmax(scores))


class Kit:
    """A float model, its samples and outputs, and the files made of it."""

    def __init__(self, folder: Path, graph: Graph, jobs: Sequence[tuple[SchemeName, Kept]]) -> None:
        self.folder = folder
        self.graph = graph
        self.model = as_artifact(graph, folder)
        self.samples = random_samples(graph, 32)
        self.outputs = run_file(self.model.path, self.samples, folder)
        self.files = {job: folder / f"{i}-{job[0]}.tflite" for i, job in enumerate(jobs)}
        seen = all_tensors(self.model.path, self.samples, folder)
        made = [(self.model.path, seen, *job, out) for job, out in self.files.items()]
        quantize_all(made, folder)

    def file(self, scheme: SchemeName, kept: Kept = ()) -> Path:
        return self.files[scheme, kept]

    def run(self, path: Path, runtime: str) -> Outputs:
        return run_file(path, self.samples, self.folder, runtime)

    def error(self, path: Path, runtime: str) -> float:
        seen = self.run(path, runtime)
        return max(
            float(np.linalg.norm(seen[name] - rows) / np.linalg.norm(rows))
            for name, rows in self.outputs.items()
        )


KINDS = ("CONV_2D", "LOGISTIC", "CONCATENATION", "SPLIT", "ADD", "RESHAPE", "FULLY_CONNECTED")
PRECISIONS: tuple[Precision, ...] = ("float32", "int16x8")


def everything(graph: Graph) -> Kept:
    return tuple((op.outputs[0].name, "float32") for op in graph.main.operators)


def wide(graph: Graph) -> Kept:
    """All convolutions but the first in int16: both read what the first makes in int8."""
    convs = [op.outputs[0].name for op in graph.main.operators if op.name == "CONV_2D"]
    return tuple((name, "int16x8") for name in convs[1:])


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    graph = branches()
    single: list[tuple[SchemeName, Kept]] = [
        ("mixed", ((op.outputs[0].name, precision),))
        for op in graph.main.operators
        for precision in PRECISIONS
    ]
    whole: list[tuple[SchemeName, Kept]] = [(scheme, ()) for scheme in SCHEMES]
    more: list[tuple[SchemeName, Kept]] = [("mixed", everything(graph)), ("mixed", wide(graph))]
    return Kit(tmp_path_factory.mktemp("kit"), graph, [*single, *whole, *more])


def named(kit: Kit, kind: str) -> str:
    return next(op.outputs[0].name for op in kit.graph.main.operators if op.name == kind)


def maker(graph: Graph, tensor: str) -> Operator:
    return next(op for op in graph.main.operators if op.outputs[0].name == tensor)


def computes_in(graph: Graph, tensor: str) -> str:
    return maker(graph, tensor).outputs[0].dtype


@pytest.mark.parametrize("precision", ["float32", "int16x8"])
@pytest.mark.parametrize("kind", [*KINDS, "SOFTMAX"])
def test_a_kept_operator_alone_is_not_int8_and_both_runtimes_agree(
    kit: Kit, kind: str, precision: Precision
) -> None:
    tensor = named(kit, kind)
    path = kit.file("mixed", ((tensor, precision),))
    graph = read_graph(path)
    wanted = "float32" if precision == "float32" else "int16"
    for operator in kit.graph.main.operators:
        dtypes = {t.dtype for t in maker(graph, operator.outputs[0].name).outputs}
        assert dtypes == {wanted if operator.outputs[0].name == tensor else "int8"}
    assert graph.main.inputs[0].dtype == graph.main.outputs[0].dtype == "float32"
    for runtime in RUNTIMES:
        assert kit.error(path, runtime) < 0.05


def test_everything_kept_is_the_float_model(kit: Kit) -> None:
    path = kit.file("mixed", everything(kit.graph))
    assert not read_graph(path).has_operator("QUANTIZE", "DEQUANTIZE")
    assert kit.error(path, "litert") < 1e-6


def test_a_name_that_begins_like_another_is_not_kept_with_it(tmp_path: Path) -> None:
    builder = GraphBuilder()
    x = builder.conv(builder.input((1, 4, 4, 3)), 4)
    y = builder.relu(x)
    x.name, y.name = "net/conv(1)", "net/conv(1)/relu;bias"
    kept: Kept = (("net/conv(1)", "float32"),)
    kit = Kit(tmp_path, builder.graph(builder.conv(y, 2)), [("mixed", kept)])
    graph = read_graph(kit.file("mixed", kept))
    assert computes_in(graph, "net/conv(1)") == "float32"
    assert computes_in(graph, "net/conv(1)/relu;bias") == "int8"


def test_an_operator_without_int16_kernel_stays_float(tmp_path: Path) -> None:
    builder = GraphBuilder()
    x = builder.unary("HARD_SWISH", builder.conv(builder.input((1, 4, 4, 3)), 4))
    kept: Kept = ((x.name, "int16x8"),)
    kit = Kit(tmp_path, builder.graph(builder.conv(x, 2)), [("mixed", kept)])
    path = kit.file("mixed", kept)
    assert computes_in(read_graph(path), x.name) == "float32"
    for runtime in RUNTIMES:
        assert kit.error(path, runtime) < 0.1


def test_no_border_needs_the_kernel_that_old_runtimes_lack(kit: Kit) -> None:
    conv = named(kit, "CONV_2D")
    graph = read_graph(kit.file("mixed", wide(kit.graph)))
    assert computes_in(graph, conv) == "int8"
    for operator in graph.main.operators:
        if operator.name == "QUANTIZE" and operator.outputs[0].dtype == "int16":
            assert operator.inputs[0] is not None
            assert operator.inputs[0].dtype in ("float32", "int16")
    widened = [op for op in graph.main.operators if op.outputs[0].name.endswith("_widened")]
    assert len(widened) == 1  # one for both readers


def test_an_operator_that_is_not_there_is_said_to_be(kit: Kit) -> None:
    with pytest.raises(UserError, match="nowhere"):
        quantize_by_recipe(
            kit.model.path, "mixed", {}, kit.folder / "none.tflite", (("nowhere", "float32"),)
        )


def test_uint8_edges_take_the_bytes_int8_takes_less_128(kit: Kit) -> None:
    graph = read_graph(kit.file("int8-uint8-io"))
    for edge in (*graph.main.inputs, *graph.main.outputs):
        assert edge.dtype == "uint8"
    int8 = read_graph(kit.file("int8"))
    for one, other in zip(graph.main.inputs, int8.main.inputs, strict=True):
        assert one.quantization is not None
        assert other.quantization is not None
        assert one.quantization.scales == other.quantization.scales
        assert one.quantization.zero_points[0] == other.quantization.zero_points[0] + 128


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_uint8_edges_change_no_number(kit: Kit, runtime: str) -> None:
    by_bytes = kit.run(kit.file("int8-uint8-io"), runtime)["out0"]
    plain = kit.run(kit.file("int8"), runtime)["out0"]
    np.testing.assert_allclose(by_bytes, plain, atol=1e-6)


@pytest.mark.parametrize("scheme", ["weight-int8", "weight-int4"])
def test_weights_alone_are_small_and_right_on_litert(kit: Kit, scheme: SchemeName) -> None:
    path = kit.file(scheme)
    weights = [
        t for t in read_graph(path).main.tensors if t.is_constant and t.quantization is not None
    ]
    assert {t.dtype for t in weights} <= {"int8", "int4"}
    assert any(t.dtype == scheme.removeprefix("weight-") for t in weights)
    assert kit.error(path, "litert") < (0.03 if scheme == "weight-int8" else 0.4)


def test_what_2_14_has_of_weights_alone(kit: Kit) -> None:
    assert kit.error(kit.file("weight-int8"), "tflite-runtime") < 0.03
    inputs = InferInputs(kit.file("weight-int4"), kit.folder / "samples.npz", kit.folder / "o.npz")
    result = run_step("infer", inputs, InferPlan("tflite-runtime"), kit.folder, InferResult)
    assert "DEQUANTIZE" in str(result.refused)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_tells_its_scheme(kit: Kit, scheme: SchemeName) -> None:
    assert scheme_of(read_graph(kit.file(scheme))) == scheme


def test_a_mixed_file_tells_its_scheme(kit: Kit) -> None:
    assert scheme_of(read_graph(kit.file("mixed", wide(kit.graph)))) == "mixed"
