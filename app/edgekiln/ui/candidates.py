"""Candidates side by side: size, accuracy, and whether the target can run them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QTableView, QWidget

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import column, notice, text
from edgekiln.ui.widgets.table import Cell, Row, table


def difference(result: QuantResult, candidate: Candidate) -> float | None:
    """Accuracy gained (negative: lost) against the float model, as a fraction."""
    report, reference = candidate.report, result.float_report
    if report is None or reference is None:
        return None
    if report.accuracy is None or reference.accuracy is None:
        return None
    return report.accuracy - reference.accuracy


def chosen_notice(words: Words, tokens: Tokens, result: QuantResult) -> QFrame:
    """What would ship and why, or that nothing can."""
    if result.chosen is None:
        return notice(tokens, "bad", words.render(result.reason))
    return notice(tokens, "good", words.render(result.reason))


def candidate_table(
    words: Words,
    tokens: Tokens,
    result: QuantResult,
    max_drop: float,
    choose: Callable[[Candidate], object],
) -> QWidget:
    """One row a candidate. A click or Enter on a usable one chooses it; reasons stand below."""
    headers = (
        words("Scheme"),
        words("Size"),
        words("Accuracy"),
        words("Difference"),
        words("Agreement"),
        words("On the target"),
        words("Verdict"),
    )
    rows = [_row(words, result, candidate, max_drop) for candidate in result.candidates]
    view = table(tokens, words("Candidates"), headers, rows, stretch=6)
    view.setObjectName("candidates")
    _select(view, result)

    def chosen(number: int) -> None:
        if result.candidates[number].verdict.usable:
            choose(result.candidates[number])

    view.activated.connect(lambda index: chosen(index.row()))
    view.clicked.connect(lambda index: chosen(index.row()))
    return column(view, *_reasons(words, tokens, result), text(_measured(words, result), "muted"))


def _select(view: QTableView, result: QuantResult) -> None:
    for number, candidate in enumerate(result.candidates):
        if candidate.scheme == result.chosen:
            view.selectRow(number)


def _row(words: Words, result: QuantResult, candidate: Candidate, max_drop: float) -> Row:
    report, artifact, lost = candidate.report, candidate.artifact, difference(result, candidate)
    on_target = candidate.on_target
    drop = Cell("–", number=True)
    if lost is not None:
        drop = Cell(figures.points(words, lost), figures.drop_tone(lost, max_drop), number=True)
    mark = "● " if candidate.scheme == result.chosen else ""
    return (
        Cell(f"{mark}{candidate.scheme}"),
        Cell(figures.size(artifact.size_bytes if artifact else None), number=True),
        Cell(figures.percent(report.accuracy if report else None), number=True),
        drop,
        Cell(figures.percent(report.agreement if report else None), number=True),
        Cell(figures.percent(on_target.accuracy if on_target else None), number=True),
        _verdict(words, candidate),
    )


def _verdict(words: Words, candidate: Candidate) -> Cell:
    verdict = candidate.verdict
    if verdict.usable:
        return Cell("✓ " + words("usable on {runtime}", runtime=verdict.target_runtime), "good")
    why = words.render(verdict.why_not) if verdict.why_not else ""
    return Cell("✕ " + words("not usable"), "bad", tip=why)


def _reasons(words: Words, tokens: Tokens, result: QuantResult) -> list[QWidget]:
    return [
        notice(tokens, "bad", f"{c.scheme}: {words.render(c.verdict.why_not)}")
        for c in result.candidates
        if not c.verdict.usable and c.verdict.why_not is not None
    ]


def _measured(words: Words, result: QuantResult) -> str:
    report = result.float_report
    if report is None:
        return words("No evaluation data: accuracy was not measured.")
    said = words(
        "Float model: {accuracy} on {samples} samples of {data}, {runtime}.",
        accuracy=figures.percent(report.accuracy),
        samples=report.samples,
        data=report.data,
        runtime=report.runtime,
    )
    on_target = next((c.on_target for c in result.candidates if c.on_target is not None), None)
    if on_target is None:
        return said
    return f"{said} " + words(
        "On the target: {samples} of them, {runtime}.",
        samples=on_target.samples,
        runtime=on_target.runtime,
    )
