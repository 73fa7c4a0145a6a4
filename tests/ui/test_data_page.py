"""The check of the data by clicks: opened, found, repeated, and back where one came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QApplication, QComboBox, QFrame, QTableView
from pytestqt.qtbot import QtBot

from edgekiln.core.data import DataCheckPlan, DataSource
from edgekiln.core.text import say
from edgekiln.jobs.job import Job
from edgekiln.ui.data_findings import findings
from edgekiln.ui.data_page import classes_of
from edgekiln.ui.state import Desk
from edgekiln.ui.widgets.bars import Bars
from ui import examples
from ui import quant_states as states
from ui.conftest import Compose
from ui.data_states import check, found
from ui.test_quant_wizard import shown, table
from ui.test_rough_use import said
from ui.test_window import button, click


def checks(desk: Desk) -> list[Job]:
    return [job for job in desk.lanes.jobs if job.task.step == "check-data"]


def test_from_the_wizard_and_back(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "data")
    window.go("quantize")
    click(qtbot, window, "check-data")
    (job,) = checks(desk)
    draft = desk.quant_draft
    assert draft.calibration is not None
    assert draft.evaluation is not None
    assert job.task.inputs == DataSource(draft.calibration)
    assert job.task.plan == DataCheckPlan(DataSource(draft.evaluation), classes=10)
    qtbot.waitUntil(
        lambda: "Samples that both calibrate and evaluate: 1" in said(window), timeout=10_000
    )
    assert button(window, "place-quantize").isChecked()
    window.go("data")
    assert checks(desk) == [job]  # nothing has changed: it is not looked at again
    click(qtbot, window, "check-again")
    again = checks(desk)[-1]
    assert again is not job
    qtbot.waitUntil(lambda: again.ended, timeout=10_000)
    click(qtbot, window, "back")
    assert window.here == "quantize"
    window.go("preview")
    window.go("data")
    click(qtbot, window, "back")
    assert window.here == "preview"


def test_a_check_that_is_stopped_says_so(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    states.put(desk, tmp_path, "data")
    window.go("data")
    job = desk.lanes.jobs[-1]
    desk.lanes.cancel(job)
    qtbot.waitUntil(lambda: job.ended, timeout=10_000)
    if job.state == "cancelled":
        assert "The check was stopped" in said(window)
    desk.save_quant_draft(replace(desk.quant_draft, random=True))
    window.go("data")
    assert "No data is chosen" in said(window)


def test_every_finding_says_what_follows_and_what_to_do(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    found(window, desk, tmp_path)
    window.go("data")
    cards = [f for f in window.findChildren(QFrame) if f.objectName().startswith("finding-")]
    names = [f.objectName().removeprefix("finding-") for f in cards]
    assert names == [
        "unreadable", "strange", "across", "disputed", "unlabelled", "missing", "exact",
        "drift-brightness", "near",
    ]  # fmt: skip
    assert all(f.accessibleName() for f in cards)
    assert "class 7" in said(window)
    broken = "It is broken or no picture."
    before = said(window).count(broken)
    click(qtbot, window, "more-unreadable")
    QApplication.processEvents()
    assert (before, said(window).count(broken)) == (6, 9)


def test_counts_by_what_is_chosen(
    compose: Compose, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    window = compose()
    found(window, desk, tmp_path)
    window.go("data")
    assert len(table(window, "counts-table")) == 12
    bars = shown(window, Bars, "counts")
    assert isinstance(bars, Bars)
    bars.go(7)
    view = shown(window, QTableView, "counts-table")
    assert isinstance(view, QTableView)
    assert view.currentIndex().row() == 7
    assert bars.bars[7].warn  # none to evaluate
    choice = shown(window, QComboBox, "slices-by")
    assert isinstance(choice, QComboBox)
    choice.setCurrentIndex(2)
    QApplication.processEvents()
    assert [row[0] for row in table(window, "counts-table")] == ["early", "late", "night"]


def test_clean_data_has_no_findings(tmp_path: Path) -> None:
    some = check(tmp_path)
    clean = replace(
        some, unreadable=(), unreadable_count=0, alike=(), exact_count=0, near_count=0, drift=(),
        strange=(), unlabelled=0, slices=some.slices[:3],
    )  # fmt: skip
    assert findings(clean) == ()
    many = replace(clean, alike=some.alike[2:4], exact_count=300)
    (said_of,) = findings(many)
    assert said_of.what.template.startswith("{what} (Only the first hundred")
    (labels,) = findings(replace(clean, strange=("x",)), 10)
    assert labels.what == say(
        "The model, of {classes} classes, does not have these labels: {names}.",
        classes=10,
        names="x",
    )


def test_the_models_classes(tmp_path: Path) -> None:
    signature = examples.signature()
    assert classes_of(signature) == 10
    scores = signature.outputs[0]
    assert classes_of(replace(signature, outputs=(replace(scores, shape=(-1, 1)),))) == 2
    assert classes_of(replace(signature, outputs=(replace(scores, shape=(-1, 8, 8, 3)),))) == 0
    assert classes_of(replace(signature, outputs=(scores, scores))) == 0
