"""The composition root of the window: builds everything once and hands it over."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox

from edgekiln import assets
from edgekiln.core.errors import UserError
from edgekiln.core.text import Words
from edgekiln.core.workspace import Workspace, default_root
from edgekiln.jobs.lanes import Lanes
from edgekiln.jobs.netron import Netron
from edgekiln.jobs.practice import PracticeBox
from edgekiln.jobs.runner import WORKER, Runner
from edgekiln.ui import theme
from edgekiln.ui.main_window import MainWindow
from edgekiln.ui.settings import Settings, load_settings, save_settings
from edgekiln.ui.state import Desk

_FIRST_SIZE = (1280, 800)


class Window(QObject):
    """The window's parts, and the window itself, made anew for another language or theme."""

    def __init__(self, app: QApplication, root: Path, worker: tuple[str, ...] = WORKER) -> None:
        super().__init__()
        self._app = app
        self._workspace = Workspace(root)
        self.settings = load_settings(self._workspace)
        self.runner = Runner(root, worker)
        self.lanes = Lanes(self.runner)
        self.practice = PracticeBox(root)
        self.netron = Netron(root)
        self.desk = Desk(self._workspace, self.lanes, self.practice, self.netron)
        self.window = self._build()
        self.window.resize(*_FIRST_SIZE)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_theme_changed)

    def change(self, settings: Settings) -> None:
        """Another language or theme: the same desk in a new frame."""
        save_settings(self._workspace, settings)
        self.settings = settings
        QTimer.singleShot(0, self._rebuild)  # the click that asked for it ends first

    def close(self) -> None:
        """End all children."""
        self.lanes.close()
        self.practice.close()
        self.netron.close()
        self.desk.live.close()
        self.window.close()

    def _build(self) -> MainWindow:
        language = self.settings.spoken()
        tokens = theme.apply(self._app, theme.resolve(self.settings.theme), language)
        words = assets.words(language)
        return MainWindow(words, tokens, self.desk, self.settings, self.change)

    def _rebuild(self) -> None:
        old = self.window
        self.window = self._build()
        self.window.setGeometry(old.geometry())
        self.window.go(old.here)
        for key, page in old.pages.items():
            self.window.pages[key].adopt(page)
        self.window.setVisible(old.isVisible())
        old.hide()
        old.deleteLater()

    def _system_theme_changed(self) -> None:
        if self.settings.theme == "system":
            self._rebuild()


class FirstPaint(QObject):
    """Prints the ms from the start of the process to the first painted window, then closes it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The paint itself comes right after this event; the next turn of the loop is after it."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._tell)
        return False

    def _tell(self) -> None:
        print(f"{ms_since_process_start():.0f}", flush=True)
        QApplication.quit()


def ms_since_process_start() -> float:
    """Milliseconds since this process was started (Linux: by the kernel; else since import)."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return (time.monotonic() - _IMPORTED) * 1000
    ticks = int(stat.read_text().rpartition(")")[2].split()[19])
    started = ticks / os.sysconf("SC_CLK_TCK")
    return (time.clock_gettime(time.CLOCK_BOOTTIME) - started) * 1000


_IMPORTED = time.monotonic()


def main(arguments: Sequence[str] = ()) -> int:
    """The command `edgekiln gui`."""
    parser = argparse.ArgumentParser(prog="edgekiln gui")
    parser.add_argument("model", nargs="?", type=Path, help="a model to open")
    parser.add_argument("--workspace", type=Path, default=None)
    parser.add_argument(
        "--measure-start",
        action="store_true",
        help="print the milliseconds from process start to the first paint, and close",
    )
    options = parser.parse_args(arguments)
    app = QApplication(sys.argv[:1])
    app.setApplicationName("EdgeKiln")
    root = (options.workspace or default_root()).absolute()
    try:
        composed = Window(app, root)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        refusal(error, assets.words(assets.system_language())).exec()
        return 1
    log = root / "logs" / "window.log"
    sys.excepthook = _keep_in(log, lambda error: composed.window.tell(error, log))
    first_paint = FirstPaint()
    if options.measure_start:
        composed.window.installEventFilter(first_paint)
    composed.window.show()
    if options.model is not None:
        composed.window.open_model(options.model.absolute())
    code = app.exec()
    composed.close()
    return code


def refusal(error: UserError, words: Words) -> QMessageBox:
    """There can be no window: what, why, do, in a box of its own."""
    box = QMessageBox(QMessageBox.Icon.Critical, words("EdgeKiln"), words.render(error.what))
    box.setInformativeText(f"{words.render(error.why)}\n{words.render(error.do)}")
    return box


def _keep_in(
    log: Path, tell: Callable[[BaseException], object]
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """An error of ours in the window: its traceback goes into a log, and the window lives on."""

    def keep(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(text)
        with suppress(OSError), log.open("a", encoding="utf-8") as file:
            file.write(text)  # a full disk may be the very error: it stands on stderr
        tell(error)

    return keep
