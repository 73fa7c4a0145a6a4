"""Graphs run in children, as the product runs them: no interpreter in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekiln.child import run_step
from edgekiln.core.artifact import SchemeName
from edgekiln.core.inference import InferInputs, InferPlan, InferResult
from edgekiln.core.quantization import Kept
from edgekiln.pipeline.fuse.passes import PASSES
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph
from pipeline.conftest import run_python

Outputs = dict[str, NDArray[Any]]
QuantizeJob = tuple[Path, Outputs, SchemeName, Kept, Path]  # model, all tensors, …, the file
DRIVER = Path(__file__).parent / "quantize_driver.py"


def random_samples(graph: Graph, count: int = 4, seed: int = 1) -> Outputs:
    """Seeded samples for every input of a graph, without the batch."""
    random = np.random.default_rng(seed)
    return {
        tensor.name: random.normal(size=(count, *tensor.shape[1:])).astype(np.float32)
        for tensor in graph.main.inputs
    }


def run_file(model: Path, samples: Outputs, folder: Path, runtime: str = "litert") -> Outputs:
    """The outputs of a `.tflite` on samples; fails the test when the runtime refuses it."""
    np.savez(folder / "samples.npz", **samples)
    out = folder / f"{model.stem}-{runtime}.npz"
    inputs = InferInputs(model, folder / "samples.npz", out)
    result = run_step("infer", inputs, InferPlan(runtime), folder, InferResult)
    assert result.refused is None, str(result.refused)
    with np.load(out) as stored:
        return dict(stored)


def run_graph(graph: Graph, samples: Outputs, folder: Path, name: str) -> Outputs:
    """The same for a graph, written first."""
    write_graph(graph, folder / f"{name}.tflite")
    return run_file(folder / f"{name}.tflite", samples, folder)


def all_tensors(model: Path, samples: Outputs, folder: Path) -> Outputs:
    """Every float tensor a model computes, by its name, and its inputs."""
    graph = read_graph(model)
    main = graph.main
    made = [tensor for op in main.operators for tensor in op.outputs if tensor.dtype == "float32"]
    main.outputs = made
    graph.signatures[0].outputs = [(tensor.name, tensor) for tensor in made]
    return {**samples, **run_graph(graph, samples, folder, "all-tensors")}


def quantize_all(jobs: Sequence[QuantizeJob], folder: Path) -> None:
    """Make all files in one child."""
    listed = [
        [str(model), {name: _ends(rows) for name, rows in seen.items()}, scheme, kept, str(out)]
        for model, seen, scheme, kept, out in jobs
    ]
    (folder / "quantize.json").write_text(json.dumps(listed))
    run_python(DRIVER, folder / "quantize.json")


def _ends(rows: Any) -> tuple[float, float]:
    return float(np.min(rows)), float(np.max(rows))


def fuse_all(graph: Graph, *names: str) -> dict[str, int]:
    """The passes of these names (none: all) to a fixed point, as the step runs them but without
    the proof; how often each applied."""
    applied: dict[str, int] = {}
    chosen = [item for item in PASSES if item.name in names or not (names or item.asked)]
    turn = 0
    while turn < len(chosen):
        count = len(chosen[turn].run(graph))
        applied[chosen[turn].name] = applied.get(chosen[turn].name, 0) + count
        turn = 0 if count else turn + 1
    return {name: count for name, count in applied.items() if count}


def assert_close(before: Outputs, after: Outputs, relative: float = 1e-4) -> None:
    """Each output within `relative` of its largest value; a branch may be zero throughout."""
    assert before.keys() == after.keys()
    for name, values in before.items():
        largest = max(np.abs(values).max(), 1e-3)
        assert np.abs(values - after[name]).max() <= relative * largest, name
