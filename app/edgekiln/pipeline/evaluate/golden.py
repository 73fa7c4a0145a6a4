"""Golden inputs and outputs: what the box must compute again before a release goes live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgekiln.core.artifact import Artifact, SchemeName
from edgekiln.core.errors import UserError
from edgekiln.core.plans import PackPlan
from edgekiln.core.report import Report, part_of
from edgekiln.core.task import UNJUDGED
from edgekiln.core.text import say
from edgekiln.pipeline.data.source import write_samples
from edgekiln.pipeline.evaluate.runtimes import run_model, stand_in

# max|a-b| / max|b| between two CPUs on the same runtime: float kernels differ in the order of sums;
# an int8 output by one or two of its 256 steps, and so may every layer before it. A wrong kernel is
# off by the size of the output itself (seen: 1.0).
_TOLERANCE: dict[SchemeName, float] = {
    "float32": 1e-3,
    "float16": 1e-2,
    "weight-int8": 1e-2,
    "weight-int4": 1e-2,
    "dynamic-range": 0.1,
    "int8": 0.1,
    "int8-float-io": 0.1,
    "int8-uint8-io": 0.1,
    "mixed": 0.1,
    "int16x8": 0.02,
}


@dataclass(frozen=True)
class GoldenFiles:
    """`.npz` of inputs and of outputs by name, the runtime that made them, and the tolerance."""

    inputs: Path
    outputs: Path
    measured_on: str
    max_relative_error: float


def make_golden(
    artifact: Artifact, runtime: str, plan: PackPlan, out_dir: Path, report: Report
) -> GoldenFiles:
    """The outputs of `artifact` on the target's runtime for `plan.golden_samples` samples."""
    inputs, outputs = out_dir / "golden-inputs.npz", out_dir / "golden-outputs.npz"
    source = replace(plan.data, limit=plan.golden_samples)
    write_samples(
        source, plan.preprocessing, artifact.signature, inputs, part_of(report, 0.0, 0.5),
        judging=UNJUDGED,
    )  # fmt: skip
    family = stand_in(runtime)
    result = run_model(artifact.path, inputs, family, outputs, out_dir, part_of(report, 0.5, 1.0))
    if result.refused is not None:
        raise UserError(
            say("The model does not run on {runtime}.", runtime=result.runtime),
            result.refused,
            say("Quantize again for this target and take a candidate that is usable."),
        )
    return GoldenFiles(inputs, outputs, result.runtime, _TOLERANCE[artifact.scheme])
