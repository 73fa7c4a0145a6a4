"""How far a model's confidence can be trusted: the share it had right over how sure it was."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from edgekiln.core.measures import ReliabilityBin
from edgekiln.core.text import Words
from edgekiln.ui.theme import Tokens

_SIDE, _LEFT, _BOTTOM, _TOP = 200, 44, 36, 8


class Reliability(QWidget):
    """A bar for each range of confidence, as high as the share that is right; on the diagonal
    confidence and share are the same. The float model's are drawn as lines across."""

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        bins: tuple[ReliabilityBin, ...],
        reference: tuple[ReliabilityBin, ...],
    ) -> None:
        super().__init__()
        self._words, self._tokens, self._bins, self._reference = words, tokens, bins, reference
        self.setAccessibleName(words("Confidence and share right"))
        self.setAccessibleDescription("; ".join(self._describe(each) for each in bins))
        self.setFixedSize(self.sizeHint())

    def sizeHint(self) -> QSize:
        """A square with room for its axes."""
        return QSize(_LEFT + _SIDE + 8, _TOP + _SIDE + _BOTTOM)

    def event(self, event: QEvent) -> bool:
        """A tooltip for the bar below the pointer."""
        if isinstance(event, QHelpEvent):
            at = (event.x() - _LEFT) / _SIDE
            found = [each for each in self._bins if each.low < at <= each.high]
            said = self._describe(found[0]) if found else ""
            QToolTip.showText(event.globalPos(), said, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002  (Qt's own signature)
        """Qt."""
        painter, tokens = QPainter(self), self._tokens
        area = QRectF(_LEFT, _TOP, _SIDE, _SIDE)
        painter.fillRect(area, QColor(tokens.sunken))
        for each in self._bins:
            bar = self._place(each)
            painter.fillRect(bar.adjusted(1, 0, -1, 0), QColor(tokens.border))
        painter.setPen(QPen(QColor(tokens.text), 2))
        for each in self._reference:
            line = self._place(each)
            painter.drawLine(line.topLeft(), line.topRight())
        painter.setPen(QPen(QColor(tokens.muted), 1, Qt.PenStyle.DashLine))
        painter.drawLine(area.bottomLeft(), area.topRight())
        self._draw_axes(painter, area)
        painter.end()

    def _place(self, each: ReliabilityBin) -> QRectF:
        left, right = (_LEFT + _SIDE * at for at in (each.low, each.high))
        top = _TOP + _SIDE * (1 - each.accuracy)
        return QRectF(QPointF(left, top), QPointF(right, _TOP + _SIDE))

    def _draw_axes(self, painter: QPainter, area: QRectF) -> None:
        painter.setPen(QColor(self._tokens.muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 0.5, 1.0):
            said = f"{share * 100:.0f} %"
            high = area.bottom() - share * _SIDE
            painter.drawText(QRectF(0, max(0.0, high - 10), _LEFT - 6, 20), right, said)
            across = QRectF(_LEFT + share * _SIDE - 24, area.bottom() + 2, 48, 16)
            if share == 1.0:
                across.moveRight(area.right() + 8)
                painter.drawText(across, right, said)
            else:
                painter.drawText(across, Qt.AlignmentFlag.AlignCenter, said)
        title = QRectF(_LEFT, area.bottom() + 18, _SIDE, 18)
        painter.drawText(title, Qt.AlignmentFlag.AlignCenter, self._words("how sure it was"))

    def _describe(self, each: ReliabilityBin) -> str:
        return self._words(
            "{samples} samples: on average {confidence} sure, {right} right",
            samples=each.samples,
            confidence=f"{each.confidence * 100:.1f} %",
            right=f"{each.accuracy * 100:.1f} %",
        )
