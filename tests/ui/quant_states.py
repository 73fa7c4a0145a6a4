"""The quantize wizard's states: a search half done, stopped, failed, done; without data."""

from __future__ import annotations

from dataclasses import replace
from math import sin
from pathlib import Path

from PySide6.QtWidgets import QAbstractButton

from edgekiln.core.accuracy import Candidate, QuantResult
from edgekiln.core.artifact import SchemeName
from edgekiln.core.flow import QuantDraft
from edgekiln.core.plans import QuantPlan
from edgekiln.core.quantization import Attempt, Kept, OperatorError, Sensitivity
from edgekiln.core.text import say
from edgekiln.core.workspace import InHand
from edgekiln.jobs.job import Job, Task
from edgekiln.ui.attempts import Across
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.quant_wizard import QuantWizard
from edgekiln.ui.state import Desk, sample_draft
from ui import examples

OPERATORS = 68


def attempt(
    scheme: SchemeName, size: int, loss: float | None, ms: float, kept: int = 0, usable: bool = True
) -> Attempt:
    names = tuple(o.tensor for o in operators())
    within = usable and loss is not None and loss <= 0.01
    each: Kept = tuple((name, "float32") for name in names[6 : 6 + kept])
    return Attempt(scheme, each, OPERATORS, size, loss, ms, usable, within)


def attempts() -> tuple[Attempt, ...]:
    """Of a MobileNetV2-size model: int8 loses too much, a search finds the operators to keep."""
    return (
        attempt("float32", 14_020_000, 0.0, 8.4),
        attempt("dynamic-range", 3_780_000, 0.82, 6.1, usable=False),
        attempt("float16", 7_030_000, 0.0, 8.5),
        attempt("int8-float-io", 3_690_000, 0.034, 2.95),
        attempt("int8", 3_690_000, 0.034, 2.9),
        attempt("int16x8", 3_920_000, 0.002, 19.7),
        attempt("mixed", 5_100_000, 0.004, 4.4, 14),
        attempt("mixed", 4_200_000, 0.008, 3.6, 7),
        attempt("mixed", 3_900_000, 0.018, 3.1, 3),
        attempt("mixed", 4_020_000, 0.0095, 3.3, 5),
    )


def operators() -> tuple[OperatorError, ...]:
    """As a deep network has them: most are fine, some are not, some stay float."""
    return tuple(_operator(n) for n in range(OPERATORS))


def _operator(n: int) -> OperatorError:
    kind = ("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD")[n % 4]
    tail = ("expand", "dw", "project", "add")[n % 4]
    tensor = f"net/block_{n // 4}/{tail}"
    if n in (0, OPERATORS - 1):
        stays = say("The runtime has no int8 kernel for {operator}.", operator="CUSTOM")
        return OperatorError(
            tensor, "CUSTOM", tensor[4:], None, None, None, None, -1.0, 1.0, 0.0, "float32", stays
        )
    bad = n in (5, 17, 33)
    alone = 9.5 + n / 10 if bad else 34 + 6 * sin(n)
    why = None
    if bad:
        why = say(
            "Its channels are unequal: the largest range is {times} times the smallest.", times=180
        )
    return OperatorError(
        tensor, kind, tensor[4:], alone, alone - 4 - n / 8, 0.95 if bad else 0.9994,
        1.9 if bad else 0.291, -6.3, 6.1 + n, 0.013 if bad else 0.0, "int8", why,
    )  # fmt: skip


def sensitivity() -> Sensitivity:
    every = [o for o in operators() if o.isolated_sqnr_db is not None]
    ranking = sorted(every, key=lambda o: o.isolated_sqnr_db or 0.0)
    return Sensitivity(operators(), tuple(o.tensor for o in ranking), 10, examples.LITERT)


def searched(root: Path) -> QuantResult:
    """What the search ended with: "mixed" with five operators kept."""
    plain, found = examples.quantized(root, "mixed"), attempts()[-1]
    mixed = Candidate(
        "mixed",
        examples.artifact(root, "mixed", found.size_bytes),
        "ai-edge-quantizer 0.10",
        plain.candidates[3].verdict,
        replace(examples.report(root, 0.982, 0.986), median_ms=3.3),
        plain.candidates[3].on_target,
        found.kept,
        OPERATORS,
    )
    judged = {a.scheme: a for a in attempts() if not a.kept}
    every = tuple(_as_tried(each, judged[each.scheme]) for each in plain.candidates)
    reason = say(
        "{scheme} is the smallest that loses at most {limit} points: {figures}.",
        scheme="mixed",
        limit="1.0",
        figures="98.2 %",
    )
    return replace(
        plain,
        candidates=(*every, mixed),
        reason=reason,
        sensitivity=sensitivity(),
        attempts=attempts(),
    )


def _as_tried(candidate: Candidate, tried: Attempt) -> Candidate:
    assert candidate.artifact is not None
    assert candidate.report is not None
    assert candidate.on_target is not None
    accuracy = 0.991 - (tried.loss or 0.0)
    return replace(
        candidate,
        artifact=replace(candidate.artifact, size_bytes=tried.size_bytes),
        report=replace(candidate.report, accuracy=accuracy, median_ms=tried.median_ms or 0.0),
        on_target=replace(candidate.on_target, accuracy=accuracy),
    )


def unknown(root: Path) -> QuantResult:
    """Made from random numbers."""
    plain = examples.quantized(root)
    reason = say(
        "{scheme} is the fastest here ({latency} ms, {runtime}); its accuracy is unknown without "
        "data.",
        scheme="int8",
        latency="2.9",
        runtime=examples.LITERT,
    )
    return replace(plain, reason=reason, random=True, attempts=blind())


def blind() -> tuple[Attempt, ...]:
    return tuple(replace(a, loss=None, within=False) for a in attempts() if not a.kept)


def put(desk: Desk, root: Path, step: str, result: QuantResult | None = None) -> None:
    """The wizard at a step, with what came of a run."""
    desk.put(
        InHand(
            model=examples.model(root),
            converted=examples.artifact(root),
            fusion=examples.fusion(root),
            quantized=result,
        )
    )
    found = next((c.kept for c in result.candidates if c.kept), ()) if result else ()
    desk.quant_draft = replace(sample_draft("rdk-x5"), step=step, found=found)


def job(desk: Desk, plan: QuantPlan, found: tuple[Attempt, ...]) -> Job:
    """A search at work, without a child."""
    title = say("Quantize, {count} schemes", count=6)
    made = Job(Task("quantize", plan, plan, QuantResult, title), print, desk)
    log = desk.workspace.root / "logs" / "example.log"
    log.write_text("calibrating\n")
    made.start(log)
    made.run(1)
    for each in found:
        made.find(each)
    made.progress(0.62, say("Searching: {count} operators not int8", count=7))
    return made


def wizard(window: MainWindow) -> QuantWizard:
    page = window.pages["quantize"]
    assert isinstance(page, QuantWizard)
    return page


def at_work(window: MainWindow, desk: Desk, root: Path, across: Across = "size") -> Job:
    put(desk, root, "run")
    found = attempts()[:8]
    wizard(window)._across = across
    made = job(desk, desk.quant_draft.plan(), found)
    desk.lanes.jobs.append(made)
    window.go("quantize")
    wizard(window).start(made)
    desk.lanes.changed.emit()
    return made


def quantize_no_data(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "data")
    desk.quant_draft = replace(desk.quant_draft, random=True)
    return "quantize"


def quantize_expert(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "data")
    window.go("quantize")
    expert = wizard(window).findChild(QAbstractButton, "expert")
    assert expert is not None
    expert.setChecked(True)
    return ""


def quantize_busy(window: MainWindow, desk: Desk, root: Path) -> str:
    at_work(window, desk, root)
    return ""


def quantize_busy_first(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "run")
    window.go("quantize")
    wizard(window).start(job(desk, desk.quant_draft.plan(), ()))
    return ""


def quantize_busy_latency(window: MainWindow, desk: Desk, root: Path) -> str:
    at_work(window, desk, root, "latency")
    return ""


def quantize_error(window: MainWindow, desk: Desk, root: Path) -> str:
    at_work(window, desk, root).fail(examples.CRASH)
    desk.lanes.changed.emit()
    return ""


def quantize_stopped(window: MainWindow, desk: Desk, root: Path) -> str:
    made = at_work(window, desk, root)
    made.stop()
    made.cancelled()
    desk.lanes.changed.emit()
    return ""


def quantize_tried(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "run", searched(root))
    return "quantize"


def quantize_look(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "look", searched(root))
    return "quantize"


def quantize_look_switched(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "look", searched(root))
    switches: Kept = (("net/block_1/dw", "int16x8"), ("net/block_1/project", "int8"))
    desk.quant_draft = replace(desk.quant_draft, switches=switches)
    wizard(window)._looking.order = "run"
    wizard(window)._looking.tensor = "net/block_1/dw"
    return "quantize"


def quantize_choose(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "result", searched(root))
    return "quantize"


def quantize_unknown_run(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "run", unknown(root))
    return "quantize"


def quantize_unknown(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "result", unknown(root))
    desk.quant_draft = QuantDraft(step="result", random=True, target="rdk-x5")
    return "quantize"


def preview_unknown(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "result", unknown(root))
    return "preview"


def deploy_unknown(window: MainWindow, desk: Desk, root: Path) -> str:
    put(desk, root, "result", unknown(root))
    return "deploy"


QUANT_STATES = (
    quantize_no_data,
    quantize_expert,
    quantize_busy_first,
    quantize_busy,
    quantize_busy_latency,
    quantize_error,
    quantize_stopped,
    quantize_tried,
    quantize_look,
    quantize_look_switched,
    quantize_choose,
    quantize_unknown_run,
    quantize_unknown,
    preview_unknown,
    deploy_unknown,
)
