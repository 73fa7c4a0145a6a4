"""The two quantizers: each makes one file of one scheme."""

from __future__ import annotations

import warnings
from importlib import metadata
from pathlib import Path
from typing import Literal

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.files import write_atomic
from edgekiln.core.inference import StockPlan
from edgekiln.pipeline.graph.read import read_graph
from edgekiln.pipeline.graph.write import write_graph
from edgekiln.pipeline.quantize.biases import repair_biases
from edgekiln.pipeline.quantize.calibrate import Ranges
from edgekiln.pipeline.quantize.recipes import recipe_for

Engine = Literal["ai-edge-quantizer", "tensorflow", "none"]
Tools = tuple[tuple[str, str], ...]
# What TensorFlow's own quantizer can make of a float `.tflite`
STOCK_SCHEMES: frozenset[SchemeName] = frozenset(("int8", "int8-float-io", "int16x8"))


def quantize_by_recipe(model: Path, scheme: SchemeName, ranges: Ranges | None, out: Path) -> Tools:
    """Write `model` quantized by ai-edge-quantizer to `out`; `ranges` for the calibrated schemes.

    Raises whatever the quantizer raises for a graph it cannot do.
    """
    from ai_edge_quantizer import quantizer

    maker = quantizer.Quantizer(str(model), recipe_for(scheme))
    with warnings.catch_warnings():
        # A channel of zeros divides by its own scale; repair_biases puts right what comes of it.
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        made = maker.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    if made.quantized_model is None:
        raise ValueError("ai-edge-quantizer made no model")
    write_atomic(out, bytes(made.quantized_model))
    tool = ("ai-edge-quantizer", metadata.version("ai-edge-quantizer"))
    graph = read_graph(out)
    repaired = repair_biases(graph, read_graph(model)) if ranges is not None else 0
    if not repaired:
        return (tool,)
    write_graph(graph, out)
    return (tool, ("repaired-biases", str(repaired)))


def quantize_by_tensorflow(
    model: Artifact, scheme: SchemeName, samples: Path, root: Path
) -> Artifact:
    """`model` quantized by TensorFlow's converter, in a child. Raises as `run_step` does."""
    return run_step("quantize-stock", model, StockPlan(samples, scheme), root, Artifact)
