"""Where the operators of a neighbourhood are drawn: in layers, each below those it reads.

The steps are Sugiyama's: longest-path layers, bends where an edge passes a layer, an order by
barycentres, then places as near to the neighbours as the order allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgekiln.core.drawing import Drawing

Point = tuple[float, float]
_SWEEPS = 6
_GAP = 24.0  # between neighbours of a layer
_LANE = 8.0  # the room of a passing edge


@dataclass(frozen=True)
class Box:
    """A node's place: its number in the drawing and its centre. `cut`: whether it reads, and is
    read by, nodes that are not shown."""

    node: int
    x: float
    y: float
    cut: tuple[bool, bool]


@dataclass(frozen=True)
class Edge:
    """From a box to one that reads it: through the centres of both, and the bends between."""

    source: int
    target: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """What is shown, and where."""

    boxes: tuple[Box, ...] = ()
    edges: tuple[Edge, ...] = ()


def neighbourhood(drawing: Drawing, wanted: Iterable[int], most: int = 200) -> tuple[int, ...]:
    """Up to `most` nodes around `wanted`, nearest first reached, in the drawing's order."""
    readers = _readers(drawing)
    found = dict.fromkeys(wanted)
    front = list(found)
    while front and len(found) < most:
        around = [n for i in front for n in (*drawing.nodes[i].inputs, *readers[i])]
        front = [n for n in dict.fromkeys(around) if n not in found][: most - len(found)]
        found.update(dict.fromkeys(front))
    return tuple(sorted(found))


def lay_out(
    drawing: Drawing, shown: Sequence[int], width: Callable[[int], float], height: float
) -> Layout:
    """Boxes and edges for the nodes `shown`, which are in the drawing's order; `width` of a node's
    box, and `height` from one layer to the next, in the unit of the places."""
    grid = _Grid(drawing, shown)
    grid.order()
    places = grid.spread([width(node) for node in shown])
    readers, inside = _readers(drawing), set(shown)
    boxes = tuple(
        Box(
            node,
            places[i],
            grid.layer[i] * height,
            (
                not inside.issuperset(drawing.nodes[node].inputs),
                not inside.issuperset(readers[node]),
            ),
        )
        for i, node in enumerate(shown)
    )
    edges = tuple(
        Edge(shown[way[0]], shown[way[-1]], tuple((places[i], grid.layer[i] * height) for i in way))
        for way in grid.ways
    )
    return Layout(boxes, edges)


def _readers(drawing: Drawing) -> list[list[int]]:
    readers: list[list[int]] = [[] for _ in drawing.nodes]
    for i, node in enumerate(drawing.nodes):
        for read in node.inputs:
            readers[read].append(i)
    return readers


class _Grid:
    """Items in layers: first the nodes, by their place in `shown`, then the bends of long edges."""

    def __init__(self, drawing: Drawing, shown: Sequence[int]) -> None:
        item = {node: i for i, node in enumerate(shown)}
        reads = [[item[n] for n in drawing.nodes[node].inputs if n in item] for node in shown]
        self.layer = _longest_paths(reads)
        self.above: list[list[int]] = [[] for _ in shown]
        self.below: list[list[int]] = [[] for _ in shown]
        self.ways = [self._way(read, i) for i, read_by in enumerate(reads) for read in read_by]
        self.rows: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for i, layer in enumerate(self.layer):
            self.rows[layer].append(i)

    def _way(self, source: int, target: int) -> list[int]:
        """The items an edge runs through: it bends once in each layer it passes."""
        way = [source]
        for layer in range(self.layer[source] + 1, self.layer[target]):
            way.append(len(self.layer))
            self.layer.append(layer)
            self.above.append([])
            self.below.append([])
        way.append(target)
        for upper, lower in pairwise(way):
            self.below[upper].append(lower)
            self.above[lower].append(upper)
        return way

    def order(self) -> None:
        """Sort each layer by the mean place of its neighbours, down and up in turn."""
        at = [0.0] * len(self.layer)
        for row in self.rows:
            _number(row, at)
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for row in self.rows if down else reversed(self.rows):
                means = {i: _mean((self.above if down else self.below)[i] or [i], at) for i in row}
                row.sort(key=means.__getitem__)
                _number(row, at)

    def spread(self, widths: Sequence[float]) -> list[float]:
        """The x of each item: near the mean of its neighbours, and no box on another."""
        half = [w / 2 + _GAP / 2 for w in widths] + [_LANE] * (len(self.layer) - len(widths))
        x = [0.0] * len(self.layer)
        for row in self.rows:
            _set_apart(row, x, half)
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            for row in self.rows if down else reversed(self.rows):
                for i in row:
                    x[i] = _mean((self.above if down else self.below)[i] or [i], x)
                _set_apart(row, x, half)
        return x


def _longest_paths(reads: Sequence[Sequence[int]]) -> list[int]:
    """The layer of each item: one below the lowest it reads; what reads nothing stands right above
    the first that reads it."""
    layer = [0] * len(reads)
    first = [-1] * len(reads)
    for i, read in enumerate(reads):
        layer[i] = 1 + max((layer[n] for n in read), default=-1)
    for i, read in enumerate(reads):
        for n in read:
            first[n] = layer[i] if first[n] < 0 else min(first[n], layer[i])
    for i, read in enumerate(reads):
        if not read and first[i] > 0:
            layer[i] = first[i] - 1
    return layer


def _number(row: Sequence[int], at: list[float]) -> None:
    for n, i in enumerate(row):
        at[i] = n


def _mean(items: Sequence[int], at: Sequence[float]) -> float:
    return sum(at[i] for i in items) / len(items)


def _set_apart(row: Sequence[int], x: list[float], half: Sequence[float]) -> None:
    """Push what overlaps apart, as far to the right as to the left; the order stays."""
    right = [x[i] for i in row]
    left = list(right)
    for n in range(1, len(row)):
        room = half[row[n - 1]] + half[row[n]]
        right[n] = max(right[n], right[n - 1] + room)
    for n in range(len(row) - 2, -1, -1):
        room = half[row[n]] + half[row[n + 1]]
        left[n] = min(left[n], left[n + 1] - room)
    for n, i in enumerate(row):
        x[i] = (right[n] + left[n]) / 2
