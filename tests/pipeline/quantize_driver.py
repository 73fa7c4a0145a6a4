"""Quantizes models in a process of its own, as the product does: the quantizer loads a runtime.

Argument: a JSON file [[model, {tensor: [low, high]}, scheme, kept, out], …].
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.artifact import SchemeName
from edgekiln.pipeline.quantize.engines import quantize_by_recipe


def _make(model: str, ends: Any, scheme: SchemeName, kept: Any, out: str) -> None:
    ranges = {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in ends.items()
    }
    calibrated = None if scheme.startswith("weight") else ranges
    quantize_by_recipe(Path(model), scheme, calibrated, Path(out), tuple(map(tuple, kept)))


if __name__ == "__main__":
    for job in json.loads(Path(sys.argv[1]).read_text()):
        _make(*job)
