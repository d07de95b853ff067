"""The layout of a layered graph: inputs on the left, the root on the right.

The steps of Sugiyama, Tagawa and Toda (1981): columns, an order with
few crossings within each column, and heights. An edge that skips columns gets a place in each
of these columns, which all edges of the same box share. The heights are a least-squares fit
without overlaps, which is isotonic regression within a column.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

GAP_X, GAP_Y, WIRE = 46.0, 16.0, 4.0
_SWEEPS = 8
_LONG = 5000  # columns that all edges cross together


@dataclass(frozen=True)
class Layout:
    """The upper left corners of the boxes, the SVG paths of the edges, and the size."""

    corners: list[tuple[float, float]]
    paths: list[str]
    width: float
    height: float


class _Columns:
    """The boxes and the places of passing edges, column by column."""

    def __init__(self, sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]):
        n = len(sizes)
        late = [0] * n  # how many columns before the last: as late as the consumers allow
        for u, v in sorted(edges, key=lambda e: -e[1]):
            late[u] = max(late[u], late[v] + 1)
        last = max(late, default=0)
        self.column = [last - k for k in late]
        self.heights = [h for _, h in sizes]
        self.left: list[list[int]] = [[] for _ in range(n)]
        self.right: list[list[int]] = [[] for _ in range(n)]
        self.passing: dict[tuple[int, int], int] = {}
        for u, v in edges:
            here = u
            for c in range(self.column[u] + 1, self.column[v]):
                here = self._link(here, self._passage(u, c))
            self._link(here, v)
        self.columns: list[list[int]] = [[] for _ in range(last + 1)]
        self._fill(n)

    def _passage(self, u: int, c: int) -> int:
        place = self.passing.get((u, c))
        if place is None:
            self.passing[u, c] = place = len(self.column)
            self.column.append(c)
            self.heights.append(WIRE)
            self.left.append([])
            self.right.append([])
        return place

    def _link(self, a: int, b: int) -> int:
        if a not in self.left[b]:
            self.left[b].append(a)
            self.right[a].append(b)
        return b

    def _fill(self, n: int) -> None:
        """Return an order that draws a tree without crossings: depth first from the root."""
        seen = [False] * len(self.column)
        for root in range(n - 1, -1, -1):
            stack = [root] if not self.right[root] else []
            while stack:
                item = stack.pop()
                if not seen[item]:
                    seen[item] = True
                    self.columns[self.column[item]].append(item)
                    stack += reversed(self.left[item])

    def crossings(self) -> int:
        total = 0
        for a, b in pairwise(self.columns):
            place = {item: i for i, item in enumerate(b)}
            ends: list[int] = []
            for item in a:
                targets = sorted(place[t] for t in self.right[item])
                total += sum(len(ends) - bisect_right(ends, t) for t in targets)
                for t in targets:
                    insort(ends, t)
        return total

    def untangle(self) -> None:
        """Sort each column by the positions of its neighbours; keep the best order found."""
        best, order = self.crossings(), [list(c) for c in self.columns]
        for sweep in range(_SWEEPS):
            if not best:
                break
            towards, columns = (
                (self.left, self.columns) if sweep % 2 else (self.right, self.columns[::-1])
            )
            for fixed, free in pairwise(columns):
                place = {item: i / len(fixed) for i, item in enumerate(fixed)}
                now = {item: i / len(free) for i, item in enumerate(free)}
                free.sort(key=lambda item: _mean([place[t] for t in towards[item]], now[item]))
            if (count := self.crossings()) < best:
                best, order = count, [list(c) for c in self.columns]
        self.columns = order

    def middles(self) -> list[float]:
        """The height of each item's middle."""
        y = [0.0] * len(self.column)
        for sweep in range(_SWEEPS):
            columns = self.columns if sweep % 2 else self.columns[::-1]
            for column in columns:
                wished = []
                for item in column:
                    near = self.left[item] if sweep % 2 else self.right[item]
                    near = near or self.left[item] + self.right[item]
                    wished.append(_mean([y[t] for t in near], y[item]))
                for item, middle in zip(column, self._apart(column, wished), strict=True):
                    y[item] = middle
        top = min((y[i] - h / 2 for i, h in enumerate(self.heights)), default=0.0)
        return [middle - top for middle in y]

    def _apart(self, column: list[int], wished: list[float]) -> list[float]:
        """Return the middles nearest to the desired ones at which nothing overlaps."""
        gaps = [
            (self.heights[a] + self.heights[b]) / 2
            + (GAP_Y if max(self.heights[a], self.heights[b]) > WIRE else WIRE)
            for a, b in pairwise(column)
        ]
        offsets = [0.0, *accumulate(gaps)]
        blocks: list[tuple[float, int]] = []  # pool adjacent violators
        for wish, offset in zip(wished, offsets, strict=False):
            level, count = wish - offset, 1
            while blocks and blocks[-1][0] >= level:
                before, many = blocks.pop()
                level = (before * many + level * count) / (many + count)
                count += many
            blocks.append((level, count))
        levels = [level for level, count in blocks for _ in range(count)]
        return [level + offset for level, offset in zip(levels, offsets, strict=False)]


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def layered(
    sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], gap: float = GAP_X
) -> Layout:
    """Lay out boxes, which are numbered so that inputs come before their consumers.

    Parameters
    ----------
    sizes : sequence of (width, height)
    edges : sequence of (input, consumer)
        In the order in which they enter their consumer, from top to bottom.
    gap : float
        Between two columns.
    """
    graph = _Columns(sizes, edges)
    graph.untangle()
    y = graph.middles()
    widths = [
        max((sizes[i][0] for i in column if i < len(sizes)), default=0.0)
        for column in graph.columns
    ]
    starts = [0.0, *accumulate(w + gap for w in widths)]
    corners = []
    for i, (w, h) in enumerate(sizes):
        c = graph.column[i]
        corners.append((starts[c] + (widths[c] - w) / 2, y[i] - h / 2))

    entering: dict[int, int] = {}
    arrivals = Counter(v for _, v in edges)
    # many long edges: what edges of a box share is drawn with the first of them alone
    sharing = sum(graph.column[v] - graph.column[u] for u, v in edges) > _LONG
    drawn: dict[int, int] = {}
    paths = []
    for u, v in edges:
        entering[v] = port = entering.get(v, 0) + 1
        first, here = graph.column[u], y[u]
        path = f"M{corners[u][0] + sizes[u][0]:.0f},{here:.0f}"
        if sharing and u in drawn:
            first = min(drawn[u], graph.column[v] - 1)
            here = y[graph.passing.get((u, first), u)]
            path = f"M{starts[first] + widths[first]:.0f},{here:.0f}"
        drawn[u] = max(drawn.get(u, 0), graph.column[v] - 1)
        for c in range(first, graph.column[v]):
            out, into = starts[c] + widths[c], starts[c + 1]
            if c + 1 == graph.column[v]:
                there = corners[v][1] + sizes[v][1] * port / (arrivals[v] + 1)
            else:
                there = y[graph.passing[u, c + 1]]
            half = (out + into) / 2
            path += (
                f"H{out:.0f}C{half:.0f},{here:.0f} {half:.0f},{there:.0f} {into:.0f},{there:.0f}"
            )
            here = there
        paths.append(f"{path}H{corners[v][0]:.0f}")
    height = max((y + h for (_, y), (_, h) in zip(corners, sizes, strict=True)), default=0.0)
    wires = max((y[i] for i in range(len(sizes), len(y))), default=0.0)
    return Layout(corners, paths, starts[-1] - gap, max(height, wires))
