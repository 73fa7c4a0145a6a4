"""The command `report`: what “quantize” made and measured, in files to read, sign or compute on."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from edgekiln.cli.candidates import RESULT, read_quantized
from edgekiln.cli.run import Runner, check_writable
from edgekiln.core.codec import CodecError, decode
from edgekiln.core.data import DataSource
from edgekiln.core.errors import UserError
from edgekiln.core.fusion import FusionResult
from edgekiln.core.reporting import (
    FORMATS,
    ReportFile,
    ReportFormat,
    ReportInputs,
    ReportPlan,
    WrittenReport,
    report_format,
)
from edgekiln.core.text import say
from edgekiln.ship.bundle.verify import open_bundle


def report(arguments: Namespace, run: Runner) -> int:
    """Write all files that were asked for; the last line names each."""
    files = _files(arguments, run.output.words.language)
    for file in files:
        check_writable(file.path.parent)
    inputs = _inputs(arguments, run)
    written = run.step("report", inputs, ReportPlan(files), WrittenReport)
    run.output.result({"files": [str(path) for path in written.files]})
    for path in written.files:
        run.output.line("Written: {path}", path=str(path))
    return 0


def _files(arguments: Namespace, language: str) -> tuple[ReportFile, ...]:
    """`-o FILE …`, whose format is their suffix, and `--pdf FILE` and the like. UserError for a
    suffix of no format, and when nothing is asked for."""
    asked: list[tuple[str, ReportFormat | None]] = [
        (name, report_format(Path(name))) for name in arguments.out
    ]
    asked += [(name, f) for f in FORMATS if (name := getattr(arguments, f"as_{f}")) is not None]
    for name, form in asked:
        if form is None:
            raise UserError(
                say("“{name}” is no format of a report.", name=Path(name).name),
                say("The suffix says the format."),
                say("Write .html, .pdf, .csv or .json; without a suffix, TensorBoard's events."),
            )
    if not asked:
        raise UserError(
            say("No file is asked for."),
            say("A report is written to where you say."),
            say("Add for example -o report.pdf numbers.csv"),
        )
    return tuple(ReportFile(Path(name).absolute(), f, language) for name, f in asked if f)


def _origins(folder: Path) -> tuple[str, FusionResult | None, DataSource | None]:
    """What “quantize” left there of where it began: the model, its fusion, the evaluation data;
    nothing of what an earlier release of ours did not write."""
    data = json.loads((folder / RESULT).read_bytes())
    try:
        fusion = decode(FusionResult, data["fusion"])
        evaluation = data["evaluation"] and decode(DataSource, data["evaluation"])
    except (KeyError, CodecError):
        return "", None, None
    return str(data["model"]), fusion, evaluation


def _inputs(arguments: Namespace, run: Runner) -> ReportInputs:
    folder = Path(arguments.folder)
    result, _ = read_quantized(folder)
    known, fusion, evaluation = _origins(folder)
    model = Path(arguments.model or known).absolute()
    if not (arguments.model or known) or not model.exists():
        raise UserError(
            say("The model that {folder} was made from is not known.", folder=str(folder)),
            say("It was moved, or an earlier release of EdgeKiln made the folder."),
            say("Say where it is with --model MODEL."),
        )
    return ReportInputs(
        run.inspect(model),
        fusion,
        result,
        open_bundle(Path(arguments.bundle).absolute()) if arguments.bundle else None,
        evaluation=evaluation,
    )
