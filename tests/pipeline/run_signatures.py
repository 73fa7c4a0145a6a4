"""Runs every signature of models, twice in a row: `python run_signatures.py MODEL.tflite …`.

The outputs go beside each model, as `MODEL.out.npz`: "signature/output/turn".
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(path: Path) -> None:
    interpreter = Interpreter(str(path))
    found = {}
    for key in interpreter.get_signature_list():
        runner, random = interpreter.get_signature_runner(key), np.random.default_rng(2)
        for turn in range(2):  # what has state computes something else the second time
            inputs = {
                name: (random.normal(size=detail["shape"]) * 20).astype(detail["dtype"])
                for name, detail in runner.get_input_details().items()
            }
            for name, values in runner(**inputs).items():
                found[f"{key}/{name}/{turn}"] = np.array(values)
    np.savez(path.with_suffix(".out.npz"), **found)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(Path(name))
