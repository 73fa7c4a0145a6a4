"""The few shapes every page is made of: texts, rows, columns, cards, buttons."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import qtawesome
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QMouseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from edgekiln.ui.theme import GRID, Tokens, Tone

W = TypeVar("W", bound=QWidget)
_UNBROKEN = re.compile(r"\S{60}")  # a path or a hash that would make the page as wide as it is
_MOST_ON_BUTTON = 44
_MOST_ON_ROW = 88


@dataclass(frozen=True)
class Action:
    """A button to be: what it says, what it does, and why it cannot be pressed ("" when it can)."""

    text: str
    do: Callable[[], object]
    name: str = ""
    why_not: str = ""
    icon: str = ""


class CutLabel(QLabel):
    """One line that ends in … when there is no room; then the tooltip has all of it."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._full = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self.set_full(text)

    def set_full(self, text: str) -> None:
        """Show another text."""
        self._full = text
        self._cut()

    def full(self) -> str:
        """All of the text."""
        return self._full

    def sizeHint(self) -> QSize:
        """As wide as the whole text."""
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 2, hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut anew."""
        super().resizeEvent(event)
        self._cut()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The font may have changed since the last cut."""
        self._cut()
        super().paintEvent(event)

    def _cut(self) -> None:
        metrics = self.fontMetrics()
        shown = metrics.elidedText(self._full, Qt.TextElideMode.ElideRight, max(self.width(), 8))
        if shown != self.text():
            self.setText(shown)
        self.setToolTip(self._full if shown != self._full else "")


def short(content: str, most: int = _MOST_ON_BUTTON) -> str:
    """Without its middle where it has more than `most` characters: names end in what differs."""
    if len(content) <= most:
        return content
    return f"{content[: most // 2]}…{content[-(most - most // 2 - 1) :]}"


def text(content: str, role: str = "", tone: Tone = "") -> QLabel:
    """A sentence that wraps; role "title", "lead", "strong", "muted"."""
    label = QLabel(_UNBROKEN.sub("\\g<0>\u200b", content))
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return _dress(label, role, tone)


def line(content: str, role: str = "", tone: Tone = "") -> CutLabel:
    """One line, cut with a tooltip where there is no room."""
    label = CutLabel(content)
    label.setTextFormat(Qt.TextFormat.PlainText)
    _dress(label, role, tone)
    return label


def word(content: str, role: str = "", tone: Tone = "") -> QLabel:
    """A word or number that always has its room."""
    label = QLabel(content)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Preferred)
    return _dress(label, role, tone)


def column(
    *items: QWidget | None,
    gap: int = GRID,
    margin: int = 0,
    wide: int | None = None,
    into: QWidget | None = None,
) -> QWidget:
    """Widgets below each other, `into` a widget if there is one already; None stretches, and so
    does the item number `wide`."""
    layout = QVBoxLayout()
    made = _fill(into or QWidget(), layout, items, gap, margin)
    if wide is not None:
        layout.setStretch(wide, 1)
    return made


def row(
    *items: QWidget | None,
    gap: int = GRID,
    margin: int = 0,
    wide: int | None = None,
    into: QWidget | None = None,
) -> QWidget:
    """Widgets beside each other; None stretches, and so does the item number `wide`."""
    layout = QHBoxLayout()
    made = _fill(into or QWidget(), layout, items, gap, margin)
    if wide is not None:
        layout.setStretch(wide, 1)
    return made


def card(*items: QWidget | None, kind: str = "card", gap: int = GRID) -> QFrame:
    """A framed column; kind "card", "good", "warn", "bad", "chosen"."""
    frame = QFrame()
    frame.setProperty("box", kind)
    _fill(frame, QVBoxLayout(), items, gap, 2 * GRID)
    return frame


class Button(QPushButton):
    """A button that takes no second click of a double click that began on another one: a page
    may have drawn this one below the mouse in between."""

    _met = False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The first click."""
        self._met = True
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """The second one."""
        if self._met:
            super().mouseDoubleClickEvent(event)


def button(
    action: Action, primary: bool = False, flat: bool = False, wide: bool = False
) -> QPushButton:
    """A button for an action; when it cannot be pressed its tooltip says why. A `wide` one has a
    row for itself, so that a path fits on it."""
    shown = short(action.text, _MOST_ON_ROW if wide else _MOST_ON_BUTTON)
    made = Button(shown)
    made.setObjectName(action.name)
    made.setAccessibleName(action.text)
    made.setAccessibleDescription(action.why_not)
    made.setToolTip(action.why_not or (action.text if shown != action.text else ""))
    made.setEnabled(not action.why_not)
    made.setProperty("primary", primary)
    made.setProperty("flat", flat)
    made.setDefault(primary)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.clicked.connect(lambda: action.do())
    return made


def radio(name: str, title: str, group: QButtonGroup) -> QRadioButton:
    """One of several ways; the group has only one of them on."""
    made = QRadioButton(title)
    made.setObjectName(name)
    made.setAccessibleName(title)
    group.addButton(made)
    return made


def icon(name: str, colour: str) -> QIcon:
    """An icon of the one family, Material Design Icons: "cube-outline"."""
    made: QIcon = qtawesome.icon(f"mdi6.{name}", color=colour)
    return made


def picture(name: str, colour: str, size: int) -> QLabel:
    """An icon as a label."""
    label = QLabel()
    label.setPixmap(icon(name, colour).pixmap(QSize(size, size)))
    label.setFixedSize(size, size)
    return label


def notice(tokens: Tokens, kind: Tone, content: str, *actions: Action) -> QFrame:
    """A sentence in a tinted frame with its mark, and the buttons that do something about it."""
    marks = {"good": "check-circle-outline", "warn": "alert-outline", "bad": "alert-circle-outline"}
    mark = picture(marks.get(kind, "information-outline"), tokens.tone(kind), 20)
    frame = QFrame()
    frame.setProperty("box", kind or "card")
    buttons = [button(action) for action in actions]
    row(mark, text(content), *buttons, margin=GRID + 4, wide=1, into=frame)
    return frame


def clear(layout: QLayout) -> None:
    """Take out all widgets of a layout; not at once: one may be the button that was clicked."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


def _dress(label: QLabel, role: str, tone: Tone) -> QLabel:
    label.setProperty("role", "muted" if tone == "muted" else role)
    label.setProperty("tone", tone)
    return label


def _fill(
    widget: W, layout: QBoxLayout, items: tuple[QWidget | None, ...], gap: int, margin: int
) -> W:
    layout.setSpacing(gap)
    layout.setContentsMargins(margin, margin, margin, margin)
    for item in items:
        if item is None:
            layout.addStretch(1)
        else:
            layout.addWidget(item)
    widget.setLayout(layout)
    return widget
