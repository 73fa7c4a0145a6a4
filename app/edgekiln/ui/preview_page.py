"""Place 4: the float model beside the candidate, on data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial

from PySide6.QtWidgets import QFrame, QTabWidget, QWidget

from edgekiln.core import measures
from edgekiln.core.accuracy import AccuracyReport, Candidate, QuantResult, SliceInputs
from edgekiln.core.data import DataSource
from edgekiln.core.samples import ListInputs
from edgekiln.ui import figures
from edgekiln.ui.data_looks import Looks as SliceLooks
from edgekiln.ui.export_dialog import ExportDialog
from edgekiln.ui.live_tab import LiveTab, live_start
from edgekiln.ui.overlays import overlay_inputs
from edgekiln.ui.preview_candidates import candidate_list
from edgekiln.ui.preview_looks import Looks
from edgekiln.ui.preview_tiles import metric_tiles, primary
from edgekiln.ui.sample_store import SampleStore, Wanted
from edgekiln.ui.samples_tab import Looking, SamplesTab
from edgekiln.ui.slices_tab import SlicesTab
from edgekiln.ui.widgets.kit import Action, clear, column, line, notice, row, word
from edgekiln.ui.widgets.page import Page
from edgekiln.ui.widgets.panels import BusyPanel, empty_panel, error_panel, tile, tiles


class PreviewPage(Page):
    """Left the candidates, then the figures of the one that is shown, and what it does with each
    sample, class, operator."""

    _shown = ""
    store: SampleStore | None = None
    _fill: Callable[[], None] = staticmethod(lambda: None)

    def adopt(self, other: Page) -> None:
        """What is looked at is looked at in the other language too."""
        super().adopt(other)
        if isinstance(other, PreviewPage):
            self._shown, self.looking = other._shown, other.looking
            self._put_store(other.store)

    @cached_property
    def _looks(self) -> SliceLooks:
        """What was said of slices."""
        return SliceLooks(self.desk)

    @cached_property
    def looking(self) -> Looking:
        """Which tab, which samples."""
        return Looking()

    def draw(self) -> None:
        """The state of the page."""
        words, result = self.words, self.desk.in_hand.quantized
        lead = words("What the chosen candidate does otherwise than the float model.")
        candidate = self._candidate(result)
        if result is None or candidate is None:
            self.show_page(words("Preview"), lead, self._empty(result))
        elif result.random:
            body = column(self._random(result, candidate), None)
            self._draw_done(lead, result, candidate, body)
        elif candidate.report is None:
            self._draw_done(lead, result, candidate, column(self._no_data(), None))
        else:
            lead = self._measured(candidate, candidate.report)
            body = self._report(result, candidate, candidate.report)
            self._draw_done(lead, result, candidate, body)

    def repeat(self) -> None:
        """Ask for the samples again."""
        self._put_store(None)
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
        check = Action(words("Check the data"), lambda: self.ways.go("data"), "check-data")
        secondary: tuple[Action, ...] = (export, check)
        if not chosen:
            ship = Action(
                words("Ship {scheme}", scheme=candidate.scheme),
                lambda: self.desk.choose(candidate),
                "ship",
                why_not,
            )
            secondary = (ship, export, check)
        ready = "" if result.chosen else words("Choose a usable candidate first.")
        primary = Action(words("Next: devices"), lambda: self.ways.go("devices"), "next", ready)
        listed = candidate_list(words, self.tokens, result, candidate, self._show)
        whole = row(listed, body, gap=12, wide=1)
        self.show_page(words("Preview"), lead, whole, primary, secondary, fills=True)

    def _export(self) -> None:
        ExportDialog(self.words, self.tokens, self.desk, self).open()

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

    def _measured(self, candidate: Candidate, report: AccuracyReport) -> str:
        return self.words(
            "{scheme} beside float, on {samples} samples of {data}, {runtime}.",
            scheme=candidate.scheme,
            samples=report.samples,
            data=report.data,
            runtime=report.runtime,
        )

    def _report(self, result: QuantResult, candidate: Candidate, report: AccuracyReport) -> QWidget:
        size = self._size_tile(result, candidate)
        above: list[QWidget] = [
            metric_tiles(self.words, result, candidate, report, size),
            *self._verdict(candidate),
        ]
        if report.paired is not None and candidate.verdict.usable:
            own = primary(report)
            told = measures.told(report.paired, own is None or own.is_share)
            above.append(line(self.words.render(told), "muted"))
        tabs = self._tabs(result, candidate, report)
        return column(*above, tabs, gap=12, wide=len(above))

    def _tabs(self, result: QuantResult, candidate: Candidate, report: AccuracyReport) -> QWidget:
        words, tabs = self.words, QTabWidget()
        tabs.setObjectName("looks")
        tabs.tabBar().setAccessibleName(words("Ways to look at it"))
        tabs.tabBar().setDrawBase(False)
        samples = self._samples(result, candidate, report)
        tabs.addTab(samples, words("Each sample"))
        fusion = self.desk.in_hand.fusion
        arena = fusion.after.arena_bytes if fusion is not None else None
        size = self._float_size(result)
        looks = Looks(words, self.tokens, result, candidate, report, size, arena)
        for name, title, look in looks.all(self._show_pair):
            look.setObjectName(name)
            tabs.addTab(look, title)
        data = self._data()
        if report.task != "none" and data is not None:
            inputs = SliceInputs(report, result.float_report, data)
            slices = SlicesTab(words, self.tokens, self._looks, inputs, result.max_drop)
            tabs.addTab(slices, words("Slices"))
        start = live_start(self.desk, result, candidate)
        if start is not None:
            live = LiveTab(words, self.tokens, self.desk.live, start, candidate.scheme)
            tabs.addTab(live, words("Live"))
        names = [tabs.widget(n).objectName() for n in range(tabs.count())]
        if self.looking.tab in names:
            tabs.setCurrentIndex(names.index(self.looking.tab))
        tabs.currentChanged.connect(self._turn)
        self._book = tabs
        return tabs

    def _turn(self, number: int) -> None:
        self.looking.tab = self._book.widget(number).objectName()

    def _show_pair(self, true: int, predicted: int) -> None:
        """From the confusion matrix to its samples."""
        self._book.setCurrentIndex(0)
        self.looking.pair, self.looking.which = (true, predicted), "all"
        for shown in self._book.widget(0).findChildren(SamplesTab):
            shown.show_pair((true, predicted))

    # The samples, which a child lists

    def _samples(
        self, result: QuantResult, candidate: Candidate, report: AccuracyReport
    ) -> QWidget:
        reference = result.float_report
        of_float = None if reference is None else reference.outputs
        inputs = ListInputs(report.outputs, of_float, self._data())
        overlay = overlay_inputs(candidate, report, reference, inputs.data)
        store = self._store_of(Wanted(inputs, report.data_fingerprint, overlay))
        place = column()
        place.setObjectName("samples")
        self._fill = partial(self._fill_samples, place, store, candidate.scheme, report)
        self._fill()
        return place

    def _data(self) -> DataSource | None:
        """What was evaluated, while it is there."""
        data = self.desk.data()
        return data if data is not None and data.path.exists() else None

    def _fill_samples(
        self, place: QWidget, store: SampleStore, scheme: str, report: AccuracyReport
    ) -> None:
        """Their tab alone: to draw the whole page anew would hold up the window."""
        made: QWidget
        if store.samples is not None:
            made = SamplesTab(
                self.words, self.tokens, scheme, report, store, store.samples, self.looking
            )
        elif store.job is not None and not store.job.ended:
            made = column(BusyPanel(self.words, store.job, store.close), None)
        else:
            made = column(self._no_samples(store), None)
        layout = place.layout()
        assert layout is not None
        clear(layout)
        layout.addWidget(made)

    def _listed(self) -> None:
        self._fill()

    def _no_samples(self, store: SampleStore) -> QWidget:
        words = self.words
        again = Action(words("Try again"), self.repeat, "again")
        if store.error is None:
            return notice(self.tokens, "warn", words("The list of samples was cancelled."), again)
        return error_panel(words, self.tokens, store.error, print, again)

    def _store_of(self, wanted: Wanted) -> SampleStore:
        if self.store is not None and self.store.wanted == wanted:
            return self.store
        store = SampleStore(self.desk.lanes, wanted, self.store)
        self._put_store(store)
        store.ask()
        return store

    def _put_store(self, store: SampleStore | None) -> None:
        if self.store is not None:
            self.store.close(store)
        self.store = store
        if store is not None:
            store.listed.connect(self._listed)

    def _float_size(self, result: QuantResult) -> int | None:
        fusion = self.desk.in_hand.fusion
        if fusion is not None:
            return fusion.artifact.size_bytes
        plain = [c.artifact for c in result.candidates if c.scheme == "float32" and c.artifact]
        return plain[0].size_bytes if plain else None

    def _verdict(self, candidate: Candidate) -> list[QWidget]:
        verdict = candidate.verdict
        if verdict.usable or verdict.why_not is None:
            return []
        return [notice(self.tokens, "bad", self.words.render(verdict.why_not))]
