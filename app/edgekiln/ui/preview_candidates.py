"""The candidates as a list to choose from, by click or arrow keys."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.preview_tiles import difference, primary
from edgekiln.ui.theme import Tokens

_WIDTH = 152
_HIGH = 70


def candidate_list(
    words: Words,
    tokens: Tokens,
    result: QuantResult,
    shown: Candidate,
    choose: Callable[[str], object],
) -> QListWidget:
    """Three lines each: the scheme (● ships, ✕ not usable), its size, its difference to float."""
    made = QListWidget()
    made.setObjectName("candidates")
    made.setAccessibleName(words("Candidates"))
    made.setFixedWidth(_WIDTH)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setTextElideMode(Qt.TextElideMode.ElideRight)
    listed = [c for c in result.candidates if c.artifact is not None]
    for candidate in listed:
        item = QListWidgetItem(_said(words, result, candidate), made)
        item.setSizeHint(QSize(_WIDTH - 24, _HIGH))
        item.setToolTip(_tip(words, result, candidate))
        if not candidate.verdict.usable:
            item.setForeground(QColor(tokens.bad))
    made.setCurrentRow(listed.index(shown))
    made.currentRowChanged.connect(lambda number: choose(listed[number].scheme))
    return made


def _said(words: Words, result: QuantResult, candidate: Candidate) -> str:
    mark = "● " if candidate.scheme == result.chosen else ""
    mark = mark if candidate.verdict.usable else "✕ "
    size = figures.size(candidate.artifact.size_bytes if candidate.artifact else None)
    return "\n".join((f"{mark}{candidate.scheme}", size, _change(words, result, candidate)))


def _change(words: Words, result: QuantResult, candidate: Candidate) -> str:
    report, reference = candidate.report, result.float_report
    if report is None or reference is None or result.random:
        return ""
    own = primary(report)
    return "" if own is None else difference(words, own, primary(reference))


def _tip(words: Words, result: QuantResult, candidate: Candidate) -> str:
    if candidate.verdict.usable or candidate.verdict.why_not is None:
        ships = [words("This one would ship.")] if candidate.scheme == result.chosen else []
        usable = words("usable on {runtime}", runtime=candidate.verdict.target_runtime)
        return "\n".join((candidate.scheme, usable, *ships))
    return f"{candidate.scheme}\n{words.render(candidate.verdict.why_not)}"
