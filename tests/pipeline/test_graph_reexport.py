"""The versions we write, beside those TensorFlow's own converter states for the same operators."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.op_versions import needed_version, set_versions
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import needed_runtime, runs_on, stamp_needed_runtime
from edgekiln.pipeline.graph.write import write_graph
from pipeline.conftest import run_python
from pipeline.graphs import GraphBuilder
from pipeline.grow import grow
from pipeline.patterns import FUSED, LEFT
from pipeline.runs import fuse_all, run_file

HERE = Path(__file__).parent
KIT = HERE.parents[2] / "shared" / "eval"
SCHEMES = ("float16", "dynamic-range", "int8", "int8-float-io", "int16x8")
STOCK = ("stock-int8", "stock-int8-float-io", "stock-int16x8")
MODELS = ("resnet8_cifar10", "mobilenetv1_025_vww", "dscnn_kws")
GROWN = 40
# (operator, ours, theirs): where op_version.cc states less than the kernels need, see
# op_versions.py. Nothing of the float graphs is here.
TOO_LOW = {("DEPTHWISE_CONV_2D", 5, 1), ("ADD", 3, 1)}


@pytest.fixture(scope="module")
def written_again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `.tflite` with what the converter made of each, `.again`."""
    folder = tmp_path_factory.mktemp("again")
    for name, (make, _) in {**FUSED, **LEFT}.items():
        build = GraphBuilder()
        _write_both(build.graph(make(build)), folder, re.sub(r"\W+", "_", name))
    for seed in range(GROWN):
        _write_both(grow([seed]), folder, f"grown-{seed}")
    run_python(HERE / "reexport.py", folder, KIT)
    return folder


def _write_both(graph: Graph, folder: Path, name: str) -> None:
    """The graph, and the graph when it is fused, with versions as we write them."""
    set_versions(graph)
    write_graph(graph, folder / f"{name}.tflite")
    fuse_all(graph)
    stamp_needed_runtime(graph)
    write_graph(graph, folder / f"{name}-fused.tflite")


def _differences(again: Graph) -> Counter[tuple[str, int, int]]:
    """(operator, ours, theirs) where they differ. The converter gives all operators of a name the
    version that one of them needs."""
    ours: dict[str, int] = {}
    theirs: dict[str, int] = {}
    for operator in again.operators():
        needed = needed_version(operator)
        if needed is not None:
            ours[operator.name] = max(needed, ours.get(operator.name, 0))
            theirs[operator.name] = operator.version
    return Counter((n, ours[n], theirs[n]) for n in ours if ours[n] != theirs[n])


def test_float_and_fused_graphs_have_the_versions_the_converter_states(written_again: Path) -> None:
    files = [path for path in written_again.glob("*.again") if not path.name.startswith(MODELS)]
    assert len(files) == 2 * (len(FUSED) + len(LEFT) + GROWN)
    told = Counter[str]()
    for path in files:
        again = read_graph(path)
        assert not _differences(again), path.name
        told.update(operator.name for operator in again.operators())
        written, stated = _highest(read_graph(path.with_suffix(".tflite"))), _highest(again)
        other = {
            (n, written[n], stated[n]) for n in written if stated.get(n, written[n]) != written[n]
        }
        # It says by a -1 that a bias is absent, where the file has two inputs, which needs more.
        assert other <= {("FULLY_CONNECTED", 6, 1)}, path.name
    assert len(told) >= 25


def _highest(graph: Graph) -> dict[str, int]:
    """The highest version each operator is stated with."""
    return dict(sorted((operator.name, operator.version) for operator in graph.operators()))


@pytest.mark.evaluation_kit
@pytest.mark.parametrize("scheme", [*SCHEMES, *STOCK])
@pytest.mark.parametrize("model", MODELS)
def test_quantized_models_have_the_versions_the_converter_states(
    written_again: Path, evaluation_kit: Path, model: str, scheme: str
) -> None:
    assert evaluation_kit == KIT
    path = written_again / f"{model}-{scheme}.tflite"
    differences = _differences(read_graph(path.with_suffix(".again")))
    assert set(differences) <= (TOO_LOW if "int16" in scheme else set())
    graph = read_graph(path)
    assert [op.version for op in graph.operators()] == [
        needed_version(op) for op in graph.operators()
    ]


@pytest.mark.evaluation_kit
@pytest.mark.parametrize("scheme", ["float16", "int8", "int16x8", "stock-int16x8"])
def test_what_is_said_to_run_on_the_runtime_of_a_board_does(
    written_again: Path, evaluation_kit: Path, tmp_path: Path, scheme: str
) -> None:
    assert evaluation_kit == KIT
    path = written_again / f"resnet8_cifar10-{scheme}.tflite"
    graph = read_graph(path)
    assert runs_on(graph, "2.14.0") is None, needed_runtime(graph)
    samples = dict(np.load(written_again / "resnet8_cifar10.npz"))
    if scheme == "int8":
        samples = {name: values.astype(np.int8) for name, values in samples.items()}
    error = 0.05 if scheme == "int8" else 2e-3  # their int8 kernels round in other places
    here = run_file(path, samples, tmp_path)
    board = run_file(path, samples, tmp_path, "tflite-runtime")
    for name, values in here.items():
        assert np.ptp(values) > 0
        np.testing.assert_allclose(board[name].astype(float), values.astype(float), atol=error)
