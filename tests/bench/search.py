"""The whole step `quantize` with its search on a MobileNetV2 of 224 x 224 pixels, 200 calibration
and 200 evaluation pictures: `search.py [FOLDER]`; FOLDER keeps the model and what was found.

The first search goes into a fresh store, so with laying the data, calibration and every scheme of a
plan as it is by default; the second has another limit and starts from what the first one left.

Trained for minutes, not hours: on single handwritten digits of 56 x 56 pixels; then given pictures
of 4 x 4 equal ones, with the statistics of BatchNorm and the last layer (ridge regression) anew.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from models import folder_for

from edgekiln.child import run_step
from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.data import DataSource, Preprocessing
from edgekiln.core.files import fingerprint
from edgekiln.core.model import ModelSource
from edgekiln.core.plans import ConvertPlan, QuantPlan

SAMPLES = 200
LIMITS = {"first": 0.01, "second": 0.02}
PROMISES = {"first": "180 s", "second": "60 s"}


def make(folder: Path) -> None:
    """The SavedModel and the data, once."""
    import keras
    import tensorflow as tf
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(7)
    source, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(source))
    small = tf.image.resize(source[order].reshape(-1, 8, 8, 1) / 8 - 1, (56, 56))
    small, y = tf.repeat(small, 3, axis=-1).numpy(), y[order].astype(np.int64)
    learner = mobilenet(56)
    model = keras.Sequential([learner, keras.layers.Dense(10, activation="softmax")])
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    model.fit(small[2 * SAMPLES :], y[2 * SAMPLES :], 32, 5, verbose=0)
    x = np.tile(small[: 4 * SAMPLES], (1, 4, 4, 1))
    body = mobilenet(224)
    body.set_weights(learner.get_weights())
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    body(x[-64:], training=True)
    features = body.predict(x, 64, verbose=0)
    head = keras.layers.Dense(10, activation="softmax")
    model = keras.Model(body.input, head(body.output))
    head.set_weights(solved(features[2 * SAMPLES :], y[2 * SAMPLES : 4 * SAMPLES]))
    seen = model.predict(x[:SAMPLES], verbose=0).argmax(1)
    print(f"float accuracy {(seen == y[:SAMPLES]).mean():.1%} of {SAMPLES}", flush=True)
    model.export(folder / "saved_model", verbose=False)
    np.savez(folder / "evaluation.npz", x=x[:SAMPLES], y=y[:SAMPLES])
    np.savez(folder / "calibration.npz", x=x[SAMPLES : 2 * SAMPLES], y=y[SAMPLES : 2 * SAMPLES])


def mobilenet(size: int) -> Any:
    """Its body with average pooling."""
    import keras

    shape = (size, size, 3)
    return keras.applications.MobileNetV2(shape, weights=None, include_top=False, pooling="avg")


def solved(features: Any, y: Any) -> list[Any]:
    """Weights and bias of the logits by ridge regression on one-hot answers."""
    wanted = 10.0 * np.eye(10, dtype=np.float32)[y]
    middle = features.mean(0)
    centred = features - middle
    gram = centred.T @ centred
    weights = np.linalg.solve(
        gram + 1e-5 * np.trace(gram) / len(gram) * np.eye(len(gram)), centred.T @ wanted
    )
    return [weights, wanted.mean(0) - middle @ weights]


def model_in(folder: Path) -> Artifact:
    """The float model, converted once."""
    source = folder / "saved_model"
    inputs = ModelSource(source, "saved-model", fingerprint(source))
    return run_step("convert", inputs, ConvertPlan(), folder / "float", Artifact)


def search(folder: Path, part: str) -> None:
    """The step as the product runs it."""
    store, model = folder / "store", model_in(folder)
    if part == "first":
        shutil.rmtree(store, ignore_errors=True)
    data = DataSource(folder / "calibration.npz")
    evaluation = DataSource(folder / "evaluation.npz")
    plan = QuantPlan(
        data, evaluation, "rdk-x5", preprocessing=Preprocessing(), max_drop=LIMITS[part]
    )
    began = time.perf_counter()
    result = run_step("quantize", model, plan, store, QuantResult, tell(began))
    took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, tried = used.ru_utime + used.ru_stime, len(result.attempts)
    print(f"{part} search: {took:.0f} s (promise: {PROMISES[part]}), {cpu:.0f} s of CPU so far")
    print(f"  {tried} tried: {result.reason}", flush=True)


def tell(began: float) -> Any:
    """The progress, for whoever reads the log."""

    def report(fraction: float | None, text: Any, attempt: Any = None) -> None:
        seconds = time.perf_counter() - began
        print(f"{seconds:6.1f} s {text} {'*' if attempt else ''}", file=sys.stderr, flush=True)

    return report


def main(models: Path | None = None) -> None:
    """Both searches; each is one run, not a median."""
    with folder_for(models, "search") as folder:
        if not (folder / "evaluation.npz").exists():
            subprocess.run([sys.executable, __file__, "make", str(folder)], check=True)
        for part in LIMITS:
            search(folder, part)


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(Path(sys.argv[2]))
    else:
        main(*(Path(each) for each in sys.argv[1:2]))
