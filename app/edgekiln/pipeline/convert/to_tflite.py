"""A frozen graph as the bytes of a float `.tflite`, by TensorFlow's converter."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from edgekiln.core.errors import UserError
from edgekiln.core.text import say
from edgekiln.pipeline.convert.freeze import Frozen

_REFUSED = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_LISTED = re.compile(r"^(?:TF Select ops|Custom ops): (.+)$", re.MULTILINE)
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
            raise _refusal(str(error)) from error


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


def _refusal(words: str) -> UserError:
    operators = set(_REFUSED.findall(words))
    for names in _LISTED.findall(words):
        operators.update(name.strip() for name in names.split(","))
    if operators:
        return UserError(
            say("The model uses operators a TensorFlow Lite runtime does not have."),
            say("Not available: {names}.", names=", ".join(sorted(operators))),
            say("Replace them by standard operators, or move them out of the model; export again."),
        )
    if "TensorListReserve" in words:  # tensorflow #58668: the shape of a loop's list is not static
        return UserError(
            say("The recurrent layers of the model (LSTM, GRU) cannot be converted as a loop."),
            say("The converter needs their sizes fixed when the model is exported."),
            say("Export the model with unroll=True in these layers, or with a fixed batch of 1."),
        )
    return UserError(
        say("TensorFlow's converter refuses the model."),
        say("TensorFlow says: {words}", words=" ".join(words.split())[:400]),
        say("Export the model for inference, with fixed sizes and without training parts."),
    )
