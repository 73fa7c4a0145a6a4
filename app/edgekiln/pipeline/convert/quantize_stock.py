"""The step `quantize-stock`: TensorFlow's own quantizer on a float `.tflite`, a second engine.

It works on the flatbuffer, so a model we fused can be quantized by it, too. int8 goes through the
converter's MLIR quantizer, int16x8 through the older one, as `TFLiteConverter` itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.inference import StockPlan
from edgekiln.core.report import Report
from edgekiln.core.text import say
from edgekiln.pipeline.convert.convert import made_by
from edgekiln.pipeline.data.arrays import Array, load_arrays
from edgekiln.pipeline.graph.artifact import artifact_of
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import stamp_needed_runtime
from edgekiln.pipeline.graph.write import write_graph

Samples = Callable[[], Iterator[list[Array]]]
_REPORT_EVERY = 10


@dataclass(frozen=True)
class Edges:
    """Numpy types of inputs and outputs, and of what flows between them."""

    ports: str
    inside: str


_SCHEMES: dict[str, tuple[SchemeName, Edges]] = {
    "int8": ("int8", Edges("int8", "int8")),
    "int8-float-io": ("int8-float-io", Edges("float32", "int8")),
    "int8-uint8-io": ("int8-uint8-io", Edges("uint8", "int8")),
    "int16x8": ("int16x8", Edges("float32", "int16")),
}


def quantize_stock(inputs: Artifact, plan: StockPlan, out_dir: Path, report: Report) -> Artifact:
    """Calibrate on `plan.samples` and quantize to "int8", "int8-float-io", "int8-uint8-io" or
    "int16x8" (float at the edges). Convolutions per channel, Dense per tensor: older runtimes
    compute a per-channel FULLY_CONNECTED wrongly. Signature and its names stay.
    KeyError for another scheme."""
    scheme, edges = _SCHEMES[plan.scheme]
    report(0.0, say("Starting TensorFlow"))
    samples = _samples(inputs, plan.samples, report)
    model = inputs.path.read_bytes()
    try:
        data = _quantize(model, samples, edges)
    except (ValueError, RuntimeError) as error:
        raise _refused(error, plan.scheme) from error
    path = out_dir / f"stock-{scheme}.tflite"
    write_atomic(path, data)
    graph = read_graph(path)
    stamp_needed_runtime(graph)  # the older quantizer states versions too low for 16 bits
    write_graph(graph, path)
    return artifact_of(path, scheme=scheme, made_from=inputs.sha256, made_by=made_by())


def _samples(model: Artifact, path: Path, report: Report) -> Samples:
    """A generator of samples: one array with batch for each input, in the file's own order."""
    graph = read_graph(model.path)
    names = {id(tensor): name for entry in graph.signatures for name, tensor in entry.inputs}
    specs = [(names.get(id(t), t.name), t.shape, t.dtype) for t in graph.main.inputs]
    arrays = load_arrays(path)
    count = min(len(array) for array in arrays.values())

    def generate() -> Iterator[list[Array]]:
        for i in range(count):
            if i % _REPORT_EVERY == 0:
                report(0.1 + 0.8 * i / count, say("Sample {i} of {count}", i=i + 1, count=count))
            yield [
                np.ascontiguousarray(arrays[name][i], dtype).reshape(shape)
                for name, shape, dtype in specs
            ]

    return generate


def _quantize(model: bytes, samples: Samples, edges: Edges) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.python.optimize import calibrator

    ports, inside = tf.dtypes.as_dtype(edges.ports), tf.dtypes.as_dtype(edges.inside)
    engine: Any = calibrator.Calibrator(calibrator.add_intermediate_tensors(model))
    if edges.inside == "int8":
        return bytes(
            mlir_quantize(
                engine.calibrate(samples),
                input_data_type=ports,
                output_data_type=ports,
                disable_per_channel_for_dense_layers=True,
            )
        )
    return bytes(
        engine.calibrate_and_quantize(
            samples,
            ports,
            ports,
            allow_float=False,
            activations_type=inside,
            bias_type=tf.int64,
            disable_per_channel_quantization_for_dense_layers=True,
        )
    )


def _refused(error: Exception, scheme: str) -> UserError:
    return UserError(
        say("TensorFlow's quantizer refuses the scheme {scheme}.", scheme=scheme),
        say("TensorFlow says: {words}", words=" ".join(str(error).split())[:300]),
        say("Take another scheme; the other quantizer may still manage this one."),
    )
