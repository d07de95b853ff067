"""Boxes do not overlap, inputs are left of their consumers, edges go from one to the other."""

from __future__ import annotations

import re
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from deltaprop.viz.layout import layered


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    n = draw(st.integers(1, 25))
    sizes = [(draw(st.floats(20, 90)), draw(st.floats(15, 60))) for _ in range(n)]
    edges = [(u, v) for v in range(1, n) for u in draw(st.lists(st.integers(0, v - 1), max_size=3))]
    return sizes, edges


def numbers(path: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+", path)]


@given(graphs())
def test_nothing_overlaps(graph):
    sizes, edges = graph
    plan = layered(sizes, edges)
    placed = list(zip(plan.corners, sizes, strict=True))
    for ((x, y), (w, h)), ((p, q), (v, k)) in combinations(placed, 2):
        assert x + w <= p or p + v <= x or y + h <= q + 1e-6 or q + k <= y + 1e-6
    for (x, y), (w, h) in placed:
        assert x >= 0
        assert y >= -1e-6
        assert x + w <= plan.width + 1e-6
        assert y + h <= plan.height + 1e-6


@given(graphs())
def test_edges_lead_from_an_input_to_its_consumer(graph):
    sizes, edges = graph
    plan = layered(sizes, edges)
    assert len(plan.paths) == len(edges)
    for (u, v), path in zip(edges, plan.paths, strict=True):
        (x, y), (p, q) = plan.corners[u], plan.corners[v]
        ends = numbers(path)
        assert x + sizes[u][0] < p
        assert abs(ends[0] - x - sizes[u][0]) <= 1
        assert y - 1 <= ends[1] <= y + sizes[u][1] + 1
        assert abs(ends[-1] - p) <= 1
        assert q - 1 <= ends[-2] <= q + sizes[v][1] + 1


@given(st.integers(2, 40), st.data())
def test_a_tree_has_no_crossings(n, data):
    """Straight lines between the ends of edges that span one column never cross."""
    parent = [data.draw(st.integers(i + 1, n - 1)) if i < n - 1 else None for i in range(n)]
    edges = [(u, v) for v in range(n) for u in range(n) if parent[u] == v]
    plan = layered([(30.0, 20.0)] * n, edges)
    ends = [(numbers(p)[1], numbers(p)[-2], plan.corners[u][0]) for (u, _), p in
            zip(edges, plan.paths, strict=True)]  # fmt: skip
    for (a, b, column), (c, d, other) in combinations(ends, 2):
        assert column != other or (a - c) * (b - d) >= 0


def test_an_input_of_everything_is_wired_once():
    """The wires of a shared input share their way: 400 consumers are no 400 long paths."""
    n = 400
    edges = [(u, v) for v in range(2, n) for u in (v - 1, 0)]
    plan = layered([(40.0, 20.0)] * n, edges)
    assert sum(map(len, plan.paths)) < 400 * n
