"""Candidates side by side: size, latency, accuracy, and whether the target can run them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QTableView, QWidget

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import column, notice, text
from edgekiln.ui.widgets.table import Cell, Row, table

_LEAST_VERDICT = 120  # pixels of its column: the reasons stand below


def difference(result: QuantResult, candidate: Candidate) -> float | None:
    """Accuracy gained (negative: lost) against the float model, as a fraction."""
    report, reference = candidate.report, result.float_report
    if report is None or reference is None or result.random:
        return None
    if report.accuracy is None or reference.accuracy is None:
        return None
    return report.accuracy - reference.accuracy


def chosen_notice(words: Words, tokens: Tokens, result: QuantResult) -> QFrame:
    """What would ship and why, or that nothing can."""
    reason = words.render(result.reason)
    if result.chosen is None:
        return notice(tokens, "bad", reason)
    return notice(tokens, "warn" if result.random else "good", reason)


def candidate_table(
    words: Words,
    tokens: Tokens,
    result: QuantResult,
    choose: Callable[[Candidate], object],
) -> QWidget:
    """One row a candidate. A click or Enter on a usable one chooses it; reasons stand below."""
    rows = [_row(words, result, candidate) for candidate in result.candidates]
    headers = _headers(words, result)
    last = len(headers) - 1
    view = table(tokens, words("Candidates"), headers, rows, stretch=last, least=_LEAST_VERDICT)
    view.setObjectName("candidates")
    _select(view, result)

    def chosen(number: int) -> None:
        if result.candidates[number].verdict.usable:
            choose(result.candidates[number])

    view.activated.connect(lambda index: chosen(index.row()))
    view.clicked.connect(lambda index: chosen(index.row()))
    return column(view, *_reasons(words, tokens, result), text(_measured(words, result), "muted"))


def _headers(words: Words, result: QuantResult) -> tuple[str, ...]:
    first = (words("Scheme"), words("Size"), words("Latency here"), words("Accuracy"))
    if result.random:
        return (*first, words("Verdict"))
    more = (words("Difference"), words("Agreement"), words("On the target"), words("Verdict"))
    return (*first, *more)


def _select(view: QTableView, result: QuantResult) -> None:
    for number, candidate in enumerate(result.candidates):
        if candidate.scheme == result.chosen:
            view.selectRow(number)


def _row(words: Words, result: QuantResult, candidate: Candidate) -> Row:
    report, artifact = candidate.report, candidate.artifact
    mark = "● " if candidate.scheme == result.chosen else ""
    kept = f" ({len(candidate.kept)})" if candidate.kept else ""
    return (
        Cell(f"{mark}{candidate.scheme}{kept}", tip=_kept(words, candidate)),
        Cell(figures.size(artifact.size_bytes if artifact else None), number=True),
        Cell(figures.milliseconds(report.median_ms if report else None), number=True),
        *_accuracy(words, result, candidate),
        _verdict(words, result, candidate),
    )


def _kept(words: Words, candidate: Candidate) -> str:
    if not candidate.kept:
        return ""
    said = words(
        "{count} of {operators} operators not int8",
        count=len(candidate.kept),
        operators=candidate.operators,
    )
    return "\n".join((said, *(f"{tensor}: {each}" for tensor, each in candidate.kept)))


def _accuracy(words: Words, result: QuantResult, candidate: Candidate) -> tuple[Cell, ...]:
    """What is known of it: nothing, where it was made from random numbers."""
    if result.random:
        return (Cell(words("unknown without data")),)
    report, on_target = candidate.report, candidate.on_target
    drop, gained = Cell("–", number=True), difference(result, candidate)
    if gained is not None:
        tone = figures.drop_tone(gained, result.max_drop)
        drop = Cell(figures.points(words, gained), tone, number=True)
    return (
        Cell(figures.percent(report.accuracy if report else None), number=True),
        drop,
        Cell(figures.percent(report.agreement if report else None), number=True),
        Cell(figures.percent(on_target.accuracy if on_target else None), number=True),
    )


def _verdict(words: Words, result: QuantResult, candidate: Candidate) -> Cell:
    verdict = candidate.verdict
    if not verdict.usable:
        why = words.render(verdict.why_not) if verdict.why_not else ""
        said = words("not usable: {why}", why=why) if why else words("not usable")
        return Cell("✕ " + said, "bad")
    usable = words("usable on {runtime}", runtime=verdict.target_runtime)
    if _loses_more(result, candidate):
        return Cell("◇ " + words("loses more than the limit"), "warn", tip=usable)
    if candidate.is_slower:
        return Cell("◇ " + words("usable; slower than float here"), "warn", tip=usable)
    return Cell("✓ " + usable, "good")


def _loses_more(result: QuantResult, candidate: Candidate) -> bool:
    """As the search judged it; it knows the limit, and what it is a limit of."""
    same = [a for a in result.attempts if (a.scheme, a.kept) == (candidate.scheme, candidate.kept)]
    if same:
        return same[-1].loss is not None and not same[-1].within
    gained = difference(result, candidate)
    return gained is not None and -gained > result.max_drop


def _reasons(words: Words, tokens: Tokens, result: QuantResult) -> list[QWidget]:
    refused: list[QWidget] = [
        notice(tokens, "bad", f"{c.scheme}: {words.render(c.verdict.why_not)}")
        for c in result.candidates
        if not c.verdict.usable and c.verdict.why_not is not None
    ]
    return refused + [
        notice(tokens, "", words("{scheme} was made lower. {how}", scheme=c.scheme, how=how))
        for c in result.candidates
        if (how := c.verdict.lowered and words.render(c.verdict.lowered))
    ]


def _measured(words: Words, result: QuantResult) -> str:
    report = result.float_report
    if result.random:
        return words("Made from random numbers: accuracy is unknown without data.")
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
