"""Trees: nested dicts, lists, tuples, namedtuples and dataclasses with arrays as leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple


class Structure(NamedTuple):
    """A tree without its leaves; equal and hashed by value.

    `kind` is the container's type (None for a leaf), `keys` what its children are called,
    `static` the values of a dataclass's fields that are no children.
    """

    kind: Any
    keys: tuple[Any, ...] = ()
    children: tuple[Structure, ...] = ()
    static: tuple[tuple[str, Any], ...] = ()

    @property
    def is_row(self) -> bool:
        """Whether it is a tuple of leaves."""
        return self.kind is tuple and all(part is LEAF for part in self.children)


LEAF = Structure(None)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree, and its structure.

    A dict's keys are sorted where they can be. A dataclass's field with the metadata
    ``{"static": True}`` belongs to the structure. None has no leaves.

    Examples
    --------
    >>> leaves, structure = flatten({"W": [1.0, 2.0], "b": 3.0})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> unflatten(structure, [10 * x for x in leaves])
    {'W': [10.0, 20.0], 'b': 30.0}
    """
    leaves: list[Any] = []
    return leaves, _walk(tree, leaves)


def _walk(tree: Any, leaves: list[Any]) -> Structure:
    static: tuple[Any, ...] = ()
    if tree is None:
        keys: Sequence[Any] = ()
        children: Any = ()
    elif isinstance(tree, dict):
        try:
            keys = sorted(tree)
        except TypeError:
            keys = list(tree)
        children = [tree[key] for key in keys]
    elif isinstance(tree, (list, tuple)):
        keys, children = getattr(tree, "_fields", range(len(tree))), tree
    elif is_dataclass(tree) and not isinstance(tree, type):
        keys = [f.name for f in fields(tree) if f.init and not f.metadata.get("static")]
        children = [getattr(tree, key) for key in keys]
        static = tuple(
            (f.name, getattr(tree, f.name)) for f in fields(tree) if f.metadata.get("static")
        )
    else:
        leaves.append(tree)
        return LEAF
    parts = tuple([_walk(child, leaves) for child in children])
    return Structure(type(tree), tuple(keys), parts, static)


def unflatten(structure: Structure, leaves: Sequence[Any] | Iterator[Any]) -> Any:
    """The tree of that structure with these leaves."""
    leaves = iter(leaves)
    if structure.kind is None:
        return next(leaves)
    children = [unflatten(child, leaves) for child in structure.children]
    kind = structure.kind
    if kind is type(None):
        return None
    if issubclass(kind, dict):
        return dict(zip(structure.keys, children, strict=True))
    if hasattr(kind, "_fields"):
        return kind(*children)
    if issubclass(kind, list | tuple):
        return kind(children)
    return kind(**dict(zip(structure.keys, children, strict=True)), **dict(structure.static))


def tree_map(function: Callable[..., Any], tree: Any) -> Any:
    """The tree with the function applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, [function(x) for x in leaves])


def paths(structure: Structure, prefix: str) -> list[str]:
    """How each leaf is reached from `prefix`, as one would write it."""
    if structure.kind is None:
        return [prefix]
    out: list[str] = []
    for key, child in zip(structure.keys, structure.children, strict=True):
        dotted = isinstance(key, str) and not issubclass(structure.kind, dict)
        out += paths(child, f"{prefix}.{key}" if dotted else f"{prefix}[{key!r}]")
    return out


def described(structure: Structure) -> str:
    """The structure with a * for each leaf, for errors."""
    return repr(unflatten(structure, iter(lambda: _STAR, None)))


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()
