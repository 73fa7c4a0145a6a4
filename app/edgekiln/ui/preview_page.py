"""Place 4: the float model beside the candidate, on data."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QComboBox, QFrame, QGridLayout, QLabel, QWidget

from edgekiln.core.accuracy import AccuracyReport, Candidate, Differing, QuantResult
from edgekiln.core.data import Thumbnails
from edgekiln.ui import figures, tasks
from edgekiln.ui.candidates import candidate_table, difference
from edgekiln.ui.export_dialog import ExportDialog
from edgekiln.ui.widgets.confusion import ConfusionMatrix
from edgekiln.ui.widgets.kit import Action, card, column, line, notice, row, text, word
from edgekiln.ui.widgets.page import Page
from edgekiln.ui.widgets.panels import empty_panel, tile, tiles

_MOST_PICTURES = 24
_SIDE = 72


class PreviewPage(Page):
    """Figures, confusion matrix, and the samples the two see otherwise."""

    _shown = ""
    _pictures: tuple[str, tuple[Path, ...]] = ("", ())

    def draw(self) -> None:
        """The state of the page."""
        words, result = self.words, self.desk.in_hand.quantized
        lead = words("What the chosen candidate does otherwise than the float model.")
        candidate = self._candidate(result)
        if result is None or candidate is None:
            self.show_page(words("Preview"), lead, self._empty(result))
        elif result.random:
            self._draw_done(lead, result, candidate, self._random(result, candidate))
        elif candidate.report is None:
            self._draw_done(lead, result, candidate, self._no_data())
        else:
            self._draw_done(
                lead, result, candidate, self._report(result, candidate, candidate.report)
            )

    def repeat(self) -> None:
        """Draw the pictures again."""
        self._pictures = ("", ())
        self.draw()

    def _candidate(self, result: QuantResult | None) -> Candidate | None:
        if result is None:
            return None
        made = [c for c in result.candidates if c.artifact is not None]
        wanted = self._shown or result.chosen
        return next((c for c in made if c.scheme == wanted), made[0] if made else None)

    def _empty(self, result: QuantResult | None) -> QWidget:
        words = self.words
        what = words("Quantize the model first; then its candidates are compared here.")
        if result is not None:
            what = words("No candidate could be made. Quantize again with other schemes.")
        return empty_panel(
            self.tokens,
            "compare",
            words("Nothing to compare yet"),
            what,
            Action(words("Go to Quantize"), lambda: self.ways.go("quantize"), "go-quantize"),
        )

    def _draw_done(
        self, lead: str, result: QuantResult, candidate: Candidate, body: QWidget
    ) -> None:
        words, chosen = self.words, result.chosen == candidate.scheme
        why_not = "" if candidate.verdict.usable else words("This candidate is not usable.")
        export = Action(words("Export…"), self._export, "export")
        secondary: tuple[Action, ...] = (export,)
        if not chosen:
            ship = Action(
                words("Ship {scheme}", scheme=candidate.scheme),
                lambda: self.desk.choose(candidate),
                "ship",
                why_not,
            )
            secondary = (ship, export)
        ready = "" if result.chosen else words("Choose a usable candidate first.")
        primary = Action(words("Next: devices"), lambda: self.ways.go("devices"), "next", ready)
        whole = column(self._choice(result, candidate), body, gap=16)
        self.show_page(words("Preview"), lead, whole, primary, secondary)

    def _export(self) -> None:
        ExportDialog(self.words, self.tokens, self.desk, self).open()

    def _choice(self, result: QuantResult, candidate: Candidate) -> QWidget:
        box = QComboBox()
        box.setObjectName("candidate")
        box.setAccessibleName(self.words("Candidate"))
        box.addItems([c.scheme for c in result.candidates if c.artifact is not None])
        box.setCurrentText(candidate.scheme)
        box.setMinimumWidth(200)
        box.textActivated.connect(self._show)
        return row(text(self.words("Candidate"), "strong"), box, None, gap=16)

    def _show(self, scheme: str) -> None:
        self._shown = scheme
        self.draw()

    def _no_data(self) -> QWidget:
        words = self.words
        return notice(
            self.tokens,
            "warn",
            words("No evaluation data was chosen, so nothing was measured."),
            Action(words("Choose data"), lambda: self.ways.go("quantize"), "go-quantize"),
        )

    def _random(self, result: QuantResult, candidate: Candidate) -> QWidget:
        """Size and latency: all that random numbers tell."""
        words, report = self.words, candidate.report
        said = words("Made from random numbers: accuracy is unknown without data.")
        again = Action(words("Choose data"), lambda: self.ways.go("quantize"), "go-quantize")
        latency = figures.milliseconds(report.median_ms if report else None)
        return column(
            notice(self.tokens, "warn", said, again),
            tiles(
                tile("–", words("Top-1 accuracy"), word(words("unknown without data"), "muted")),
                self._size_tile(result, candidate),
                tile(latency, words("Latency here")),
            ),
            *self._verdict(candidate),
            gap=16,
        )

    def _size_tile(self, result: QuantResult, candidate: Candidate) -> QFrame:
        words, before = self.words, self._float_size(result)
        size = candidate.artifact.size_bytes if candidate.artifact else None
        smaller = word(figures.change(words, size or 0, before or 0), "muted")
        return tile(figures.size(size), words("Size"), smaller)

    def _report(self, result: QuantResult, candidate: Candidate, report: AccuracyReport) -> QWidget:
        words = self.words
        measured = words(
            "Measured on {samples} samples of {data}, {runtime}; one inference takes "
            "{ms} on this computer, not on the device.",
            samples=report.samples,
            data=report.data,
            runtime=report.runtime,
            ms=figures.milliseconds(report.median_ms),
        )
        return column(
            self._tiles(result, candidate, report),
            text(measured, "muted"),
            *self._verdict(candidate),
            row(self._confusion(report), self._differing(candidate.scheme, report), gap=16, wide=1),
            line(words("All candidates"), "strong"),
            candidate_table(
                words,
                self.tokens,
                result,
                lambda chosen: self._show(chosen.scheme),
            ),
            gap=16,
        )

    def _tiles(self, result: QuantResult, candidate: Candidate, report: AccuracyReport) -> QWidget:
        words, lost = self.words, difference(result, candidate)
        drop = word("–", "muted")
        if lost is not None:
            tone = figures.drop_tone(lost, result.max_drop)
            drop = word(figures.points(words, lost), tone=tone)
        target = candidate.on_target
        same = words(
            "{samples} samples, {share} as here",
            samples=target.samples if target else 0,
            share=figures.percent(target.same_as_fast if target else None),
        )
        return tiles(
            tile(figures.percent(report.accuracy), words("Top-1 accuracy"), drop),
            tile(
                figures.percent(report.agreement),
                words("Agreement with float"),
                word(words("{count} differ", count=self._differ(report)), "muted"),
            ),
            self._size_tile(result, candidate),
            tile(
                figures.percent(target.accuracy if target else None),
                words("On {runtime}", runtime=target.runtime if target else "–"),
                text(same, "muted"),
            ),
        )

    def _float_size(self, result: QuantResult) -> int | None:
        fusion = self.desk.in_hand.fusion
        if fusion is not None:
            return fusion.artifact.size_bytes
        plain = [c.artifact for c in result.candidates if c.scheme == "float32" and c.artifact]
        return plain[0].size_bytes if plain else None

    def _differ(self, report: AccuracyReport) -> int:
        return round(
            (1 - (report.agreement if report.agreement is not None else 1)) * report.samples
        )

    def _verdict(self, candidate: Candidate) -> list[QWidget]:
        verdict = candidate.verdict
        if verdict.usable or verdict.why_not is None:
            return []
        return [notice(self.tokens, "bad", self.words.render(verdict.why_not))]

    def _confusion(self, report: AccuracyReport) -> QWidget:
        words = self.words
        if not report.confusion:
            return card(
                text(words("The data has no labels: there is no confusion matrix."), "muted")
            )
        return card(
            line(words("Confusion matrix"), "strong"),
            text(words("Rows: label. Columns: predicted."), "muted"),
            ConfusionMatrix(words, self.tokens, report.confusion, report.class_names),
            None,
        )

    # The samples that differ, as pictures

    def _differing(self, scheme: str, report: AccuracyReport) -> QWidget:
        words = self.words
        title = line(words("Samples the two see otherwise"), "strong")
        if not report.differing:
            said = words("None: float and {scheme} agree on every sample.", scheme=scheme)
            if self._differ(report):
                said = words("The samples that differ were not kept.")
            return card(title, text(said, "muted"), None)
        shown = report.differing[:_MOST_PICTURES]
        self._ask_pictures(scheme, shown)
        files = self._pictures[1] if self._pictures[0] == scheme else ()
        grid_owner = QWidget()
        grid = QGridLayout(grid_owner)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        for n, sample in enumerate(shown):
            file = files[n] if n < len(files) else None
            grid.addWidget(self._pair(scheme, report, sample, file), n // 2, n % 2)
        return card(title, grid_owner, None)

    def _ask_pictures(self, scheme: str, shown: tuple[Differing, ...]) -> None:
        data = self.desk.data()
        if self._pictures[0] == scheme or self.busy() is not None or data is None:
            return
        self._pictures = (scheme, ())

        def take(result: Thumbnails) -> None:
            self._pictures = (scheme, result.files)
            self.draw()

        self.job = self.desk.run(tasks.thumbnails(data, tuple(s.index for s in shown)), take)

    def _pair(
        self, scheme: str, report: AccuracyReport, sample: Differing, file: Path | None
    ) -> QFrame:
        """The picture, and beside it what both say of it."""
        words = self.words
        image = QLabel()
        image.setFixedSize(_SIDE, _SIDE)
        image.setProperty("role", "picture")
        image.setAccessibleName(words("Sample {index}", index=sample.index))
        if file is not None:
            pixmap = QPixmap(str(file))
            keep = Qt.AspectRatioMode.KeepAspectRatio
            image.setPixmap(pixmap.scaled(_SIDE, _SIDE, keep))
        label = _name(report, sample.label)
        said = column(
            line(words("label {label}", label=label), "muted"),
            _guess("float", _name(report, sample.float_class), sample.float_class == sample.label),
            _guess(
                scheme,
                _name(report, sample.candidate_class),
                sample.candidate_class == sample.label,
            ),
            None,
            gap=2,
        )
        frame = QFrame()
        row(image, said, gap=12, wide=1, into=frame)
        return frame


def _name(report: AccuracyReport, index: int) -> str:
    if index < 0:
        return "–"
    return report.class_names[index] if index < len(report.class_names) else str(index)


def _guess(who: str, name: str, right: bool) -> QWidget:
    return line(f"{'✓' if right else '✕'} {who}: {name}", tone="good" if right else "bad")
