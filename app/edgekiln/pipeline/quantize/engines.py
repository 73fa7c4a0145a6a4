"""The two quantizers: each makes one file of one scheme."""

from __future__ import annotations

import warnings
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.inference import StockPlan
from edgekiln.core.quantization import Kept
from edgekiln.core.text import say
from edgekiln.pipeline.fuse.names import short_name
from edgekiln.pipeline.graph.graph import Graph
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.versions import stamp_needed_runtime
from edgekiln.pipeline.graph.write import write_graph
from edgekiln.pipeline.quantize.bias_correction import Means, correct_biases
from edgekiln.pipeline.quantize.biases import repair_biases
from edgekiln.pipeline.quantize.calibrate import Ranges
from edgekiln.pipeline.quantize.edges import widen_by_float
from edgekiln.pipeline.quantize.recipes import recipe_for

Engine = Literal["ai-edge-quantizer", "tensorflow", "none"]
Tools = tuple[tuple[str, str], ...]
CORRECTED = "corrected-biases"  # how many channels
# What TensorFlow's own quantizer can make of a float `.tflite`
STOCK_SCHEMES: frozenset[SchemeName] = frozenset(
    ("int8", "int8-float-io", "int8-uint8-io", "int16x8")
)


def quantize_by_recipe(
    model: Path,
    scheme: SchemeName,
    ranges: Ranges | None,
    out: Path,
    kept: Kept = (),
    means: Means | None = None,
) -> Tools:
    """Write `model` quantized by ai-edge-quantizer to `out`; `ranges` for the calibrated schemes,
    `kept` for "mixed": the operators that are not int8, by the name of their first output; with
    `means` biases are corrected.

    UserError for an operator that is not there; else raises whatever the quantizer raises for a
    graph it cannot do.
    """
    original = read_graph(model)
    write_atomic(out, as_it_is_made(model, recipe_for(scheme, _by_scope(original, kept)), ranges))
    tools = [("ai-edge-quantizer", metadata.version("ai-edge-quantizer"))]
    graph = read_graph(out)
    if ranges is not None and (count := repair_biases(graph, original)):
        tools.append(("repaired-biases", str(count)))
    if means is not None and (count := correct_biases(graph, original, means)):
        tools.append((CORRECTED, str(count)))
    widen_by_float(graph)
    stamp_needed_runtime(graph)  # the quantizer leaves the versions of the float model
    write_graph(graph, out)
    return tuple(tools)


def as_it_is_made(model: Path, recipe: Any, ranges: Ranges | None = None) -> bytes:
    """What ai-edge-quantizer makes of a float model, with nothing put right."""
    from ai_edge_quantizer import quantizer

    maker = quantizer.Quantizer(str(model), recipe)
    with warnings.catch_warnings():
        # A channel of zeros divides by its own scale; repair_biases puts right what comes of it.
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        made = maker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    if made.quantized_model is None:
        raise ValueError("ai-edge-quantizer made no model")
    return bytes(made.quantized_model)


def _by_scope(graph: Graph, kept: Kept) -> Kept:
    """Operators, given by their first output or its short name, by the names of all their outputs,
    as ai-edge-quantizer knows them."""
    scopes = {
        operator.outputs[0].name: ";".join(tensor.name for tensor in operator.outputs)
        for operator in graph.operators()
        if operator.outputs
    }
    short = {short_name(name): name for name in reversed(scopes)}
    found = [(short.get(name, name), precision) for name, precision in kept]
    for name, _ in found:
        if name not in scopes:
            raise UserError(
                say("No operator of the model makes “{name}”.", name=name),
                say("Operators to keep are named after their first output in the float model."),
                say("Take the names from the sensitivity table of this model."),
            )
    return tuple((scopes[name], precision) for name, precision in found)


def quantize_by_tensorflow(
    model: Artifact, scheme: SchemeName, samples: Path, root: Path
) -> Artifact:
    """`model` quantized by TensorFlow's converter, in a child. Raises as `run_step` does."""
    return run_step("quantize-stock", model, StockPlan(samples, scheme), root, Artifact)
