"""Trains the embedded sample and writes `resources/sample/`: run once, its result is committed.

A small classifier of scikit-learn's digits (1,797 pictures of 8×8, shipped with the library). It
has what the fusion room shows: convolutions the converter fuses, a BatchNorm before a convolution
and one after a pooling that it leaves standing; and Dense layers, where a runtime can be silently
wrong.

    .venv/bin/python packaging/train_sample.py
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SAMPLE = Path(__file__).parent.parent / "resources" / "sample"
SEED = 7


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """The digits as uint8 [n, 8, 8, 1] of 0…255 and their labels."""
    digits = load_digits()
    x = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    return x, digits.target.astype(np.int64)


def shifted(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The training pictures and themselves moved by one pixel in four directions."""
    moves = [np.roll(x, step, axis) for axis in (1, 2) for step in (1, -1)]
    return np.concatenate([x, *moves]), np.concatenate([y] * 5)


def network() -> keras.Model:
    """Conv+BN+ReLU6 blocks, a BatchNorm before a 1×1 convolution and one after the pooling, and two
    Dense layers."""
    layers = keras.layers

    def block(x: object, filters: int, size: int, name: str) -> object:
        x = layers.Conv2D(filters, size, use_bias=False, name=f"{name}_conv")(x)
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        return layers.ReLU(6.0, name=f"{name}_relu6")(x)

    image = keras.Input((8, 8, 1), name="image")
    x = layers.BatchNormalization(name="input_bn")(image)
    x = block(x, 24, 3, "stem")
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.ReLU(6.0, name="depthwise_relu6")(x)
    x = layers.BatchNormalization(name="before_pointwise_bn")(x)
    x = block(x, 32, 1, "pointwise")
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.BatchNormalization(name="pool_bn")(x)
    x = layers.ReLU(6.0, name="pool_relu6")(x)
    x = block(x, 48, 3, "head")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(48, activation="relu", name="features")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="digit")(x))


def main() -> None:
    """Train, check, and replace the sample."""
    keras.utils.set_random_seed(SEED)
    x, y = pictures()
    x_train, x_rest, y_train, y_rest = train_test_split(
        x, y, test_size=897, stratify=y, random_state=SEED
    )
    x_cal, x_eval, y_cal, y_eval = train_test_split(
        x_rest, y_rest, test_size=697, stratify=y_rest, random_state=SEED
    )
    model = network()
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    x_train, y_train = shifted(x_train, y_train)
    decay = keras.callbacks.LearningRateScheduler(lambda epoch: 2e-3 * 0.93**epoch)
    model.fit(x_train / 255.0, y_train, 64, epochs=40, verbose=0, callbacks=[decay])
    accuracy = float((model.predict(x_eval / 255.0, verbose=0).argmax(1) == y_eval).mean())
    print(f"accuracy {accuracy:.4f} on {len(y_eval)} pictures, {model.count_params()} parameters")
    shutil.rmtree(SAMPLE / "saved_model", ignore_errors=True)
    model.export(SAMPLE / "saved_model", verbose=False)
    np.savez_compressed(SAMPLE / "calibration.npz", x=x_cal, y=y_cal)
    np.savez_compressed(SAMPLE / "evaluation.npz", x=x_eval, y=y_eval)
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    (SAMPLE / "labels.txt").write_text("\n".join(names) + "\n", "utf-8")


if __name__ == "__main__":
    main()
