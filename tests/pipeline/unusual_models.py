"""Writes models with what few have, as `.tflite`: `python unusual_models.py FOLDER`.

Loops, branches, two signatures on the same weights, variables, a custom operator; all in one
TensorFlow process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf

RNG = np.random.default_rng(4)
X = tf.TensorSpec([1, 6, 6, 4], tf.float32, "x")


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


class Model(tf.Module):
    """Weights that every function shares."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.constant(normal(3, 3, 4, 4) / 4)
        self.scale = tf.constant(normal(4))
        self.total = tf.Variable(tf.zeros([1, 6, 6, 4]))

    def layer(self, x: Any) -> Any:
        return tf.nn.conv2d(x, self.weights, 1, "SAME") * self.scale + 0.5

    @tf.function(input_signature=[X])
    def first(self, x: Any) -> dict[str, Any]:
        return {"y": tf.nn.relu(self.layer(x))}

    @tf.function(input_signature=[X])
    def second(self, x: Any) -> dict[str, Any]:
        return {"z": tf.reduce_mean(self.layer(self.layer(x)), [1, 2])}

    @tf.function(input_signature=[X])
    def loop(self, x: Any) -> dict[str, Any]:
        def body(i: Any, value: Any) -> Any:
            return i + 1, tf.tanh(self.layer(value))

        return {"y": tf.while_loop(lambda i, _: i < 3, body, [0, x])[1]}

    @tf.function(input_signature=[X])
    def branch(self, x: Any) -> dict[str, Any]:
        positive = tf.reduce_sum(x) > 0
        return {"y": tf.cond(positive, lambda: tf.nn.relu(self.layer(x)), lambda: x * 2.0)}

    @tf.function(input_signature=[X])
    def running(self, x: Any) -> dict[str, Any]:
        self.total.assign_add(x)
        return {"y": self.total.read_value() * 2.0}

    @tf.function(input_signature=[X])
    def flex(self, x: Any) -> dict[str, Any]:
        return {"y": tf.math.erf(x)}


def convert(model: Model, *names: str, flex: bool = False, variables: bool = False) -> bytes:
    functions = {name: getattr(model, name) for name in names}
    folder = Path(sys.argv[1]) / f"saved-{names[0]}"
    tf.saved_model.save(model, folder, signatures=functions)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), list(names))
    if flex:
        ops = tf.lite.OpsSet
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS, ops.SELECT_TF_OPS]
    converter.experimental_enable_resource_variables = variables
    return bytes(converter.convert())


def lstm() -> bytes:
    """A loop with two counters, as Keras exports it."""
    layers = tf.keras.layers
    x = tf.keras.Input((5, 3), batch_size=1)
    model = tf.keras.Model(x, layers.Dense(2)(layers.LSTM(4)(x)))
    return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def main(folder: Path) -> None:
    model = Model()
    files = {
        "two": convert(model, "first", "second"),
        "loop": convert(model, "loop"),
        "branch": convert(model, "branch"),
        "running": convert(model, "running", variables=True),
        "flex": convert(model, "flex", flex=True),
        "lstm": lstm(),
    }
    for name, data in files.items():
        (folder / f"{name}.tflite").write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
