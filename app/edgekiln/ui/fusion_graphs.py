"""A fusion group's operators and what is around them, before and after."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from edgekiln.core.drawing import Drawing, changes, find_after
from edgekiln.core.fusion import FusionGroup, FusionResult
from edgekiln.core.text import Words
from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.graph_view import GROUP_MARK, GraphView
from edgekiln.ui.widgets.kit import Action, button, column, icon, line, row

_GONE, _CHANGED = "✕", "≠"


class FusionGraphs(QWidget):
    """Two drawings beside each other. `netron`: what opens either file whole."""

    def __init__(
        self, words: Words, tokens: Tokens, result: FusionResult, netron: tuple[Action, Action]
    ) -> None:
        super().__init__()
        self._words = words
        self._drawings = (result.drawing_before, result.drawing_after)
        self._marked = changes(*self._drawings)
        before = words("Before: {count} operators", count=result.before.operators)
        after = words("After: {count} operators", count=result.after.operators)
        self.before, self.after = GraphView(tokens, before), GraphView(tokens, after)
        self.before.setObjectName("graph-before")
        self.after.setObjectName("graph-after")
        panes = QHBoxLayout()
        panes.setSpacing(12)
        panes.addWidget(_pane(tokens, before, self.before, netron[0]), 1)
        panes.addWidget(_pane(tokens, after, self.after, netron[1]), 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(4)
        whole.addLayout(panes, 1)
        whole.addWidget(self._tools())
        self.show_group(None)

    def show_group(self, group: FusionGroup | None) -> None:
        """Bring its operators into view, or say that there are none."""
        before, after = self._drawings
        names = group.operators if group else ()
        self._show(self.before, before, before.find(names), self._marked[0], _GONE)
        found = find_after(names, before, after) if names else ()
        self._show(self.after, after, found, self._marked[1], _CHANGED)

    def _show(
        self,
        view: GraphView,
        drawing: Drawing,
        found: tuple[int, ...],
        marked: frozenset[int],
        mark: str,
    ) -> None:
        if found:
            view.show_nodes(drawing, found, marked, mark)
        else:
            view.show_text(self._words("None of its operators is in this graph."))

    def _tools(self) -> QWidget:
        words = self._words
        legend = words(
            "{group} this group   {gone} goes   {changed} new or changed",
            group=GROUP_MARK,
            gone=_GONE,
            changed=_CHANGED,
        )
        tools = (
            Action("−", lambda: self._both(lambda view: view.zoom(-1)), "zoom-out"),
            Action("+", lambda: self._both(lambda view: view.zoom(1)), "zoom-in"),
            Action(words("This group"), lambda: self._both(GraphView.show_group), "zoom-group"),
            Action(words("Overview"), lambda: self._both(GraphView.show_overview), "zoom-all"),
        )
        tips = (
            words("Away (−)"),
            words("Nearer (+)"),
            words("The group (0)"),
            words("Overview (Home)"),
        )
        buttons = [button(action, flat=True) for action in tools]
        for made, tip in zip(buttons, tips, strict=True):
            made.setToolTip(tip)
            made.setAccessibleName(tip)
        return row(line(legend, "muted"), *buttons, gap=4, wide=0)

    def _both(self, do: Callable[[GraphView], object]) -> None:
        for view in (self.before, self.after):
            do(view)


def _pane(tokens: Tokens, title: str, view: GraphView, netron: Action) -> QWidget:
    opener = button(netron, flat=True)
    opener.setText("Netron")
    opener.setIcon(icon("open-in-new", tokens.muted if netron.why_not else tokens.text))
    opener.setToolTip(netron.why_not or netron.text)
    opener.setAccessibleName(f"{netron.text}: {title}")
    return column(row(line(title), opener, wide=0), view, gap=4, wide=1)
