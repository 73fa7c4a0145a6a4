"""A model on each runtime, in a child: the numbers are those of plain NumPy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgekiln.core.errors import UserError
from edgekiln.core.inference import InferResult, RuntimeFamily
from edgekiln.core.text import Text
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.evaluate.infer import BATCH, Port, name_runtime
from edgekiln.pipeline.evaluate.runtimes import (
    installed_runtimes,
    parse_runtime,
    run_model,
    stand_in,
)
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.write import write_graph
from pipeline.graphs import GraphBuilder

FAMILIES: tuple[RuntimeFamily, ...] = ("litert", "tflite-runtime")
each_runtime = pytest.mark.parametrize("family", FAMILIES)
RANDOM = np.random.default_rng(0)


def run(
    graph: Graph, samples: dict[str, np.ndarray], family: RuntimeFamily, folder: Path
) -> tuple[InferResult, dict[str, np.ndarray]]:
    write_graph(graph, folder / "model.tflite")
    save_arrays(folder / "samples.npz", samples)
    out = folder / "outputs.npz"
    result = run_model(folder / "model.tflite", folder / "samples.npz", family, out, folder)
    return result, load_arrays(out) if out.exists() else {}


def dense(*, signature: bool = True) -> tuple[Graph, np.ndarray, np.ndarray]:
    """x·Wᵀ + b with its W and b."""
    builder = GraphBuilder()
    out = builder.dense(builder.input((1, 5)), 3)
    graph = builder.graph(out, signature=signature)
    _, weights, bias = graph.main.operators[0].inputs
    assert weights is not None
    assert bias is not None
    return graph, weights.array(), bias.array()


@each_runtime
@pytest.mark.parametrize("signature", [True, False])
def test_equals_numpy(family: RuntimeFamily, signature: bool, tmp_path: Path) -> None:
    graph, weights, bias = dense(signature=signature)
    x = RANDOM.normal(size=(7, 5)).astype(np.float32)
    result, outputs = run(graph, {"x": x}, family, tmp_path)
    (name,) = outputs
    assert result.refused is None
    assert result.runtime == name_runtime(family)
    assert result.samples == 7
    assert result.median_ms > 0
    assert name == ("out0" if signature else graph.main.outputs[0].name)
    assert np.allclose(outputs[name], x @ weights.T + bias, atol=1e-5)
    assert outputs[name].dtype == np.float32


@each_runtime
def test_inputs_go_by_name_not_by_order(family: RuntimeFamily, tmp_path: Path) -> None:
    builder = GraphBuilder()
    left, right = builder.input((1, 4), "left"), builder.input((1, 4), "right")
    out = builder.add(left, builder.affine("MUL", right, [10.0]))
    x = {name: RANDOM.normal(size=(3, 4)).astype(np.float32) for name in ("right", "left")}
    _, outputs = run(builder.graph(out), x, family, tmp_path)
    assert np.allclose(outputs["out0"], x["left"] + 10 * x["right"], atol=1e-5)


@each_runtime
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_edges_are_quantized_and_back(family: RuntimeFamily, dtype: str, tmp_path: Path) -> None:
    """A RESHAPE of quantized values: what comes back is the input on its grid."""
    builder = GraphBuilder()
    x = builder.input((1, 2, 3))
    out = builder.flatten(x)
    scale, zero = 0.05, {"int8": -4, "uint8": 120, "int16": 0}[dtype]
    for tensor in (x, out):
        tensor.dtype = dtype
        tensor.rest = schema.TensorT(
            quantization=schema.QuantizationParametersT(
                scale=np.array([scale], np.float32), zeroPoint=np.array([zero], np.int64)
            )
        )
    values = RANDOM.normal(size=(4, 2, 3)).astype(np.float32)
    values[0, 0, 0] = 1e6  # clipped
    result, outputs = run(builder.graph(out), {"x": values}, family, tmp_path)
    limits = np.iinfo(dtype)
    stored = np.clip(np.rint(values / np.float32(scale)) + zero, limits.min, limits.max)
    assert result.refused is None
    assert np.allclose(outputs["out0"], ((stored - zero) * scale).reshape(4, 6), atol=1e-6)


def test_integers_without_a_scale_are_passed_on() -> None:
    port = Port(0, (1, 2), np.int32, 0.0, 0)
    stored = port.store(np.array([3.0, 70000.0], np.float32))
    assert stored.dtype == np.int32
    assert port.real(stored).tolist() == [[3, 70000]]


@each_runtime
def test_values_that_are_not_finite_are_kept(family: RuntimeFamily, tmp_path: Path) -> None:
    builder = GraphBuilder()
    out = builder.affine("MUL", builder.input((1, 2)), [1e38])
    x = np.array([[1, 1e30], [np.nan, 2]], np.float32)
    result, outputs = run(builder.graph(out), {"x": x}, family, tmp_path)
    assert result.samples == 2
    assert np.isposinf(outputs["out0"][0, 1])
    assert np.isnan(outputs["out0"][1, 0])


@each_runtime
def test_dynamic_size_takes_that_of_the_sample(family: RuntimeFamily, tmp_path: Path) -> None:
    builder = GraphBuilder()
    x = builder.input((1, 1, 1, 2))
    out = builder.relu(x)
    x.shape_signature = out.shape_signature = (-1, -1, -1, 2)
    values = RANDOM.normal(size=(3, 4, 5, 2)).astype(np.float32)
    _, outputs = run(builder.graph(out), {"x": values}, family, tmp_path)
    assert np.array_equal(outputs["out0"], np.maximum(values, 0))


@each_runtime
def test_unknown_operator_is_refused_in_the_words_of_the_runtime(
    family: RuntimeFamily, tmp_path: Path
) -> None:
    builder = GraphBuilder()
    out = builder.custom("NobodyKnows", builder.input((1, 2)))
    result, outputs = run(builder.graph(out), {"x": np.ones((1, 2), np.float32)}, family, tmp_path)
    assert result.samples == 0
    assert "NobodyKnows" in str(result.refused)
    assert outputs == {}


@each_runtime
@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\x1c\x00\x00\x00TFL3"])
def test_no_model_is_refused(family: RuntimeFamily, content: bytes, tmp_path: Path) -> None:
    model, samples = tmp_path / "model.tflite", tmp_path / "samples.npz"
    model.write_bytes(content)
    save_arrays(samples, {"x": np.ones((1, 2), np.float32)})
    result = run_model(model, samples, family, tmp_path / "out.npz", tmp_path)
    assert result.refused is not None
    assert name_runtime(family) in str(result.refused)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.tflite", "samples.npz"]


@each_runtime
def test_cut_model_is_refused_even_when_it_crashes(family: RuntimeFamily, tmp_path: Path) -> None:
    """The older runtime does not verify a file: it reads past its end and dies of SIGSEGV."""
    builder = GraphBuilder()
    x = builder.input((1, 200))
    write_graph(builder.graph(builder.dense(builder.relu(x), 200)), tmp_path / "model.tflite")
    whole = (tmp_path / "model.tflite").read_bytes()
    (tmp_path / "model.tflite").write_bytes(whole[: len(whole) // 2])
    save_arrays(tmp_path / "samples.npz", {"x": np.ones((1, 200), np.float32)})
    result = run_model(
        tmp_path / "model.tflite", tmp_path / "samples.npz", family, tmp_path / "o.npz", tmp_path
    )
    assert result.refused is not None
    assert result.samples == 0
    assert not (tmp_path / "o.npz").exists()


def test_progress_is_told(tmp_path: Path) -> None:
    graph, _, _ = dense()
    write_graph(graph, tmp_path / "m.tflite")
    save_arrays(tmp_path / "s.npz", {"x": np.ones((5, 5), np.float32)})
    told: list[tuple[float | None, Text]] = []
    run_model(
        tmp_path / "m.tflite", tmp_path / "s.npz", "litert", tmp_path / "o.npz", tmp_path,
        lambda fraction, text, found=None: told.append((fraction, text)),
    )  # fmt: skip
    assert str(told[0][1]) == "Sample 5 of 5"


def test_judging_loads_no_runtime_itself() -> None:
    code = "import sys, edgekiln.pipeline.evaluate.evaluate; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = answer.stdout.decode().split()
    heavy = ("tensorflow", "tflite_runtime", "ai_edge_litert.interpreter", "ai_edge_quantizer")
    assert not set(heavy) & set(loaded)


def test_runtimes_by_name() -> None:
    assert set(installed_runtimes()) == set(FAMILIES)
    assert parse_runtime("tflite-runtime 2.13.0") == ("tflite-runtime", "2.13.0")
    assert parse_runtime("litert") == ("litert", "")
    assert stand_in("tflite-runtime 2.14.0") == "tflite-runtime 2.14.0"
    with pytest.raises(UserError, match="onnx"):
        parse_runtime("onnx 1.0")


def batches_of(
    graph: Graph, samples: np.ndarray, folder: Path
) -> tuple[bool, dict[str, np.ndarray]]:
    """Whether a model was run in batches, and its outputs; in a process of its own."""
    write_graph(graph, folder / "model.tflite")
    save_arrays(folder / "samples.npz", {"x": samples})
    command = [
        sys.executable,
        "-c",
        MANY,
        *(str(folder / n) for n in ("model.tflite", "samples.npz", "out.npz")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1] == "True", load_arrays(folder / "out.npz")


MANY = """
import sys
from pathlib import Path
import numpy as np
from edgekiln.core.inference import InferPlan
from edgekiln.pipeline.data.arrays import read_chunks, save_arrays
from edgekiln.pipeline.evaluate.infer import BATCH, Many
model, samples, out = map(Path, sys.argv[1:])
many = Many(model, InferPlan("litert"))
with read_chunks(samples, BATCH) as (_, chunks):
    outputs = [many.run(chunk) for chunk in chunks]
save_arrays(out, {n: np.concatenate([o[n] for o in outputs]) for n in outputs[0]})
print(many.in_batches)
"""


def test_a_batch_is_used_where_it_changes_nothing(tmp_path: Path) -> None:
    graph, weights, bias = dense()
    x = RANDOM.normal(size=(3 * BATCH + 5, 5)).astype(np.float32)
    in_batches, outputs = batches_of(graph, x, tmp_path)
    assert in_batches
    assert np.allclose(outputs["out0"], x @ weights.T + bias, atol=1e-5)


def test_a_model_that_mixes_its_batch_is_given_one_sample_at_a_time(tmp_path: Path) -> None:
    """A MEAN over the axis of the batch: several samples at once are another answer."""
    builder = GraphBuilder()
    x = builder.input((1, 3))
    mean = builder.op("MEAN", [x, builder.integers([0])], x.shape, builder.keeping())
    values = RANDOM.normal(size=(2 * BATCH, 3)).astype(np.float32)
    in_batches, outputs = batches_of(builder.graph(builder.add(x, mean)), values, tmp_path)
    assert not in_batches
    assert np.allclose(outputs["out0"], 2 * values, atol=1e-6)


def test_a_model_whose_shapes_are_fixed_inside_is_given_one_sample_at_a_time(
    tmp_path: Path,
) -> None:
    builder = GraphBuilder()
    out = builder.dense(builder.reshape(builder.input((1, 2, 3)), 1, 6), 2)
    x = RANDOM.normal(size=(2 * BATCH, 2, 3)).astype(np.float32)
    in_batches, outputs = batches_of(builder.graph(out), x, tmp_path)
    assert not in_batches
    assert len(outputs["out0"]) == len(x)
