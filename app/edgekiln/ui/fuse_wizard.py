"""Place 2: what can be one operator becomes one, proven equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QWidget

from edgekiln.core.artifact import Artifact
from edgekiln.core.flow import FUSE, FuseDraft
from edgekiln.core.fusion import FusionGroup, FusionResult, GroupState, PassOutcome
from edgekiln.core.passes import FUSION_PASSES, PassInfo
from edgekiln.ui import figures, tasks
from edgekiln.ui.theme import Tone
from edgekiln.ui.widgets.kit import Action, button, card, column, line, notice, row, text, word
from edgekiln.ui.widgets.page import Page
from edgekiln.ui.widgets.panels import empty_panel, tile, tiles
from edgekiln.ui.widgets.stepper import stepper
from edgekiln.ui.widgets.table import Cell, Row, table

_TONES: dict[GroupState, Tone] = {
    "by-converter": "good",
    "by-edgekiln": "good",
    "possible": "warn",
    "not-possible": "muted",
}


class FuseWizard(Page):
    """Choose the passes, run, see what became one operator and what did not, and why."""

    def draw(self) -> None:
        """The state of the page."""
        words = self.words
        lead = words("Operators that belong together become one; each change is proven equal.")
        if self.desk.in_hand.model is None:
            self.show_page(words("Fuse"), lead, self._empty())
        elif (busy := self.busy()) is not None:
            self._show("run", lead, busy)
        elif (failure := self.failure(print, self._again(), self._back())) is not None:
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
    ) -> None:
        titles = [self.words.render(s.title) for s in FUSE.steps]
        head = stepper(self.tokens, titles, FUSE.names().index(step))
        self.show_page(self.words("Fuse"), lead, column(head, body, gap=16), primary, secondary)

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
        body = column(switches, card(title, *asked, gap=2), notice(self.tokens, "", proof), gap=16)
        run = Action(words("Convert and fuse"), self._run, "next")
        self._show("choose", lead, body, run)

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
        self.desk.save_fuse_draft(replace(self._draft, skip=names))
        self.draw()

    def _switch(self, info: PassInfo) -> QWidget:
        title, gain = self.words.render(info.title), self.words.render(info.gain)
        box = QCheckBox(title)
        box.setObjectName(f"pass-{info.name}")
        box.setAccessibleName(title)
        box.setAccessibleDescription(gain)
        box.setChecked(self._is_on(info))
        box.toggled.connect(lambda on: self._set_pass(info, on))
        return row(box, line(gain, "muted"), gap=16, wide=1)

    def _is_on(self, info: PassInfo) -> bool:
        draft = self._draft
        return info.name in draft.extra if info.asked else info.name not in draft.skip

    def _set_pass(self, info: PassInfo, on: bool) -> None:
        listed = self._draft.extra if info.asked else self._draft.skip
        others = tuple(name for name in listed if name != info.name)
        names = (*others, info.name) if on == info.asked else others
        draft = self._draft
        changed = replace(draft, extra=names) if info.asked else replace(draft, skip=names)
        self.desk.save_fuse_draft(changed)
        self.draw()

    def _data(self) -> Path | None:
        return self._draft.data or self.desk.quant_draft.calibration

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
        self.start(self.desk.run(tasks.fuse(artifact, plan), self._fused))

    def _fused(self, result: FusionResult) -> None:
        self.desk.save_fuse_draft(replace(self._draft, step="result"))
        self.desk.put_fusion(result)

    def _again(self) -> Action:
        return Action(self.words("Try again"), self._run, "again")

    def _back(self) -> Action:
        return Action(self.words("Back to the passes"), self._go_back, "back")

    def _go_back(self) -> None:
        self.desk.save_fuse_draft(replace(self._draft, step="choose"))
        self.forget_job()

    # Result

    def _draw_result(self, result: FusionResult) -> None:
        words = self.words
        fewer = result.before.operators - result.after.operators
        lead = words("{count} operators fewer, with the same outputs.", count=fewer)
        if not fewer:
            lead = words("Nothing was left to fuse: the converter had done all of it.")
        body = column(
            self._totals(result),
            *self._latency(result),
            self._proof(result),
            *self._told(result),
            line(words("Groups of the source model"), "strong"),
            self._groups(result.groups),
            line(words("Passes"), "strong"),
            self._passes(result.passes),
            gap=12,
        )
        primary = Action(words("Next: quantize"), lambda: self.ways.go("quantize"), "next")
        self._show("result", lead, body, primary, (self._back(),))

    def _totals(self, result: FusionResult) -> QWidget:
        words = self.words
        operators = figures.change(words, result.after.operators, result.before.operators)
        macs = figures.change(words, result.after.macs, result.before.macs)
        return tiles(
            tile(
                f"{result.before.operators} → {result.after.operators}",
                words("Operators"),
                word(operators, "muted"),
            ),
            tile(
                f"{figures.count(result.before.macs)} → {figures.count(result.after.macs)}",
                words("MACs per sample"),
                word(macs, "muted"),
            ),
            tile(
                figures.size(result.artifact.size_bytes),
                words("Float model, size"),
                word("float32", "muted"),
            ),
        )

    def _latency(self, result: FusionResult) -> list[QWidget]:
        before, after = result.before.latency, result.after.latency
        if before is None or after is None:
            return []
        said = self.words(
            "Latency on this computer: {before} → {after} ms "
            "(median of {runs} runs in turn, {runtime}, one thread)",
            before=f"{before.median:.3g}",
            after=f"{after.median:.3g}",
            runs=after.runs,
            runtime=after.runtime,
        )
        return [text(said, "muted")]

    def _proof(self, result: FusionResult) -> QWidget:
        words = self.words
        data = (
            words("random numbers") if result.proof_data == "random" else words("calibration data")
        )
        said = words(
            "Proven equal: largest difference {error} on {count} samples ({data}, {runtime}).",
            error=figures.error(result.max_abs_error),
            count=result.proof_samples,
            data=data,
            runtime=result.runtime,
        )
        return notice(self.tokens, "good", said)

    def _told(self, result: FusionResult) -> list[QWidget]:
        """What is fed or given otherwise, and what speaks against it."""
        told = (*result.interface, *result.notes)
        return [notice(self.tokens, "warn", self.words.render(text)) for text in told]

    def _groups(self, groups: tuple[FusionGroup, ...]) -> QWidget:
        words = self.words
        if not groups:
            return text(
                words("The model has no convolution, dense or normalisation layers."), "muted"
            )
        headers = (words("Operators"), words("Place"), words("State"), words("Why"))
        rows = [self._group(group) for group in groups]
        return table(self.tokens, words("Groups"), headers, rows, stretch=3)

    def _group(self, group: FusionGroup) -> Row:
        words = self.words
        states = {
            "by-converter": "✓ " + words("fused by the converter"),
            "by-edgekiln": "✓ " + words("fused by EdgeKiln"),
            "possible": "○ " + words("possible"),
            "not-possible": "– " + words("not possible"),
        }
        state = Cell(states[group.state], _TONES[group.state])
        return (Cell(group.pattern), Cell(group.place), state, Cell(words.render(group.why)))

    def _passes(self, passes: tuple[PassOutcome, ...]) -> QWidget:
        words = self.words
        headers = (words("Pass"), words("Applied"), words("Largest difference"), words("State"))
        rows = [
            (
                Cell(words.render(p.title)),
                Cell(str(p.applied), number=True),
                Cell(figures.error(p.max_abs_error), number=True),
                self._pass_state(p),
            )
            for p in passes
        ]
        return table(self.tokens, words("Passes"), headers, rows)

    def _pass_state(self, outcome: PassOutcome) -> Cell:
        if outcome.skipped:
            return Cell(self.words("switched off"), "muted")
        if outcome.taken_back:
            return Cell("! " + self.words("taken back: not equal"), "bad")
        return Cell("✓ " + self.words("kept"), "good")
