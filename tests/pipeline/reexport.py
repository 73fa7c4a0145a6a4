"""Writes models and what TensorFlow's own converter makes of them: `python reexport.py FOLDER KIT`.

Every `.tflite` in FOLDER is read and written again by the converter, as `.again` beside it (through
its sparsifier, the one way that changes little): it states the operators' versions anew.
Where KIT is there, its SavedModels join the folder before, converted and quantized every way there
is. One TensorFlow process; ai-edge-quantizer has a child of its own (quantize_all.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
from tensorflow.lite.python.convert import mlir_sparsify

from edgekiln import steps
from edgekiln.core.inference import StockPlan
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan
from edgekiln.core.report import silent


def main(folder: Path, kit: Path) -> None:
    if kit.is_dir():
        models = [convert(saved.parent, folder) for saved in sorted(kit.glob("*/saved_model"))]
        script = Path(__file__).with_name("quantize_all.py")
        subprocess.run([sys.executable, script, *models], check=True)
    for model in sorted(folder.glob("*.tflite")):
        model.with_suffix(".again").write_bytes(bytes(mlir_sparsify(model.read_bytes())))


def convert(model: Path, folder: Path) -> Path:
    """The model as `NAME.tflite`, its samples as `NAME.npz`, and what TensorFlow quantizes."""
    source = ModelSource(model / "saved_model", "saved-model", model.name)
    made = steps.perform("convert", source, ConvertPlan(), folder / model.name, silent)
    target = folder / f"{model.name}.tflite"
    target.write_bytes(made.path.read_bytes())
    spec = made.signature.inputs[0]
    values = np.random.default_rng(1).normal(size=(2, *spec.shape[1:])).astype(np.float32)
    np.savez(target.with_suffix(".npz"), **{spec.name: values})
    for scheme in ("int8", "int8-float-io", "int16x8"):
        plan = StockPlan(target.with_suffix(".npz"), scheme)
        stock = steps.perform("quantize-stock", made, plan, folder / model.name, silent)
        (folder / f"{model.name}-stock-{scheme}.tflite").write_bytes(stock.path.read_bytes())
    return target


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
