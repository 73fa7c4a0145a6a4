"""Operators around a group, drawn in layers: zoom with the wheel or + and −, move with the mouse
or the arrows, 0 for the group, Home for the overview."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsPathItem,
    QGraphicsScene,
    QGraphicsView,
    QStyleOptionGraphicsItem,
    QWidget,
)

from edgekiln.core.drawing import Drawing, Node
from edgekiln.core.layering import Box, Edge, lay_out, neighbourhood
from edgekiln.ui.theme import Tokens

GROUP_MARK = "◆"
_HEIGHT, _PITCH, _PADDING, _RADIUS = 46.0, 78.0, 12.0, 8.0
_ARROW, _STUB = 5.0, 14.0
_MARGIN = 240.0  # that what lies at the edge can be brought to the middle
_STEP, _FARTHEST, _NEAREST = 1.25, 0.05, 4.0
_READABLE = 0.7  # the group is not drawn smaller than this when it is brought into view
_OVERVIEW = 0.15
_MOVE = 48


class GraphView(QGraphicsView):
    """A drawing's neighbourhood of some nodes."""

    def __init__(self, tokens: Tokens, name: str) -> None:
        super().__init__()
        self._tokens = tokens
        self._group, self._moved = QRectF(), False
        self._bold = QFont()
        self._bold.setBold(True)
        self.setScene(QGraphicsScene(self))
        self.setAccessibleName(name)
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def show_nodes(
        self, drawing: Drawing, group: Sequence[int], marked: Collection[int], mark: str
    ) -> None:
        """The `group` with what is around it; it has GROUP_MARK, and those `marked` have `mark`."""
        scene = QGraphicsScene(self)
        shown = neighbourhood(drawing, group)
        signs = {
            i: (GROUP_MARK if i in group else "") + (mark if i in marked else "") for i in shown
        }
        fonts = (self._bold, self.font())
        looks = {(g, m): self._look(g, m) for g in (False, True) for m in (False, True)}
        titles, infos = QFontMetricsF(self._bold), QFontMetricsF(self.font())
        boxes: dict[int, _Box] = {}
        for i in shown:
            lines = _lines(drawing.nodes[i], signs[i])
            wide = max(titles.horizontalAdvance(lines[0]), infos.horizontalAdvance(lines[1]))
            look = looks[i in group, i in marked]
            boxes[i] = _Box(lines, wide + 2 * _PADDING, fonts, look)
        layout = lay_out(drawing, shown, lambda i: boxes[i].width, _PITCH)
        scene.addItem(self._edges(layout.edges, layout.boxes))
        self._group = QRectF()
        for place in layout.boxes:
            box = boxes[place.node]
            box.setPos(place.x, place.y)
            box.setToolTip(_tip(drawing.nodes[place.node]))
            scene.addItem(box)
            if place.node in group:
                self._group |= box.sceneBoundingRect()
        self._put(scene, "; ".join(" ".join(boxes[i].lines) for i in shown if i in group))

    def show_text(self, message: str) -> None:
        """A sentence where there is nothing to draw."""
        scene = QGraphicsScene(self)
        text = scene.addText(message)
        text.setDefaultTextColor(QColor(self._tokens.muted))
        text.setTextWidth(240)
        self._group = text.boundingRect()
        self._put(scene, message)

    def show_group(self) -> None:
        """The group in the middle, large enough to read."""
        self._moved = False
        room = self.viewport().rect()
        area = self._group.adjusted(-8, -8, 8, 8)
        fit = min(room.width() / area.width(), room.height() / area.height())
        self._scale_to(min(1.0, max(_READABLE, fit)))
        self.centerOn(self._group.center())

    def show_overview(self) -> None:
        """All that is drawn, or as much as can still be told apart around the group."""
        self._moved = True
        room, area = self.viewport().rect(), self.scene().itemsBoundingRect()
        fit = min(room.width() / area.width(), room.height() / area.height())
        self._scale_to(min(1.0, max(_OVERVIEW, fit)))
        self.centerOn(area.center() if fit >= _OVERVIEW else self._group.center())

    def zoom(self, steps: float) -> None:
        """Nearer, or away for less than 0."""
        self._moved = True
        wanted = self.transform().m11() * _STEP**steps
        self._scale_to(min(_NEAREST, max(_FARTHEST, wanted)))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer."""
        self.zoom(event.angleDelta().y() / 120)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The keys of the module's first line."""
        key = event.key()
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        moves = {
            Qt.Key.Key_Left: (across, -_MOVE),
            Qt.Key.Key_Right: (across, _MOVE),
            Qt.Key.Key_Up: (down, -_MOVE),
            Qt.Key.Key_Down: (down, _MOVE),
        }
        if key in moves:
            bar, step = moves[Qt.Key(key)]
            self._moved = True
            bar.setValue(bar.value() + step)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.zoom(-1 if key == Qt.Key.Key_Minus else 1)
        elif key == Qt.Key.Key_0:
            self.show_group()
        elif key == Qt.Key.Key_Home:
            self.show_overview()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The group stays in the middle until the user moves it."""
        super().resizeEvent(event)
        if not self._moved and not self._group.isNull():
            self.show_group()

    def _put(self, scene: QGraphicsScene, description: str) -> None:
        around = _MARGIN
        scene.setSceneRect(scene.itemsBoundingRect().adjusted(-around, -around, around, around))
        old = self.scene()
        self.setScene(scene)
        old.deleteLater()
        self.setAccessibleDescription(description)
        self.show_group()

    def _scale_to(self, scale: float) -> None:
        factor = scale / self.transform().m11()
        self.scale(factor, factor)

    def _look(self, in_group: bool, is_marked: bool) -> _Look:
        tokens = self._tokens
        ground = tokens.accent_soft if in_group else tokens.sunken if is_marked else tokens.surface
        edge = tokens.accent if in_group else tokens.text if is_marked else tokens.muted
        pen = QPen(QColor(edge), 2.5 if in_group else 1.0)
        if is_marked:
            pen.setStyle(Qt.PenStyle.DashLine)
        return _Look(QBrush(QColor(ground)), pen, QColor(tokens.text))

    def _edges(self, edges: Sequence[Edge], boxes: Sequence[Box]) -> QGraphicsPathItem:
        """All of them as one item; where the graph goes on, a stub."""
        path = QPainterPath()
        for edge in edges:
            _draw(path, [QPointF(x, y) for x, y in edge.points])
        for box in boxes:
            for is_cut, side in zip(box.cut, (-1, 1), strict=True):
                if is_cut:
                    path.moveTo(box.x, box.y + side * _HEIGHT / 2)
                    path.lineTo(box.x, box.y + side * (_HEIGHT / 2 + _STUB))
        item = QGraphicsPathItem(path)
        item.setPen(QPen(QColor(self._tokens.muted), 1.2))
        return item


@dataclass(frozen=True)
class _Look:
    ground: QBrush
    edge: QPen
    text: QColor


class _Box(QGraphicsItem):
    """An operator: its name over what there is to say of it, both in the middle."""

    def __init__(
        self, lines: tuple[str, str], width: float, fonts: tuple[QFont, QFont], look: _Look
    ) -> None:
        super().__init__()
        self.lines, self.width = lines, width
        self._fonts, self._look = fonts, look
        self._outline = QRectF(-width / 2, -_HEIGHT / 2, width, _HEIGHT)

    def boundingRect(self) -> QRectF:
        """Qt."""
        return self._outline.adjusted(-2, -2, 2, 2)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,  # noqa: ARG002  (Qt's own signature)
        widget: QWidget | None = None,  # noqa: ARG002
    ) -> None:
        """Qt."""
        painter.setBrush(self._look.ground)
        painter.setPen(self._look.edge)
        painter.drawRoundedRect(self._outline, _RADIUS, _RADIUS)
        painter.setPen(self._look.text)
        middle = self._outline.center().y()
        for text, font, top in zip(self.lines, self._fonts, (-20.0, 0.0), strict=True):
            painter.setFont(font)
            line = QRectF(self._outline.left(), middle + top, self.width, 20.0)
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, text)


def _draw(path: QPainterPath, points: list[QPointF]) -> None:
    """From the lower side of the first box to the upper side of the last, with an arrow."""
    half = QPointF(0, _HEIGHT / 2)
    path.moveTo(points[0] + half)
    for upper, lower in pairwise(points):
        start, end = upper + half, lower - half
        path.lineTo(start)  # through the layer of a bend
        middle = (start.y() + end.y()) / 2
        path.cubicTo(QPointF(start.x(), middle), QPointF(end.x(), middle), end)
    tip = points[-1] - half
    path.moveTo(tip + QPointF(-_ARROW, -_ARROW))
    path.lineTo(tip)
    path.lineTo(tip + QPointF(_ARROW, -_ARROW))


def _lines(node: Node, sign: str) -> tuple[str, str]:
    carried = f"{node.operator} + {node.fused}" if node.fused else node.operator
    parts = (node.detail, "×".join("?" if n < 0 else str(n) for n in node.shape))
    return f"{sign} {carried}".strip(), " · ".join(part for part in parts if part)


def _tip(node: Node) -> str:
    return "\n".join(part for part in (node.name, node.dtype) if part)
