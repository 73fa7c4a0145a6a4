"""Two classifiers trained on digits: `python keras_trained.py FOLDER [NAME …]` converts them there.

Small forms of the two families whose BatchNorms the converter leaves standing: DenseNet (Huang et
al. 2017) and the pre-activation ResNet (He et al. 2016). The seed is fixed, no weights are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
from convert_both import Build, convert_both
from digits import digits

L = keras.layers
T = keras.KerasTensor
EPOCHS, BATCH = 10, 32


def norm_conv(x: T, filters: int, size: int = 3, stride: int = 1) -> T:
    y = L.ReLU()(L.BatchNormalization(momentum=0.9)(x))
    return L.Conv2D(filters, size, stride, padding="same", use_bias=False)(y)


def dense_net(x: T) -> T:
    """Two blocks of three layers, growth 8."""
    x = L.Conv2D(16, 3, padding="same", use_bias=False)(x)
    for block in range(2):
        for _ in range(3):
            x = L.Concatenate()([x, norm_conv(norm_conv(x, 32, 1), 8)])
        if block == 0:
            x = L.AveragePooling2D(2)(norm_conv(x, x.shape[-1] // 2, 1))
    return x


def res_net(x: T) -> T:
    """Three stages of two blocks; the shortcut is a convolution where the shape changes."""
    x = L.Conv2D(16, 3, padding="same", use_bias=False)(x)
    for filters, stride in ((16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        y = norm_conv(norm_conv(x, filters, stride=stride), filters)
        if x.shape != y.shape:
            x = L.Conv2D(filters, 1, stride, use_bias=False)(x)
        x = L.Add()([x, y])
    return x


def trained(body: Callable[[T], T]) -> Build:
    """The body with a classifier's end, trained."""

    def build() -> keras.Model:
        image = keras.Input((16, 16, 1))
        x = L.ReLU()(L.BatchNormalization(momentum=0.9)(body(image)))
        x = L.Dense(10)(L.GlobalAveragePooling2D()(x))  # no softmax: it would hide int8's noise
        model = keras.Model(image, x)
        data, _, _ = digits()
        rate = keras.optimizers.schedules.CosineDecay(4e-3, EPOCHS * len(data.y) // BATCH)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(rate), loss)
        model.fit(data.x, data.y, BATCH, EPOCHS, verbose=0)
        return model

    return build


TRAINED = {"DenseNet-style": trained(dense_net), "pre-activation ResNet": trained(res_net)}


if __name__ == "__main__":
    chosen = sys.argv[2:] or TRAINED
    convert_both({name: TRAINED[name] for name in chosen}, Path(sys.argv[1]))
