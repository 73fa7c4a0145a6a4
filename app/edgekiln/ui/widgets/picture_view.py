"""A picture as large as there is room for it."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from edgekiln.ui.theme import Tokens

_LEAST, _MOST = 64, 560


class PictureView(QWidget):
    """A part of a picture: enlarged sharp, so that its pixels are seen, reduced smooth."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self._tokens = tokens
        self._picture, self._part = QPixmap(), QRect()
        self.setMinimumSize(_LEAST, _LEAST)
        self.setMaximumHeight(_MOST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """No larger than it must be."""
        return QSize(_LEAST, _LEAST)

    def show_picture(self, picture: QPixmap, part: QRect) -> None:
        """Show it; an empty ground for a null one."""
        self._picture, self._part = picture, part
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002  (Qt's own signature)
        """Qt."""
        painter = QPainter(self)
        side = min(self.width(), self.height())
        place = QRect((self.width() - side) // 2, (self.height() - side) // 2, side, side)
        if self._picture.isNull():
            painter.fillRect(place, QColor(self._tokens.sunken))
        else:
            smooth = self._part.width() > side
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawPixmap(place, self._picture, self._part)
        painter.end()
