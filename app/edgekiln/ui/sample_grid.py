"""Thousands of samples as a grid of pictures; only what is on the screen is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate
from PySide6.QtWidgets import QStyleOptionViewItem as Option

from edgekiln.core.samples import NO_CLASS, Samples
from edgekiln.core.text import Words
from edgekiln.ui.sample_store import SIDE, Pictures
from edgekiln.ui.theme import Tokens, Tone

Index = QModelIndex | QPersistentModelIndex
CELL = QSize(SIDE + 16, SIDE + 32)
_BATCH = 2_500  # are laid out in one go, 5 ms
_SOON_MS = 60  # after a scroll its pictures are asked for


@dataclass(frozen=True)
class Names:
    """Samples and classes as people call them."""

    words: Words
    samples: Samples
    classes: tuple[str, ...]

    def of(self, label: int) -> str:
        """A class; a dash for none."""
        if label == NO_CLASS:
            return "–"
        return self.classes[label] if label < len(self.classes) else str(label)

    def mark(self, i: int) -> tuple[str, Tone]:
        """What became of a sample, as a shape and a tone: ▼ lost by the candidate, ✕ wrong in both,
        ▲ right in the candidate alone, ◇ answered otherwise, "" as float."""
        samples = self.samples
        if samples.has_classes and samples.labels[i] != NO_CLASS:
            if samples.is_wrong(i):
                return ("▼", "bad") if samples.is_lost(i) else ("✕", "warn")
            return ("▲", "good") if samples.apart[i] > 0 else ("", "")
        return ("◇", "warn") if samples.has_classes and samples.apart[i] > 0 else ("", "")

    def caption(self, i: int) -> str:
        """Below its picture."""
        samples = self.samples
        if not samples.has_classes:
            return f"{samples.apart[i]:.2g}"
        said = self.of(samples.top(i))
        return f"{self.of(samples.labels[i])} → {said}" if samples.is_wrong(i) else said

    def tip(self, i: int) -> str:
        """All of it in a line."""
        samples, words = self.samples, self.words
        if not samples.has_classes:
            return words("{name}: apart {apart}", name=samples.names[i], apart=self.caption(i))
        return words(
            "{name}: label {label}, float {float}, candidate {candidate}",
            name=samples.names[i],
            label=self.of(samples.labels[i]),
            float=self.of(samples.float_top(i)),
            candidate=self.of(samples.top(i)),
        )


class SampleRows(QAbstractListModel):
    """Some of the samples, in the order they are shown."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self.names = names
        self.shown: Sequence[int] = ()

    def show_samples(self, shown: Sequence[int]) -> None:
        """Others."""
        self.beginResetModel()
        self.shown = shown
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        """Qt."""
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt."""
        sample = self.shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.names.caption(sample)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.names.tip(sample)
        return None


class Tile(QStyledItemDelegate):
    """A picture, a mark where the candidate does otherwise, and what it says."""

    def __init__(self, tokens: Tokens, rows: SampleRows, pictures: Pictures | None) -> None:
        super().__init__()
        self._tokens, self._rows, self._pictures = tokens, rows, pictures

    def sizeHint(self, option: Option, index: Index) -> QSize:  # noqa: ARG002  (Qt's own signature)
        """Qt."""
        return CELL

    def paint(self, painter: QPainter, option: Option, index: Index) -> None:
        """Qt."""
        place: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        sample = self._rows.shown[index.row()]
        mark, tone = self._rows.names.mark(sample)
        painter.save()
        self._draw_frame(painter, place.adjusted(2, 2, -2, -2), tone, state)
        frame = QRect(place.left() + 8, place.top() + 8, SIDE, SIDE)
        drawn = self._pictures.picture(sample) if self._pictures is not None else None
        if drawn is None:
            painter.fillRect(frame, QColor(self._tokens.sunken))
        else:
            painter.drawPixmap(frame, *drawn)
        line = QRect(place.left() + 6, frame.bottom() + 1, CELL.width() - 12, 20)
        if mark:
            painter.setPen(QColor(self._tokens.tone(tone)))
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, mark)
            line.setLeft(line.left() + 16)
        painter.setPen(QColor(self._tokens.text))
        caption = self._rows.names.caption(sample)
        cut = painter.fontMetrics().elidedText(caption, Qt.TextElideMode.ElideMiddle, line.width())
        side = Qt.AlignmentFlag.AlignLeft if mark else Qt.AlignmentFlag.AlignHCenter
        painter.drawText(line, side | Qt.AlignmentFlag.AlignVCenter, cut)
        painter.restore()

    def _draw_frame(
        self, painter: QPainter, place: QRect, tone: Tone, state: QStyle.StateFlag
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        here = bool(state & QStyle.StateFlag.State_Selected)
        painter.setPen(Qt.PenStyle.NoPen)
        if here:
            painter.setPen(QPen(QColor(self._tokens.accent), 2))
        painter.setBrush(QColor(self._tokens.accent_soft if here else self._ground(tone)))
        painter.drawRoundedRect(place, 6, 6)

    def _ground(self, tone: Tone) -> str:
        soft = {"bad": self._tokens.bad_soft, "warn": self._tokens.warn_soft}
        return (soft | {"good": self._tokens.good_soft}).get(tone, self._tokens.surface)


class SampleGrid(QListView):
    """`went` tells the sample that is looked at, by click or arrow keys."""

    went = Signal(int)

    def __init__(self, tokens: Tokens, names: Names, pictures: Pictures | None) -> None:
        super().__init__()
        self._pictures = pictures
        self._rows = SampleRows(names)
        self._tile = Tile(tokens, self._rows, pictures)
        self.setModel(self._rows)
        self.setItemDelegate(self._tile)
        self.setObjectName("grid")
        self.setAccessibleName(names.words("Samples"))
        self.setFlow(QListView.Flow.LeftToRight)  # not IconMode, which takes 8 µs an item
        self.setWrapping(True)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(_BATCH)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setGridSize(CELL)
        self.setMouseTracking(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._ask)
        self.verticalScrollBar().valueChanged.connect(self._ask_soon)
        self.selectionModel().currentChanged.connect(self._moved)
        if pictures is not None:
            pictures.arrived.connect(self.viewport().update)

    @property
    def shown(self) -> Sequence[int]:
        """The samples in the grid, in their order."""
        return self._rows.shown

    def show_samples(self, shown: Sequence[int], here: int) -> None:
        """Others; the sample `here` is looked at where it is one of them, else the first."""
        self._rows.show_samples(shown)
        row = shown.index(here) if here in shown else 0
        if shown:
            self.setCurrentIndex(self._rows.index(row))
        self._ask_soon()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: more may be seen now."""
        super().resizeEvent(event)
        self._ask_soon()

    def _ask_soon(self) -> None:
        """Also while one scrolls on and on."""
        if not self._soon.isActive():
            self._soon.start()

    def _moved(self, now: QModelIndex) -> None:
        if now.isValid():
            self.went.emit(self._rows.shown[now.row()])

    def _ask(self) -> None:
        """What is seen, then a screen below it, then one above."""
        shown = self._rows.shown
        if self._pictures is None or not shown:
            return
        across = max(1, self.viewport().width() // CELL.width())
        first = self.verticalScrollBar().value() // CELL.height() * across
        many = (self.viewport().height() // CELL.height() + 2) * across
        before = shown[max(0, first - many) : first]
        self._pictures.want([*shown[first : first + 2 * many], *before])
