"""The tabs beside the samples: figures, confusion, classes, operators, latency, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from edgekiln.core import measures
from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult
from edgekiln.core.fusion import Latency
from edgekiln.core.measures import Measure
from edgekiln.core.quantization import OperatorError, Precision
from edgekiln.core.text import Words
from edgekiln.ui import figures
from edgekiln.ui.class_look import ClassLook
from edgekiln.ui.preview_tiles import difference, tone_of
from edgekiln.ui.quant_look import sorted_operators
from edgekiln.ui.theme import Tokens, Tone
from edgekiln.ui.widgets.confusion import ConfusionMatrix
from edgekiln.ui.widgets.kit import card, column, text
from edgekiln.ui.widgets.panels import scrolled
from edgekiln.ui.widgets.ranges import Range, Ranges
from edgekiln.ui.widgets.table import Cell, Row, Rows, dressed, table


@dataclass(frozen=True)
class Looks:
    """What the tabs are drawn from."""

    words: Words
    tokens: Tokens
    result: QuantResult
    candidate: Candidate
    report: AccuracyReport
    float_bytes: int | None = None
    float_arena: int | None = None  # bytes

    def all(self, show_pair: Callable[[int, int], object]) -> Iterator[tuple[str, str, QWidget]]:
        """Name, title and content of each tab this model has."""
        words = self.words
        yield "figures", words("Figures"), scrolled(self._figures())
        if self.report.confusion:
            yield "confusion", words("Confusion"), scrolled(self._confusion(show_pair))
        if self.report.per_class or self.report.reliability:
            look = ClassLook(words, self.tokens, self.report, self.result.float_report)
            yield "classes", words("Per class"), scrolled(look)
        if self.result.sensitivity is not None:
            yield "operators", words("Per operator"), self._operators()
        yield "latency", words("Latency"), scrolled(self._latency())
        yield "memory", words("Memory"), scrolled(self._memory())

    def _figures(self) -> QWidget:
        words = self.words
        headers = (
            words("Figure"), words("Value"), words("float"), words("Difference"),
            words("95 % interval"), words("Samples"),
        )  # fmt: skip
        rows = [self._figure(each) for each in self.report.figures]
        return table(self.tokens, words("Figures"), headers, rows, 0, 16, 96)

    def _figure(self, own: Measure) -> Row:
        words, reference = self.words, self._of_float(own)
        tone = tone_of(own, reference, self.result.max_drop)
        return (
            Cell(words.render(measures.title(own.name))),
            Cell(measures.figure(own), number=True),
            Cell(measures.figure(reference) if reference else "–", number=True),
            Cell(difference(words, own, reference), tone, number=True),
            Cell(measures.span(own.interval, own.is_share), number=True),
            Cell(f"{own.samples:,}", number=True),
        )

    def _of_float(self, own: Measure) -> Measure | None:
        if self.result.float_report is None:
            return None
        theirs = self.result.float_report.figures
        return next((each for each in theirs if each.name == own.name), None)

    def _confusion(self, show_pair: Callable[[int, int], object]) -> QWidget:
        words, report = self.words, self.report
        matrix = ConfusionMatrix(words, self.tokens, report.confusion, report.class_names)
        matrix.setObjectName("matrix")
        matrix.chosen.connect(show_pair)
        lead = words("Rows: label. Columns: predicted. A click shows the samples of a cell.")
        return column(text(lead, "muted"), matrix)

    def _operators(self) -> QWidget:
        """What int8 does to each, the worst first."""
        words, seen = self.words, self.result.sensitivity
        assert seen is not None
        headers = (
            words("Place"), words("Operator"), words("Alone, dB"), words("In the model, dB"),
            words("Outside"), words("Precision"), words("Why"),
        )  # fmt: skip
        kept = dict(self.candidate.kept)
        rows = [self._operator(each, kept) for each in sorted_operators(seen, "worst")]
        lead = words(
            "Error of each operator in int8, SQNR, low is bad; {samples} calibration samples, "
            "{runtime}. The worst first.",
            samples=seen.samples,
            runtime=seen.runtime,
        )
        made = dressed(words("Operators"), Rows(self.tokens, headers, rows), 6, 120)
        return column(text(lead, "muted"), made, wide=1)

    def _operator(self, each: OperatorError, kept: dict[str, Precision]) -> Row:
        why = self.words.render(each.why) if each.why is not None else ""
        warn: Tone = "warn" if why and each.precision != "float32" else ""
        return (
            Cell(each.place, tip=each.tensor),
            Cell(each.operator),
            Cell(figures.decibels(each.isolated_sqnr_db), warn, number=True),
            Cell(figures.decibels(each.accumulated_sqnr_db), number=True),
            Cell(figures.percent(each.saturated), number=True),
            Cell(kept.get(each.tensor, each.precision)),
            Cell(f"▾ {why}" if warn else why, warn),
        )

    def _latency(self) -> QWidget:
        words, timed = self.words, [c for c in self.result.candidates if c.speed is not None]
        if not timed:
            said = words(
                "{scheme}: {ms} for one inference on this computer, one thread, {runtime}; it was "
                "not timed in turn with float.",
                scheme=self.candidate.scheme,
                ms=figures.milliseconds(self.report.median_ms),
                runtime=self.report.runtime,
            )
            return text(said, "muted")
        own = self.candidate.speed or timed[0].speed
        assert own is not None
        rows = [_range(words("float"), own.beside)]
        rows += [_range(c.scheme, c.speed.candidate) for c in timed if c.speed is not None]
        lead = words(
            "One inference in ms: median and quartiles of {runs} runs in turn with float, "
            "{threads} thread, {runtime}, on this computer, not on the device.",
            runs=own.candidate.runs,
            threads=own.candidate.threads,
            runtime=own.candidate.runtime,
        )
        return column(
            text(lead, "muted"),
            card(Ranges(self.tokens, words("Latency"), tuple(rows))),
        )

    def _memory(self) -> QWidget:
        words = self.words
        rows: list[Row] = []
        for candidate in self.result.candidates:
            if candidate.artifact is None:
                continue
            size = candidate.artifact.size_bytes
            change = figures.change(words, size, self.float_bytes) if self.float_bytes else "–"
            mark = "● " if candidate.scheme == self.candidate.scheme else ""
            rows.append(
                (
                    Cell(f"{mark}{candidate.scheme}"),
                    Cell(figures.size(size), number=True),
                    Cell(f"{size:,}", number=True),
                    Cell(change, number=True),
                )
            )
        headers = (words("Scheme"), words("File"), words("Bytes"), words("Difference"))
        made = table(self.tokens, words("Memory"), headers, rows, 0, 12)
        if self.float_arena is None:
            return made
        arena = words(
            "Arena of the float model: {arena}, the memory its inner tensors need at once.",
            arena=words("{count} bytes", count=f"{self.float_arena:,}"),
        )
        return column(made, text(arena, "muted"))


def _range(name: str, latency: Latency) -> Range:
    said = figures.milliseconds(latency.median)
    return Range(name, latency.low, latency.median, latency.high, said)
