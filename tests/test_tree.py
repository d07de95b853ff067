"""Trees: what is flattened comes back, and its structure says how leaves are reached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltaprop.tree import described, flatten, paths, tree_map, unflatten


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
    same = tree_map(lambda leaf: 0.0, a) == tree_map(lambda leaf: 0.0, b)
    if flatten(a)[1] == flatten(b)[1]:
        assert same


def test_the_order_of_a_dicts_keys_does_not_matter() -> None:
    assert flatten({"a": 1.0, "b": 2.0}) == flatten({"b": 2.0, "a": 1.0})
    assert flatten({1: 1.0, "b": 2.0})[0] == [1.0, 2.0]  # keys without an order: as they come


def test_a_subclass_of_dict_comes_back_as_a_dict() -> None:
    leaves, structure = flatten(OrderedDict(a=1.0))
    assert unflatten(structure, leaves) == {"a": 1.0}


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
