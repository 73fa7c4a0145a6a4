"""What fusing costs: time and memory on a model as large as MobileNetV2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgekiln.pipeline.graph.graph import Tensor
from edgekiln.pipeline.graph.write import write_graph
from pipeline.graphs import GraphBuilder

MEASURE = """
import json, resource, sys, time
from pathlib import Path
from edgekiln.pipeline.fuse.passes import PASSES, count
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before, start = peak(), time.perf_counter()
graph = read_graph(Path(sys.argv[1]))
operators, turn = count(graph), 0
while turn < len(PASSES):
    turn = 0 if PASSES[turn].run(graph) else turn + 1
write_graph(graph, Path(sys.argv[2]))
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "bytes": peak() - before,
    "operators": [operators, count(graph)],
    "runtimes": [name for name in sys.modules if name in (
        "tensorflow", "tflite_runtime", "ai_edge_litert.interpreter")],
}))
"""


def _inverted_residual(b: GraphBuilder, x: Tensor, filters: int) -> Tensor:
    """MobileNetV2's block, with a norm the converter could not fold before it."""
    values = b.random.uniform(0.5, 1.5, x.shape[3])
    y = b.affine("ADD", b.affine("MUL", x, values), values, "relu")
    y = b.conv(y, 6 * x.shape[3], activation="relu6")
    y = b.conv(b.depthwise(y, 3, same=True), filters)
    return b.add(x, y) if filters == x.shape[3] else y


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """17 blocks and a last layer: 3.4 million weights."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 224, 224, 3)), 16, 3, stride=2, same=True, activation="relu6")
    for filters in (16, 24, 24, 32, 32, 32, *[64] * 4, *[96] * 3, *[160] * 3, 320):
        x = _inverted_residual(b, x, filters)
    graph = b.graph(b.dense(b.mean(b.conv(x, 1280, activation="relu6")), 1000))
    path = tmp_path_factory.mktemp("price") / "mobilenet.tflite"
    write_graph(graph, path)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="measures with getrusage")
def test_all_passes_take_two_seconds_and_four_times_the_model(
    mobilenet: Path, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, mobilenet, tmp_path / "fused.tflite"],
        capture_output=True,
        check=True,
    )
    measured = json.loads(ran.stdout)
    before, after = measured["operators"]
    assert after <= before - 17
    assert measured["runtimes"] == []
    assert measured["seconds"] < 2
    assert measured["bytes"] < 4 * mobilenet.stat().st_size
