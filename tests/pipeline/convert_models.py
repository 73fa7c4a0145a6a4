"""Writes the small models of the convert tests into a folder: `python convert_models.py FOLDER`.

One TensorFlow process makes all of them; weights are random but seeded.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import h5py
import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

L = keras.layers


def main(folder: Path) -> None:
    keras.utils.set_random_seed(7)
    model = classifier()
    model.export(folder / "keras3", verbose=False)
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    weights_only(folder / "weights.h5")
    groups_key(folder / "model.h5", folder / "old_keras.h5")
    wrapper(model, folder / "wrapper")
    tf1(folder / "tf1")
    two_inputs(folder / "two_inputs")
    dynamic(folder / "dynamic")
    text_input(folder / "text_input")
    flex(folder / "flex")
    stateful(folder / "stateful")
    no_inputs(folder / "no_inputs")
    with_slots(folder / "wrapper", folder / "slots")
    unknown_op(folder / "keras3", folder / "custom_op")
    frozen_graph(folder / "frozen_graph")
    lambda_layer(folder / "lambda.keras")
    tflite(model, folder)


def classifier() -> keras.Model:
    """Every kind of group: conv, depthwise, dense; a BatchNorm after a join; a shared conv."""
    x = image = keras.Input((8, 8, 3), name="image")
    x = relu6(norm(L.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(x), "stem_bn"))
    x = relu6(norm(L.DepthwiseConv2D(3, padding="same", name="depthwise")(x), "depthwise_bn"))
    left = L.Conv2D(4, 1, name="left")(x)
    right = L.Conv2D(4, 1, activation="relu", name="right")(x)
    x = L.ReLU(name="join_relu")(norm(L.Concatenate(name="join")([left, right]), "join_bn"))
    x = L.GlobalAveragePooling2D(name="pool")(x)
    x = L.ReLU(name="hidden_relu")(norm(L.Dense(6, name="hidden")(x), "hidden_bn"))
    model = keras.Model(image, L.Dense(5, activation="softmax", name="scores")(x), name="small")
    shake(model)
    return model


def norm(x: object, name: str) -> object:
    return L.BatchNormalization(name=name)(x)


def relu6(x: object) -> object:
    return L.ReLU(6.0)(x)


def shake(model: keras.Model) -> None:
    """BatchNorm with statistics that are not the neutral ones."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            size = layer.gamma.shape[0]
            layer.set_weights([rng.uniform(0.5, 1.5, size).astype(np.float32) for _ in range(4)])


def weights_only(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("dense/kernel:0", data=np.zeros((2, 2), np.float32))


def groups_key(source: Path, target: Path) -> None:
    """The `groups` key that Keras 2 wrote for DepthwiseConv2D and Keras 3 refuses."""
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "DepthwiseConv2D":
                layer["config"]["groups"] = 1
        file.attrs["model_config"] = json.dumps(config)


def wrapper(model: keras.Model, folder: Path) -> None:
    """A tf.Module around a Keras 3 model: converts into VAR_HANDLE unless frozen first."""

    class Serving(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.variables_kept = list(model.variables)

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, "image")])
        def serve(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"scores": self.model(image, training=False)}

    serving = Serving()
    tf.saved_model.save(serving, folder, signatures={"serving_default": serving.serve})


def tf1(folder: Path) -> None:
    """Sessions, reference variables, a tag of its own and a signature that is not the default."""
    v1 = tf.compat.v1
    rng = np.random.default_rng(2)
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, [None, 8, 8, 3], "images")
        kernel = v1.get_variable(
            "kernel", initializer=rng.normal(size=(3, 3, 3, 4)).astype("f"), use_resource=False
        )
        x = tf.nn.conv2d(images, kernel, 1, "SAME", name="body/conv")
        scale, offset, mean = (tf.constant(rng.normal(size=4).astype("f")) for _ in range(3))
        variance = tf.constant(rng.uniform(0.5, 1.5, 4).astype("f"))
        x, _, _ = v1.nn.fused_batch_norm(
            x, scale, offset, mean, variance, is_training=False, name="body/bn"
        )
        x = tf.nn.relu(x, name="body/relu")
        scores = tf.reduce_mean(x, [1, 2], name="scores")
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def({"images": images}, {"scores": scores})
        builder.add_meta_graph_and_variables(session, ["serve"], {"predict_images": signature})
        builder.save()


def save_function(folder: Path, function: object, *specs: tf.TensorSpec) -> None:
    module = tf.Module()
    module.function = tf.function(function, input_signature=specs)
    tf.saved_model.save(module, folder, signatures={"serving_default": module.function})


def two_inputs(folder: Path) -> None:
    def combine(zebra: tf.Tensor, apple: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"wide": tf.concat([zebra, apple], 1) * 2.0, "narrow": zebra[:, :2] - apple[:, :2]}

    save_function(
        folder,
        combine,
        tf.TensorSpec([None, 4], tf.float32, "zebra"),
        tf.TensorSpec([None, 3], tf.float32, "apple"),
    )


def dynamic(folder: Path) -> None:
    kernel = tf.constant(np.random.default_rng(3).normal(size=(3, 3, 3, 4)).astype("f"))

    def convolve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"map": tf.nn.relu(tf.nn.conv2d(image, kernel, 1, "SAME"))}

    save_function(folder, convolve, tf.TensorSpec([None, None, None, 3], tf.float32, "image"))


def text_input(folder: Path) -> None:
    def parse(text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"length": tf.strings.length(text)}

    save_function(folder, parse, tf.TensorSpec([None], tf.string, "text"))


def flex(folder: Path) -> None:
    def invert(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.math.lgamma(x), "z": tf.math.erfinv(x)}

    save_function(folder, invert, tf.TensorSpec([None, 4], tf.float32, "x"))


def stateful(folder: Path) -> None:
    """Counts its calls in a variable."""
    module = tf.Module()
    module.calls = tf.Variable(0.0)

    def count(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x + module.calls.assign_add(1.0)}

    spec = tf.TensorSpec([None, 4], tf.float32, "x")
    module.function = tf.function(count, input_signature=[spec])
    tf.saved_model.save(module, folder, signatures={"serving_default": module.function})


def no_inputs(folder: Path) -> None:
    def constant() -> dict[str, tf.Tensor]:
        return {"y": tf.ones([3])}

    save_function(folder, constant)


def edited(source: Path, target: Path) -> saved_model_pb2.SavedModel:
    """A copy of a SavedModel folder; its proto, to be changed and written back."""
    for file in (f for f in source.rglob("*") if f.is_file()):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    return saved_model_pb2.SavedModel.FromString((source / "saved_model.pb").read_bytes())


def with_slots(source: Path, target: Path) -> None:
    """Optimizer slot records as old Keras left them: an object that can no longer be revived."""
    proto = edited(source, target)
    nodes = proto.meta_graphs[0].object_graph_def.nodes
    variables = [i for i, node in enumerate(nodes) if node.WhichOneof("kind") == "variable"]
    optimizer = nodes.add()
    optimizer.user_object.identifier = "optimizer"
    optimizer.user_object.version.producer = 1
    slot = optimizer.slot_variables.add()
    slot.original_variable_node_id = variables[0]
    slot.slot_name = "m"
    slot.slot_variable_node_id = variables[1]
    nodes[0].children.add(node_id=len(nodes) - 1, local_name="optimizer")
    (target / "saved_model.pb").write_bytes(proto.SerializeToString())


def unknown_op(source: Path, target: Path) -> None:
    proto = edited(source, target)
    for function in proto.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "Softmax":
                node.op = "AcmeSoftmax"
    (target / "saved_model.pb").write_bytes(proto.SerializeToString())


def frozen_graph(folder: Path) -> None:
    with tf.Graph().as_default() as graph:
        tf.nn.relu(tf.compat.v1.placeholder(tf.float32, [1, 4], "x"), name="y")
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(graph.as_graph_def().SerializeToString())


def lambda_layer(path: Path) -> None:
    x = keras.Input((4,))
    keras.Model(x, L.Lambda(lambda t: t * 2.0)(x)).save(path)


def tflite(model: keras.Model, folder: Path) -> None:
    """By TensorFlow's converter alone, frozen and not, with a batch of 1."""

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": model(image, training=False)}

    spec = tf.TensorSpec([1, 8, 8, 3], tf.float32, "image")
    concrete = tf.function(serve, input_signature=[spec]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    (folder / "unfrozen.tflite").write_bytes(converter.convert())
    frozen = convert_variables_to_constants_v2(concrete)
    save_function(folder / "frozen", lambda image: {"scores": frozen(image)[0]}, spec)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "frozen"))
    (folder / "small.tflite").write_bytes(converter.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
