"""Small patterns in Keras: `python keras_patterns.py FOLDER [NAME …]` converts them there.

Those of TensorFlow's converter that are known to be fused, those known to be left, and forms in
which other frameworks export the same. Pictures are 16x16 with 12 channels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
from convert_both import Build, convert_both, settle

L = keras.layers
ops = keras.ops
X = (16, 16, 12)
SERIES = (48, 12)
T = keras.KerasTensor
Layer = Callable[[T], T]


def of(*layers: Layer, shape: tuple[int, ...] = X) -> Build:
    """A model of layers one after another."""

    def build() -> keras.Model:
        x = given = keras.Input(shape)
        for layer in layers:
            x = layer(x)
        return settle(keras.Model(given, x), 16)

    return build


# Layers are made anew whenever a model is built: these return functions that make and apply one.
def conv(filters: int = 12, size: int = 3, padding: str = "same", **keys: object) -> Layer:
    return lambda x: L.Conv2D(filters, size, padding=padding, bias_initializer="normal", **keys)(x)


def row(*layers: Layer) -> Layer:
    def apply(x: T) -> T:
        for layer in layers:
            x = layer(x)
        return x

    return apply


def fork(join: Callable[[], Layer], *branches: Layer) -> Layer:
    """Branches of one tensor, joined."""
    return lambda x: join()([branch(x) for branch in branches])


def new(layer: type, *values: object, **keys: object) -> Layer:
    return lambda x: layer(*values, **keys)(x)


def same(x: T) -> T:
    return x


bn = new(L.BatchNormalization)
relu = new(L.ReLU)
bn_relu = row(bn, relu)
dense = new(L.Dense, 12, bias_initializer="normal")
depthwise = new(L.DepthwiseConv2D, 3, padding="same")
pool_max = new(L.MaxPooling2D)
pool_average = new(L.AveragePooling2D, 2)
flatten = new(L.Flatten)
CLIPPED = 4.0


def channel_shuffle(x: T) -> T:
    y = ops.reshape(x, (-1, 16, 16, 3, 4))
    return ops.reshape(ops.transpose(y, (0, 1, 2, 4, 3)), (-1, 16, 16, 12))


def up_by_tile(x: T) -> T:
    y = ops.tile(ops.reshape(x, (-1, 16, 1, 16, 1, 12)), (1, 1, 2, 1, 2, 1))
    return ops.reshape(y, (-1, 32, 32, 12))


def up_by_repeat(x: T) -> T:
    return ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)


def space_to_depth(x: T) -> T:
    y = ops.transpose(ops.reshape(x, (-1, 8, 2, 8, 2, 12)), (0, 1, 3, 2, 4, 5))
    return ops.reshape(y, (-1, 8, 8, 48))


def focus(x: T) -> T:
    parts = [x[:, ::2, ::2], x[:, 1::2, ::2], x[:, ::2, 1::2], x[:, 1::2, 1::2]]
    return ops.concatenate(parts, -1)


def squeeze_excite(x: T) -> T:
    y = L.GlobalAveragePooling2D(keepdims=True)(x)
    y = L.Conv2D(12, 1, activation="sigmoid")(L.Conv2D(4, 1, activation="relu")(y))
    return L.Multiply()([x, y])


def pair(first: Layer, second: Layer) -> Layer:
    """Two readers of one tensor; both are outputs in one."""
    return fork(L.Concatenate, first, second)


def per_channel(x: T) -> T:
    mean, deviation = [i / 24 for i in range(12)], [0.5 + i / 24 for i in range(12)]
    return (x - ops.array(mean, "float32")) / ops.array(deviation, "float32")


CONVERTER: dict[str, Build] = {  # what the converter fuses, at least when the batch is pinned
    "conv, BN, ReLU": of(conv(), bn_relu),
    "conv, BN, ReLU6": of(conv(), bn, new(L.ReLU, 6.0)),
    "depthwise x2, BN, ReLU": of(
        new(L.DepthwiseConv2D, 3, padding="same", depth_multiplier=2), bn_relu
    ),
    "group conv, BN, ReLU": of(conv(groups=3), bn_relu),
    "separable conv, BN, ReLU": of(new(L.SeparableConv2D, 12, 3, padding="same"), bn_relu),
    "conv * scalar + scalar": of(conv(), lambda x: x * 1.5 + 0.25),
    "dilated conv, BN, ReLU": of(conv(dilation_rate=2), bn_relu),
    "dilated depthwise, BN, ReLU": of(
        new(L.DepthwiseConv2D, 3, padding="same", dilation_rate=2), bn_relu
    ),
    "dense on 3-D, BN, ReLU": of(dense, bn_relu, shape=SERIES),
    "dense on 4-D, BN, ReLU": of(dense, bn_relu),
    "flatten, dense, BN, ReLU": of(flatten, dense, bn_relu),
    "transposed conv, BN, ReLU": of(new(L.Conv2DTranspose, 12, 2, 2), bn_relu),
    "pad (0,1), conv stride 2": of(
        new(L.ZeroPadding2D, ((0, 1), (0, 1))), conv(padding="valid", strides=2)
    ),
    "rescale 1/255, conv": of(new(L.Rescaling, 1 / 255), conv()),
    "hard-swish": of(conv(), new(L.Activation, "hard_swish")),
    "GELU": of(conv(), new(L.Activation, "gelu")),
    "PReLU": of(conv(), new(L.PReLU, shared_axes=[1, 2])),
    "leaky ReLU": of(conv(), new(L.LeakyReLU)),
    "SiLU": of(conv(), new(L.Activation, "silu")),
    "squeeze and excite": of(conv(), squeeze_excite),
    "L2 normalise": of(flatten, dense, new(L.UnitNormalization)),
    "up-sampling layer, conv": of(new(L.UpSampling2D), conv()),
    "conv 3-D, BN, ReLU": of(new(L.Conv3D, 4, 3, padding="same"), bn_relu, shape=(6, 8, 8, 3)),
    "multi-head attention": of(lambda x: L.MultiHeadAttention(2, 6)(x, x), shape=SERIES),
}
FORWARD: dict[str, Build] = {
    "BN, conv 1x1": of(bn, conv(size=1)),
    "BN, conv VALID": of(bn, conv(padding="valid")),
    "BN, conv SAME": of(bn, conv()),
    "BN, dense": of(bn, dense, shape=(24,)),
    "BN, flatten, dense": of(bn, flatten, dense),
    "BN, depthwise VALID": of(bn, new(L.DepthwiseConv2D, 3)),
    "BN, ReLU, conv": of(bn_relu, conv()),
    "conv, ReLU, BN, conv 1x1": of(conv(), relu, bn, conv(size=1)),
    "conv, ReLU, BN, conv SAME": of(conv(), relu, bn, conv()),
    "conv, ReLU, BN, conv VALID": of(conv(), relu, bn, conv(padding="valid")),
    "rescale 1/127.5 - 1, conv SAME": of(new(L.Rescaling, 1 / 127.5, -1.0), conv()),
    "rescale 1/127.5 - 1, conv VALID": of(new(L.Rescaling, 1 / 127.5, -1.0), conv(padding="valid")),
    "normalise per channel, conv VALID": of(per_channel, conv(padding="valid")),
    "normalise per channel, conv SAME": of(per_channel, conv()),
}
BACK: dict[str, Build] = {
    "concat, BN": of(pair(conv(), depthwise), bn),
    "concat, BN, ReLU": of(pair(conv(), depthwise), bn_relu),
    "add, BN": of(fork(L.Add, conv(), depthwise), bn),
    "add, BN, ReLU": of(fork(L.Add, conv(), depthwise), bn_relu),
    "max-pool, BN": of(conv(), pool_max, bn),
    "average-pool, BN": of(conv(), pool_average, bn),
    "global average-pool, BN": of(conv(), new(L.GlobalAveragePooling2D), bn),
    "reshape, BN": of(conv(), new(L.Reshape, (256, 12)), bn),
    "conv read twice: BN and tanh": of(conv(size=1), pair(bn_relu, new(L.Activation, "tanh"))),
    "conv read twice: two BN": of(conv(size=1), fork(L.Multiply, bn_relu, bn)),
}
MERGED: dict[str, Build] = {
    "RepVGG, training form": of(fork(L.Add, row(conv(), bn), row(conv(size=1), bn), bn), relu),
    "RepVGG, stride 2": of(
        fork(L.Add, row(conv(strides=2), bn), row(conv(size=1, strides=2), bn)), relu
    ),
    "MobileOne, depthwise": of(
        fork(L.Add, row(depthwise, bn), row(new(L.DepthwiseConv2D, 1), bn), bn), relu
    ),
    "x + conv(x)": of(fork(L.Add, same, conv())),
    "conv 3x3, conv 1x1": of(conv(), conv(size=1)),
    "conv 1x1, conv 3x3 VALID": of(new(L.Conv2D, 12, 1, use_bias=False), conv(padding="valid")),
    "dense, dense": of(dense, dense, shape=(24,)),
    "two convs 1x1, concat": of(pair(conv(size=1), conv(size=1))),
    "two convs 3x3 + ReLU, concat": of(pair(row(conv(), relu), row(conv(), relu))),
    "query, key, value, concat": of(fork(L.Concatenate, dense, dense, dense), shape=SERIES),
}
MOVED: dict[str, Build] = {
    "causal dilated conv 1-D, BN, ReLU": of(
        new(L.Conv1D, 12, 3, padding="causal", dilation_rate=2), bn_relu, shape=SERIES
    ),
    "conv 1-D, conv 1-D": of(
        new(L.Conv1D, 12, 3, padding="same", activation="relu"),
        new(L.Conv1D, 12, 3, padding="same", activation="relu"),
        shape=SERIES,
    ),
    "channel shuffle": of(conv(), channel_shuffle),
    "up-sampling by tile, conv": of(up_by_tile, conv()),
    "up-sampling by repeat, conv": of(up_by_repeat, conv()),
    "space to depth by reshape, conv": of(space_to_depth, conv(size=1)),
    "focus slices, conv": of(focus, conv(size=1)),
    "permute there and back": of(new(L.Permute, (3, 1, 2)), new(L.Permute, (2, 3, 1)), conv()),
    "pad 1, conv 3x3 stride 1": of(new(L.ZeroPadding2D, 1), conv(padding="valid")),
    "pad 1, conv 3x3 stride 2": of(new(L.ZeroPadding2D, 1), conv(padding="valid", strides=2)),
    "pad 3, conv 7x7 stride 2": of(
        new(L.ZeroPadding2D, 3), conv(size=7, padding="valid", strides=2)
    ),
    "ReLU, pad 1, max-pool 3x3": of(
        conv(), relu, new(L.ZeroPadding2D, 1), new(L.MaxPooling2D, 3, 1)
    ),
    "dropout, reshape there and back": of(
        conv(), new(L.Reshape, (256, 12)), new(L.Dropout, 0.5), new(L.Reshape, X)
    ),
}
VALUES: dict[str, Build] = {
    "ReLU up to 4": of(conv(), new(L.ReLU, CLIPPED)),
    "clip 0 to 1": of(conv(), lambda x: ops.clip(x, 0.0, 1.0)),
    "clip 0 to 6": of(conv(), lambda x: ops.clip(x, 0.0, 6.0)),
    "clip -1 to 1": of(conv(), lambda x: ops.clip(x, -1.0, 1.0)),
    "minimum 6, ReLU": of(conv(), lambda x: ops.relu(ops.minimum(x, 6.0))),
    "hard sigmoid": of(conv(), new(L.Activation, "hard_sigmoid")),
    "softplus": of(conv(), new(L.Activation, "softplus")),
    "mish": of(conv(), new(L.Activation, "mish")),
    "ELU": of(conv(), new(L.ELU)),
    "layer norm": of(conv(), new(L.LayerNormalization)),
    "RMS norm": of(conv(), new(L.RMSNormalization)),
    "group norm": of(conv(), new(L.GroupNormalization, 3)),
    "instance norm": of(conv(), new(L.GroupNormalization, -1)),
    "square": of(conv(), lambda x: ops.square(x)),
    "negate, add": of(fork(L.Add, lambda x: -x, conv())),
    "one minus sigmoid": of(conv(), lambda x: 1.0 - ops.sigmoid(x)),
}
KINDS = {
    "converter": CONVERTER,
    "forward": FORWARD,
    "back": BACK,
    "merged": MERGED,
    "moved": MOVED,
    "values": VALUES,
}
PATTERNS = {name: build for kind in KINDS.values() for name, build in kind.items()}


if __name__ == "__main__":
    chosen = sys.argv[2:] or PATTERNS
    convert_both({name: PATTERNS[name] for name in chosen}, Path(sys.argv[1]))
