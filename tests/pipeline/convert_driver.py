"""Performs steps of the convert room on many models in one TensorFlow process.

`python convert_driver.py JOBS.json RESULTS.json ROOT`: a job is [name, step, inputs, plan], encoded
as a request is; it comes to {"result": …}, {"error": {what, why, …}} or {"bug": traceback}.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from edgekiln import steps
from edgekiln.core.codec import decode, encode
from edgekiln.core.errors import UserError
from edgekiln.core.model import ModelSource
from edgekiln.core.report import silent


def main(jobs: Path, results: Path, root: Path) -> None:
    done: dict[str, Any] = {}
    for name, step, inputs, plan in json.loads(jobs.read_text()):
        done[name] = attempt(step, inputs, plan, root / name)
    results.write_text(json.dumps(done))


def attempt(step: str, inputs: Any, plan: Any, root: Path) -> dict[str, Any]:
    try:
        if step == "naive":
            return {"result": naive(decode(ModelSource, inputs), root)}
        arguments = steps.decode_arguments(step, inputs, plan)
        return {"result": encode(steps.perform(step, *arguments, root, silent))}
    except UserError as error:
        words = {"what": str(error.what), "why": str(error.why), "do": str(error.do)}
        return {"error": {**words, "choices": list(error.choices)}}
    except Exception:  # noqa: BLE001  (the test shows it)
        return {"bug": traceback.format_exc()}


def naive(source: ModelSource, root: Path) -> str:
    """TensorFlow's converter as everybody calls it, without freezing first."""
    import tensorflow as tf

    root.mkdir(parents=True)
    path = root / "naive.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(source.path)).convert())
    return str(path)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
