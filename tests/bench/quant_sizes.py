"""How large int8 is: as TensorFlow's converter writes it, as ai-edge-quantizer does, and ours.

Whole networks with random weights (a size does not depend on their values), pinned, calibrated on a
few photographs' parts. Besides the ratio to float the least there can be: a byte a weight of the
layers that are int8, and for each of their channels a bias, its scale and the weights' (12 bytes).
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ai_edge_quantizer import quantizer, recipe
from models import Arrays, converted, folder_for, int8, photographs

from edgekiln.core.artifact import Artifact
from edgekiln.pipeline.data.arrays import load_arrays, save_arrays
from edgekiln.pipeline.graph.read import read_graph

SAMPLES = 4
NETWORKS = (
    "MobileNetV2",
    "MobileNetV3-Small",
    "EfficientNetB0",
    "ResNet50V2",
    "DenseNet121",
    "InceptionV3",
)


def stock(model: Artifact, samples: Arrays, folder: Path) -> Path:
    """By TensorFlow's own quantizer, in a process of its own."""
    save_arrays(folder / "samples.npz", samples)
    subprocess.run(
        [sys.executable, __file__, "stock", str(model.path), str(folder)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
    )
    return folder / "stock.tflite"


def quantize_stock(model: Path, folder: Path) -> None:
    """What that process does."""
    import tensorflow as tf
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    (x,) = load_arrays(folder / "samples.npz").values()
    engine = Calibrator(model.read_bytes())
    ports = (tf.float32, tf.float32)
    made = engine.calibrate_and_quantize(lambda: ([row[None]] for row in x), *ports, False)
    (folder / "stock.tflite").write_bytes(made)


def peer(model: Artifact, samples: Arrays, folder: Path) -> Path:
    """By ai-edge-quantizer."""
    engine = quantizer.Quantizer(str(model.path), recipe.static_wi8_ai8())
    rows: list[Mapping[str, Any]] = [
        {name: values[i : i + 1] for name, values in samples.items()} for i in range(SAMPLES)
    ]
    with redirect_stdout(io.StringIO()):  # it tells of its progress
        seen = engine.calibrate({model.signature.key: rows})
        engine.quantize(seen).export_model(str(folder / "peer.tflite"), overwrite=True)
    return folder / "peer.tflite"


def least(path: Path) -> int:
    """Bytes of the constants with their scales, names and all else aside."""
    found = 0
    for tensor in {t for part in read_graph(path).subgraphs for t in part.tensors if t.data}:
        stored = None if tensor.rest is None else tensor.rest.quantization
        scales = 0 if stored is None or stored.scale is None else len(stored.scale)
        found += len(tensor.data or b"") + 4 * scales
    return found


def main(models: Path | None = None, *names: str) -> None:
    """Print the table."""
    print(f"{'network':<18}{'float MB':>9}{'converter':>11}{'peer':>8}{'ours':>8}{'least':>8}")
    asked = names or NETWORKS
    with folder_for(models, "networks") as kept:
        for name, model in converted("keras_networks.py", kept, *asked).items():
            if name not in asked:
                continue
            with TemporaryDirectory() as scratch:
                folder, before = Path(scratch), model.pinned
                samples = photographs(before, SAMPLES, seed=1)
                mine = int8(before.path, samples, folder / "ours.tflite")
                files = (stock(before, samples, folder), peer(before, samples, folder), mine)
                sizes = [path.stat().st_size for path in files] + [least(mine)]
            shares = [f"{size / before.size_bytes:.1%}" for size in sizes]
            print(
                f"{name:<18}{before.size_bytes / 1e6:>9.2f}{shares[0]:>11}"
                + "".join(f"{share:>8}" for share in shares[1:]),
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["stock"]:
        quantize_stock(*map(Path, sys.argv[2:]))
    else:
        main(*(Path(each) for each in sys.argv[1:2]), *sys.argv[2:])
