"""The step `inspect`: what can be said of a model without running it."""

from __future__ import annotations

from pathlib import Path

from edgekiln.child import run_step
from edgekiln.core.model import InspectedModel, ModelSource
from edgekiln.core.plans import InspectPlan
from edgekiln.core.report import Report
from edgekiln.core.text import say


def inspect(
    inputs: ModelSource, plan: InspectPlan, out_dir: Path, report: Report
) -> InspectedModel:
    """Signatures, operators, parameters and MACs. TensorFlow is only started for what needs it."""
    if inputs.kind == "tflite":
        from edgekiln.pipeline.graph.describe import describe_tflite

        report(None, say("Reading the model"))
        return describe_tflite(inputs)
    report(None, say("Starting TensorFlow"))
    return run_step("inspect-source", inputs, plan, out_dir, InspectedModel, report)
