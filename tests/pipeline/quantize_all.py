"""Every scheme of ai-edge-quantizer on float models: `python quantize_all.py MODEL.tflite …`.

`MODEL.npz` beside a model has its samples; `MODEL-SCHEME.tflite` is what comes of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgekiln.core.artifact import SCHEMES
from edgekiln.core.report import silent
from edgekiln.pipeline.data.arrays import load_arrays
from edgekiln.pipeline.graph.describe import signature_of
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.quantize.calibrate import calibrate
from edgekiln.pipeline.quantize.engines import quantize_by_recipe


def main(model: Path) -> None:
    samples = load_arrays(model.with_suffix(".npz"))
    calibration = calibrate(model, signature_of(read_graph(model)), samples, silent)
    for scheme in SCHEMES:
        if scheme != "float32":
            ranges = (
                None if scheme in ("float16", "dynamic-range") else calibration.ranges("extremes")
            )
            out = model.with_name(f"{model.stem}-{scheme}.tflite")
            quantize_by_recipe(model, scheme, ranges, out)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(Path(name))
