"""Medians with their quartiles, one below the other on one scale."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from edgekiln.ui.theme import Tokens
from edgekiln.ui.widgets.axis import Axis

_NAME, _ROW, _RIGHT, _AXIS = 120, 32, 88, 24


@dataclass(frozen=True)
class Range:
    """A name, the median with its quartiles, and the median in words."""

    name: str
    low: float
    median: float
    high: float
    said: str


class Ranges(QWidget):
    """A box from quartile to quartile with the median across it; zero is at the left."""

    def __init__(self, tokens: Tokens, name: str, ranges: tuple[Range, ...]) -> None:
        super().__init__()
        self._tokens, self._ranges = tokens, ranges
        self._axis = Axis("", 0.0, 1.08 * max((each.high for each in ranges), default=1.0))
        self.setAccessibleName(name)
        self.setAccessibleDescription("; ".join(f"{r.name}: {r.said}" for r in ranges))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """A row each, and the axis."""
        return QSize(400, _ROW * len(self._ranges) + _AXIS)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002  (Qt's own signature)
        """Qt."""
        painter, tokens = QPainter(self), self._tokens
        area = QRectF(_NAME, 0, self.width() - _NAME - _RIGHT, _ROW * len(self._ranges))
        self._draw_axis(painter, area)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for n, each in enumerate(self._ranges):
            top = n * _ROW
            painter.setPen(QColor(tokens.text))
            name = painter.fontMetrics().elidedText(
                each.name, Qt.TextElideMode.ElideRight, _NAME - 12
            )
            painter.drawText(QRectF(0, top, _NAME - 8, _ROW), left, name)
            low, middle, high = (
                area.left() + self._axis.share(value) * area.width()
                for value in (each.low, each.median, each.high)
            )
            box = QRectF(low, top + 9, max(2.0, high - low), _ROW - 18)
            painter.fillRect(box, QColor(tokens.muted))
            painter.setPen(QPen(QColor(tokens.text), 2))
            painter.drawLine(int(middle), top + 5, int(middle), top + _ROW - 5)
            painter.drawText(QRectF(area.right() + 8, top, _RIGHT - 8, _ROW), left, each.said)
        painter.end()

    def _draw_axis(self, painter: QPainter, area: QRectF) -> None:
        painter.fillRect(area, QColor(self._tokens.sunken))
        for value, said in self._axis.ticks():
            at = area.left() + self._axis.share(value) * area.width()
            painter.setPen(QColor(self._tokens.border))
            painter.drawLine(int(at), int(area.top()), int(at), int(area.bottom()))
            painter.setPen(QColor(self._tokens.muted))
            below = QRectF(at - 32, area.bottom() + 2, 64, _AXIS - 4)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, said)
