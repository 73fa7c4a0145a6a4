"""The step `report`: everything that was done and measured, as one HTML file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edgekiln import __version__
from edgekiln.assets import LANGUAGES, words
from edgekiln.core.accuracy import QuantResult
from edgekiln.core.errors import UserError
from edgekiln.core.files import write_atomic
from edgekiln.core.report import Report
from edgekiln.core.reporting import ReportInputs, ReportPlan, WrittenReport
from edgekiln.core.text import Words, say
from edgekiln.pipeline.evaluate.certainty import about_certainty, about_classes
from edgekiln.pipeline.evaluate.chapters import (
    about_bundle,
    about_candidates,
    about_fusion,
    about_model,
    about_origins,
    about_push,
)
from edgekiln.pipeline.evaluate.differences import about_confusion, about_differences
from edgekiln.pipeline.evaluate.html import Html, page, tag


def write_report(
    inputs: ReportInputs, plan: ReportPlan, out_dir: Path, report: Report
) -> WrittenReport:
    """Write the page to `plan.path`. UserError when that place cannot be written to."""
    del out_dir
    report(None, say("Writing the report"))
    language = plan.language if plan.language in LANGUAGES else "en"
    text = render(inputs, words(language))
    try:
        plan.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(plan.path, text.encode())
    except OSError as error:
        raise UserError(
            say("The report cannot be written to {path}.", path=str(plan.path)),
            say("The system says: {reason}", reason=error.strerror or str(error)),
            say("Choose another folder."),
        ) from error
    return WrittenReport(plan.path)


def render(inputs: ReportInputs, words: Words) -> str:
    """The whole page in one language."""
    name = inputs.model.source.path.name
    chapters: list[Html] = [_head(inputs, words), about_model(inputs.model, words)]
    if inputs.fusion is not None:
        chapters.append(about_fusion(inputs.fusion, inputs.source_latency, words))
    if inputs.quantized is not None:
        chapters += _about_quantized(inputs.quantized, inputs, words)
    if inputs.bundle is not None:
        chapters.append(about_bundle(inputs.bundle, words))
    if inputs.push is not None:
        chapters.append(about_push(inputs.push, words))
    chapters.append(about_origins(inputs, words))
    return page(f"EdgeKiln · {name}", words.language.replace("_", "-"), chapters)


def _head(inputs: ReportInputs, words: Words) -> Html:
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lead = words.render(inputs.quantized.reason) if inputs.quantized else ""
    byline = say("EdgeKiln {version}, {made}", version=__version__, made=made)
    return tag(
        "header",
        tag("h1", inputs.model.source.path.name),
        tag("p", lead, kind="lead"),
        tag("p", words.render(byline), kind="soft"),
    )


def _about_quantized(result: QuantResult, inputs: ReportInputs, words: Words) -> list[Html]:
    chapters = [about_candidates(result, words), about_certainty(result, words)]
    report = result.candidate(result.chosen).report if result.chosen else None
    if report is not None:
        chapters.append(about_confusion(report, words))
        chapters.append(about_classes(report, words))
        chapters.append(about_differences(report, inputs.evaluation, words))
    return chapters
