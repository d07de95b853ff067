"""Trees: nested dicts, lists, tuples, namedtuples and dataclasses with arrays as leaves."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from inspect import isfunction
from typing import Any, NamedTuple


class Structure(NamedTuple):
    """A tree without its leaves; equal and hashed by value.

    `kind` is the type of the container (None for a leaf), `keys` are the names of its children
    in their order, and `static` is what the container holds besides its children: the static
    fields of a dataclass, the factory of a defaultdict, the attributes of a subclass.
    """

    kind: Any
    keys: tuple[Any, ...] = ()
    children: tuple[Structure, ...] = ()
    static: tuple[tuple[str, Any], ...] = ()

    @property
    def is_row(self) -> bool:
        """Whether the structure is a tuple of leaves."""
        return self.kind is tuple and all(part is LEAF for part in self.children)


LEAF = Structure(None)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """Return the leaves of a tree, and its structure.

    The leaves of a dict come in the order of the dict. Dicts that differ in order differ in
    structure; `matched` compares them by key. A dataclass field with the metadata
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
    kind = type(tree)
    keys: Sequence[Any] = ()
    children: Any = ()
    static: tuple[Any, ...] = ()
    if tree is None:
        pass
    elif isinstance(tree, dict):
        keys, children = tuple(tree), [dict.__getitem__(tree, key) for key in tree]
        static = () if kind is dict else _aside(tree)
    elif isinstance(tree, (list, tuple)):
        keys, children = getattr(tree, "_fields", range(len(tree))), tree
        static = () if kind is list or kind is tuple else _aside(tree)
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
    return Structure(kind, tuple(keys), parts, static)


def _aside(tree: Any) -> tuple[tuple[str, Any], ...]:
    """Return what a container of a subclass holds besides its children."""
    if getattr(tree, "__dict__", None) is tree:  # a dict whose keys are its attributes
        return (("__dict__", None),)
    state = object.__getstate__(tree)
    parts = state if isinstance(state, tuple) else (state,)
    own = [item for part in parts if part for item in part.items()]
    if isinstance(tree, defaultdict):
        own.append(("default_factory", tree.default_factory))
    return tuple(own)


def unflatten(structure: Structure, leaves: Sequence[Any] | Iterator[Any]) -> Any:
    """Return the tree of a structure with these leaves."""
    leaves = iter(leaves)
    kind = structure.kind
    if kind is None:
        return next(leaves)
    children = [unflatten(child, leaves) for child in structure.children]
    if kind is type(None):
        return None
    if kind is list:
        return children
    if kind is tuple:
        return tuple(children)
    if kind is dict:
        return dict(zip(structure.keys, children, strict=True))
    if issubclass(kind, dict | list | tuple):
        return _subclass(structure, children)
    return kind(**dict(zip(structure.keys, children, strict=True)), **dict(structure.static))


def _subclass(structure: Structure, children: list[Any]) -> Any:
    """Make a container without its constructor, whose arguments are unknown."""
    kind = structure.kind
    made: Any
    if issubclass(kind, dict):
        made = kind.__new__(kind)
        for key, child in zip(structure.keys, children, strict=True):
            (OrderedDict if isinstance(made, OrderedDict) else dict).__setitem__(made, key, child)
    elif issubclass(kind, list):
        made = kind.__new__(kind)
        list.extend(made, children)
    elif kind.__new__ is tuple.__new__ or isfunction(kind.__new__):
        made = tuple.__new__(kind, children)
    else:  # written in C
        made = kind(children)
    for name, value in structure.static:
        object.__setattr__(made, name, made if name == "__dict__" else value)
    return made


def matched(tree: Any, structure: Structure) -> list[Any] | None:
    """Return the leaves of a tree in the order of another structure; dicts are matched by key.

    The result is None if the tree has another structure. Dicts of different classes match.

    Examples
    --------
    >>> _, structure = flatten({"W": 1.0, "b": 2.0})
    >>> matched({"b": 4.0, "W": 3.0}, structure)
    [3.0, 4.0]
    """
    leaves: list[Any] = []
    return leaves if _match(tree, structure, leaves) else None


def _match(tree: Any, structure: Structure, leaves: list[Any]) -> bool:
    kind = structure.kind
    if kind is None:
        return _walk(tree, leaves) is LEAF
    if issubclass(kind, dict):
        if not isinstance(tree, dict) or tree.keys() != dict.fromkeys(structure.keys).keys():
            return False
        children: Any = [dict.__getitem__(tree, key) for key in structure.keys]
    elif type(tree) is not kind:
        return False
    elif issubclass(kind, list | tuple):
        children = tree
    elif any(getattr(tree, name) != value for name, value in structure.static):
        return False
    else:
        children = [getattr(tree, key) for key in structure.keys]
    return len(children) == len(structure.children) and all(
        _match(child, part, leaves)
        for child, part in zip(children, structure.children, strict=True)
    )


def tree_map(function: Callable[..., Any], tree: Any) -> Any:
    """Return the tree with the function applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, [function(x) for x in leaves])


def paths(structure: Structure, prefix: str) -> list[str]:
    """Return the expression by which each leaf is reached from `prefix`."""
    if structure.kind is None:
        return [prefix]
    out: list[str] = []
    for key, child in zip(structure.keys, structure.children, strict=True):
        dotted = isinstance(key, str) and not issubclass(structure.kind, dict)
        out += paths(child, f"{prefix}.{key}" if dotted else f"{prefix}[{key!r}]")
    return out


def described(structure: Structure) -> str:
    """Return the structure as text with a * for each leaf, for error messages."""
    return repr(unflatten(structure, iter(lambda: _STAR, None)))


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()
