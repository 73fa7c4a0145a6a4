"""A table of texts: virtual, with the whole text of each cell as its tooltip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QBrush, QColor, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from edgekiln.ui.theme import Tokens, Tone

Index = QModelIndex | QPersistentModelIndex
ROW_HEIGHT = 32
_FRAME = 4
_NARROWEST = 48
_LEAST_STRETCHED = 220
_MEASURED = 60  # rows beyond those on the screen whose width is asked for


@dataclass(frozen=True)
class Cell:
    """What a cell says; a number is set to the right. `checked`: it has a switch (None: it has
    not), which `locked` cannot be moved."""

    text: str
    tone: Tone = ""
    number: bool = False
    tip: str = ""
    checked: bool | None = None
    locked: bool = False


Row = tuple[Cell, ...]


class Rows(QAbstractTableModel):
    """Rows of cells under headers. `switched`: the row and whether its switch is to be on."""

    switched = Signal(int, bool)

    def __init__(self, tokens: Tokens, headers: Sequence[str], rows: Sequence[Row]) -> None:
        super().__init__()
        self._tokens, self._headers, self.rows = tokens, tuple(headers), tuple(rows)

    def put(self, rows: Sequence[Row]) -> None:
        """Other rows."""
        self.beginResetModel()
        self.rows = tuple(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's own signature)
        """Qt."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Qt."""
        return 0 if parent.isValid() else len(self._headers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Qt."""
        cell = self.rows[index.row()][index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return cell.tip or cell.text
        if role == Qt.ItemDataRole.ForegroundRole and cell.tone:
            return QBrush(QColor(self._tokens.tone(cell.tone)))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(cell.number)
        if role == Qt.ItemDataRole.CheckStateRole and cell.checked is not None:
            return Qt.CheckState.Checked if cell.checked else Qt.CheckState.Unchecked
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Qt."""
        cell = self.rows[index.row()][index.column()]
        flags = super().flags(index)
        if cell.checked is not None and not cell.locked:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Qt: a click on a switch. Whoever listens shows the rows anew."""
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self.switched.emit(index.row(), Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def show_rows(self, rows: Sequence[Row]) -> None:
        """As many rows as before, that say something else."""
        self.rows = tuple(rows)
        corner = self.index(len(self.rows) - 1, len(self._headers) - 1)
        self.dataChanged.emit(self.index(0, 0), corner)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Qt."""
        if orientation == Qt.Orientation.Vertical:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self._headers[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(bool(self.rows) and self.rows[0][section].number)
        return None


class Table(QTableView):
    """As wide as it may be and no wider: the column `stretch` gets what is left, and where that is
    too little the widest of the others are cut (their tooltips have all of it)."""

    def __init__(self, stretch: int, least: int) -> None:
        super().__init__()
        self._stretch, self._least = stretch, least

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share out the width anew."""
        super().resizeEvent(event)
        self.share_out()

    def put(self, rows: Sequence[Row], most_rows: int) -> None:
        """Show other rows, up to `most_rows` of them at once; the chosen one stays."""
        here, model = self.currentIndex(), self.model()
        assert isinstance(model, Rows)
        model.put(rows)
        self.setFixedHeight(_height(len(rows), most_rows))
        self.share_out()
        if here.isValid() and here.row() < len(rows):
            self.setCurrentIndex(model.index(here.row(), 0))

    def share_out(self) -> None:
        """Give each column its width."""
        header, model = self.horizontalHeader(), self.model()
        wanted = [
            max(self.sizeHintForColumn(n), header.sectionSizeHint(n))
            for n in range(model.columnCount())
        ]
        room = self.viewport().width()
        for column, width in enumerate(shared(wanted, self._stretch, room, self._least)):
            header.resizeSection(column, width)


def shared(
    wanted: Sequence[int], stretch: int, room: int, least: int = _LEAST_STRETCHED
) -> list[int]:
    """Widths for columns that want some, in `room` pixels; `stretch` gets `least` of them before
    the others get all they want."""
    cap = max(wanted)
    least = min(wanted[stretch], least)
    others = [width for column, width in enumerate(wanted) if column != stretch]
    while cap > _NARROWEST and sum(min(width, cap) for width in others) + least > room:
        cap -= 1
    widths = [min(width, cap) for width in wanted]
    widths[stretch] = max(least, room - sum(min(width, cap) for width in others))
    return widths


def table(
    tokens: Tokens,
    name: str,
    headers: Sequence[str],
    rows: Sequence[Row],
    stretch: int = 0,
    most_rows: int = 8,
    least: int = _LEAST_STRETCHED,
) -> Table:
    """A table named `name` (for screen readers) that shows up to `most_rows` rows, then scrolls."""
    view = dressed(name, Rows(tokens, headers, rows), stretch, least)
    view.setFixedHeight(_height(len(rows), most_rows))
    return view


def dressed(
    name: str, model: QAbstractItemModel, stretch: int = 0, least: int = _LEAST_STRETCHED
) -> Table:
    """A table of a model, as high as it may be; the column `stretch` is `least` pixels wide."""
    view = Table(stretch, least)
    view.setModel(model)
    model.setParent(view)
    view.setAccessibleName(name)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTabKeyNavigation(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    header = view.horizontalHeader()
    header.setHighlightSections(False)
    header.setTextElideMode(Qt.TextElideMode.ElideRight)
    header.setMinimumSectionSize(_NARROWEST)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header.setFixedHeight(ROW_HEIGHT)
    header.setResizeContentsPrecision(_MEASURED)
    return view


def _height(rows: int, most: int) -> int:
    return ROW_HEIGHT * (1 + min(max(rows, 1), most)) + _FRAME


def _alignment(number: bool) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
