"""The check of the data, before a model sees it; opened from Quantize and Preview."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from edgekiln.core.data import DataCheck, DataCheckPlan, DataSource
from edgekiln.core.model import Signature
from edgekiln.ui import tasks
from edgekiln.ui.data_counts import Counts
from edgekiln.ui.data_findings import findings, show
from edgekiln.ui.widgets.kit import Action, column, notice, text
from edgekiln.ui.widgets.page import Page
from edgekiln.ui.widgets.panels import empty_panel, tile, tiles

Asked = tuple[DataSource, DataCheckPlan]


class DataPage(Page):
    """Counts, findings with what follows from them and what to do; nothing is changed."""

    came_from = "quantize"
    _asked: Asked | None = None
    _check: DataCheck | None = None

    def draw(self) -> None:
        """The state of the page; data that was not looked at yet is looked at now."""
        asked = self._request()
        if asked is not None and asked != self._asked:
            self._start(asked)
            return
        words = self.words
        lead = words("What the data is like, before a model sees it. Nothing is changed.")
        body = self._body(asked)
        back = Action(words("Back"), lambda: self.ways.go(self.came_from), "back")
        again = () if asked is None or self._at_work() else (self._again(),)
        self.show_page(words("Check of the data"), lead, body, back, again)

    def repeat(self) -> None:
        """Look again."""
        asked = self._request()
        if asked is not None and not self._at_work():
            self._start(asked)

    def adopt(self, other: Page) -> None:
        """And what was found."""
        assert isinstance(other, DataPage)
        self.came_from, self._asked, self._check = other.came_from, other._asked, other._check
        super().adopt(other)

    def _body(self, asked: Asked | None) -> QWidget:
        words, tokens = self.words, self.tokens
        if asked is None:
            return self._empty()
        if (busy := self.busy()) is not None:
            return busy
        if (failure := self.failure(print, self._again(), self._change())) is not None:
            return failure
        if self._check is None:
            said = words("The check was stopped; nothing is known of the data yet.")
            return notice(tokens, "warn", said, self._again())
        return self._found(asked, self._check)

    def _found(self, asked: Asked, check: DataCheck) -> QWidget:
        words, tokens = self.words, self.tokens
        found = findings(check, asked[1].classes)
        what = (
            [show(words, tokens, each) for each in found]
            if found
            else [notice(tokens, "good", words("Nothing is wrong with this data."))]
        )
        classes = sum(s.by == "class" for s in check.slices)
        source, evaluation = asked[0], asked[1].evaluation
        paths = dict.fromkeys(str(s.path) for s in (source, evaluation) if s is not None)
        return column(
            text(" · ".join(paths), "muted"),
            tiles(
                tile(f"{check.samples:,}", self._use(evaluation is not None)),
                tile(f"{check.evaluation_samples:,}" if evaluation else "–", words("to evaluate")),
                tile(f"{classes:,}" if classes else "–", words("classes")),
                tile(f"{len(found)}", words("findings")),
            ),
            *what,
            *(text(words.render(note), "muted") for note in check.notes),
            Counts(words, tokens, check.slices, evaluation is not None),
            gap=16,
        )

    def _use(self, evaluated_elsewhere: bool) -> str:
        if evaluated_elsewhere:
            return self.words("to calibrate")
        return self.words("samples")

    def _empty(self) -> QWidget:
        words = self.words
        return empty_panel(
            self.tokens,
            "database-search-outline",
            words("No data is chosen"),
            words("Choose calibration data in Quantize; then it is checked here."),
            self._change(),
        )

    def _again(self) -> Action:
        return Action(self.words("Check again"), self.repeat, "check-again")

    def _change(self) -> Action:
        return Action(self.words("Choose data"), lambda: self.ways.go("quantize"), "go-quantize")

    def _at_work(self) -> bool:
        return self.job is not None and not self.job.ended

    def _start(self, asked: Asked) -> None:
        if self._at_work():
            assert self.job is not None
            self.desk.lanes.cancel(self.job)
        self._asked, self._check = asked, None

        def take(check: DataCheck) -> None:
            if self._asked == asked:
                self._check = check

        self.start(self.desk.run(tasks.check_data(*asked), take))

    def _request(self) -> Asked | None:
        """What there is to check: all of the data, not only what a limit leaves of it."""
        calibration, evaluation = self.desk.quant_draft.parts
        first = calibration or evaluation
        if first is None:
            return None
        other = evaluation if calibration is not None else None
        return first, DataCheckPlan(other, classes=self._classes())

    def _classes(self) -> int:
        in_hand = self.desk.in_hand
        artifact = in_hand.fusion.artifact if in_hand.fusion else in_hand.converted
        return classes_of(artifact.signature) if artifact else 0


def classes_of(signature: Signature) -> int:
    """How many classes a model with one row of scores tells apart; 0 for any other."""
    sizes = [size for size in signature.outputs[0].shape[1:] if size != 1]
    if len(signature.outputs) > 1 or len(sizes) > 1:
        return 0
    return max(sizes[0], 0) if sizes else 2
