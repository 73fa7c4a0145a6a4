"""What the model costs before and after, and the proof that it computes the same."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QWidget

from edgekiln.core.fusion import FusionResult, Latency, Price, SourceLatency
from edgekiln.core.gain import milliseconds
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.theme import Tone
from edgekiln.ui.widgets.kit import column, text, word

_BESIDE = 920


def price_panel(
    words: Words, result: FusionResult, source: SourceLatency | None, told: str
) -> QFrame:
    """Totals on the left, the proof and what was measured on the right. `told`: how far timing
    TensorFlow is, "" where nobody asked."""
    proof = text(_proof(words, result), tone="" if result.proof_samples else "muted")
    proof.setObjectName("proof")
    notes = [text(said, "muted") for said in (_measured(words, result), told) if said]
    side = column(proof, *notes, None, gap=4)
    return _Panel(_grid(words, result, source), side)


class _Panel(QFrame):
    """Two parts beside each other, or below where there is no room."""

    def __init__(self, first: QWidget, second: QWidget) -> None:
        super().__init__()
        self.setProperty("box", "card")
        self.setObjectName("price")
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.setContentsMargins(12, 12, 12, 12)
        self._layout.addWidget(first)
        self._layout.addWidget(second, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt."""
        super().resizeEvent(event)
        beside = self.width() >= _BESIDE
        directions = QBoxLayout.Direction
        wanted = directions.LeftToRight if beside else directions.TopToBottom
        self._layout.setSpacing(24 if beside else 4)
        if self._layout.direction() != wanted:
            self._layout.setDirection(wanted)
            QTimer.singleShot(0, self, self.updateGeometry)  # a height asked for now would be old


def _grid(words: Words, result: FusionResult, source: SourceLatency | None) -> QWidget:
    before, after = result.before, result.after
    owner = QWidget()
    grid = QGridLayout(owner)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    heads = (
        "",
        words("Operators"),
        words("MACs"),
        words("Bytes moved"),
        words("Arena"),
        words("File"),
        words("Latency, ms"),
    )
    _line(grid, heads, "muted")
    _line(grid, (words("Before"), *_figures(before)))
    _line(grid, (words("After"), *_figures(after)))
    _line(grid, (words("Difference"), *_changes(words, before, after)), "muted")
    if source is not None:
        _line(grid, (words("TensorFlow"), *[""] * 5, milliseconds(source.plain)))
        _line(grid, ("XLA", *[""] * 5, milliseconds(source.xla) if source.xla else "–"))
    grid.setRowStretch(grid.rowCount(), 1)
    return owner


def _line(grid: QGridLayout, cells: tuple[str, ...], role: str = "") -> None:
    at = grid.rowCount()
    for place, said in enumerate(cells):
        side = Qt.AlignmentFlag.AlignRight if place else Qt.AlignmentFlag.AlignLeft
        tone: Tone = "muted" if role == "muted" else ""
        grid.addWidget(word(said, role, tone), at, place, side | Qt.AlignmentFlag.AlignVCenter)


def _figures(price: Price) -> tuple[str, ...]:
    return (
        str(price.operators),
        figures.count(price.macs),
        figures.size(price.bytes_moved),
        figures.size(price.arena_bytes),
        figures.size(price.file_bytes),
        milliseconds(price.latency) if price.latency else "–",
    )


def _changes(words: Words, before: Price, after: Price) -> tuple[str, ...]:
    pairs: list[tuple[float, float]] = [
        (after.operators, before.operators),
        (after.macs, before.macs),
        (after.bytes_moved, before.bytes_moved),
        (after.arena_bytes, before.arena_bytes),
        (after.file_bytes, before.file_bytes),
    ]
    if before.latency and after.latency:
        pairs.append((after.latency.median, before.latency.median))
    return tuple(figures.change(words, now, then) for now, then in pairs)


def _proof(words: Words, result: FusionResult) -> str:
    if not result.proof_samples:
        return words("Nothing was changed: there is nothing to prove.")
    random = result.proof_data == "random"
    return "✓ " + words(
        "Proven equal: largest difference {error}, relative {relative}, "
        "on {count} samples ({data}, {runtime}).",
        error=figures.error(result.max_abs_error),
        relative=figures.error(result.max_relative_error),
        count=result.proof_samples,
        data=words("random numbers") if random else words("calibration data"),
        runtime=result.runtime,
    )


def _measured(words: Words, result: FusionResult) -> str:
    latency: Latency | None = result.after.latency
    if latency is None:
        return words("The latency was not measured.")
    return words(
        "Latency on this computer: median (quartiles) of {runs} runs in turn, {runtime}, "
        "one thread.",
        runs=latency.runs,
        runtime=latency.runtime,
    )
