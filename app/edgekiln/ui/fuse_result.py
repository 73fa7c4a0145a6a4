"""The result of a fusion: its groups, their operators before and after, the price and the proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QScrollArea, QSplitter, QTabWidget, QVBoxLayout, QWidget

from edgekiln.core.flow import FuseDraft, Switches
from edgekiln.core.fusion import FusionGroup, FusionResult, SourceLatency
from edgekiln.core.passes import PassInfo
from edgekiln.core.text import Words
from edgekiln.ui.fusion_graphs import FusionGraphs
from edgekiln.ui.fusion_lists import GroupList, PassList
from edgekiln.ui.fusion_price import price_panel
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.kit import Action, button, column, icon, notice, row, text

_SOON_MS = 30


@dataclass(frozen=True)
class Shown:
    """What the page tells of a result: the TensorFlow times with how far they are, and what went
    wrong with Netron."""

    result: FusionResult
    source: SourceLatency | None = None
    timing: str = ""
    problem: str = ""


class FuseResult(QWidget):
    """Stays on the screen while switches are moved, so that filter, place and zoom stay too."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        shown: Shown,
        draft: FuseDraft,
        change: Callable[[FuseDraft], object],
        netron: tuple[Action, Action],
    ) -> None:
        super().__init__()
        self.shown, self._words, self._tokens = shown, words, tokens
        self._draft, self._change = draft, change
        result = shown.result
        self.groups = GroupList(words, tokens, result, draft)
        self.passes = PassList(words, tokens, result, draft)
        self.graphs = FusionGraphs(words, tokens, result, netron)
        self._soon = QTimer(self)  # who runs through the list sees the last one drawn
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(lambda: self.graphs.show_group(self._group))
        self._group: FusionGroup | None = None
        self.groups.chosen.connect(self._draw_soon)
        self.groups.switched.connect(self._switch_place)
        self.passes.switched.connect(self._switch_pass)
        self._undo = self._tool(
            "undo", "Ctrl+Z", words("Undo (Ctrl+Z)"), lambda: change(self._draft.undo())
        )
        self._redo = self._tool(
            "redo", "Ctrl+Shift+Z", words("Redo (Ctrl+Shift+Z)"), lambda: change(self._draft.redo())
        )
        self._told: list[QWidget] = []
        self._lay_out()
        self.groups.choose_first()
        self.show_draft(draft)

    def show_draft(self, draft: FuseDraft) -> None:
        """The switches as they are now."""
        self._draft = draft
        self.groups.show_draft(draft)
        self.passes.show_draft(draft)
        self._undo.setEnabled(bool(draft.past))
        self._redo.setEnabled(bool(draft.undone))

    def _draw_soon(self, group: FusionGroup | None) -> None:
        self._group = group
        self._soon.start()

    def _lay_out(self) -> None:
        self._tabs = self._make_tabs()
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self._tabs)
        split.addWidget(self.graphs)
        split.setChildrenCollapsible(False)
        split.setStretchFactor(0, 2)
        split.setStretchFactor(1, 3)
        split.setHandleWidth(12)
        split.setSizes([440, 580])
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)
        self._column.addWidget(split, 1)
        self.tell(self.shown)

    def tell(self, shown: Shown) -> None:
        """Of the same result, what is known by now."""
        self.shown = shown
        for old in self._told:
            self._column.removeWidget(old)
            old.hide()
            old.deleteLater()  # not at once: its button may be the one that was clicked
        price = price_panel(self._words, shown.result, shown.source, shown.timing)
        self._column.addWidget(price)
        self._told = [price]
        if (grave := self._notice()) is not None:
            self._column.insertWidget(0, grave)
            self._told.append(grave)
        for told in self._told:
            told.show()

    def _make_tabs(self) -> QTabWidget:
        words, result = self._words, self.shown.result
        tabs = QTabWidget()
        tabs.setAccessibleName(words("What was fused"))
        tabs.setDocumentMode(True)
        tabs.tabBar().setDrawBase(False)
        tabs.addTab(self.groups, words("Groups"))
        tabs.addTab(self.passes, words("Passes"))
        if told := [words.render(said) for said in (*result.interface, *result.notes)]:
            tabs.addTab(_notes(told), "! " + words("Notes: {count}", count=len(told)))
        tabs.setCornerWidget(row(self._undo, self._redo, gap=0))
        tabs.setMinimumWidth(320)
        return tabs

    def _notice(self) -> QWidget | None:
        """The gravest of what must not be overlooked; there is no room for more than one."""
        words, tokens, result = self._words, self._tokens, self.shown.result
        back = [words.render(p.title) for p in result.passes if p.taken_back]
        if back:
            told = words(
                "Taken back, because its outputs were not equal: {passes}. This is a fault of "
                "EdgeKiln; the model is as before that pass.",
                passes=", ".join(back),
            )
            show = Action(words("Show"), self._show_taken_back, "show-passes")
            return notice(tokens, "bad", told, show)
        if self.shown.problem:
            return notice(tokens, "warn", self.shown.problem)
        if result.interface:
            told = words("What the model is fed or gives has changed.")
            show = Action(words("Show"), lambda: self._tabs.setCurrentIndex(2), "show-notes")
            return notice(tokens, "warn", told, show)
        return None

    def _show_taken_back(self) -> None:
        self._tabs.setCurrentWidget(self.passes)
        self.passes.choose_taken_back()

    def _tool(self, name: str, keys: str, said: str, do: Callable[[], object]) -> QWidget:
        made = button(Action("", do, name), flat=True)
        made.setIcon(icon(name, self._tokens.text))
        made.setIconSize(QSize(18, 18))
        made.setAccessibleName(said)
        made.setToolTip(said)
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.activated.connect(made.click)
        return made

    def _switch_place(self, place: tuple[str, str], on: bool) -> None:
        self._switch(self._draft.switches.with_place(place, on))

    def _switch_pass(self, info: PassInfo, on: bool) -> None:
        self._switch(self._draft.switches.with_pass(info, on))

    def _switch(self, to: Switches) -> None:
        self._change(self._draft.switch(to))


def _notes(told: list[str]) -> QScrollArea:
    area = QScrollArea()
    inner = column(*(text(said) for said in told), None, margin=8, gap=12)
    inner.setProperty("box", "body")
    area.setWidget(inner)
    area.setWidgetResizable(True)
    return area
