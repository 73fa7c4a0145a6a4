"""What a report is made from, and the files it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from edgekiln.core.accuracy import QuantResult
from edgekiln.core.bundle import Bundle
from edgekiln.core.data import DataSource
from edgekiln.core.device import PushResult
from edgekiln.core.fusion import FusionResult, SourceLatency
from edgekiln.core.model import InspectedModel

# html: one page without anything from outside; pdf: the same to sign; csv: every number, a row
# each; json: every number and every result; tensorboard: a folder of events, a run a candidate.
ReportFormat = Literal["html", "pdf", "csv", "json", "tensorboard"]
FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)
WORDED: frozenset[ReportFormat] = frozenset(("html", "pdf"))  # there is one for every language


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
class ReportFile:
    """One file to write (tensorboard: a folder), and its language ("zh_CN", "en")."""

    path: Path
    format: ReportFormat = "html"
    language: str = "en"


@dataclass(frozen=True)
class ReportPlan:
    """All files of one report."""

    files: tuple[ReportFile, ...]


@dataclass(frozen=True)
class WrittenReport:
    """The finished files, in the order they were asked for."""

    files: tuple[Path, ...]


@dataclass(frozen=True)
class PageToPrint:
    """A page of ours in HTML, and what stands below each sheet."""

    html: str
    title: str


@dataclass(frozen=True)
class PrintPlan:
    """The PDF to write."""

    path: Path


@dataclass(frozen=True)
class Printed:
    """The finished PDF."""

    path: Path
    sheets: int


def report_format(path: Path) -> ReportFormat | None:
    """The format a file's name asks for: ".html", ".pdf", ".csv", ".json"; a name without a suffix
    is a folder of events. None for any other."""
    asked = path.suffix.lower().removeprefix(".") or "tensorboard"
    return next((known for known in FORMATS if known == asked), None)
