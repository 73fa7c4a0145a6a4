"""A frozen graph as the bytes of a float `.tflite`, by TensorFlow's converter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from edgekiln.pipeline.convert.freeze import Frozen
from edgekiln.pipeline.convert.refusal import refusal

_PREDICT = "tensorflow/serving/predict"


def to_tflite(frozen: Frozen) -> bytes:
    """Convert; UserError naming the operators a plain TensorFlow Lite runtime does not have.

    The frozen graph is first saved under the original signature: converted directly it would lose
    the names, and quantizers need them.
    """
    with tempfile.TemporaryDirectory(prefix="edgekiln-") as scratch:
        folder = Path(scratch) / "frozen"
        _save(frozen, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(folder), signature_keys=[frozen.signature.key], tags={"serve"}
        )
        try:
            return bytes(converter.convert())
        except ConverterError as error:
            raise refusal(str(error), frozen.loop) from error


def _save(frozen: Frozen, folder: Path) -> None:
    # The builder of TensorFlow 1 takes any name for an input; a tf.function's argument does not,
    # and would put its own prefix before every node.
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        tf.graph_util.import_graph_def(frozen.graph_def, name="")

        def infos(specs: Any, tensors: tuple[str, ...]) -> dict[str, Any]:
            return {
                spec.name: v1.saved_model.build_tensor_info(graph.get_tensor_by_name(tensor))
                for spec, tensor in zip(specs, tensors, strict=True)
            }

        definition = v1.saved_model.build_signature_def(
            infos(frozen.signature.inputs, frozen.inputs),
            infos(frozen.signature.outputs, frozen.outputs),
            _PREDICT,
        )
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {frozen.signature.key: definition})
        builder.save()
