"""The one step that needs both sides: golden outputs by `pipeline`, a signed bundle by `ship`."""

from __future__ import annotations

from pathlib import Path

from edgekiln.core.bundle import Bundle, BundleInputs, PackInputs
from edgekiln.core.plans import PackPlan
from edgekiln.core.report import Report, part_of
from edgekiln.pipeline.evaluate.golden import make_golden
from edgekiln.profiles import load_profile
from edgekiln.ship.bundle.pack import gated, pack


def bundle(inputs: BundleInputs, plan: PackPlan, out_dir: Path, report: Report) -> Bundle:
    """A signed bundle whose golden outputs were computed on the target's runtime."""
    candidate = inputs.candidate
    runtime = load_profile(plan.target).runtime
    artifact = gated(candidate, runtime)
    golden = make_golden(artifact, runtime, plan, out_dir, part_of(report, 0.0, 0.7))
    return pack(
        PackInputs(
            candidate=candidate,
            runtime=runtime,
            golden_inputs=golden.inputs,
            golden_outputs=golden.outputs,
            golden_measured_on=golden.measured_on,
            max_relative_error=golden.max_relative_error,
            destination=inputs.destination,
        ),
        plan,
        out_dir,
        part_of(report, 0.7, 1.0),
    )
