"""The arena: where a program of NumPy's executor keeps what lies outside, from run to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import getrefcount
from typing import Any

from ..graph import Node
from .memory import Memory, allocated, shaped
from .program import Call, Variable, pack, run


class Arena:
    """Where a program keeps, between its runs, what the places hold that it writes.

    As long as a place still holds the array that is its home, and nobody else does, nothing
    needs to be copied. Else the next run starts from a copy of what is there.

    Parameters
    ----------
    memory : Memory
    names : dict
        What variables are called in the program's space.
    rows : dict
        What its loops run over, all by name.
    nodes : dict
        Names of homes, and the Values that hold them.
    """

    def __init__(
        self,
        memory: Memory,
        names: Mapping[Variable, str],
        rows: Mapping[str, Sequence[Sequence[str]]],
        nodes: Mapping[str, Node],
    ) -> None:
        self.inside: list[tuple[str, int, Variable]] = [
            (names[x], at, x) for x, at in memory.at_home.items()
        ]
        self.views: list[tuple[str, str, Call]] = []
        known = {name for name, _, _ in self.inside}
        for call in memory.views:
            name = names[call.result]
            base = "" if call.function is pack else names[call.args[0]]
            if base in known and name not in known:
                known.add(name)
                self.views.append((name, base, call))
        self.size: int = memory.arena.nbytes
        self.rows: Mapping[str, Sequence[Sequence[str]]] = rows
        self.nodes: Mapping[str, Node] = nodes
        self.owner: Any = None

    def renew(self, space: dict[str, Any]) -> None:
        """Make new arrays; what others hold of the old ones stays as it is."""
        block = allocated(self.size)
        for name, at, x in self.inside:
            space[name] = shaped(block, at, x)
        for name, base, call in self.views:
            space[name] = run(call.function, (space[base], *call.args[1:]), call.params, False)
        self.owner = space["arena"] = block.base
        del block
        lay(self.rows, space)
        space["seen"] = getrefcount(self.owner)
        # who holds each of them when the program looks: the row, the place, and names for it
        counts = [getrefcount(space[name]) + 3 for name in self.nodes]
        space["nodes"] = [
            (p, space[name], n) for (name, p), n in zip(self.nodes.items(), counts, strict=True)
        ]

    def adopt(self, space: dict[str, Any]) -> None:
        """Take over what the places hold, in arrays that nobody else has seen."""
        held = [p._held for p in self.nodes.values()]
        shared = self.owner is None or getrefcount(self.owner) != space["seen"]
        known = [n for *_, n in space["nodes"]]
        for i, (name, n) in enumerate(zip(self.nodes, known, strict=False)):
            # here, of those who held it, are `held` and the place, if it is there
            less = 0 if held[i] is space[name] else 2
            shared = shared or getrefcount(space[name]) != n - less
        if shared:
            self.renew(space)
        for name, x in zip(self.nodes, held, strict=True):
            if x is not space[name]:
                space[name][...] = x


def lay(rows: Mapping[str, Sequence[Sequence[str]]], space: dict[str, Any]) -> None:
    """Put in the space what the loops of the program run over, from the names in it."""
    for name, lines in rows.items():
        space[name] = [(space[f], tuple([space[x] for x in rest])) for f, *rest in lines]
