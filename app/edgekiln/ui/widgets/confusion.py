"""The confusion matrix, drawn: right on the diagonal, wrong beside it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QWidget

from edgekiln.core.text import Words
from edgekiln.ui.theme import Tokens

_LABELLED = 24  # more classes than this are drawn without names and numbers
_CELL = 28
_SMALL_CELL = 6
_MARGIN = 64
_NUMBER_HEIGHT = 24


class ConfusionMatrix(QWidget):
    """`confusion[true][predicted]` counts; a cell's strength is its share of the true class.
    `chosen` tells the (true, predicted) of a cell, by a click, or by arrow keys and Enter."""

    chosen = Signal(int, int)

    def __init__(
        self,
        words: Words,
        tokens: Tokens,
        confusion: tuple[tuple[int, ...], ...],
        names: tuple[str, ...],
    ) -> None:
        super().__init__()
        self._words, self._tokens, self._counts = words, tokens, confusion
        classes = len(confusion)
        self._names = names if len(names) == classes else tuple(str(n) for n in range(classes))
        self._labelled = classes <= _LABELLED
        self._cell = _CELL if self._labelled else _SMALL_CELL
        self._margin = _MARGIN if self._labelled else 0
        widest = max((self.fontMetrics().horizontalAdvance(n) for n in self._names), default=0)
        self._upright = widest > self._cell - 4  # names that do not fit stand on their head
        self._top = (_MARGIN if self._upright else _NUMBER_HEIGHT) if self._labelled else 0
        right = sum(counts[n] for n, counts in enumerate(confusion))
        total = sum(sum(counts) for counts in confusion)
        self.setAccessibleName(words("Confusion matrix"))
        self.setAccessibleDescription(
            words("{right} of {total} samples are right", right=right, total=total)
        )
        self.setFixedSize(self.sizeHint())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.here = (0, 0)

    def sizeHint(self) -> QSize:
        """Square cells, names on the left and on top."""
        side = self._margin + self._cell * len(self._counts) + 1
        return QSize(side, side - self._margin + self._top)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002  (Qt's own signature)
        """Draw the cells."""
        painter = QPainter(self)
        for true, counts in enumerate(self._counts):
            if self._labelled:
                self._name(painter, true)
            for predicted, count in enumerate(counts):
                self._draw(painter, true, predicted, count, sum(counts))
        if self.hasFocus() and self._counts:
            painter.setPen(QPen(QColor(self._tokens.text), 2))
            painter.drawRect(self._place(*self.here))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on a cell that counts something."""
        at = self._at(int(event.position().x()), int(event.position().y()))
        if at is not None:
            self.here = at
            self._choose()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow keys go from cell to cell, Enter takes one."""
        steps = {
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is not None:
            last = len(self._counts) - 1
            true, predicted = (
                min(max(at + by, 0), last) for at, by in zip(self.here, step, strict=True)
            )
            self.here = (true, predicted)
            self.setAccessibleDescription(self._describe(*self.here))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose()
        else:
            super().keyPressEvent(event)

    def _choose(self) -> None:
        true, predicted = self.here
        self.update()
        if self._counts and self._counts[true][predicted]:
            self.chosen.emit(true, predicted)

    def event(self, event: QEvent) -> bool:
        """A tooltip for the cell below the pointer."""
        if isinstance(event, QHelpEvent):
            at = self._at(event.x(), event.y())
            QToolTip.showText(event.globalPos(), self._describe(*at) if at else "", self)
            return True
        return super().event(event)

    def _name(self, painter: QPainter, true: int) -> None:
        painter.setPen(QColor(self._tokens.muted))
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        left = QRectF(0, self._top + true * self._cell, self._margin - 8, self._cell)
        name = self._names[true]
        metrics = painter.fontMetrics()
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(left, flags, metrics.elidedText(name, elide, int(left.width())))
        painter.save()
        painter.translate(self._margin + (true + 0.5) * self._cell, self._top - 4)
        if self._upright:
            painter.rotate(-90)
            room = QRectF(0, -self._cell / 2, self._top - 8, self._cell)
            flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        else:
            room = QRectF(-self._cell / 2, -self._top, self._cell, self._top)
            flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom
        painter.drawText(room, flags, metrics.elidedText(name, elide, int(room.width())))
        painter.restore()

    def _draw(self, painter: QPainter, true: int, predicted: int, count: int, of: int) -> None:
        place = self._place(true, predicted)
        painter.fillRect(place, QColor(self._tokens.sunken))
        if not count:
            return
        ground = QColor(self._tokens.good if true == predicted else self._tokens.bad)
        share = count / of if of else 0.0
        ground.setAlphaF(0.25 + 0.75 * share if true == predicted else min(1.0, 0.35 + 2 * share))
        painter.fillRect(place, ground)
        if self._labelled:
            strong = ground.alphaF() > 0.6
            painter.setPen(QColor(self._tokens.surface if strong else self._tokens.text))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(count))

    def _place(self, true: int, predicted: int) -> QRectF:
        left, top = self._margin + predicted * self._cell, self._top + true * self._cell
        return QRectF(left + 0.5, top + 0.5, self._cell - 1, self._cell - 1)

    def _at(self, x: int, y: int) -> tuple[int, int] | None:
        true, predicted = (y - self._top) // self._cell, (x - self._margin) // self._cell
        there = 0 <= true < len(self._counts) and 0 <= predicted < len(self._counts)
        return (true, predicted) if there else None

    def _describe(self, true: int, predicted: int) -> str:
        return self._words(
            "Label {true}, predicted {predicted}: {count} samples",
            true=self._names[true],
            predicted=self._names[predicted],
            count=self._counts[true][predicted],
        )
