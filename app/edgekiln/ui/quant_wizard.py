"""Place 3: smaller forms of the model, judged on the runtime of the target."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QWidget

from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import Artifact
from edgekiln.core.flow import QUANTIZE, QuantDraft
from edgekiln.ui import quant_steps, tasks
from edgekiln.ui.candidates import candidate_table, chosen_notice
from edgekiln.ui.widgets.kit import Action, column, notice, text
from edgekiln.ui.widgets.page import Page
from edgekiln.ui.widgets.panels import empty_panel
from edgekiln.ui.widgets.stepper import stepper


class QuantWizard(Page):
    """Target, data, schemes, run, candidates."""

    def draw(self) -> None:
        """The state of the page."""
        words, in_hand = self.words, self.desk.in_hand
        lead = words("Smaller and faster forms of the model, each tried on the target's runtime.")
        if self._model() is None:
            self.show_page(words("Quantize"), lead, self._empty())
        elif (busy := self.busy()) is not None:
            self._show("run", lead, busy)
        elif (failure := self._failure()) is not None:
            self._show("run", lead, failure)
        elif in_hand.quantized is not None and self._step in ("run", "result"):
            self._draw_result(in_hand.quantized)
        else:
            self._draw_step(self._step, lead)

    def repeat(self) -> None:
        """Quantize again."""
        ready = not any(QUANTIZE.problems(s, self._draft) for s in ("data", "schemes"))
        if self._model() is not None and self.busy() is None and ready:
            self._run()

    @property
    def _draft(self) -> QuantDraft:
        return self.desk.quant_draft

    @property
    def _step(self) -> str:
        """Where the draft is; a finished run without its result starts at the schemes again."""
        step = self._draft.step
        if step in ("run", "result") and self.desk.in_hand.quantized is None:
            return "schemes" if self._draft.calibration else "target"
        return step

    def _model(self) -> Artifact | None:
        in_hand = self.desk.in_hand
        return in_hand.fusion.artifact if in_hand.fusion else in_hand.converted

    def _empty(self) -> QWidget:
        words = self.words
        return empty_panel(
            self.tokens,
            "arrow-collapse-all",
            words("No fused model yet"),
            words("The model is converted and fused first; then it is quantized here."),
            Action(words("Go to Fuse"), lambda: self.ways.go("fuse"), "go-fuse"),
        )

    def _show(
        self,
        step: str,
        lead: str,
        body: QWidget,
        primary: Action | None = None,
        secondary: tuple[Action, ...] = (),
    ) -> None:
        titles = [self.words.render(s.title) for s in QUANTIZE.steps]
        head = stepper(self.tokens, titles, QUANTIZE.names().index(step))
        self.show_page(self.words("Quantize"), lead, column(head, body, gap=16), primary, secondary)

    # Steps before the run

    def _draw_step(self, step: str, lead: str) -> None:
        bodies = {
            "target": quant_steps.target_step,
            "data": quant_steps.data_step,
            "schemes": quant_steps.schemes_step,
        }
        body = bodies[step](self.words, self.tokens, self.desk, self._change)
        problems = QUANTIZE.problems(step, self._draft)
        said = [notice(self.tokens, "warn", self.words.render(p)) for p in problems]
        why_not = self.words.render(problems[0]) if problems else ""
        primary = Action(self._next_title(step), lambda: self._next(step), "next", why_not)
        back = () if step == "target" else (self._back(step),)
        self._show(step, lead, column(body, *said, gap=16), primary, back)

    def _next_title(self, step: str) -> str:
        if step == "target":
            return self.words("Next: data")
        if step == "data":
            return self.words("Next: schemes")
        return self.words("Quantize with {count} samples", count=self._draft.calibration_samples)

    def _next(self, step: str) -> None:
        self.desk.save_quant_draft(replace(self._draft, step=QUANTIZE.next_step(step, self._draft)))
        if self._draft.step == "run":
            self._run()
        else:
            self.draw()

    def _back(self, step: str) -> Action:
        previous = QUANTIZE.previous_step(step)
        return Action(self.words("Back"), lambda: self._go(previous), "back")

    def _go(self, step: str) -> None:
        self.desk.save_quant_draft(replace(self._draft, step=step))
        self.forget_job()

    def _change(self, draft: QuantDraft) -> None:
        self.desk.save_quant_draft(draft)
        self.draw()

    # Run and result

    def _run(self) -> None:
        model = self._model()
        assert model is not None
        self.desk.save_quant_draft(replace(self._draft, step="run"))
        self.start(self.desk.run(tasks.quantize(model, self._draft.plan()), self._quantized))

    def _quantized(self, result: QuantResult) -> None:
        self.desk.save_quant_draft(replace(self._draft, step="result"))
        self.desk.put_quantized(result)

    def _failure(self) -> QWidget | None:
        again = Action(self.words("Try again"), self._run, "again")
        data = Action(self.words("Change the data"), lambda: self._go("data"), "change-data")
        return self.failure(lambda _: None, again, data, self._back("run"))

    def _draw_result(self, result: QuantResult) -> None:
        words = self.words
        samples = result.float_report.samples if result.float_report else 0
        lead = words(
            "{count} candidates, made with {calibration} samples, judged on {samples} samples.",
            count=len(result.candidates),
            calibration=result.calibration_samples,
            samples=samples,
        )
        parts = [
            chosen_notice(words, self.tokens, result),
            candidate_table(words, self.tokens, result, self._draft.max_drop, self.desk.choose),
            text(
                words("Preprocessing: {evidence}", evidence=result.preprocessing_evidence), "muted"
            ),
            *(notice(self.tokens, "warn", words.render(note)) for note in result.notes),
        ]
        why_not = "" if result.chosen else words("Choose a usable candidate first.")
        primary = Action(words("Next: preview"), lambda: self.ways.go("preview"), "next", why_not)
        body = column(*parts, gap=16)
        self._show("result", lead, body, primary, (self._back("run"),))
