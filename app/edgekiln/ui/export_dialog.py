"""Export: which files of the report, in which language, where; then where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QVBoxLayout, QWidget

from edgekiln.core.reporting import (
    FORMATS,
    WORDED,
    ReportFile,
    ReportFormat,
    ReportInputs,
    ReportPlan,
    WrittenReport,
)
from edgekiln.core.text import Words
from edgekiln.jobs.job import Job
from edgekiln.ui import tasks
from edgekiln.ui.figures import model_name
from edgekiln.ui.state import Desk
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.choose_path import choose_folder
from edgekiln.ui.widgets.kit import Action, button, clear, column, line, notice, row, text
from edgekiln.ui.widgets.panels import BusyPanel, error_panel

_BOTH = ("zh_CN", "en")
_WIDE = 560


def open_folder(folder: Path) -> None:
    """In the desktop's own file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


class ExportDialog(QDialog):
    """Asks, runs the step as a job, and shows what came of it."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        desk: Desk,
        parent: QWidget,
        show_folder: Callable[[Path], object] = open_folder,
    ) -> None:
        super().__init__(parent)
        self._words, self._tokens, self._desk = words, tokens, desk
        self._show_folder = show_folder
        self._folder = Path.home()
        self._formats: tuple[ReportFormat, ...] = ("html", "pdf")
        self._languages: tuple[str, ...] = (words.language,)
        self._job: Job | None = None
        self.setWindowTitle(words("Export"))
        self.finished.connect(self.deleteLater)  # the page opens a new one every time
        self.setMinimumWidth(_WIDE)
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(24, 24, 24, 16)
        self._draw()

    def choose(self, folder: Path) -> None:
        """Write into this folder."""
        self._folder = folder
        self._draw()

    def _draw(self) -> None:
        clear(self._body)
        job = self._job
        if job is not None and not job.ended:
            self._body.addWidget(BusyPanel(self._words, job, lambda: self._desk.lanes.cancel(job)))
        elif job is not None and isinstance(job.result, WrittenReport):
            self._body.addWidget(self._done(job.result))
        else:
            self._body.addWidget(self._ask(job))

    def _ask(self, job: Job | None) -> QWidget:
        words = self._words
        failed = job.error if job is not None else None
        missing = "" if self._formats else words("Choose a format first.")
        export = Action(words("Export"), self._start, "start-export", missing)
        change = Action(words("Choose a folder"), self._choose, "export-folder")
        return column(
            *((error_panel(words, self._tokens, failed, print),) if failed else ()),
            line(words("Formats"), "strong"),
            *(self._box(form) for form in FORMATS),
            line(words("Language of the report"), "strong"),
            self._language(),
            line(words("Folder"), "strong"),
            row(line(str(self._folder)), button(change), wide=0),
            row(button(Action(words("Close"), self.reject, "close-export")), None,
                button(export, primary=True)),
            gap=10,
        )  # fmt: skip

    def _box(self, form: ReportFormat) -> QCheckBox:
        words = self._words
        titles: dict[ReportFormat, str] = {
            "html": words("HTML: one page, opens in any browser"),
            "pdf": words("PDF: the acceptance report, to print and sign"),
            "csv": words("CSV: every number, a row each"),
            "json": words("JSON: every number and every result"),
            "tensorboard": words("TensorBoard: scalars, a run for each candidate"),
        }
        box = QCheckBox(titles[form])
        box.setObjectName(f"export-{form}")
        box.setChecked(form in self._formats)
        box.toggled.connect(lambda on: self._switch(form, on))
        return box

    def _switch(self, form: ReportFormat, on: bool) -> None:
        wanted = {*self._formats, form} if on else {*self._formats} - {form}
        had = bool(self._formats)
        self._formats = tuple(f for f in FORMATS if f in wanted)
        if had != bool(self._formats):
            self._draw()

    def _language(self) -> QComboBox:
        entries: tuple[tuple[tuple[str, ...], str], ...] = (
            (("zh_CN",), "简体中文"),
            (("en",), "English"),
            (_BOTH, "简体中文 + English"),
        )
        box = QComboBox()
        box.setObjectName("export-language")
        box.setAccessibleName(self._words("Language of the report"))
        box.addItems([shown for _, shown in entries])
        box.setCurrentIndex([key for key, _ in entries].index(self._languages))
        box.activated.connect(lambda n: setattr(self, "_languages", entries[n][0]))
        return box

    def _choose(self) -> None:
        if (folder := choose_folder(self._words, self)) is not None:
            self.choose(folder)

    def _start(self) -> None:
        hand = self._desk.in_hand
        if hand.model is None:
            return
        inputs = ReportInputs(
            hand.model, hand.fusion, hand.quantized, hand.bundle, self._desk.push_result,
            self._desk.data(), hand.source_latency,
        )  # fmt: skip
        plan = ReportPlan(tuple(self._files(model_name(hand.model.source.path))))
        self._job = self._desk.run(tasks.report(inputs, plan), lambda _: None)
        self._job.finished.connect(self._draw)
        self._draw()

    def _files(self, name: str) -> list[ReportFile]:
        files = []
        for form in self._formats:
            suffix = f"-{form}" if form == "tensorboard" else f".{form}"
            worded = form in WORDED
            for language in self._languages if worded else self._languages[:1]:
                mark = f"-{language}" if worded and len(self._languages) > 1 else ""
                path = self._folder / f"{name}-report{mark}{suffix}"
                files.append(ReportFile(path, form, language))
        return files

    def _done(self, written: WrittenReport) -> QWidget:
        words = self._words
        show = Action(
            words("Open the folder"), lambda: self._show_folder(self._folder), "open-folder"
        )
        said = words("{count} files were written.", count=len(written.files))
        names = "\n".join(path.name for path in written.files)
        return column(
            notice(self._tokens, "good", said),
            text(str(self._folder), "strong"),
            text(names, "muted"),
            row(button(Action(words("Close"), self.accept, "close-export")), None,
                button(show, primary=True)),
            gap=10,
        )  # fmt: skip
