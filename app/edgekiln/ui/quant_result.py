"""What the quantize wizard shows after a run: all that was tried, the inside, the choice."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.flow import QuantDraft
from edgekiln.core.text import Words
from edgekiln.ui.attempts import Across, kept_to, sentence_of
from edgekiln.ui.candidates import candidate_table, chosen_notice
from edgekiln.ui.quant_look import Inside, Looking
from edgekiln.ui.quant_run import Findings
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import column, notice, text


def run_body(
    words: Words,
    tokens: Tokens,
    result: QuantResult,
    across: Across,
    switched: Callable[[Across], object],
) -> QWidget:
    """The recommendation and the whole plot."""
    findings = Findings(words, tokens, kept_to(result), across, switched)
    findings.show_attempts(result.attempts)
    return column(chosen_notice(words, tokens, result), findings, gap=16)


def look_body(
    words: Words,
    tokens: Tokens,
    result: QuantResult,
    draft: QuantDraft,
    looking: Looking,
    keep: Callable[[QuantDraft], object],
    again: Callable[[], object],
) -> QWidget:
    """Every operator's error; what came of the last switches stands above it."""
    sensitivity = result.sensitivity
    if sensitivity is None or not sensitivity.operators:
        nothing = words("Nothing was measured operator by operator.")
        return notice(tokens, "warn", nothing)
    mixed = next((c for c in result.candidates if c.kept), None)
    said = words("No operator is kept out of int8.")
    if mixed is not None:
        said = sentence_of(words, result, mixed)
    measured = words(
        "Measured on {samples} calibration samples, {runtime}. Range: what calibration saw.",
        samples=sensitivity.samples,
        runtime=sensitivity.runtime,
    )
    made = mixed.kept if mixed is not None else ()
    return column(
        text(said, "strong"),
        *(notice(tokens, "warn", words.render(note)) for note in sensitivity.notes),
        Inside(words, tokens, sensitivity, draft, made, looking, keep, again),
        text(measured, "muted"),
        gap=12,
    )


def choose_body(
    words: Words,
    tokens: Tokens,
    result: QuantResult,
    choose: Callable[[Candidate], object],
) -> QWidget:
    """The reason in a sentence, the candidates, and what there is to say of them."""
    hint = words("A click or Enter on a usable candidate chooses it.")
    return column(
        chosen_notice(words, tokens, result),
        text(hint, "muted"),
        candidate_table(words, tokens, result, choose),
        text(words("Preprocessing: {evidence}", evidence=result.preprocessing_evidence), "muted"),
        *_notes(words, tokens, result),
        gap=16,
    )


def _notes(words: Words, tokens: Tokens, result: QuantResult) -> list[QWidget]:
    """All of them in one frame."""
    said = "\n".join(words.render(note) for note in result.notes)
    return [notice(tokens, "warn", said)] if said else []
