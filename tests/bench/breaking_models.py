"""Trains models that plain int8 breaks: `breaking_models.py FOLDER NAME…`, each in FOLDER/NAME as a
SavedModel with `calibration.npz` and `evaluation.npz`.

All data is scikit-learn's handwritten digits, enlarged and composed; all seeds are fixed. Nothing
is tuned to a quantizer: each is a small model of a kind that is known to suffer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

Array = Any
Made = tuple[
    keras.Model, Array, Array | None
]  # trained; all inputs; labels where it is a classifier
L = keras.layers
EVALUATION, CALIBRATION = 400, 200
CANVAS, CELLS = 160, 10


def digits() -> tuple[Array, Array]:
    """Digits [1797, 8, 8, 1] in 0…1 in an order of ours, and their classes."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order].reshape(-1, 8, 8, 1).astype(np.float32) / 16, y[order].astype(np.int64)


def enlarged(x: Array, size: int) -> Array:
    return tf.image.resize(x, (size, size)).numpy()


def norm(x: Any) -> Any:
    return L.BatchNormalization(momentum=0.9)(x)


def fit(model: keras.Model, x: Array, y: Array, loss: Any, epochs: int, rate: float = 3e-3) -> None:
    """Trained on what does not evaluate."""
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(x[EVALUATION:], y[EVALUATION:], 32, epochs, verbose=0)
    model.optimizer.learning_rate = rate / 10
    model.fit(x[EVALUATION:], y[EVALUATION:], 32, max(1, epochs // 3), verbose=0)


def detector() -> Made:
    """One CONCAT of boxes in pixels of a 160 x 160 picture and scores in 0…1, by 10 x 10 cells."""
    x, y = scenes(1600)
    picture = keras.Input((CANVAS, CANVAS, 1))
    h = picture
    for width, stride in ((8, 2), (16, 2), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1)):
        if width > 8:
            h = L.ReLU(6.0)(norm(L.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(h)))
            stride = 1
        h = L.ReLU(6.0)(
            norm(L.Conv2D(width, 1 if width > 8 else 3, stride, padding="same", use_bias=False)(h))
        )
    boxes = L.Conv2D(24, 3, padding="same", activation="relu")(h)
    boxes = L.Rescaling(float(CANVAS))(L.Conv2D(4, 1, activation="sigmoid")(boxes))
    scores = L.Conv2D(24, 3, padding="same", activation="relu")(h)
    scores = L.Conv2D(10, 1, activation="sigmoid")(scores)
    parts = [L.Reshape((CELLS * CELLS, part.shape[-1]))(part) for part in (boxes, scores)]
    model = keras.Model(picture, L.Concatenate()(parts))
    fit(model, x, y, detection_loss, 12)
    return model, x, None


def scenes(count: int) -> tuple[Array, Array]:
    """Pictures with three digits of many sizes; by cell the box (left, top, right, bottom; zero
    where there is none) and the scores of the digit whose middle lies there."""
    random = np.random.default_rng(1)
    source, classes = digits()
    x = random.uniform(0, 0.2, (count, CANVAS, CANVAS, 1)).astype(np.float32)
    y = np.zeros((count, CELLS, CELLS, 14), np.float32)
    for i in range(count):
        for _ in range(3):
            which, size = random.integers(len(source)), int(random.integers(24, 72))
            left, top = random.integers(0, CANVAS - size, 2)
            part = np.kron(source[which, :, :, 0], np.ones((9, 9)))  # 72 x 72
            rows = (np.arange(size) * 72) // size
            place = x[i, top : top + size, left : left + size, 0]
            np.maximum(place, part[rows][:, rows], out=place)
            cell = y[i, (top + size // 2) // 16, (left + size // 2) // 16]
            cell[:] = 0
            cell[:4] = left, top, left + size, top + size
            cell[4 + classes[which]] = 1
    return x, y.reshape(count, CELLS * CELLS, 14)


def detection_loss(wanted: Any, seen: Any) -> Any:
    there = tf.reduce_max(wanted[..., 4:], -1, keepdims=True)
    boxes = tf.reduce_sum(there * tf.abs(wanted[..., :4] - seen[..., :4]) / CANVAS, (1, 2))
    p = tf.clip_by_value(seen[..., 4:], 1e-4, 1 - 1e-4)
    y = wanted[..., 4:]
    cross = -y * (1 - p) ** 2 * tf.math.log(p) - (1 - y) * p**2 * tf.math.log(1 - p)
    return boxes + tf.reduce_sum(cross, (1, 2))


def unequal() -> Made:
    """A MobileNet whose depthwise channels differ by orders of magnitude, as those of trained ones
    do: each channel is scaled, the next layer's weights by the inverse. The same function."""
    picture = keras.Input((32, 32, 1))
    h = L.ReLU()(norm(L.Conv2D(16, 3, 2, padding="same", use_bias=False)(picture)))
    for width, stride in (
        (24, 1),
        (32, 2),
        (32, 1),
        (48, 2),
        (48, 1),
        (48, 1),
        (64, 2),
        (64, 1),
        (64, 1),
        (64, 1),
    ):
        h = L.ReLU()(norm(L.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(h)))
        h = L.ReLU()(norm(L.Conv2D(width, 1, use_bias=False)(h)))
    h = L.GlobalAveragePooling2D()(h)
    model = keras.Model(picture, L.Dense(10, activation="softmax")(h))
    source, y = digits()
    x = enlarged(source, 32)
    fit(model, x, y, "sparse_categorical_crossentropy", 12)
    random = np.random.default_rng(2)
    depthwise = [i for i, layer in enumerate(model.layers) if isinstance(layer, L.DepthwiseConv2D)]
    for i in depthwise[:2]:
        scale = np.exp(random.normal(0, 2, model.layers[i].output.shape[-1])).astype(np.float32)
        gamma, beta, *rest = model.layers[i + 1].get_weights()
        model.layers[i + 1].set_weights([gamma * scale, beta * scale, *rest])
        (kernel,) = model.layers[i + 3].get_weights()
        model.layers[i + 3].set_weights([kernel / scale[None, None, :, None]])
    return model, x, y


def silu() -> Made:
    """An EfficientNet: SiLU, squeeze and excite, and BatchNorms of unlike widths, from the start of
    the training on."""
    spread = keras.initializers.RandomNormal

    def block(h: Any, width: int, stride: int, seed: int) -> Any:
        wide = h.shape[-1] * 4
        start = h
        h = L.Activation("silu")(norm(L.Conv2D(wide, 1, use_bias=False)(h)))
        h = L.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(h)
        gamma = np.exp(np.random.default_rng(seed).normal(0, 1.5, wide))
        h = L.BatchNormalization(
            momentum=0.9, gamma_initializer=lambda shape, dtype=None: tf.constant(gamma, tf.float32)
        )(h)
        h = L.Activation("silu")(h)
        squeezed = L.GlobalAveragePooling2D(keepdims=True)(h)
        squeezed = L.Conv2D(max(4, wide // 16), 1, activation="silu")(squeezed)
        h = L.Multiply()([h, L.Conv2D(wide, 1, activation="sigmoid")(squeezed)])
        h = norm(L.Conv2D(width, 1, use_bias=False)(h))
        return L.Add()([start, h]) if h.shape == start.shape else h

    del spread
    picture = keras.Input((32, 32, 1))
    h = L.Activation("silu")(norm(L.Conv2D(16, 3, 2, padding="same", use_bias=False)(picture)))
    for i, (width, stride) in enumerate(
        ((16, 1), (24, 2), (24, 1), (40, 2), (40, 1), (64, 2), (64, 1))
    ):
        h = block(h, width, stride, i)
    h = L.GlobalAveragePooling2D()(L.Activation("silu")(norm(L.Conv2D(128, 1, use_bias=False)(h))))
    model = keras.Model(picture, L.Dense(10, activation="softmax")(h))
    source, y = digits()
    x = enlarged(source, 32)
    fit(model, x, y, "sparse_categorical_crossentropy", 12)
    return model, x, y


def bilstm() -> Made:
    """Two directions of LSTM over the 16 rows of a digit."""
    rows = keras.Input((16, 16))
    h = L.Bidirectional(L.LSTM(24))(rows)
    model = keras.Model(rows, L.Dense(10, activation="softmax")(h))
    source, y = digits()
    x = enlarged(source, 16)[..., 0]
    fit(model, x, y, "sparse_categorical_crossentropy", 20)
    return model, x, y


def attention() -> Made:
    """A vision transformer: layer norm, attention, GELU."""
    picture = keras.Input((16, 16, 1))
    h = L.Reshape((16, 32))(L.Conv2D(32, 4, 4)(picture))
    positions = L.Embedding(16, 32)
    h = h + positions(tf.range(16)[None])
    for _ in range(3):
        seen = L.LayerNormalization()(h)
        h = h + L.MultiHeadAttention(4, 8)(seen, seen)
        seen = L.LayerNormalization()(h)
        h = h + L.Dense(32)(L.Dense(96, activation="gelu")(seen))
    h = L.GlobalAveragePooling1D()(L.LayerNormalization()(h))
    model = keras.Model(picture, L.Dense(10, activation="softmax")(h))
    source, y = digits()
    x = enlarged(source, 16)
    fit(model, x, y, "sparse_categorical_crossentropy", 20, 1e-3)
    return model, x, y


def autoencoder() -> Made:
    """Through 32 numbers and back, with residual blocks; what counts is the reconstruction."""

    def block(h: Any) -> Any:
        inner = L.ReLU()(norm(L.Conv2D(h.shape[-1], 3, padding="same", use_bias=False)(h)))
        return L.ReLU()(h + norm(L.Conv2D(h.shape[-1], 3, padding="same", use_bias=False)(inner)))

    picture = keras.Input((32, 32, 1))
    h = picture
    for width in (8, 16, 24):
        h = block(L.ReLU()(norm(L.Conv2D(width, 3, 2, padding="same", use_bias=False)(h))))
    code = L.Dense(32)(L.Flatten()(h))
    h = L.Reshape((4, 4, 24))(L.Dense(4 * 4 * 24, activation="relu")(code))
    for width in (24, 16, 8):
        h = block(L.ReLU()(norm(L.Conv2DTranspose(width, 3, 2, padding="same", use_bias=False)(h))))
    model = keras.Model(picture, L.Conv2D(1, 3, padding="same")(h))
    source, _ = digits()
    x = enlarged(source, 32)
    fit(model, x, x, "mse", 12)
    return model, x, None


MODELS: Mapping[str, Callable[[], Made]] = {
    made.__name__: made for made in (detector, unequal, silu, bilstm, attention, autoencoder)
}


def main(folder: Path, names: list[str]) -> None:
    for name in names:
        keras.backend.clear_session()
        keras.utils.set_random_seed(7)
        model, x, y = MODELS[name]()
        (folder / name).mkdir(parents=True, exist_ok=True)
        model.export(folder / name / "saved_model", verbose=False)
        for part, rows in (
            ("evaluation", slice(0, EVALUATION)),
            ("calibration", slice(EVALUATION, EVALUATION + CALIBRATION)),
        ):
            labels = {} if y is None else {"y": y[rows]}
            np.savez(folder / name / f"{part}.npz", x=x[rows], **labels)
        if y is not None:
            seen = model.predict(x[:EVALUATION], verbose=0).argmax(1)
            print(name, "accuracy", (seen == y[:EVALUATION]).mean(), flush=True)
        print(name, "made", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(MODELS))
