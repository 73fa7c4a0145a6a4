"""Writes the models that are hard to get to a graph: `python odd_models.py FOLDER`.

Recurrent layers, loops of both TensorFlows, devices, shards, tags, types, objects of classes that
only their author has, and operators a plain runtime does not have.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

L, S, v1 = keras.layers, tf.TensorSpec, tf.compat.v1
RANDOM = np.random.default_rng(5)
ROW, IMAGE = S([None, 8], tf.float32, "x"), S([None, 8, 8], tf.float32, "x")


def main(folder: Path) -> None:
    for name, (shape, *layers) in RECURRENT.items():
        keras.utils.set_random_seed(1)
        keras.Sequential([keras.Input(shape), *layers]).export(folder / name, verbose=False)
    for name, (function, *specs) in FUNCTIONS.items():
        module = tf.Module()
        module.function = tf.function(function, input_signature=specs)
        tf.saved_model.save(module, folder / name, signatures={"serving_default": module.function})
    sessions(folder)
    shards(folder / "shards")
    pinned_to_gpu(folder / "gpu")
    foreign_class(folder / "foreign_class")
    as_text(folder / "gru", folder / "text_form")


RECURRENT = {
    "lstm": ((12, 6), L.LSTM(5), L.Dense(3)),
    "gru": ((12, 6), L.GRU(5), L.Dense(3)),
    "stacked": ((7, 6), L.LSTM(5, return_sequences=True), L.GRU(4), L.Dense(3)),
    "both_ways": ((7, 6), L.Bidirectional(L.LSTM(5, return_sequences=True)), L.Dense(3)),
    "masked": ((7, 6), L.Masking(), L.GRU(5, return_sequences=True), L.Dense(3)),
    "backwards": ((7, 6), L.LSTM(5, go_backwards=True), L.Dense(3)),
    "any_length": ((None, 6), L.LSTM(5), L.Dense(3)),
    "pictures": ((3, 8, 8, 2), L.ConvLSTM2D(4, 3, padding="same")),
    "long": ((100, 6), L.Bidirectional(L.LSTM(5, return_sequences=True)), L.GRU(4), L.Dense(3)),
}


def ints(a: tf.Tensor, b: tf.Tensor, c: tf.Tensor, d: tf.Tensor) -> dict[str, tf.Tensor]:
    table = tf.constant(np.arange(8, dtype=np.float32))
    mixed = tf.cast(a, tf.float32) / 255.0 + tf.cast(b, tf.float32) + tf.gather(table, c)
    return {"y": mixed + tf.where(d, 1.0, 0.0), "z": c + 1}


def printing(x: tf.Tensor) -> dict[str, tf.Tensor]:
    tf.print(x)
    return {"y": x * 2.0}


def growing(x: tf.Tensor) -> dict[str, tf.Tensor]:
    """As many steps as the values ask for, and a list with an element for each."""
    start = (0, tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[None]))
    _, array = tf.while_loop(
        lambda i, _: tf.cast(i, tf.float32) < tf.reduce_sum(x),
        lambda i, array: (i + 1, array.write(i, x[0] * tf.cast(i, tf.float32))),
        start,
    )
    return {"y": array.stack()}


FUNCTIONS: dict[str, tuple[Callable[..., dict[str, tf.Tensor]], *tuple[tf.TensorSpec, ...]]] = {
    "constants": (
        lambda x: {"y": tf.nn.relu(tf.matmul(x, tf.constant(np.eye(8, dtype=np.float32))))},
        ROW,
    ),
    "ints": (
        ints,
        S([None, 4], tf.uint8, "a"),
        S([None, 4], tf.int8, "b"),
        S([None, 4], tf.int64, "c"),
        S([None, 4], tf.bool, "d"),
    ),
    "prints": (printing, ROW),
    "until": (
        lambda x: {
            "y": tf.while_loop(lambda a: tf.reduce_sum(a) < 100.0, lambda a: (a * 2 + 1,), (x,))[0]
        },
        ROW,
    ),
    "growing": (growing, ROW),
    # Operators that look foreign and are there
    "rfft2d": (lambda x: {"y": tf.abs(tf.signal.rfft2d(x))}, IMAGE),
    "gelu": (lambda x: {"y": tf.nn.gelu(x)}, ROW),  # Erf, but in a form the converter knows
    "einsum": (lambda x: {"y": tf.einsum("bij,bkj->bik", x, x)}, IMAGE),
    # and those that are not
    "erf": (lambda x: {"y": tf.math.erf(x, name="curve")}, ROW),
    "irfft": (lambda x: {"y": tf.signal.irfft(tf.signal.rfft(x))}, ROW),
    "strings": (lambda x: {"y": tf.strings.length(tf.strings.as_string(x, name="words"))}, ROW),
    "float64": (lambda x: {"y": x * 2.0}, S([None, 4], tf.float64, "x")),
}


def sessions(folder: Path) -> None:
    """Switch and Merge: TensorFlow 1, and TensorFlow 2 told to write as it did."""
    v1.disable_control_flow_v2()
    session(folder / "tf1_loop", loop)
    session(folder / "tf1_recurrent", recurrent)
    session(folder / "tf1_branch", branch)
    session(folder / "tf1_flag", training_flag)
    session(folder / "tf1_tags", product, (["train"], ["serve"], ["serve", "gpu"]))
    v1.enable_control_flow_v2()


def session(
    folder: Path, build: Callable[[], tuple[tf.Tensor, tf.Tensor]], tags: tuple = (["serve"],)
) -> None:
    with tf.Graph().as_default(), v1.Session() as running:
        x, y = build()
        running.run(v1.global_variables_initializer())
        signatures = {"serving_default": v1.saved_model.predict_signature_def({"x": x}, {"y": y})}
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(running, tags[0], signatures)
        for others in tags[1:]:
            builder.add_meta_graph(others, signatures)
        builder.save()


def loop() -> tuple[tf.Tensor, tf.Tensor]:
    x = v1.placeholder(tf.float32, [None, 4], "x")
    w = v1.get_variable("w", initializer=np.eye(4, dtype="f") * 0.5, use_resource=False)
    _, y = tf.while_loop(
        lambda i, _: i < 5, lambda i, a: (i + 1, tf.tanh(tf.matmul(a, w) + x)), (0, x)
    )
    return x, tf.identity(y)


def recurrent() -> tuple[tf.Tensor, tf.Tensor]:
    """As dynamic_rnn built it: TensorArrays through a loop."""
    x = v1.placeholder(tf.float32, [None, 8, 4], "x")
    w = v1.get_variable("w", initializer=RANDOM.normal(size=(9, 5)).astype("f"))
    steps = tf.TensorArray(tf.float32, 8).unstack(tf.transpose(x, [1, 0, 2]))

    def body(i: tf.Tensor, h: tf.Tensor, out: tf.TensorArray) -> tuple:
        h = tf.tanh(tf.matmul(tf.concat([steps.read(i), h], 1), w))
        return i + 1, h, out.write(i, h)

    start = (0, tf.zeros([tf.shape(x)[0], 5]), tf.TensorArray(tf.float32, 8))
    _, _, out = tf.while_loop(lambda i, *_: i < 8, body, start)
    return x, tf.transpose(out.stack(), [1, 0, 2])


def branch() -> tuple[tf.Tensor, tf.Tensor]:
    x = v1.placeholder(tf.float32, [None, 4], "x")
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: tf.nn.relu(x) - 1.0)
    return x, tf.identity(y)


def training_flag() -> tuple[tf.Tensor, tf.Tensor]:
    x = v1.placeholder(tf.float32, [None, 4], "x")
    training = v1.placeholder_with_default(False, [], "training")
    y = tf.cond(training, lambda: tf.nn.dropout(x, rate=0.5), lambda: x * 3.0)
    return x, tf.identity(y)


def product() -> tuple[tf.Tensor, tf.Tensor]:
    x = v1.placeholder(tf.float32, [None, 4], "x")
    return x, tf.matmul(x, v1.get_variable("w", initializer=np.eye(4, dtype="f")))


def shards(folder: Path) -> None:
    module = tf.Module()
    module.kept = [tf.Variable(RANDOM.normal(size=(64, 64)).astype("f")) for _ in range(4)]

    def chain(x: tf.Tensor) -> dict[str, tf.Tensor]:
        for variable in module.kept:
            x = tf.tanh(tf.matmul(x, variable))
        return {"y": x}

    module.function = tf.function(chain, input_signature=[S([None, 64], tf.float32, "x")])
    policy = tf.train.experimental.MaxShardSizePolicy(20_000)
    options = tf.saved_model.SaveOptions(experimental_sharding_callback=policy)
    signatures = {"serving_default": module.function}
    tf.saved_model.save(module, folder, signatures=signatures, options=options)


def pinned_to_gpu(folder: Path) -> None:
    module = tf.Module()
    module.w = tf.Variable(np.eye(8, dtype="f"))

    def pinned(x: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("/job:worker/replica:0/task:3/device:GPU:1"):
            return {"y": tf.nn.relu(tf.matmul(x, module.w))}

    module.function = tf.function(pinned, input_signature=[ROW])
    tf.saved_model.save(module, folder, signatures={"serving_default": module.function})


def foreign_class(folder: Path) -> None:
    """Objects that cannot be restored: one of their functions is not there (KeyError on load)."""
    module = tf.Module()
    module.w = tf.Variable(2.0)
    module.function = tf.function(lambda x: {"y": x * module.w}, input_signature=[ROW])
    tf.saved_model.save(module, folder, signatures={"serving_default": module.function})
    path = folder / "saved_model.pb"
    proto = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for node in proto.meta_graphs[0].object_graph_def.nodes:
        if node.WhichOneof("kind") == "function":
            node.function.concrete_functions.append("__inference_of_its_author_1")
    path.write_bytes(proto.SerializeToString())
    try:
        tf.saved_model.load(folder)
    except KeyError:
        return
    raise AssertionError("TensorFlow restored what it cannot have")


def as_text(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    proto = saved_model_pb2.SavedModel.FromString((source / "saved_model.pb").read_bytes())
    (target / "saved_model.pb").unlink()
    (target / "saved_model.pbtxt").write_text(text_format.MessageToString(proto))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
