"""Layers of a neighbourhood: what reads is below what it reads, and nothing lies on another."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from edgekiln.core.drawing import Drawing, Node, changes
from edgekiln.core.layering import lay_out, neighbourhood


def graph(*reads: tuple[int, ...]) -> Drawing:
    return Drawing(
        tuple(Node("ADD", "", "", (1,), "float32", f"n{i}", read) for i, read in enumerate(reads))
    )


def chain(length: int) -> Drawing:
    return graph(*((i - 1,) if i else () for i in range(length)))


def random_graph(size: int, seed: int) -> Drawing:
    rng = random.Random(seed)
    reads = [
        tuple(sorted({rng.randrange(max(0, i - 12), i) for _ in range(2)})) for i in range(1, size)
    ]
    return graph((), *reads)


def test_the_neighbourhood_is_the_nearest() -> None:
    assert neighbourhood(chain(100), (50,), 7) == tuple(range(47, 54))
    assert neighbourhood(chain(100), (0,), 4) == (0, 1, 2, 3)
    assert neighbourhood(chain(3), (1,)) == (0, 1, 2)
    assert neighbourhood(chain(3), ()) == ()


def test_nothing_shown_is_an_empty_layout() -> None:
    layout = lay_out(chain(3), (), lambda _: 1.0, 1.0)
    assert (layout.boxes, layout.edges) == ((), ())


def test_a_chain_is_straight_and_cut_where_it_goes_on() -> None:
    layout = lay_out(chain(9), (3, 4, 5), lambda _: 100.0, 50.0)
    assert [(b.node, b.x, b.y) for b in layout.boxes] == [(3, 0, 0), (4, 0, 50), (5, 0, 100)]
    assert [b.cut for b in layout.boxes] == [(True, False), (False, False), (False, True)]
    assert [(e.source, e.target) for e in layout.edges] == [(3, 4), (4, 5)]


def test_a_shortcut_bends_around_what_it_passes() -> None:
    layout = lay_out(graph((), (0,), (1,), (0, 2)), range(4), lambda _: 100.0, 50.0)
    (shortcut,) = (e for e in layout.edges if (e.source, e.target) == (0, 3))
    assert [y for _, y in shortcut.points] == [0, 50, 100, 150]
    for (x, y), box in zip(shortcut.points[1:3], layout.boxes[1:3], strict=True):
        assert y == box.y
        assert abs(x - box.x) >= 50


def test_what_reads_nothing_stands_above_its_first_reader() -> None:
    layout = lay_out(graph((), (0,), (1,), (), (2, 3)), range(5), lambda _: 10.0, 1.0)
    assert [box.y for box in layout.boxes] == [0, 1, 2, 2, 3]


@pytest.mark.parametrize("seed", range(8))
def test_no_box_lies_on_another_and_edges_go_down(seed: int) -> None:
    drawing = random_graph(200, seed)
    width = {n: 60.0 + 7 * (n % 13) for n in range(200)}
    layout = lay_out(drawing, range(200), width.__getitem__, 40.0)
    place = {b.node: b for b in layout.boxes}
    rows: dict[float, list[int]] = {}
    for box in layout.boxes:
        rows.setdefault(box.y, []).append(box.node)
    for row in rows.values():
        for left, right in pairwise(sorted(row, key=lambda n: place[n].x)):
            assert place[right].x - place[left].x >= (width[left] + width[right]) / 2
    assert {(e.source, e.target) for e in layout.edges} == {
        (read, i) for i, node in enumerate(drawing.nodes) for read in node.inputs
    }
    for edge in layout.edges:
        assert all(lower[1] - upper[1] == 40.0 for upper, lower in pairwise(edge.points))


def test_crossings_that_need_not_be_are_not() -> None:
    """Two chains of one source, their members listed crosswise."""
    layout = lay_out(graph((), (0,), (0,), (2,), (1,), (3, 4)), range(6), lambda _: 10.0, 1.0)
    x = {b.node: b.x for b in layout.boxes}
    assert (x[1] < x[2]) == (x[4] < x[3])


def test_what_is_gone_and_what_changed() -> None:
    def node(operator: str, name: str, *inputs: int, fused: str = "") -> Node:
        return Node(operator, fused, "", (1,), "float32", name, inputs)

    before = Drawing(
        (node("INPUT", "x"), node("MUL", "m", 0), node("CONV_2D", "c", 1), node("RELU", "r", 2))
    )
    after = Drawing(
        (node("INPUT", "x"), node("CONV_2D", "c/edgekiln/made", 0), node("RELU", "r", 1))
    )
    assert changes(before, after) == ({1}, {1})
    assert changes(before, before) == (frozenset(), frozenset())
    carried = Drawing((node("INPUT", "x"), node("CONV_2D", "r", 0, fused="RELU")))
    assert changes(before, carried) == ({1, 2}, {1})
