"""The float model with the channels between its layers made equally wide.

The same function with other weights: where the channels of a tensor differ by orders of magnitude,
one int8 scale leaves the narrow ones no steps, and neither ranges nor biases help.
"""

from __future__ import annotations

from pathlib import Path

from edgekiln.child import run_step
from edgekiln.core.artifact import Artifact
from edgekiln.core.fusion import FusionResult
from edgekiln.core.passes import FUSION_PASSES
from edgekiln.core.plans import FusionPlan

_NAME = "equalize"
_PROOF_SAMPLES = 4


def equalized(model: Artifact, root: Path) -> Artifact | None:
    """The equalized model, made and proven once below `root`; None where no channels differ.

    Raises as `run_step` does.
    """
    others = tuple(info.name for info in FUSION_PASSES if info.name != _NAME and not info.asked)
    plan = FusionPlan(skip=others, extra=(_NAME,), samples=_PROOF_SAMPLES, timed=0)
    result = run_step("fuse", model, plan, root, FusionResult)
    applied = any(item.applied and not item.taken_back for item in result.passes)
    return result.artifact if applied else None
