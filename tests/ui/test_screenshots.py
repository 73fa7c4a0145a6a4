"""Every page × state × language × theme × size as a PNG, and nothing on it cut off.

The pictures go to $EDGEKILN_SHOTS, else to pytest's temporary folder. Look at them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QCheckBox,
    QGraphicsView,
    QLabel,
    QPlainTextEdit,
    QRadioButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from edgekiln.core.device import Contact
from edgekiln.core.flow import QuantDraft, Switches
from edgekiln.core.text import say
from edgekiln.core.workspace import InHand
from edgekiln.jobs.practice import PracticeAddress
from edgekiln.ui.devices_page import DevicesPage
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.state import Desk, sample_draft
from edgekiln.ui.theme import ThemeName
from edgekiln.ui.widgets.kit import CutLabel
from ui import examples
from ui.conftest import Compose, failed_job, job_at_work
from ui.data_states import DATA_STATES
from ui.live_states import LIVE_STATES
from ui.preview_states import PREVIEW_STATES, show_samples
from ui.quant_states import QUANT_STATES

SIZES = ((1024, 700), (1280, 800), (1920, 1080))
State = Callable[[MainWindow, Desk, Path], str]


def have(desk: Desk, root: Path, upto: str) -> None:
    """Everything up to a step is on the table."""
    order = ("model", "converted", "fusion", "quantized", "bundle")
    made = {
        "model": examples.model(root),
        "converted": examples.artifact(root),
        "fusion": examples.fusion(root),
        "quantized": examples.quantized(root),
        "bundle": examples.bundle(root),
    }
    kept = {name: made[name] for name in order[: order.index(upto) + 1]}
    desk.put(replace(InHand(), **kept))  # type: ignore[arg-type]
    desk.quant_draft = replace(sample_draft("rdk-x5"), step="result")
    desk.fuse_draft = replace(desk.fuse_draft, step="result")


def busy(window: MainWindow, desk: Desk, place: str) -> str:
    job = job_at_work(desk, say("Fuse operators"), 0.42, say("Fuse operators"))
    desk.lanes.jobs.append(job)
    window.go(place)
    window.pages[place].start(job)
    desk.lanes.changed.emit()
    return place


def model_empty(window: MainWindow, desk: Desk, root: Path) -> str:
    (root / "models" / "resnet8").mkdir(parents=True)
    desk.recent = replace(desk.recent, models=(root / "models" / "resnet8",))
    return "model"


def model_busy(window: MainWindow, desk: Desk, root: Path) -> str:
    return busy(window, desk, "model")


def model_error(window: MainWindow, desk: Desk, root: Path) -> str:
    window.pages["model"].job = failed_job(desk, examples.ERROR)
    return "model"


def model_partial(window: MainWindow, desk: Desk, root: Path) -> str:
    desk.put(InHand(model=examples.model(root, dynamic=True)))
    return "model"


def model_done(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "model")
    return "model"


def fuse_empty(window: MainWindow, desk: Desk, root: Path) -> str:
    return "fuse"


def fuse_choose(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "model")
    desk.fuse_draft = replace(desk.fuse_draft, step="choose")
    return "fuse"


def fuse_busy(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "model")
    return busy(window, desk, "fuse")


def fuse_crashed(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "model")
    window.pages["fuse"].job = failed_job(desk, examples.CRASH)
    return "fuse"


def fuse_done(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "fusion")
    return "fuse"


def fuse_changed(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "fusion")
    made = replace(desk.fuse_draft, made=Switches())
    desk.fuse_draft = made.switch(Switches(leave=(("affine-forward", "net/conv2"),)))
    desk.put_source_latency(examples.SOURCE_LATENCY)
    return "fuse"


def fuse_taken_back(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "fusion")
    result = examples.fusion(root)
    back = replace(result.passes[0], taken_back=True)
    notes = (examples.ERROR.why, examples.ERROR.do)
    desk.put_fusion(replace(result, passes=(back, *result.passes[1:]), interface=notes))
    window.go("fuse")
    show = window.pages["fuse"].findChild(QAbstractButton, "show-passes")
    assert show is not None
    show.click()
    return ""


def fuse_nothing(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "fusion")
    result = examples.fusion(root)
    desk.put_fusion(replace(result, after=result.before, groups=(), proof_samples=0))
    return "fuse"


def quantize_empty(window: MainWindow, desk: Desk, root: Path) -> str:
    return "quantize"


def quantize_target(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "fusion")
    desk.quant_draft = replace(desk.quant_draft, step="target")
    return "quantize"


def quantize_data_missing(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "fusion")
    desk.quant_draft = QuantDraft(step="data")
    return "quantize"


def quantize_data(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "fusion")
    desk.quant_draft = replace(desk.quant_draft, step="data")
    return "quantize"


def quantize_done(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "quantized")
    return "quantize"


def preview_empty(window: MainWindow, desk: Desk, root: Path) -> str:
    return "preview"


def preview_done(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "quantized")
    show_samples(window, desk, root)
    return "preview"


def devices_empty(window: MainWindow, desk: Desk, root: Path) -> str:
    return "devices"


def devices_form(window: MainWindow, desk: Desk, root: Path) -> str:
    page = window.pages["devices"]
    assert isinstance(page, DevicesPage)
    page.talk.adding = True
    return "devices"


def devices_confirm(window: MainWindow, desk: Desk, root: Path) -> str:
    page = window.pages["devices"]
    assert isinstance(page, DevicesPage)
    page.talk.new, page.talk.key = Contact(examples.DEVICE), examples.KEY
    return "devices"


def devices_password(window: MainWindow, desk: Desk, root: Path) -> str:
    page = window.pages["devices"]
    assert isinstance(page, DevicesPage)
    page.talk.asking = (examples.DEVICE, print)
    return "devices"


def devices_done(window: MainWindow, desk: Desk, root: Path) -> str:
    desk.devices.put(examples.OTHER_DEVICE)
    desk.add_device(examples.DEVICE)
    desk.facts[examples.DEVICE.name] = examples.FACTS
    desk.practice.address = PracticeAddress("127.0.0.1", 40022, "practice", "SHA256:x")
    return "devices"


def deploy_empty(window: MainWindow, desk: Desk, root: Path) -> str:
    return "deploy"


def deploy_unpacked(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "quantized")
    return "deploy"


def deploy_wrong_kind(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "bundle")
    desk.add_device(replace(examples.OTHER_DEVICE, name="laptop"))
    return "deploy"


def deploy_practice_asleep(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "bundle")
    desk.add_device(examples.OTHER_DEVICE)
    return "deploy"


def deploy_live(window: MainWindow, desk: Desk, root: Path) -> str:
    have(desk, root, "bundle")
    desk.add_device(examples.DEVICE)
    desk.statuses[examples.DEVICE.name] = examples.STATUS
    desk.push_result = examples.PUSHED
    return "deploy"


def deploy_rolled_back(window: MainWindow, desk: Desk, root: Path) -> str:
    deploy_live(window, desk, root)
    desk.push_result = examples.ROLLED_BACK
    return "deploy"


def settings(window: MainWindow, desk: Desk, root: Path) -> str:
    return "settings"


def tray_open(window: MainWindow, desk: Desk, root: Path) -> str:
    desk.lanes.jobs.append(failed_job(desk, examples.CRASH))
    busy(window, desk, "fuse")
    toggle = window.findChild(QAbstractButton, "tray-toggle")
    assert toggle is not None
    toggle.click()
    window._tray.ask_cancel()
    return ""


STATES: tuple[State, ...] = (
    model_empty,
    model_busy,
    model_error,
    model_partial,
    model_done,
    fuse_empty,
    fuse_choose,
    fuse_busy,
    fuse_crashed,
    fuse_done,
    fuse_changed,
    fuse_taken_back,
    fuse_nothing,
    quantize_empty,
    quantize_target,
    quantize_data_missing,
    quantize_data,
    quantize_done,
    *QUANT_STATES,
    *DATA_STATES,
    *LIVE_STATES,
    preview_empty,
    preview_done,
    *PREVIEW_STATES,
    devices_empty,
    devices_form,
    devices_confirm,
    devices_password,
    devices_done,
    deploy_empty,
    deploy_unpacked,
    deploy_wrong_kind,
    deploy_practice_asleep,
    deploy_live,
    deploy_rolled_back,
    settings,
    tray_open,
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_page(
    compose: Compose,
    qtbot: QtBot,
    desk: Desk,
    tmp_path: Path,
    state: State,
    language: str,
    theme: ThemeName,
) -> None:
    window = compose(language, theme)
    place = state(window, desk, tmp_path)
    if place:
        window.go(place)
    folder = Path(os.environ.get("EDGEKILN_SHOTS") or tmp_path / "shots")
    folder.mkdir(parents=True, exist_ok=True)
    for width, height in SIZES:
        window.resize(width, height)
        QApplication.processEvents()
        QApplication.processEvents()
        shot = window.grab()
        name = f"{state.__name__}-{language}-{theme}-{width}x{height}.png"
        assert shot.save(str(folder / name))
        image = shot.toImage()
        assert (image.width(), image.height()) == (width, height)
        colours = {image.pixel(x, y) for x in range(0, width, 16) for y in range(0, height, 16)}
        assert len(colours) > 4, "the page is blank"
        assert cut_off(window) == []


def cut_off(window: QWidget) -> list[str]:
    """Texts on the screen that do not fit and have no tooltip with all of it."""
    labels = [w for w in window.findChildren(QLabel) if w.isVisible() and w.text()]
    buttons = [w for w in window.findChildren(QAbstractButton) if w.isVisible() and w.text()]
    bad = [w.text() for w in labels if not _label_fits(w)]
    bad += [w.text() for w in buttons if not _button_fits(w)]
    return bad + [f"too wide: {area.objectName()}" for area in _too_wide(window)]


def _too_wide(window: QWidget) -> list[QAbstractScrollArea]:
    """Pages and tables whose content goes on where nobody can see it."""
    areas = [a for a in window.findChildren(QAbstractScrollArea) if a.isVisible()]
    bars = [a for a in areas if a.horizontalScrollBar().maximum() > 0]
    return [a for a in bars if not isinstance(a, QPlainTextEdit | QGraphicsView)]


def _label_fits(label: QLabel) -> bool:
    if isinstance(label, CutLabel):
        return label.text() == label.full() or label.toolTip() == label.full()
    if label.wordWrap():
        return label.height() >= label.heightForWidth(label.width()) - 1
    return label.width() >= label.fontMetrics().horizontalAdvance(label.text())


def _button_fits(made: QAbstractButton) -> bool:
    if isinstance(made, QCheckBox | QRadioButton) or made.property("place"):
        return made.width() >= made.minimumSizeHint().width()
    return made.width() >= made.sizeHint().width()
