"""Place 3: smaller forms of the model, judged on the runtime of the target."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QPushButton, QWidget

from edgekiln.core.accuracy import QuantResult
from edgekiln.core.artifact import CALIBRATED_SCHEMES, Artifact
from edgekiln.core.data import DataSource
from edgekiln.core.flow import QUANTIZE, QuantDraft
from edgekiln.core.plans import QuantPlan
from edgekiln.core.quantization import Kept
from edgekiln.core.text import Words
from edgekiln.jobs.job import Job
from edgekiln.ui import quant_steps, tasks
from edgekiln.ui.attempts import Across, asked, best
from edgekiln.ui.data_looks import Looks
from edgekiln.ui.quant_data import DataStep, calibrates, data_step
from edgekiln.ui.quant_expert import expert_settings
from edgekiln.ui.quant_look import Looking
from edgekiln.ui.quant_result import choose_body, look_body, run_body
from edgekiln.ui.quant_run import Findings
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, column, notice
from edgekiln.ui.widgets.page import Page, Ways
from edgekiln.ui.widgets.panels import empty_panel
from edgekiln.ui.widgets.stepper import stepper

_AFTER_RUN = ("run", "look", "result")


class QuantWizard(Page):
    """Target and goal, data, run, look inside, choose."""

    _across: Across = "size"
    _unfolded = False

    def __init__(self, words: Words, tokens: Tokens, desk: Desk, ways: Ways) -> None:
        super().__init__(words, tokens, desk, ways)
        self._looking = Looking()
        self._looks = Looks(desk)
        self._looks.told.connect(self._tell_next)

    def draw(self) -> None:
        """The state of the page."""
        words, result = self.words, self.desk.in_hand.quantized
        lead = words("Smaller and faster forms of the model, each tried on the target's runtime.")
        if self._model() is None:
            self.show_page(words("Quantize"), lead, self._empty())
        elif self.job is not None and not self.job.ended:
            self._draw_busy(self.job, lead)
        elif (failure := self._failure()) is not None:
            self._show("run", lead, failure)
        elif (stopped := self.stopped()) is not None:
            self._draw_stopped(stopped, lead)
        elif result is not None and self._step in _AFTER_RUN:
            self._draw_result(result, self._step)
        else:
            self._draw_step(self._step, lead)

    def repeat(self) -> None:
        """Quantize again; with the operators that were switched by hand, where some were."""
        ready = not QUANTIZE.problems("data", self._draft)
        if self._model() is None or not ready or (self.job is not None and not self.job.ended):
            return
        if self._draft.switches and self._draft.kept:
            self._again()
        else:
            self._search()

    def adopt(self, other: Page) -> None:
        """And what was unfolded and looked at."""
        assert isinstance(other, QuantWizard)
        self._across, self._unfolded, self._looking = other._across, other._unfolded, other._looking
        self._looks = other._looks
        self._looks.told.connect(self._tell_next)
        super().adopt(other)

    @property
    def _draft(self) -> QuantDraft:
        return self.desk.quant_draft

    @property
    def _step(self) -> str:
        """Where the draft is; a finished run without its result is at the data again."""
        step = self._draft.step
        lost = step in _AFTER_RUN and self.desk.in_hand.quantized is None
        if lost or step not in QUANTIZE.names():
            return "data" if self._draft.calibration or self._draft.random else "target"
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
        words = self.words
        if step == "target":
            body = quant_steps.target_step(words, self.desk, self._change)
        else:
            model = self._model()
            data = data_step(
                DataStep(words, self.tokens, self.desk, self._looks, model, self._change)
            )
            body = column(data, self._expert(), gap=16)
        problems = QUANTIZE.problems(step, self._draft)
        said = [notice(self.tokens, "warn", words.render(p)) for p in problems]
        why_not = words.render(problems[0]) if problems else ""
        primary = Action(self._next_title(step), lambda: self._next(step), "next", why_not)
        back = () if step == "target" else (self._back(step), *self._check())
        self._show(step, lead, column(body, *said, gap=16), primary, back)

    def _check(self) -> tuple[Action, ...]:
        if self._draft.parts == (None, None):
            return ()
        return (Action(self.words("Check the data"), lambda: self.ways.go("data"), "check-data"),)

    def _expert(self) -> QWidget:
        return expert_settings(
            self.words,
            self.tokens,
            self.desk,
            self._unfolded,
            self._fold,
            self._change,
            self._tell_next,
        )

    def _fold(self, unfolded: bool) -> None:
        self._unfolded = unfolded

    def _tell_next(self) -> None:
        """A number of the draft changed, or more is known of the data: the page stays, and the next
        step says so."""
        if self._step != "data" or (self.job is not None and not self.job.ended):
            return
        for shown in self.findChildren(QPushButton, "next"):
            shown.setText(self._next_title("data"))
            shown.setAccessibleName(shown.text())

    def _next_title(self, step: str) -> str:
        words, draft = self.words, self._draft
        if step == "target":
            return words("Next: data")
        if draft.random:
            return words("Measure with random numbers")
        if not CALIBRATED_SCHEMES & set(draft.schemes):
            return words("Make and judge {count} schemes", count=len(draft.schemes))
        count = draft.calibration_samples
        path = draft.calibration
        known = self._looks.known(DataSource(path) if path is not None else None)
        if known is not None:
            count = min(count, calibrates(known.samples, draft.share))
        if known is not None and known.content == "picture":
            return words("Calibrate with {count} pictures", count=count)
        return words("Calibrate with {count} samples", count=count)

    def _next(self, step: str) -> None:
        following = QUANTIZE.next_step(step, self._draft)
        if following == "run":
            self._search()
        else:
            self._go(following)

    def _back(self, step: str) -> Action:
        previous = self._passing(step, QUANTIZE.previous_step(step))
        return Action(self.words("Back"), lambda: self._go(previous), "back")

    def _go(self, step: str) -> None:
        self.desk.save_quant_draft(replace(self._draft, step=step))
        self.forget_job()

    def _passing(self, here: str, step: str) -> str:
        """The step to go to; past the inside where there is nothing to look into."""
        result = self.desk.in_hand.quantized
        seen = result is not None and result.sensitivity is not None
        if step != "look" or seen:
            return step
        return "result" if here == "run" else "run"

    def _change(self, draft: QuantDraft) -> None:
        self.desk.save_quant_draft(draft)
        self.draw()

    # The run

    def _search(self) -> None:
        """From the start: what was switched by hand belonged to another search."""
        self.desk.save_quant_draft(replace(self._draft, found=(), switches=()))
        self._run(self._draft.plan())

    def _again(self) -> None:
        self._run(replace(self._draft.plan(), kept=self._draft.kept), "look")

    def _run(self, plan: QuantPlan, then: str = "run") -> None:
        model = self._model()
        assert model is not None

        def quantized(result: QuantResult) -> None:
            found = self._draft.found if self._draft.switches else _kept(result)
            self.desk.save_quant_draft(replace(self._draft, step=then, found=found))
            self.desk.put_quantized(result)

        self.desk.save_quant_draft(replace(self._draft, step="run"))
        self.start(self.desk.run(tasks.quantize(model, plan), quantized))

    def _repeat(self, plan: QuantPlan) -> None:
        """What failed or was stopped, once more."""
        self._run(plan, "look" if self._by_hand(plan) else "run")

    def _by_hand(self, plan: QuantPlan) -> bool:
        """Whether it tried operators that were switched, beside a result that is still there."""
        searched = self.desk.in_hand.quantized is not None
        return bool(plan.kept and plan.search_seconds) and searched

    def _back_from(self, plan: QuantPlan) -> Action:
        return self._back("result" if self._by_hand(plan) else "run")

    def _findings(self, job: Job) -> Findings:
        plan = _plan(job)
        made = Findings(self.words, self.tokens, asked(plan), self._across, self._switch)
        made.follow(job)
        return made

    def _switch(self, across: Across) -> None:
        self._across = across

    def _draw_busy(self, job: Job, lead: str) -> None:
        words, plan = self.words, _plan(job)
        if plan.search_seconds and plan.calibration is not None and not plan.kept:
            minutes = f"{plan.search_seconds / 60:g}"
            lead = words(
                "The search for operators to keep takes {minutes} min at most.", minutes=minutes
            )
        busy = self.busy(words("Stop and keep the best"), self._findings(job))
        assert busy is not None
        self._show("run", lead, busy)

    def _draw_stopped(self, job: Job, lead: str) -> None:
        words, plan = self.words, _plan(job)
        seconds, back = int(job.seconds), self._back_from(plan)
        go_on = Action(words("Go on"), lambda: self._repeat(plan), "go-on")
        if not job.attempts:
            said = words("Stopped after {seconds} s, before anything was judged.", seconds=seconds)
            self._show("run", lead, notice(self.tokens, "warn", said), go_on, (back,))
            return
        said = words(
            "Stopped after {seconds} s. What was found is kept: go on, or finish with it.",
            seconds=seconds,
        )
        body = column(notice(self.tokens, "warn", said), self._findings(job), gap=16)
        finish = Action(words("Finish with what was found"), lambda: self._finish(job), "finish")
        self._show("run", lead, body, finish, (back, go_on))

    def _finish(self, job: Job) -> None:
        """The same once more without a search, but with the best it had found."""
        plan = _plan(job)
        found = best(job.attempts, asked(plan))
        kept = found.kept if found is not None and found.kept else plan.kept
        self._run(replace(plan, search_seconds=0.0, kept=kept))

    def _failure(self) -> QWidget | None:
        words, job = self.words, self.job
        if job is None:
            return None
        plan = _plan(job)
        again = Action(words("Try again"), lambda: self._repeat(plan), "again")
        data = Action(words("Change the data"), lambda: self._go("data"), "change-data")
        panel = self.failure(lambda _: None, again, data, self._back_from(plan))
        return column(panel, self._findings(job), gap=16) if panel and job.attempts else panel

    # After the run

    def _draw_result(self, result: QuantResult, step: str) -> None:
        words = self.words
        following = self._passing(step, QUANTIZE.next_step(step, self._draft))
        titles = {"look": words("Next: look inside"), "result": words("Next: choose")}
        if step == "result":
            why_not = "" if result.chosen else words("Choose a usable candidate first.")
            go = Action(words("Next: preview"), lambda: self.ways.go("preview"), "next", why_not)
        else:
            go = Action(titles[following], lambda: self._go(following), "next")
        self._show(step, self._judged(result), self._body(result, step), go, (self._back(step),))

    def _body(self, result: QuantResult, step: str) -> QWidget:
        words, tokens = self.words, self.tokens
        if step == "run":
            return run_body(words, tokens, result, self._across, self._switch)
        if step == "result":
            return choose_body(words, tokens, result, self.desk.choose)
        keep = self.desk.save_quant_draft
        return look_body(words, tokens, result, self._draft, self._looking, keep, self._again)

    def _judged(self, result: QuantResult) -> str:
        words = self.words
        if result.random:
            return words(
                "{count} candidates, made from random numbers.", count=len(result.candidates)
            )
        samples = result.float_report.samples if result.float_report else 0
        return words(
            "{count} candidates, made with {calibration} samples, judged on {samples} samples.",
            count=len(result.candidates),
            calibration=result.calibration_samples,
            samples=samples,
        )


def _plan(job: Job) -> QuantPlan:
    """What a job of this page was asked."""
    assert isinstance(job.task.plan, QuantPlan)
    return job.task.plan


def _kept(result: QuantResult) -> Kept:
    """The operators the search kept out of int8; () where there was nothing to search."""
    return next((c.kept for c in result.candidates if c.kept), ())
