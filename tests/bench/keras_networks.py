"""Whole networks built in code: `python keras_networks.py FOLDER [NAME …]` converts them there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
from convert_both import Build, convert_both, settle

L = keras.layers
A = keras.applications


def application(name: str) -> Build:
    """A network of keras.applications with random weights, at its default size."""
    return lambda: settle(getattr(A, name)(weights=None))


def norm_relu(x: object) -> object:
    return L.ReLU()(L.BatchNormalization()(x))


def conv(x: object, filters: int, size: int = 3, stride: int = 1, dilation: int = 1) -> object:
    y = L.Conv2D(filters, size, stride, "same", dilation_rate=dilation, use_bias=False)(x)
    return norm_relu(y)


def tcn() -> keras.Model:
    """Causal dilated convolutions with residuals, dilations 1 to 32 (Bai et al. 2018)."""
    x = series = keras.Input((128, 12))
    for dilation, filters in ((1, 24), (2, 24), (4, 32), (8, 32), (16, 48), (32, 48)):
        y = x
        for _ in range(2):
            y = L.Conv1D(filters, 3, padding="causal", dilation_rate=dilation, use_bias=False)(y)
            y = norm_relu(y)
        x = L.Conv1D(filters, 1)(x) if x.shape[-1] != filters else x
        x = L.ReLU()(L.Add()([x, y]))
    return settle(keras.Model(series, L.Dense(10)(L.GlobalAveragePooling1D()(x))))


def u_net() -> keras.Model:
    """Three levels, up-sampling by transposed convolutions."""
    x = image = keras.Input((96, 96, 3))
    skips = []
    for filters in (16, 32, 64):
        x = conv(conv(x, filters), filters)
        skips.append(x)
        x = L.MaxPooling2D()(x)
    x = conv(conv(x, 128), 128)
    for filters, skip in zip((64, 32, 16), reversed(skips), strict=True):
        x = norm_relu(L.Conv2DTranspose(filters, 2, 2, use_bias=False)(x))
        x = conv(conv(L.Concatenate()([x, skip]), filters), filters)
    return settle(keras.Model(image, L.Conv2D(2, 1, activation="softmax")(x)))


def rep_vgg() -> keras.Model:
    """The training form: 3x3, 1x1 and identity, each with its BatchNorm (Ding et al. 2021)."""
    x = image = keras.Input((64, 64, 3))
    for filters, stride in ((16, 2), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        branches = [
            L.BatchNormalization()(
                L.Conv2D(filters, size, stride, padding="same", use_bias=False)(x)
            )
            for size in (3, 1)
        ]
        if stride == 1:
            branches.append(L.BatchNormalization()(x))
        x = L.ReLU()(L.Add()(branches))
    return settle(keras.Model(image, L.Dense(10)(L.GlobalAveragePooling2D()(x))))


def deeplab() -> keras.Model:
    """A strided stem and atrous spatial pyramid pooling at rates 6, 12, 18 (Chen et al. 2017)."""
    x = image = keras.Input((192, 192, 3))
    for filters in (16, 32, 64):
        x = conv(conv(x, filters, stride=2), filters)
    low, size = x, x.shape[1]
    for dilation in (2, 4):
        x = conv(x, 64, dilation=dilation)
    pooled = L.Conv2D(64, 1, use_bias=False)(L.GlobalAveragePooling2D(keepdims=True)(x))
    pooled = L.UpSampling2D(size, interpolation="bilinear")(norm_relu(pooled))
    rates = [conv(x, 64, dilation=rate) for rate in (6, 12, 18)]
    x = conv(L.Concatenate()([conv(x, 64, 1), *rates, pooled]), 64, 1)
    x = conv(L.Concatenate()([x, conv(low, 16, 1)]), 64)
    x = L.UpSampling2D(8, interpolation="bilinear")(L.Conv2D(21, 1)(x))
    return settle(keras.Model(image, x))


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "TCN": tcn,
    "U-Net": u_net,
    "RepVGG": rep_vgg,
    "DeepLab-ASPP": deeplab,
    "MobileNetV2": application("MobileNetV2"),
    "MobileNetV3-Small": application("MobileNetV3Small"),
    "ResNet50V2": application("ResNet50V2"),
    "DenseNet121": application("DenseNet121"),
    "ConvNeXt-Tiny": application("ConvNeXtTiny"),
    "EfficientNetB0": application("EfficientNetB0"),
    "InceptionV3": application("InceptionV3"),
}


if __name__ == "__main__":
    chosen = sys.argv[2:] or NETWORKS
    convert_both({name: NETWORKS[name] for name in chosen}, Path(sys.argv[1]))
