"""The frame: rail, strip, page, tray. It lays out and wires, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QGridLayout, QStackedWidget, QWidget

from edgekiln.core.text import Words
from edgekiln.jobs.lanes import PICTURES
from edgekiln.ui import figures
from edgekiln.ui.data_page import DataPage
from edgekiln.ui.deploy_page import DeployPage
from edgekiln.ui.devices_page import DevicesPage
from edgekiln.ui.fuse_wizard import FuseWizard
from edgekiln.ui.marks import marks
from edgekiln.ui.model_page import ModelPage
from edgekiln.ui.preview_page import PreviewPage
from edgekiln.ui.quant_wizard import QuantWizard
from edgekiln.ui.settings import Settings
from edgekiln.ui.settings_page import SettingsPage
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.choose_path import choose_file, choose_folder, dropped
from edgekiln.ui.widgets.page import Page, Ways, takes_keys
from edgekiln.ui.widgets.rail import Place, Rail, RailButton
from edgekiln.ui.widgets.strip import Strip
from edgekiln.ui.widgets.tray import Tray

SMALLEST = (1024, 700)


class MainWindow(QWidget):
    """Built anew when language or theme change; the desk stays."""

    shown = Signal()

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        desk: Desk,
        settings: Settings,
        change: Callable[[Settings], object],
    ) -> None:
        super().__init__()
        self._words, self._desk = words, desk
        self._closing = False
        self.setWindowTitle(words("EdgeKiln"))
        self.setMinimumSize(*SMALLEST)
        self.setAcceptDrops(True)
        self._tray = Tray(words, tokens, desk.lanes)
        ways = Ways(self.go, self.open_model, self._tray.open_log)
        self.pages: dict[str, Page] = {
            "model": ModelPage(words, tokens, desk, ways),
            "fuse": FuseWizard(words, tokens, desk, ways),
            "quantize": QuantWizard(words, tokens, desk, ways),
            "preview": PreviewPage(words, tokens, desk, ways),
            "devices": DevicesPage(words, tokens, desk, ways),
            "deploy": DeployPage(words, tokens, desk, ways),
            "settings": SettingsPage(words, tokens, desk, ways, settings, change),
            "data": DataPage(words, tokens, desk, ways),
        }
        places = _places(words)
        self._places = [place.key for place in places]
        self._rail = Rail(words, tokens, places)
        self._strip = Strip(words, tokens)
        self._stack = QStackedWidget()
        for page in self.pages.values():
            self._stack.addWidget(page)
        self._lay_out()
        self._bind_keys()
        self._rail.chosen.connect(self.go)
        desk.changed.connect(self._show_desk)
        desk.lanes.changed.connect(self._show_marks)
        self.here = ""
        self.go("model")
        self._show_marks()

    def go(self, key: str) -> None:
        """To a place."""
        on_rail = isinstance(self.focusWidget(), RailButton)  # hiding a page moves it there
        self._desk.look()
        page = self.pages[key]
        if isinstance(page, DataPage) and self.here in self._places:
            page.came_from = self.here
        self.here = key
        page.draw()
        self._stack.setCurrentWidget(page)
        self._rail.go(page.came_from if isinstance(page, DataPage) else key)
        self._show_strip()
        if not on_rail:
            page.focus_next()

    def open_model(self, path: Path) -> None:
        """Open what the user dropped, chose or clicked."""
        self.go("model")
        page = self.pages["model"]
        assert isinstance(page, ModelPage)
        page.open_model(path)

    def tell(self, error: BaseException, log: Path) -> None:
        """Something of ours went wrong: the user hears of it, and the window lives on."""
        reason = str(error) or type(error).__name__
        words = self._words
        self._tray.tell(
            words("That did not work: {reason}. The details: {log}", reason=reason, log=str(log))
        )

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A file or folder may be dropped anywhere."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the first one."""
        if (path := dropped(event)) is not None:
            self.open_model(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Nothing that runs is ended without a question, but the drawing of pictures."""
        work = [job for job in self._desk.lanes.active if job.task.lane != PICTURES]
        if self._closing or not work:
            event.accept()
            return
        event.ignore()
        words = self._words
        self._tray.ask(
            words("A job is running. Stop it and close?"), words("Close"), self._close_now
        )

    def focusNextPrevChild(self, next: bool) -> bool:
        """Tab goes from the rail to the page and from there to the tray, though the page was drawn
        after both."""
        parts = (self._rail, self._stack.currentWidget(), self._tray)
        order = [w for part in parts for w in part.findChildren(QWidget) if takes_keys(w, self)]
        here = self.focusWidget()
        if not order or here is None:
            return super().focusNextPrevChild(next)
        at = order.index(here) if here in order else -1 if next else 0
        order[(at + (1 if next else -1)) % len(order)].setFocus(
            Qt.FocusReason.TabFocusReason if next else Qt.FocusReason.BacktabFocusReason
        )
        return True

    def _close_now(self) -> None:
        self._closing = True
        self.close()

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._rail, 0, 0, 2, 1)
        layout.addWidget(self._strip, 0, 1)
        layout.addWidget(self._stack, 1, 1)
        layout.addWidget(self._tray, 2, 0, 1, 2)
        layout.setColumnStretch(1, 1)
        layout.setRowStretch(1, 1)

    def _bind_keys(self) -> None:
        for number, key in enumerate(self.pages, start=1):
            self._key(f"Ctrl+{number}", lambda key=key: self.go(key))  # type: ignore[misc]
        self._key("Ctrl+O", lambda: self._ask(choose_folder))
        self._key("Ctrl+Shift+O", lambda: self._ask(choose_file))
        self._key("F5", lambda: self.pages[self.here].repeat())
        self._key("Esc", self._tray.ask_cancel)

    def _key(self, keys: str, do: Callable[[], object]) -> None:
        QShortcut(QKeySequence(keys), self).activated.connect(lambda: do())

    def _ask(self, choose: Callable[[Words, QWidget], Path | None]) -> None:
        if (path := choose(self._words, self)) is not None:
            self.open_model(path)

    def _show_desk(self) -> None:
        self.pages[self.here].draw()
        self._show_strip()
        self._show_marks()

    def _show_marks(self) -> None:
        desk = self._desk
        now = marks(desk.in_hand, desk.device, desk.push_result, desk.lanes.jobs)
        for place, mark in now.items():
            self._rail.mark(place, mark)

    def _show_strip(self) -> None:
        words, desk = self._words, self._desk
        model = desk.in_hand.model
        device = desk.device
        target = words(desk.target_title)
        self._strip.show_answers(
            figures.model_name(model.source.path) if model else words("none"),
            f"{device.name} · {target}" if device else target,
            self._would_ship(),
        )

    def _would_ship(self) -> str:
        words, chosen = self._words, self._desk.chosen
        if chosen is None or chosen.artifact is None:
            return words("nothing yet")
        parts = [chosen.scheme, figures.size(chosen.artifact.size_bytes)]
        quantized = self._desk.in_hand.quantized
        if quantized is not None and quantized.random:
            parts.append(words("accuracy unknown"))
        elif chosen.report is not None and chosen.report.accuracy is not None:
            parts.append(figures.percent(chosen.report.accuracy))
        return " · ".join(parts)


def _places(words: Words) -> tuple[Place, ...]:
    return (
        Place("model", words("Model"), "cube-outline"),
        Place("fuse", words("Fuse"), "call-merge"),
        Place("quantize", words("Quantize"), "arrow-collapse-all"),
        Place("preview", words("Preview"), "compare"),
        Place("devices", words("Devices"), "server-network"),
        Place("deploy", words("Deploy"), "rocket-launch-outline"),
        Place("settings", words("Settings"), "cog-outline", below_gap=True),
    )
