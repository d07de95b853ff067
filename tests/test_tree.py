"""Trees: what is flattened comes back, and its structure says how leaves are reached."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltaprop.tree import described, flatten, matched, paths, tree_map, unflatten


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass(frozen=True)
class Layer:
    weight: Any
    bias: Any
    activation: str = field(default="tanh", metadata={"static": True})


def containers(children: Any) -> Any:
    return st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), children, max_size=3),
        st.builds(Pair, children, children),
        st.builds(Layer, children, children, st.sampled_from(["tanh", "relu"])),
        st.none(),
    )


trees = st.recursive(st.floats(allow_nan=False), containers, max_leaves=8)


def outline(tree: Any) -> Any:
    """A tree without its leaves, to be compared with ==: tuples of other classes differ."""
    if isinstance(tree, dict):
        return {key: outline(child) for key, child in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree), [outline(child) for child in tree]
    if isinstance(tree, Layer):
        return Layer, outline(tree.weight), outline(tree.bias), tree.activation
    return tree if tree is None else "leaf"


@given(trees)
def test_a_tree_comes_back_from_its_leaves_and_its_structure(tree: Any) -> None:
    leaves, structure = flatten(tree)
    assert unflatten(structure, leaves) == tree
    assert flatten(unflatten(structure, leaves)) == (leaves, structure)
    assert hash(structure) == hash(flatten(tree)[1])


@given(trees)
def test_paths_are_python_that_reaches_the_leaf(tree: Any) -> None:
    leaves, structure = flatten(tree)
    found = [eval(path, {"tree": tree}) for path in paths(structure, "tree")]
    assert found == leaves


@given(trees, trees)
def test_structures_differ_where_trees_differ_in_more_than_leaves(a: Any, b: Any) -> None:
    in_order = repr(outline(a)) == repr(outline(b))
    assert (flatten(a)[1] == flatten(b)[1]) == in_order


class Sealed(dict):
    """A dict that takes other arguments than a dict, and has attributes."""

    __slots__ = ("__dict__", "note")

    def __init__(self, size: int) -> None:
        super().__init__(z=1.0, a=float(size))
        self.note, self.size = "kept", size


class Attributes(dict):
    def __init__(self, **entries: Any) -> None:
        super().__init__(entries)
        self.__dict__ = self


class Row(list):
    unit = "m"

    def __init__(self, first: float, second: float) -> None:
        super().__init__([first, second])


class Span(tuple):
    def __new__(cls, start: float, stop: float) -> Span:
        return super().__new__(cls, (start, stop))


class Named(Pair):
    def __new__(cls, both: float) -> Named:
        return super().__new__(cls, both, both)


def growing() -> defaultdict[str, Any]:
    made: defaultdict[str, Any] = defaultdict(list)
    made["z"], made["a"] = 1.0, 2.0
    return made


SUBCLASSES = [
    OrderedDict(z=1.0, a=2.0), growing(), Sealed(3), Attributes(z=1.0, a=2.0), Row(1.0, 2.0),
    Span(1.0, 2.0), Named(1.0), time.gmtime(0), Counter(z=1, a=2),
]  # fmt: skip


@pytest.mark.parametrize("tree", SUBCLASSES, ids=lambda tree: type(tree).__name__)
def test_what_is_a_subclass_stays_one(tree: Any) -> None:
    leaves, structure = flatten(tree)
    again = unflatten(structure, leaves)
    assert type(again) is type(tree)
    assert again == tree
    assert list(again) == list(tree)
    assert again is not tree
    assert getattr(again, "__dict__", None) == getattr(tree, "__dict__", None)
    assert flatten(again)[1] == structure
    assert hash(structure) == hash(flatten(again)[1])


def test_a_subclass_keeps_what_it_holds_besides_its_children() -> None:
    sealed = tree_map(lambda x: 2 * x, Sealed(3))
    assert (sealed, sealed.note, sealed.size) == ({"z": 2.0, "a": 6.0}, "kept", 3)
    assert tree_map(lambda x: x, growing())["new"] == []
    attributes = tree_map(lambda x: 2 * x, Attributes(w=1.0))
    attributes["w"] = 5.0
    assert attributes.w == 5.0
    ordered = tree_map(lambda x: x, OrderedDict(z=1.0, a=2.0))
    ordered.move_to_end("z")
    assert list(ordered) == ["a", "z"]


@given(st.permutations(["c", "a", "b", "0", 7]))
def test_a_dict_keeps_its_order(keys: list[Any]) -> None:
    tree = {key: float(i) for i, key in enumerate(keys)}
    leaves, structure = flatten(tree)
    assert leaves == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert list(unflatten(structure, leaves)) == keys
    other = {key: str(key) for key in ("b", "c", 7, "0", "a")}
    assert matched(other, structure) == [str(key) for key in keys]


def test_dicts_of_another_order_have_another_structure() -> None:
    assert flatten({"a": 1.0, "b": 2.0})[1] != flatten({"b": 2.0, "a": 1.0})[1]


@given(trees, trees)
def test_trees_match_where_they_are_nested_alike(a: Any, b: Any) -> None:
    leaves, structure = flatten(a)
    assert matched(a, structure) == leaves
    assert (matched(b, structure) is not None) == (outline(a) == outline(b))


@pytest.mark.parametrize(
    ("tree", "like"),
    [
        ({"a": 1.0}, {"b": 1.0}),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0}),
        ([1.0], (1.0,)),
        ([1.0], [1.0, 2.0]),
        ({"a": [1.0]}, {"a": 1.0}),
        (None, 1.0),
        (1.0, None),
        (Layer(1.0, 2.0), 1.0),
        (Layer(1.0, 2.0), Layer(1.0, 2.0, "relu")),
        ((1.0, 2.0), Pair(1.0, 2.0)),
    ],
)
def test_trees_that_do_not_match(tree: Any, like: Any) -> None:
    assert matched(tree, flatten(like)[1]) is None


def test_dicts_of_two_classes_match() -> None:
    assert matched(OrderedDict(a=1.0, b=2.0), flatten({"b": 0.0, "a": 0.0})[1]) == [2.0, 1.0]


def test_a_static_field_belongs_to_the_structure() -> None:
    tanh, relu = Layer(1.0, 2.0), Layer(1.0, 2.0, "relu")
    assert flatten(tanh)[0] == [1.0, 2.0]
    assert flatten(tanh)[1] != flatten(relu)[1]


def test_arrays_are_leaves() -> None:
    leaves, _ = flatten([np.ones(3), {"w": np.zeros((2, 2))}])
    assert [x.shape for x in leaves] == [(3,), (2, 2)]


@pytest.mark.parametrize(
    ("tree", "words"),
    [({"a": [1.0, 2.0], "b": None}, "{'a': [*, *], 'b': None}"), (3.0, "*"), (Pair(1, 2), "Pair")],
)
def test_a_structure_is_described_without_its_leaves(tree: Any, words: str) -> None:
    assert words in described(flatten(tree)[1])
