"""Seconds to calibrate a MobileNetV2 of random weights on 100 samples of 224x224x3; imports aside.

calibration.py make FOLDER    the model and the samples, once
calibration.py ours FOLDER    extremes and histograms of every tensor, checkpoints, on LiteRT
calibration.py stock FOLDER   TensorFlow's own converter's calibration
calibration.py peer FOLDER    ai-edge-quantizer's calibrator
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.files import fingerprint
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.graph.artifact import artifact_of

SAMPLES = 100


def make(folder: Path) -> None:
    """`model.tflite` and `samples.npz` in the folder."""
    import tensorflow as tf

    tf.keras.applications.MobileNetV2(weights=None).export(folder / "saved_model", verbose=False)
    source = folder / "saved_model"
    inputs = ModelSource(source, "saved-model", fingerprint(source))
    artifact = run_step("convert", inputs, ConvertPlan(), folder, Artifact)
    artifact.path.replace(folder / "model.tflite")
    x = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, 224, 224, 3)).astype(np.float32)
    save_arrays(folder / "samples.npz", {artifact.signature.inputs[0].name: x})


def ours(model: Path, samples: dict[str, Any]) -> float:
    """With what the step does, checkpoints included."""
    from ai_edge_litert import interpreter  # noqa: F401  (imports aside)

    from edgekiln.pipeline.quantize.calibrate import calibrate

    signature = artifact_of(model, scheme="float32", made_from="", made_by=()).signature
    began = time.perf_counter()
    calibrate(model, signature, samples, carry_on=model.with_name("partial.npz"))
    seconds = time.perf_counter() - began
    model.with_name("partial.npz").unlink()
    return seconds


def stock(model: Path, samples: dict[str, Any]) -> float:
    """As `TFLiteConverter` calibrates."""
    from tensorflow.lite.python.optimize import calibrator

    (x,) = samples.values()
    began = time.perf_counter()
    engine = calibrator.Calibrator(calibrator.add_intermediate_tensors(model.read_bytes()))
    engine.calibrate(lambda: ([row[None]] for row in x))
    return time.perf_counter() - began


def peer(model: Path, samples: dict[str, Any]) -> float:
    """As ai-edge-quantizer's `Quantizer.calibrate`, with two threads as ours has."""
    from ai_edge_quantizer import calibrator, recipe, recipe_manager

    signature = artifact_of(model, scheme="float32", made_from="", made_by=()).signature
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe.static_wi8_ai8())
    ((name, x),) = samples.items()
    began = time.perf_counter()
    engine = calibrator.Calibrator(str(model), 2)
    engine.calibrate({signature.key: [{name: row[None]} for row in x]}, manager)
    return time.perf_counter() - began


def main(mode: str, folder: Path) -> None:
    """Print the seconds of one way."""
    if mode == "make":
        make(folder)
        return
    way = {"ours": ours, "stock": stock, "peer": peer}[mode]
    print(way(folder / "model.tflite", load_arrays(folder / "samples.npz")))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
