"""Points over two axes, with a limit: shapes and colours say which hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.axis import Axis

Kind = Literal["holds", "loses", "unusable", "unknown"]

_LEFT, _TOP, _RIGHT, _BOTTOM = 48, 24, 16, 24  # room for the title and numbers
_BELOW = 16  # pixels above the lower axis: where that is drawn which lies below it
_REACH = 14  # pixels from a point at which the pointer means it
_NAMED = 24  # names that are drawn at most; the others are told where one points
_SIZE = 5.0
_RING = 10.0
_WHOLE = QRectF(-_SIZE, -_SIZE, 2 * _SIZE, 2 * _SIZE)


@dataclass(frozen=True)
class Dot:
    """A point: what it is called, all that is to be said of it, and whether it is the best."""

    x: float
    y: float
    name: str
    tip: str
    kind: Kind
    best: bool = False


class Scatter(QWidget):
    """Dots by mouse or arrow keys. What lies below the lower axis is drawn on it, with an arrow."""

    def __init__(self, tokens: Tokens, name: str) -> None:
        super().__init__()
        self._tokens = tokens
        self.dots: tuple[Dot, ...] = ()
        self._x, self._y = Axis("", 0.0, 1.0), Axis("", 0.0, 1.0)
        self._limit: float | None = None
        self._limit_name = self._nothing = ""
        self.here: int | None = None
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_dots(
        self,
        dots: tuple[Dot, ...],
        x: Axis,
        y: Axis,
        limit: tuple[float, str] | None,
        nothing: str,
    ) -> None:
        """Show these, over these axes; `limit`: a value of y and its name; `nothing` is said where
        there is no dot."""
        self.dots = tuple(sorted(dots, key=lambda dot: (dot.x, -dot.y)))
        self._x, self._y, self._nothing = x, y, nothing
        self._limit, self._limit_name = limit or (None, "")
        self.here = None
        self._describe()
        self.update()

    def place(self, dot: Dot) -> QPointF:
        """Where a dot is drawn, in pixels."""
        area = self._area()
        across = area.left() + self._x.share(dot.x) * area.width()
        if dot.y < self._y.low:
            return QPointF(across, area.bottom() - _BELOW)
        return QPointF(across, area.bottom() - self._y.share(dot.y) * area.height())

    def at(self, point: QPointF) -> int | None:
        """The dot at a place of the widget."""
        away = [(self.place(dot) - point).manhattanLength() for dot in self.dots]
        nearest = min(away, default=_REACH + 1)
        return away.index(nearest) if nearest <= _REACH else None

    def sizeHint(self) -> QSize:
        """Wide and flat."""
        return QSize(480, 208)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The dot below the pointer tells of itself."""
        self._go(self.at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        """None does any more."""
        super().leaveEvent(event)
        self._go(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right go from dot to dot, home and end to the first and the last."""
        last = len(self.dots) - 1
        here = self.here if self.here is not None else -1
        to = {
            Qt.Key.Key_Left: max(here - 1, 0),
            Qt.Key.Key_Right: min(here + 1, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if self.dots and event.key() in to:
            self._go(to[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The frame tells that keys go here."""
        super().focusInEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002  (Qt's own signature)
        """Draw axes, limit, dots, names."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_area(painter)
        if self.dots:
            self._draw_axes(painter)
        taken = self._draw_limit(painter) if self.dots else []
        for dot in sorted(self.dots, key=lambda dot: dot.best):
            self._draw_dot(painter, dot)
        self._draw_names(painter, taken)
        if not self.dots:
            painter.setPen(QColor(self._tokens.muted))
            painter.drawText(self._area(), Qt.AlignmentFlag.AlignCenter, self._nothing)
        painter.end()

    def _area(self) -> QRectF:
        return QRectF(self.rect()).adjusted(_LEFT, _TOP, -_RIGHT, -_BOTTOM)

    def _go(self, number: int | None) -> None:
        if number == self.here:
            return
        self.here = number
        self._describe()
        if number is None:
            QToolTip.hideText()
        else:
            place = self.place(self.dots[number]).toPoint()
            QToolTip.showText(self.mapToGlobal(place), self.dots[number].tip, self)
        self.update()

    def _describe(self) -> None:
        """For those who do not see it: the dot one is at, else the axes and all dots."""
        if self.here is not None:
            self.setAccessibleDescription(self.dots[self.here].tip)
            return
        told = "\n".join(dot.tip for dot in self.dots) or self._nothing
        self.setAccessibleDescription(f"{self._x.title} / {self._y.title}\n{told}")

    def _draw_area(self, painter: QPainter) -> None:
        tokens = self._tokens
        painter.setPen(QColor(tokens.accent if self.hasFocus() else tokens.border))
        painter.setBrush(QColor(tokens.window))
        painter.drawRect(self._area())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QColor(tokens.text))
        painter.drawText(QRectF(0, 0, self.width(), _TOP), 0, self._y.title)

    def _draw_axes(self, painter: QPainter) -> None:
        area, tokens = self._area(), self._tokens
        for value, said in self._y.ticks(5):
            up = area.bottom() - self._y.share(value) * area.height()
            painter.setPen(QColor(tokens.border))
            painter.drawLine(QPointF(area.left(), up), QPointF(area.right(), up))
            painter.setPen(QColor(tokens.muted))
            beside = QRectF(0, up - 10, _LEFT - 8, 20)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(beside, right, said)
        for value, said in self._x.ticks(8):
            across = area.left() + self._x.share(value) * area.width()
            below = QRectF(across - 40, area.bottom() + 4, 80, 18)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, said)
        painter.setPen(QColor(tokens.text))
        above = QRectF(area.left(), 0, area.width(), _TOP)
        painter.drawText(above, Qt.AlignmentFlag.AlignRight, f"{self._x.title} →")

    def _draw_limit(self, painter: QPainter) -> list[QRectF]:
        """Where it is drawn: no name may stand there."""
        if self._limit is None:
            return []
        area = self._area()
        up = area.bottom() - self._y.share(self._limit) * area.height()
        painter.setPen(QPen(QColor(self._tokens.text), 1.5, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(area.left(), up), QPointF(area.right(), up))
        size = painter.fontMetrics().size(0, self._limit_name)
        room = QRectF(area.left() + 8, up + 1, size.width(), size.height())
        painter.drawText(room, 0, self._limit_name)
        return [QRectF(area.left(), up - 2, area.width(), 4), room]

    def _draw_dot(self, painter: QPainter, dot: Dot) -> None:
        tokens, place = self._tokens, self.place(dot)
        tones = {"holds": tokens.good, "loses": tokens.warn, "unusable": tokens.bad}
        colour = QColor(tones.get(dot.kind, tokens.text))
        painter.save()
        painter.translate(place)
        painter.setPen(QPen(colour, 2))
        painter.setBrush(colour if dot.kind in ("holds", "unknown") else Qt.BrushStyle.NoBrush)
        if dot.kind == "unusable":
            painter.drawLine(_WHOLE.topLeft(), _WHOLE.bottomRight())
            painter.drawLine(_WHOLE.topRight(), _WHOLE.bottomLeft())
        elif dot.kind == "loses":
            side = _SIZE + 1
            corners = ((0, -side), (side, 0), (0, side), (-side, 0))
            painter.drawPolygon([QPointF(*corner) for corner in corners])
        else:
            painter.drawEllipse(_WHOLE)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if dot.best or self._is_here(dot):
            ring = QColor(tokens.text if dot.best else tokens.muted)
            painter.setPen(QPen(ring, 2 if dot.best else 1))
            painter.drawEllipse(QPointF(0, 0), _RING, _RING)
        if dot.y < self._y.low:
            painter.setPen(QPen(colour, 2))
            painter.drawPolyline([QPointF(-4, 9), QPointF(0, 13), QPointF(4, 9)])
        painter.restore()

    def _is_here(self, dot: Dot) -> bool:
        return self.here is not None and self.dots[self.here] is dot

    def _draw_names(self, painter: QPainter, taken: list[QRectF]) -> None:
        """Beside their dots, the best one's first, where there is room for them."""
        taken = [*taken, *(_WHOLE.translated(self.place(dot)) for dot in self.dots)]
        painter.setPen(QColor(self._tokens.text))
        order = sorted(self.dots, key=lambda dot: (not self._is_here(dot), not dot.best))
        for dot in order[:_NAMED]:
            size = painter.fontMetrics().size(0, dot.name)
            for room in _around(self.place(dot), size):
                free = not any(room.intersects(other) for other in taken)
                if free and self._area().contains(room):
                    taken.append(room)
                    painter.drawText(room, Qt.AlignmentFlag.AlignCenter, dot.name)
                    break


def _around(place: QPointF, size: QSize) -> tuple[QRectF, ...]:
    """Right of a place, left of it, below, above, and at its four corners."""
    wide, high = size.width() + 2, size.height()
    gap, corner = _RING + 3, _RING - 2
    sides = (
        (gap, -high / 2),
        (-gap - wide, -high / 2),
        (-wide / 2, gap),
        (-wide / 2, -gap - high),
        (corner, corner),
        (-corner - wide, corner),
        (corner, -corner - high),
        (-corner - wide, -corner - high),
    )
    return tuple(QRectF(place.x() + x, place.y() + y, wide, high) for x, y in sides)
