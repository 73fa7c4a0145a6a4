"""A bar for each of many things, side by side; one of them is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.axis import Axis

_LEFT, _TOP, _RIGHT, _BOTTOM = 40, 24, 8, 10
_WIDEST = 24


@dataclass(frozen=True)
class Bar:
    """A height (None: not measured), a second one as a line across, what is to be said of it;
    a `warn` one is amber with a mark on top, a `hollow` one is not counted any more."""

    height: float | None
    line: float | None
    tip: str
    warn: bool = False
    hollow: bool = False


class Bars(QWidget):
    """Bars by mouse or arrow keys; `chosen` tells the number of the one that was taken."""

    chosen = Signal(int)

    def __init__(self, tokens: Tokens, name: str, title: str, bars: tuple[Bar, ...]) -> None:
        super().__init__()
        self._tokens, self.bars = tokens, bars
        self.here = -1
        heights = [b.height or 0.0 for b in bars] + [b.line or 0.0 for b in bars]
        self._axis = Axis(title, min(0.0, *heights, 0.0), max(10.0, *heights, 10.0) * 1.05)
        self.setAccessibleName(name)
        self.setAccessibleDescription(title)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def go(self, number: int) -> None:
        """Look at this one."""
        if number != self.here and 0 <= number < len(self.bars):
            self.here = number
            self.setAccessibleDescription(self.bars[number].tip)
            self.update()
            self.chosen.emit(number)

    def at(self, x: float) -> int:
        """The bar at a distance from the left side; -1: none."""
        number = int((x - self._area().left()) // self._step())
        return number if 0 <= number < len(self.bars) else -1

    def sizeHint(self) -> QSize:
        """Wide and flat."""
        return QSize(480, 144)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The bar below the pointer tells of itself."""
        number = self.at(event.position().x())
        tip = self.bars[number].tip if number >= 0 else ""
        QToolTip.showText(event.globalPosition().toPoint(), tip, self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """And is taken by a click."""
        self.go(self.at(event.position().x()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right, home and end."""
        last = len(self.bars) - 1
        to = {
            Qt.Key.Key_Left: max(self.here - 1, 0),
            Qt.Key.Key_Right: min(self.here + 1, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if event.key() in to:
            self.go(to[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The frame tells that keys go here."""
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002  (Qt's own signature)
        """Draw the axis and the bars."""
        painter = QPainter(self)
        area, tokens = self._area(), self._tokens
        painter.fillRect(area, QColor(tokens.window))
        for value, said in self._axis.ticks(5):
            up = self._up(value)
            painter.setPen(QColor(tokens.border))
            painter.drawLine(QPointF(area.left(), up), QPointF(area.right(), up))
            painter.setPen(QColor(tokens.muted))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, up - 10, _LEFT - 8, 20), right, said)
        painter.setPen(QColor(tokens.text))
        painter.drawText(QRectF(0, 0, self.width(), _TOP - 4), 0, self._axis.title)
        for number, shown in enumerate(self.bars):
            self._draw(painter, number, shown)
        painter.setPen(QColor(tokens.accent if self.hasFocus() else tokens.border))
        painter.drawRect(area)
        painter.end()

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _step(self) -> float:
        return min(self._area().width() / max(len(self.bars), 1), _WIDEST)

    def _up(self, value: float) -> float:
        area = self._area()
        return area.bottom() - self._axis.share(value) * area.height()

    def _draw(self, painter: QPainter, number: int, shown: Bar) -> None:
        tokens, area, step = self._tokens, self._area(), self._step()
        left = area.left() + number * step
        if number == self.here:
            painter.fillRect(
                QRectF(left, area.top(), step, area.height()), QColor(tokens.accent_soft)
            )
            painter.fillRect(QRectF(left, area.bottom(), step, 5), QColor(tokens.accent))
        gap = step * 0.15
        room = QRectF(left + gap, 0, max(step - 2 * gap, 1.0), 0)
        if shown.height is None:
            painter.setPen(QPen(QColor(tokens.muted), 1, Qt.PenStyle.DotLine))
            painter.drawLine(
                QPointF(left + step / 2, area.bottom()), QPointF(left + step / 2, area.center().y())
            )
            return
        room.setTop(self._up(max(shown.height, 0.0)))
        room.setBottom(self._up(min(shown.height, 0.0)))
        colour = QColor(tokens.warn if shown.warn else tokens.muted)
        if shown.hollow:
            painter.setPen(QPen(colour, 1))
            painter.drawRect(room)
        else:
            painter.fillRect(room, colour)
        if shown.warn:
            painter.setPen(colour)
            above = QRectF(left - 8, room.top() - 16, step + 16, 16)
            painter.drawText(above, Qt.AlignmentFlag.AlignCenter, "▾")
        if shown.line is not None:
            painter.setPen(QPen(QColor(tokens.text), 2))
            up = self._up(shown.line)
            painter.drawLine(QPointF(left + gap / 2, up), QPointF(left + step - gap / 2, up))
