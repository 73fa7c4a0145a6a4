"""Seconds of the step `sensitivity` in a fresh child, its start included, 10 samples of random
numbers on a network of MobileNetV2's size: `sensitivity.py FOLDER step`; and what Python, numpy and
the runtime take to start alone: `sensitivity.py FOLDER start`. FOLDER keeps the models.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from edgekiln.child import run_step
from edgekiln.core.quantization import Sensitivity, SensitivityInputs, SensitivityPlan
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.graph import Graph
from pipeline.graphs import GraphBuilder, as_artifact
from pipeline.runs import all_tensors, quantize_all, random_samples

# MobileNetV2: expansion, channels, blocks, stride
BLOCKS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip
SAMPLES = 10


def network() -> Graph:
    """MobileNetV2's 65 operators with random weights, 224 x 224 pixels in, 1000 classes out."""
    builder = GraphBuilder()
    x = builder.conv(
        builder.input((1, 224, 224, 3)), 32, 3, stride=2, same=True, activation="relu6"
    )
    for expansion, channels, count, stride in BLOCKS:
        for i in range(count):
            wide = x
            if expansion > 1:
                wide = builder.conv(x, x.shape[3] * expansion, activation="relu6")
            wide = builder.depthwise(
                wide, 3, same=True, stride=1 if i else stride, activation="relu6"
            )
            narrow = builder.conv(wide, channels)
            x = builder.add(x, narrow) if narrow.shape == x.shape else narrow
    x = builder.mean(builder.conv(x, 1280, activation="relu6"))
    return builder.graph(builder.softmax(builder.dense(x, 1000)))


def make(folder: Path) -> None:
    """The float and the int8 file and the samples, once."""
    graph = network()
    model = as_artifact(graph, folder, "float.tflite")
    samples = random_samples(graph, SAMPLES)
    np.savez(folder / "samples.npz", **samples)
    seen = all_tensors(model.path, samples, folder)
    quantize_all([(model.path, seen, "int8", (), folder / "int8.tflite")], folder)


def step(folder: Path) -> float:
    """The step as the product runs it, into a fresh store."""
    files = [
        artifact_of(folder / f"{name}.tflite", scheme=scheme, made_from="", made_by=())
        for name, scheme in (("float", "float32"), ("int8", "int8"))
    ]
    inputs = SensitivityInputs(*files, folder / "samples.npz")
    with tempfile.TemporaryDirectory() as store:
        began = time.perf_counter()
        found = run_step("sensitivity", inputs, SensitivityPlan(SAMPLES), Path(store), Sensitivity)
        took = time.perf_counter() - began
    assert len(found.operators) == 65
    assert found.samples == SAMPLES
    return took


def start() -> float:
    """A child that loads the runtime and does nothing."""
    began = time.perf_counter()
    loads = "import numpy; from ai_edge_litert.interpreter import Interpreter"
    subprocess.run([sys.executable, "-c", loads], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    kept = Path(sys.argv[1])
    if not (kept / "int8.tflite").exists():
        make(kept)
    print(step(kept) if sys.argv[2] == "step" else start())
