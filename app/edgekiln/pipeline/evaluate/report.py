"""The step `report`: everything that was done and measured, in the files that were asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from edgekiln import __version__
from edgekiln.assets import LANGUAGES, words
from edgekiln.child import run_step
from edgekiln.core.accuracy import QuantResult
from edgekiln.core.errors import UserError
from edgekiln.core.files import copy_atomic, write_atomic
from edgekiln.core.report import Report
from edgekiln.core.reporting import (
    PageToPrint,
    Printed,
    PrintPlan,
    ReportFile,
    ReportInputs,
    ReportPlan,
    WrittenReport,
)
from edgekiln.core.text import Words, say, shown
from edgekiln.pipeline.evaluate.acceptance import about_acceptance, about_data
from edgekiln.pipeline.evaluate.certainty import about_certainty, about_classes, about_outputs
from edgekiln.pipeline.evaluate.chapters import (
    about_bundle,
    about_candidates,
    about_fusion,
    about_model,
    about_origins,
    about_push,
)
from edgekiln.pipeline.evaluate.differences import about_confusion, about_differences
from edgekiln.pipeline.evaluate.html import PAPER, STYLE, Html, page, tag
from edgekiln.pipeline.evaluate.tables import as_csv, as_json, write_events
from edgekiln.pipeline.evaluate.tidy import tidy_rows


def write_report(
    inputs: ReportInputs, plan: ReportPlan, out_dir: Path, report: Report
) -> WrittenReport:
    """Write every file of the plan. UserError when a place cannot be written to, or there is no
    way to draw a PDF; a file is there whole or as it was."""
    made = datetime.now(UTC)
    for number, file in enumerate(plan.files):
        report(number / len(plan.files), say("Writing {name}", name=file.path.name))
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            _write(file, inputs, made, out_dir)
        except OSError as error:
            raise UserError(
                say("The report cannot be written to {path}.", path=str(file.path)),
                say("The system says: {reason}", reason=error.strerror or str(error)),
                say("Choose another folder."),
            ) from error
    return WrittenReport(tuple(file.path for file in plan.files))


def _write(file: ReportFile, inputs: ReportInputs, made: datetime, out_dir: Path) -> None:
    if file.format == "pdf":
        text = render(inputs, _words(file), made, PAPER)
        sheet = PageToPrint(text, _title(inputs))
        printed = run_step("print-page", sheet, PrintPlan(out_dir / "sheets.pdf"), out_dir, Printed)
        copy_atomic(printed.path, file.path)
    elif file.format == "html":
        write_atomic(file.path, render(inputs, _words(file), made, STYLE).encode())
    elif file.format == "csv":
        write_atomic(file.path, as_csv(tidy_rows(inputs)))
    elif file.format == "json":
        write_atomic(file.path, as_json(inputs, tidy_rows(inputs), made))
    else:
        write_events(tidy_rows(inputs), file.path, made)


def render(inputs: ReportInputs, words: Words, made: datetime, style: str) -> str:
    """The whole page in one language."""
    chapters: list[Html] = [_head(inputs, words, made), about_model(inputs.model, words)]
    if inputs.fusion is not None:
        chapters.append(about_fusion(inputs.fusion, inputs.source_latency, words))
    if inputs.quantized is not None:
        chapters += _about_quantized(inputs.quantized, inputs, words)
    if inputs.bundle is not None:
        chapters.append(about_bundle(inputs.bundle, words))
    if inputs.push is not None:
        chapters.append(about_push(inputs.push, words))
    chapters += [about_origins(inputs, words), about_acceptance(inputs, words)]
    return page(_title(inputs), words.language.replace("_", "-"), chapters, style)


def _words(file: ReportFile) -> Words:
    return words(file.language if file.language in LANGUAGES else "en")


def _title(inputs: ReportInputs) -> str:
    return f"EdgeKiln · {shown(inputs.model.source.path.name)}"


def _head(inputs: ReportInputs, words: Words, made: datetime) -> Html:
    lead = words.render(inputs.quantized.reason) if inputs.quantized else ""
    at = made.strftime("%Y-%m-%d %H:%M UTC")
    byline = say("EdgeKiln {version}, {made}", version=__version__, made=at)
    return tag(
        "header",
        tag("h1", shown(inputs.model.source.path.name)),
        tag("p", lead, kind="lead"),
        tag("p", words.render(byline), kind="soft"),
    )


def _about_quantized(result: QuantResult, inputs: ReportInputs, words: Words) -> list[Html]:
    size = inputs.fusion.artifact.size_bytes if inputs.fusion else None
    chapters = [about_candidates(result, words, size), about_certainty(result, words)]
    report = result.candidate(result.chosen).report if result.chosen else None
    if report is not None:
        chapters.append(about_confusion(report, words))
        chapters += [about_outputs(report, words), about_classes(report, words)]
        chapters.append(about_differences(report, inputs.evaluation, words))
    return [*chapters, about_data(result, inputs.evaluation, words)]
