"""What a report is made from, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekiln.core.accuracy import QuantResult
from edgekiln.core.bundle import Bundle
from edgekiln.core.data import DataSource
from edgekiln.core.device import PushResult
from edgekiln.core.fusion import FusionResult, SourceLatency
from edgekiln.core.model import InspectedModel


@dataclass(frozen=True)
class ReportInputs:
    """What was done so far. `evaluation`: where the pictures of differing samples come from."""

    model: InspectedModel
    fusion: FusionResult | None = None
    quantized: QuantResult | None = None
    bundle: Bundle | None = None
    push: PushResult | None = None
    evaluation: DataSource | None = None
    source_latency: SourceLatency | None = None


@dataclass(frozen=True)
class ReportPlan:
    """The HTML file to write, and its language ("zh_CN", "en")."""

    path: Path
    language: str = "en"


@dataclass(frozen=True)
class WrittenReport:
    """The finished file: one self-contained page."""

    path: Path
