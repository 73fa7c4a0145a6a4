"""What needs a LiteRT interpreter in this very process, for tests of calibration; prints JSON.

calibration_driver.py peer MODEL SAMPLES      ours beside ai-edge-quantizer's own calibrator
calibration_driver.py correct MODEL SAMPLES SCHEME    mean error by channel of SCHEME.tflite and,
                                      with corrected biases, corrected.tflite beside MODEL
calibration_driver.py slowly MODEL SAMPLES CARRY_ON    calibrate with a pause after each chunk
calibration_driver.py resume MODEL SAMPLES CARRY_ON    the same without; tells where it began
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_quantizer import calibrator, recipe_manager

from edgekiln.core.text import Text
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph
from edgekiln.pipeline.quantize.bias_correction import correct_biases, mean_inputs
from edgekiln.pipeline.quantize.calibrate import Calibration, calibrate
from edgekiln.pipeline.quantize.engines import quantize_by_recipe
from edgekiln.pipeline.quantize.observe import watched
from edgekiln.pipeline.quantize.recipes import recipe_for
from edgekiln.pipeline.quantize.runner import Runner

MODEL, SAMPLES = Path(sys.argv[2]), load_arrays(Path(sys.argv[3]))
SIGNATURE = artifact_of(MODEL, scheme="float32", made_from="", made_by=()).signature


def peer() -> Any:
    """By tensor of ai-edge-quantizer: the largest difference of the extremes; None: not ours."""
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe_for("int8"))
    theirs = calibrator.Calibrator(
        str(MODEL),
        2,
        qsv_update_func=lambda a, b: {
            "min": np.append(a["min"], b["min"]),
            "max": np.append(a["max"], b["max"]),
        },
    )
    count = len(next(iter(SAMPLES.values())))
    feeds = [{name: rows[i : i + 1] for name, rows in SAMPLES.items()} for i in range(count)]
    theirs.calibrate({SIGNATURE.key: feeds}, manager)
    ours = calibrate(MODEL, SIGNATURE, SAMPLES)
    return {name: distance(seen, ours, name) for name, seen in theirs.get_model_qsvs().items()}


def distance(seen: Any, ours: Calibration, name: str) -> float | None:
    if name not in ours.lows:
        return None
    low = np.abs(np.ravel(seen["min"]) - ours.lows[name]).max()
    return float(max(low, np.abs(np.ravel(seen["max"]) - ours.highs[name]).max()))


def correct() -> Any:
    """For every layer with weights, by its output: mean of |mean error of a channel|, both ways."""
    ranges = calibrate(MODEL, SIGNATURE, SAMPLES).ranges("extremes")
    scheme: Any = sys.argv[4]
    out = MODEL.with_name(f"{scheme}.tflite")
    quantize_by_recipe(MODEL, scheme, ranges, out)
    before = channel_errors(out)
    graph, original = read_graph(out), read_graph(MODEL)
    changed = correct_biases(graph, original, mean_inputs(MODEL, SIGNATURE, SAMPLES))
    write_graph(graph, corrected := MODEL.with_name("corrected.tflite"))
    return {"changed": changed, "before": before, "after": channel_errors(corrected)}


def channel_errors(quantized: Path) -> dict[str, float]:
    exact, rounded = channel_means(MODEL), channel_means(quantized)
    return {name: float(np.abs(rounded[name] - exact[name]).mean()) for name in exact}


def channel_means(path: Path) -> dict[str, Array]:
    """Mean output by channel of the layers with weights, over all samples, real values."""
    graph = read_graph(path)
    seen = watched(graph, SIGNATURE.key)
    outputs = {op.inputs[1].name: op.outputs[0] for op in weighted(graph)}
    runner = Runner.load(path, SIGNATURE, seen)
    sums = dict.fromkeys(outputs, 0.0)
    count = len(next(iter(SAMPLES.values())))
    for row in range(count):
        values = dict(runner.run(SAMPLES, row))
        for name, tensor in outputs.items():
            real = values[tensor.name].astype(np.float64)
            if tensor.quantization is not None:
                real = (real - tensor.quantization.zero_points[0]) * tensor.quantization.scales[0]
            sums[name] = sums[name] + real.reshape(-1, real.shape[-1]).mean(axis=0)
    return {name: np.asarray(total) / count for name, total in sums.items()}


def weighted(graph: Graph) -> Any:
    names = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    return [operator for operator in graph.operators() if operator.name in names]


def calibrated(pause: float) -> Any:
    """Where it began (as a share), and the sums of what it found."""
    told: list[float] = []

    def report(fraction: float | None, text: Text, found: object = None) -> None:
        told.append(fraction or 0.0)
        time.sleep(pause)

    found = calibrate(MODEL, SIGNATURE, SAMPLES, report, Path(sys.argv[4]))
    sums = [
        float(values.sum(dtype=np.float64))
        for values in (*found.lows.values(), *found.highs.values())
    ]
    counts = [int(h.counts @ (h.keys.astype(np.int64) + 1)) for h in found.histograms.values()]
    return {"began": told[0], "sums": sums, "counts": counts}


JOBS = {
    "peer": peer,
    "correct": correct,
    "slowly": lambda: calibrated(0.3),
    "resume": lambda: calibrated(0.0),
}
print(json.dumps(JOBS[sys.argv[1]]()))
