"""Place 2: what can be one operator becomes one, proven equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QWidget

from edgekiln.core.artifact import Artifact
from edgekiln.core.flow import FUSE, FuseDraft, Switches
from edgekiln.core.fusion import FusionResult
from edgekiln.core.passes import FUSION_PASSES, PassInfo
from edgekiln.core.text import Words
from edgekiln.jobs import netron
from edgekiln.jobs.job import Job
from edgekiln.ui import tasks
from edgekiln.ui.fuse_result import FuseResult, Shown
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, button, card, column, line, notice, row
from edgekiln.ui.widgets.page import Page, Ways
from edgekiln.ui.widgets.panels import empty_panel, folded
from edgekiln.ui.widgets.stepper import stepper


class FuseWizard(Page):
    """Choose the passes, run, see what became one operator and what did not, and why."""

    def __init__(self, words: Words, tokens: Tokens, desk: Desk, ways: Ways) -> None:
        super().__init__(words, tokens, desk, ways)
        self._view: FuseResult | None = None
        self._timed: Job | None = None
        self._asked = Switches()
        self._problem = ""
        desk.netron.failed.connect(self._tell)

    def draw(self) -> None:
        """The state of the page."""
        words = self.words
        lead = words("Operators that belong together become one; each change is proven equal.")
        if self.desk.in_hand.model is None:
            self.show_page(words("Fuse"), lead, self._empty())
        elif (busy := self.busy()) is not None:
            self._show("run", lead, busy)
        elif (failure := self.failure(print, *self._ways_out())) is not None:
            self._show("run", lead, failure)
        elif self.desk.in_hand.fusion is not None and self._draft.step != "choose":
            self._draw_result(self.desk.in_hand.fusion)
        else:
            self._draw_choice(lead)

    def repeat(self) -> None:
        """Convert and fuse again."""
        if self.desk.in_hand.model is not None and self.busy() is None:
            self._run()

    @property
    def _draft(self) -> FuseDraft:
        return self.desk.fuse_draft

    def _empty(self) -> QWidget:
        words = self.words
        return empty_panel(
            self.tokens,
            "cube-outline",
            words("No model in hand"),
            words("Open a model first; then its operators are fused here."),
            Action(words("Go to Model"), lambda: self.ways.go("model"), "go-model"),
        )

    def _show(
        self,
        step: str,
        lead: str,
        body: QWidget,
        primary: Action | None = None,
        secondary: tuple[Action, ...] = (),
        fills: bool = False,
    ) -> None:
        if not fills:
            self._view = None
        titles = [self.words.render(s.title) for s in FUSE.steps]
        head = stepper(self.tokens, titles, FUSE.names().index(step))
        whole = column(head, body, gap=16, wide=1 if fills else None)
        self.show_page(self.words("Fuse"), lead, whole, primary, secondary, fills)

    # Choose

    def _draw_choice(self, lead: str) -> None:
        words = self.words
        always = [self._switch(info) for info in FUSION_PASSES if not info.asked]
        asked = [self._switch(info) for info in FUSION_PASSES if info.asked]
        proof = words("Equality is proven on random numbers: no calibration data was chosen yet.")
        if (data := self._data()) is not None:
            proof = words("Equality is proven on samples of {name}.", name=data.name)
        switches = card(self._all_or_none(), *always, gap=2)
        title = line(words("Only when asked for"), "strong")
        told = notice(self.tokens, "", proof)
        body = column(switches, card(title, *asked, gap=2), told, self._expert(), gap=16)
        run = Action(words("Convert and fuse"), self._run, "next")
        back = () if self.desk.in_hand.fusion is None else (self._to_result(),)
        self._show("choose", lead, body, run, back)

    def _all_or_none(self) -> QWidget:
        words, skip = self.words, self._draft.skip
        names = tuple(info.name for info in FUSION_PASSES if not info.asked)
        on = len(names) - len(set(skip) & set(names))
        title = words("Passes: {on} of {count}", on=on, count=len(names))
        switch_all = Action(words("All"), lambda: self._skip(()), "all-passes")
        switch_none = Action(words("None"), lambda: self._skip(names), "no-passes")
        buttons = [button(action, flat=True) for action in (switch_all, switch_none)]
        return row(line(title, "strong"), *buttons, wide=0)

    def _skip(self, names: tuple[str, ...]) -> None:
        self._change(self._draft.switch(replace(self._draft.switches, skip=tuple(sorted(names)))))

    def _switch(self, info: PassInfo) -> QWidget:
        title, gain = self.words.render(info.title), self.words.render(info.gain)
        box = QCheckBox(title)
        box.setObjectName(f"pass-{info.name}")
        box.setAccessibleName(title)
        box.setAccessibleDescription(gain)
        box.setChecked(self._draft.switches.has(info))
        box.toggled.connect(lambda on: self._set_pass(info, on))
        return row(box, line(gain, "muted"), gap=16, wide=1)

    def _set_pass(self, info: PassInfo, on: bool) -> None:
        self._change(self._draft.switch(self._draft.switches.with_pass(info, on)))

    def _data(self) -> Path | None:
        return self._draft.data or self.desk.quant_draft.calibration

    def _expert(self) -> QWidget:
        """Folded away: what few ask for."""
        words, model = self.words, self.desk.in_hand.model
        assert model is not None
        title = words("Time TensorFlow too, as a plain graph and compiled by XLA")
        box = QCheckBox(title)
        box.setObjectName("time-source")
        box.setAccessibleName(title)
        box.setChecked(self._draft.time_source)
        box.toggled.connect(
            lambda on: self.desk.save_fuse_draft(replace(self._draft, time_source=on))
        )
        gain = words("For whoever must justify TFLite on this computer; takes a minute.")
        if model.source.kind == "tflite":
            box.setEnabled(False)
            gain = words("A .tflite is run by TFLite only.")
        return folded(words, self.tokens, card(row(box, line(gain, "muted"), gap=16, wide=1)))

    # Run

    def _run(self) -> None:
        model = self.desk.in_hand.model
        assert model is not None
        self.desk.save_fuse_draft(replace(self._draft, step="run"))
        converted = self.desk.in_hand.converted
        if converted is not None:
            self._fuse(converted)
            return
        plan = self.desk.model_draft.plan()
        self.start(self.desk.run(tasks.convert(model.source, plan), self._converted))

    def _converted(self, artifact: Artifact) -> None:
        self.desk.put_converted(artifact)
        self._fuse(artifact)

    def _fuse(self, artifact: Artifact) -> None:
        plan = replace(self._draft, data=self._data()).plan()
        self._asked = self._draft.switches
        self.start(self.desk.run(tasks.fuse(artifact, plan), self._fused))

    def _fused(self, result: FusionResult) -> None:
        draft = replace(self._draft, step="result")
        self.desk.save_fuse_draft(replace(draft, made=self._asked))
        self.desk.put_fusion(result)
        self._time_source()

    def _time_source(self) -> None:
        """After the fusion, which is timed itself."""
        in_hand = self.desk.in_hand
        if in_hand.model is None or in_hand.source_latency is not None:
            return
        if self._draft.time_source and in_hand.model.source.kind != "tflite":
            task = tasks.time_source(in_hand.model.source, self.desk.model_draft.plan())
            self._timed = self.desk.run(task, self.desk.put_source_latency)
            self._timed.finished.connect(self.draw)
            self.draw()

    def _again(self) -> Action:
        return Action(self.words("Try again"), self._run, "again")

    def _ways_out(self) -> tuple[Action, ...]:
        """Of a failure: the last good result is still in hand."""
        ways = (self._again(), self._back())
        return ways if self.desk.in_hand.fusion is None else (*ways, self._to_result())

    def _to_result(self) -> Action:
        return Action(self.words("Back to the result"), lambda: self._go("result"), "to-result")

    def _back(self) -> Action:
        return Action(self.words("Back to the passes"), lambda: self._go("choose"), "back")

    def _go(self, step: str) -> None:
        self.desk.save_fuse_draft(replace(self._draft, step=step))
        self.forget_job()

    # Result

    def _draw_result(self, result: FusionResult) -> None:
        """Once; then the same widgets stay, and with them the filter, the place and the zoom."""
        shown = Shown(result, self.desk.in_hand.source_latency, self._timing(), self._problem)
        if self._view is None or self._view.shown.result is not result:
            self._view = FuseResult(
                self.words, self.tokens, shown, self._draft, self._change, self._netron(result)
            )
            self._show("result", self._gained(result), self._view, *self._ways_on(), fills=True)
        else:
            if self._view.shown != shown:
                self._view.tell(shown)
            self._view.show_draft(self._draft)
            self.show_footer(*self._ways_on())

    def _gained(self, result: FusionResult) -> str:
        fewer = result.before.operators - result.after.operators
        if fewer:
            return self.words("{count} operators fewer, with the same outputs.", count=fewer)
        return self.words("Nothing was left to fuse: the converter had done all of it.")

    def _ways_on(self) -> tuple[Action, tuple[Action, ...]]:
        """The next step; once a switch was moved, to fuse again. The result stays till then."""
        words = self.words
        quantize = Action(words("Next: quantize"), lambda: self.ways.go("quantize"), "next")
        if not self._draft.changed:
            return quantize, (self._back(),)
        again = Action(words("Changed: fuse again"), self._run, "fuse-again")
        return again, (self._back(), replace(quantize, text=words("Quantize this result")))

    def _change(self, draft: FuseDraft) -> None:
        self.desk.save_fuse_draft(draft)
        self.draw()

    def _timing(self) -> str:
        """How far the times of TensorFlow are."""
        words, job, source = self.words, self._timed, self.desk.in_hand.source_latency
        if source is not None:
            why = words.render(source.why_no_xla) if source.why_no_xla else ""
            runs, runtime = source.plain.runs, source.plain.runtime
            said = words("{runtime}: {runs} runs, plain graph and XLA.", runtime=runtime, runs=runs)
            return f"{said} {why}".strip()
        if job is None or job.state == "cancelled":
            return ""
        if job.error is not None:
            return words.render(job.error.what)
        return words("TensorFlow is being timed.")

    def _netron(self, result: FusionResult) -> tuple[Action, Action]:
        words, converted = self.words, self.desk.in_hand.converted
        absent = words("Netron is not installed: pip install netron")
        why_not = "" if netron.is_installed() else absent

        def opener(path: Path | None, name: str) -> Action:
            gone = why_not or ("" if path else words("The unfused model is not in hand."))
            return Action(words("Open in Netron"), lambda: self._open(path), name, gone)

        before = opener(converted.path if converted else None, "netron-before")
        return before, opener(result.artifact.path, "netron-after")

    def _open(self, path: Path | None) -> None:
        assert path is not None
        self._problem = ""
        self.desk.netron.open(path)

    def _tell(self, problem: str) -> None:
        self._problem = self.words("Netron ended: {words}", words=problem)
        if self.isVisible():
            self.draw()
