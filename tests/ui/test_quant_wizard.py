"""The quantize wizard walked by clicks: goal, data, a search watched, stopped, looked into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QLineEdit, QSpinBox, QTableView, QWidget
from pytestqt.qtbot import QtBot

from edgekiln import assets
from edgekiln.core.plans import QuantPlan
from edgekiln.core.workspace import Workspace
from edgekiln.ui.attempts import Terms, best, chart, kind_of, latest, sentence
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.quant_look import Inside
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.axis import Axis
from edgekiln.ui.widgets.bars import Bars
from edgekiln.ui.widgets.scatter import Scatter
from ui import examples
from ui import quant_states as states
from ui.conftest import Compose
from ui.test_rough_use import said
from ui.test_window import button, click

ENGLISH = assets.words("en")


def last_plan(desk: Desk) -> QuantPlan:
    """What the job submitted last was asked for."""
    plan = desk.lanes.jobs[-1].task.plan
    assert isinstance(plan, QuantPlan)
    return plan


def stop(qtbot: QtBot, desk: Desk) -> None:
    """End the job submitted last: the fake worker's search goes on for ever."""
    job = desk.lanes.jobs[-1]
    desk.lanes.cancel(job)
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)


def shown(window: QWidget, kind: type[QWidget], name: str) -> QWidget:
    found = [w for w in window.findChildren(kind, name) if w.isVisible()]
    assert found, name
    return found[-1]


def plot(window: MainWindow) -> Scatter:
    made = shown(window, Scatter, "plot")
    assert isinstance(made, Scatter)
    return made


def table(window: MainWindow, name: str) -> list[list[str]]:
    view = shown(window, QTableView, name)
    assert isinstance(view, QTableView)
    model = view.model()
    return [
        [str(model.index(row, column).data()) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_goal_and_data_become_the_plan(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "target")
    window.go("quantize")
    drop = shown(window, QDoubleSpinBox, "max-drop")
    assert isinstance(drop, QDoubleSpinBox)
    drop.setValue(0.5)
    click(qtbot, window, "limit-agreement")
    agree = shown(window, QDoubleSpinBox, "agree")
    assert isinstance(agree, QDoubleSpinBox)
    assert agree.value() == 99.5
    assert not shown(window, QDoubleSpinBox, "max-drop").isEnabled()
    agree.setValue(98.0)
    click(qtbot, window, "goal-latency")
    click(qtbot, window, "next")
    click(qtbot, window, "expert")
    samples, minutes = shown(window, QSpinBox, "samples"), shown(window, QDoubleSpinBox, "minutes")
    assert isinstance(samples, QSpinBox)
    assert isinstance(minutes, QDoubleSpinBox)
    samples.setValue(64)
    minutes.setValue(1.5)
    address = shown(window, QLineEdit, "cluster")
    QTest.keyClicks(address, "tcp://10.0.0.2:8786")
    assert button(window, "next").text() == "Calibrate with 64 samples"
    click(qtbot, window, "next")
    plan = last_plan(desk)
    assert (plan.limit_on, plan.max_drop, plan.goal) == ("agreement", 0.02, "latency")
    assert plan.calibration is not None
    assert plan.calibration.limit == 64
    assert (plan.search_seconds, plan.cluster) == (90.0, "tcp://10.0.0.2:8786")
    stop(qtbot, desk)
    again = Desk(Workspace(desk.workspace.root), desk.lanes, desk.practice, desk.netron)
    assert again.quant_draft == desk.quant_draft


def test_expert_settings_stay_unfolded(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "data")
    window.go("quantize")
    click(qtbot, window, "expert")
    box = button(window, "scheme-weight-int4")
    box.click()
    assert desk.quant_draft.schemes[-1] == "weight-int4"
    assert button(window, "scheme-weight-int4").isChecked()  # drawn anew, and still to be seen


def test_the_plot_fills_while_the_search_runs(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "run")
    window.go("quantize")
    job = states.job(desk, desk.quant_draft.plan(), ())
    states.wizard(window).start(job)
    assert plot(window).dots == ()
    assert "Nothing is judged yet." in said(window)
    every = states.attempts()
    for number, each in enumerate(every[:4], start=1):
        job.find(each)
        assert len(plot(window).dots) == number
    assert "Best so far: float16, 7.03 MB, 8.5 ms here, = no change." in said(window)
    job.find(every[5])
    assert "Best so far: int16x8" in said(window)
    assert table(window, "attempts")[0][0] == "◎ int16x8"
    click(qtbot, window, "across-latency")
    assert [dot.x for dot in plot(window).dots if dot.name == "int16x8"] == [19.7]
    job.find(every[7])
    assert len(plot(window).dots) == 6


@pytest.mark.qt_log_ignore("does not support raise")  # a tooltip, where there is no screen
def test_a_dot_tells_of_itself(compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path) -> None:
    window = compose()
    states.put(desk, tmp_path, "run", states.searched(tmp_path))
    window.go("quantize")
    shape = plot(window)
    ringed = [dot for dot in shape.dots if dot.best]
    assert [dot.name for dot in ringed] == ["mixed, 5 kept"]
    for dot in shape.dots:
        found = shape.at(shape.place(dot))
        assert found is not None
        assert shape.place(shape.dots[found]) == shape.place(dot)
    qtbot.mouseMove(shape, shape.place(ringed[0]).toPoint())
    qtbot.waitUntil(lambda: shape.here is not None)
    assert "5 of 68 operators not int8" in shape.accessibleDescription()
    assert shape.at(QPointF(0, 0)) is None
    shape.setFocus()
    qtbot.keyClick(shape, Qt.Key.Key_Home)
    assert shape.accessibleDescription() == shape.dots[0].tip
    qtbot.keyClick(shape, Qt.Key.Key_Right)
    assert shape.accessibleDescription() == shape.dots[1].tip


def test_a_search_that_is_stopped_keeps_what_it_found(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    made = states.at_work(window, desk, tmp_path)
    asked = made.task.plan
    assert button(window, "cancel").text() == "Stop and keep the best"
    made.find(states.attempts()[-1])
    made.stop()
    made.cancelled()
    assert len(plot(window).dots) == 9
    assert "What was found is kept" in said(window)
    window.go("model")
    window.go("quantize")
    assert len(plot(window).dots) == 9
    click(qtbot, window, "go-on")
    assert last_plan(desk) == asked
    stop(qtbot, desk)


def test_a_child_is_watched_and_stopped(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "data")
    window.go("quantize")
    click(qtbot, window, "next")
    qtbot.waitUntil(lambda: len(plot(window).dots) == 3, timeout=10_000)
    assert "Best so far: int8, 1 kept, 26 kB, 0.5 ms here, ▼ −0.8 points." in said(window)
    click(qtbot, window, "cancel")
    job = desk.lanes.jobs[-1]
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)
    assert len(plot(window).dots) == 3
    click(qtbot, window, "finish")
    assert last_plan(desk).kept == (("conv1", "float32"),)
    stop(qtbot, desk)


def test_what_was_found_is_finished_with(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    made = states.at_work(window, desk, tmp_path)
    found = replace(states.attempts()[-1], size_bytes=3_900_000)  # smaller than int16x8
    made.find(found)
    made.stop()
    made.cancelled()
    click(qtbot, window, "finish")
    assert (last_plan(desk).search_seconds, last_plan(desk).kept) == (0.0, found.kept)
    stop(qtbot, desk)


def test_a_failure_shows_what_was_found_and_tries_again(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.quantize_error(window, desk, tmp_path)
    assert len(plot(window).dots) == 8
    before = len(desk.lanes.jobs)
    click(qtbot, window, "change-data")
    assert desk.quant_draft.step == "data"
    states.quantize_error(window, desk, tmp_path)
    click(qtbot, window, "again")
    assert len(desk.lanes.jobs) == before + 2
    stop(qtbot, desk)


def test_operators_are_switched_by_hand(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "look", states.searched(tmp_path))
    window.go("quantize")
    found = desk.quant_draft.found
    assert len(found) == 5
    assert not button(window, "again-kept").isEnabled()  # this is what was tried
    worst = states.sensitivity().ranking[0]
    view = shown(window, QTableView, "operators")
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_F)
    assert desk.quant_draft.kept == (*found, (worst, "float32"))
    assert button(window, "again-kept").text() == "Try again with 6 operators kept"
    qtbot.keyClick(view, Qt.Key.Key_Down)
    click(qtbot, window, "to-int16")
    assert desk.quant_draft.kept[-1] == (states.sensitivity().ranking[1], "int16x8")
    qtbot.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(desk.quant_draft.kept) == 6
    again = Desk(Workspace(desk.workspace.root), desk.lanes, desk.practice, desk.netron)
    assert again.quant_draft.switches == ((worst, "float32"),)
    click(qtbot, window, "again-kept")
    assert last_plan(desk).kept == (*found, (worst, "float32"))
    stop(qtbot, desk)


def test_after_another_try_the_inside_is_shown_again(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "look", states.searched(tmp_path))
    window.go("quantize")
    inside = shown(window, Inside, "")
    assert isinstance(inside, Inside)
    inside.switch("float32")
    found, kept = desk.quant_draft.found, desk.quant_draft.kept
    click(qtbot, window, "again-kept")
    job = desk.lanes.jobs[-1]
    qtbot.waitUntil(lambda: job.state == "running", timeout=10_000)
    before = states.searched(tmp_path)
    mixed = replace(before.candidates[-1], kept=kept)
    job.done(replace(before, candidates=(*before.candidates[:-1], mixed)))
    assert (desk.quant_draft.step, desk.quant_draft.found) == ("look", found)
    assert not button(window, "again-kept").isEnabled()  # tried by now
    click(qtbot, window, "reset")
    assert button(window, "again-kept").text() == "Try again with 5 operators kept"


def test_a_try_that_fails_leads_back_inside(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "look", states.searched(tmp_path))
    window.go("quantize")
    inside = shown(window, Inside, "")
    assert isinstance(inside, Inside)
    inside.switch("float32")
    switches = desk.quant_draft.switches
    click(qtbot, window, "again-kept")
    job = desk.lanes.jobs[-1]
    qtbot.waitUntil(lambda: job.state == "running", timeout=10_000)
    job.fail(examples.CRASH)
    click(qtbot, window, "again")
    assert last_plan(desk).kept == desk.quant_draft.kept
    stop(qtbot, desk)
    click(qtbot, window, "back")
    assert (desk.quant_draft.step, desk.quant_draft.switches) == ("look", switches)


def test_switches_are_forgotten_and_taken_back(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "look", states.searched(tmp_path))
    window.go("quantize")
    inside = shown(window, Inside, "")
    assert isinstance(inside, Inside)
    click(qtbot, window, "order-run")
    bars = shown(window, Bars, "bars")
    assert isinstance(bars, Bars)
    bars.go(0)
    assert not button(window, "to-float").isEnabled()  # it stays float
    assert "The runtime has no int8 kernel for CUSTOM." in said(window)
    bars.go(6)
    click(qtbot, window, "to-int8")
    assert len(desk.quant_draft.kept) == 4
    assert table(window, "operators")[6][8] == "int8, by hand"
    click(qtbot, window, "reset")
    assert desk.quant_draft.kept == desk.quant_draft.found
    assert table(window, "operators")[6][8] == "float, found"
    for tensor, _ in desk.quant_draft.found:
        bars.go(next(n for n, o in enumerate(states.operators()) if o.tensor == tensor))
        inside.switch("int8")
    assert button(window, "again-kept").toolTip() == (
        "All operators are int8: that is the candidate int8."
    )


def test_the_inside_by_arrow_keys(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "look", states.searched(tmp_path))
    window.go("quantize")
    bars = shown(window, Bars, "bars")
    assert isinstance(bars, Bars)
    bars.setFocus()
    qtbot.keyClick(bars, Qt.Key.Key_Right)
    view = shown(window, QTableView, "operators")
    assert isinstance(view, QTableView)
    assert view.currentIndex().row() == bars.here == 1
    qtbot.keyClick(bars, Qt.Key.Key_End)
    assert view.currentIndex().row() == states.OPERATORS - 1
    assert len(bars.bars) == states.OPERATORS


def test_a_result_goes_through_look_to_choose(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "run", states.searched(tmp_path))
    window.go("quantize")
    for step in ("look", "result"):
        click(qtbot, window, "next")
        assert desk.quant_draft.step == step
    rows = table(window, "candidates")
    assert rows[-1][0] == "● mixed (5)"
    assert rows[3][-1] == "◇ loses more than the limit"
    for step in ("look", "run", "data", "target"):
        click(qtbot, window, "back")
        assert desk.quant_draft.step == step
    assert desk.in_hand.quantized is not None


def test_without_sensitivity_there_is_nothing_to_look_into(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "run", replace(states.searched(tmp_path), sensitivity=None))
    window.go("quantize")
    click(qtbot, window, "next")
    assert desk.quant_draft.step == "result"
    click(qtbot, window, "back")
    assert desk.quant_draft.step == "run"


def test_without_data_nothing_is_claimed(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "data")
    desk.quant_draft = replace(desk.quant_draft, calibration=None)
    window.go("quantize")
    assert not button(window, "next").isEnabled()
    click(qtbot, window, "no-data")
    assert button(window, "next").text() == "Measure with random numbers"
    click(qtbot, window, "next")
    assert (last_plan(desk).calibration, last_plan(desk).evaluation) == (None, None)
    stop(qtbot, desk)

    result = states.unknown(tmp_path)
    desk.quant_draft = replace(desk.quant_draft, step="result")
    desk.put_quantized(result)
    window.go("quantize")
    assert {row[3] for row in table(window, "candidates")} == {"unknown without data"}
    for place in ("quantize", "preview", "deploy"):
        window.go(place)
        claims = [f"{c.report.accuracy * 100:.1f} %" for c in result.candidates if c.report
                  and c.report.accuracy is not None]  # fmt: skip
        words = [w.text() for w in window.findChildren(QLabel) if w.isVisible()]
        assert not [claim for claim in claims if any(claim in word for word in words)]
    assert not button(window, "pack").isEnabled()
    assert "quantize it with data before it is packed" in said(window)


def test_tab_goes_from_the_rail_to_the_page_to_the_tray(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "data")
    window.go("quantize")
    button(window, "place-quantize").setFocus()
    names = []
    while not names or names[-1] != "tray-toggle":
        focused = window.focusWidget()
        names.append(focused.objectName())
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert window.focusWidget().objectName() == "place-quantize"
    assert names.index("calibration-folder") < names.index("expert") < names.index("next")
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Backtab)
    assert window.focusWidget().objectName() == "tray-toggle"


# What stands in the plot, without a window


def test_each_form_once_as_said_last() -> None:
    first = states.attempt("mixed", 10, 0.001, 1.0, 2)
    gated = replace(first, usable=False, within=False)
    assert latest((first, gated)) == (gated,)


def test_a_step_of_the_search_is_judged_by_its_loss() -> None:
    terms = Terms()
    tried = replace(
        states.attempt("mixed", 10, 0.001, 1.0, 2), usable=False, within=True, gated=False
    )
    assert kind_of(tried, terms) == "holds"
    assert kind_of(replace(tried, loss=0.2, within=False), terms) == "loses"
    assert kind_of(replace(tried, within=False, gated=True), terms) == "unusable"
    plain = states.attempt("int8", 10, 0.2, 1.0, usable=False)
    assert kind_of(plain, terms) == "unusable"


def test_the_best_is_by_the_goal() -> None:
    every = states.attempts()
    smallest, fastest = best(every, Terms()), best(every, Terms(goal="latency"))
    assert smallest is not None
    assert smallest.scheme == "int16x8"
    assert fastest == every[-1]
    strict = [replace(a, within=False) for a in every if a.loss]
    assert sentence(ENGLISH, strict, Terms()).startswith("None holds the limit yet; int16x8")
    blind = sentence(ENGLISH, states.blind(), Terms(random=True))
    assert blind.startswith("Fastest so far: int8, 2.9 ms")
    assert blind.endswith("its accuracy is unknown without data.")


def test_one_bad_loss_does_not_flatten_the_others() -> None:
    made = chart(ENGLISH, states.attempts(), Terms(), "size")
    assert made.limit == (-1.0, "limit: −1.0 points")
    assert made.y.low > -10
    assert min(dot.y for dot in made.dots) == pytest.approx(-82)
    blind = chart(ENGLISH, states.blind(), Terms(random=True), "size")
    assert blind.y.title == "Latency on this computer, ms"
    assert blind.limit is None


@pytest.mark.parametrize(
    ("low", "high", "said_there"),
    [
        (0.0, 15.1, ["0", "5", "10", "15"]),
        (-3.9, 0.5, ["−3", "−2", "−1", "0"]),
        (0.0, 0.09, ["0.00", "0.02", "0.04", "0.06", "0.08"]),
    ],
)
def test_ticks_are_round(low: float, high: float, said_there: list[str]) -> None:
    assert [said for _, said in Axis("", low, high).ticks(5)] == said_there
