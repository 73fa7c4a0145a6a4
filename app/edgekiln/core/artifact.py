"""A `.tflite` that EdgeKiln made, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgekiln.core.model import Signature
from edgekiln.core.text import Text

SchemeName = Literal[
    "float32",
    "float16",
    "weight-int8",
    "weight-int4",
    "dynamic-range",
    "int8",
    "int8-float-io",
    "int8-uint8-io",
    "int16x8",
    "mixed",
]

# Tried unless told otherwise. The others are for special needs: "mixed" is int8 with some operators
# kept in int16x8 or float, and is searched for when int8 loses too much.
SCHEMES: tuple[SchemeName, ...] = (
    "float32",
    "float16",
    "dynamic-range",
    "int8",
    "int8-float-io",
    "int16x8",
)
SPECIAL_SCHEMES: tuple[SchemeName, ...] = (
    "weight-int8",
    "weight-int4",
    "int8-uint8-io",
    "mixed",
)
CALIBRATED_SCHEMES: frozenset[SchemeName] = frozenset(
    ("int8", "int8-float-io", "int8-uint8-io", "int16x8", "mixed")
)
INTEGER: frozenset[SchemeName] = frozenset(("int8", "int8-float-io", "int8-uint8-io"))


@dataclass(frozen=True)
class Artifact:
    """One `.tflite` file: its hash, its signature (one), and the steps that led to it."""

    path: Path
    sha256: str
    size_bytes: int
    signature: Signature
    scheme: SchemeName = "float32"
    made_from: str = ""  # fingerprint of what it was made from
    made_by: tuple[tuple[str, str], ...] = ()  # (tool, release)


@dataclass(frozen=True)
class Verdict:
    """Whether an artifact may go on a box: the answer of the gate on the target's runtime.

    `max_relative_error` is max|a-b| / max|b| over the outputs of both runtimes on the same inputs.
    """

    usable: bool
    target_runtime: str  # what the box has, "tflite-runtime 2.13.0"
    measured_on: str  # what it was run on here, "tflite-runtime 2.14.0"; "" when it never ran
    samples: int
    max_relative_error: float | None
    needs_runtime: str  # lowest release by the operator table, "2.3.0"
    why_not: Text | None = None
    notes: tuple[Text, ...] = ()
    lowered: Text | None = None  # what was made lower in the file, and what was wrong before
    float_error: float | None = None  # sqrt(sum (a-b)^2 / sum b^2) against the float model
    median_ms: float = 0.0  # one inference on `measured_on`, on this computer, one thread

    def allows(self, runtime: str) -> bool:
        """Whether the artifact may go on a box with `runtime`: found usable for that very release,
        by having run."""
        ran = bool(self.measured_on) and self.samples > 0
        return self.usable and ran and self.target_runtime == runtime
