"""Module: parameters and buffers in containers, their names, states, and what is refused."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop import nn
from deltaprop.graph import raw


class Holder(nn.Module):
    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)


def names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


containers = st.recursive(
    st.builds(lambda x: dp.Value([x, 1.0]), st.floats(-9, 9)) | st.just(7) | st.text(max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", "weight"]) | st.integers(0, 3), inner),
        inner.map(lambda part: Holder(part=part)),
    ),
    max_leaves=8,
)


def reached(module: nn.Module, name: str) -> Any:
    """What a name says, read as Python."""
    item: Any = module
    for key in name.split("."):
        if isinstance(item, nn.Module):
            item = getattr(item, key)
        elif isinstance(item, dict):
            item = next(part for k, part in item.items() if str(k) == key)
        else:
            item = item[int(key)]
    return item


def values_in(tree: Any) -> list[dp.Value]:
    if isinstance(tree, dp.Value):
        return [tree]
    if isinstance(tree, nn.Module):
        return values_in(vars(tree))
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [v for part in tree for v in values_in(part)] if isinstance(tree, list | tuple) else []


@given(containers)
def test_parameters_are_found_named_saved_and_loaded_however_nested(tree: Any) -> None:
    module = Holder(tree=tree, last=dp.Value(0.5))
    found = module.named_parameters()
    assert [id(value) for _, value in found] == [id(v) for v in values_in(vars(module))]
    for name, value in found:
        assert reached(module, name) is value
    state = {name: entry + 1.0 for name, entry in module.state_dict().items()}
    module.load_state_dict(state)
    for name, value in found:
        np.testing.assert_array_equal(value.numpy(), state[name])


def test_names_are_those_of_attributes_keys_and_positions() -> None:
    module = Holder(
        n=[[nn.Dense(2, 2, bias=False, rng=0), nn.Dense(2, 1, rng=1)]],
        by_name=OrderedDict(
            z=nn.Dense(1, 1, bias=False, rng=0), a=(dp.Value(1.0), {3: dp.Value(2.0)})
        ),
    )  # fmt: skip
    assert names(module) == [
        "n.0.0.weight", "n.0.1.weight", "n.0.1.bias", "by_name.z.weight", "by_name.a.0",
        "by_name.a.1.3",
    ]  # fmt: skip


def test_what_is_there_twice_is_found_once_and_cycles_end() -> None:
    shared, value = nn.Dense(1, 1, bias=False, rng=0), dp.Value(1.0)
    rows: list[Any] = [shared, value]
    rows.append(rows)
    inner = Holder(rows=rows, again=rows)
    module = Holder(a=inner, b={"c": shared, "d": value})
    inner.parent = module  # type: ignore[attr-defined]
    assert names(module) == ["a.rows.0.weight", "a.rows.1"]
    assert list(module.modules()) == [module, inner, shared]
    deep: Any = Holder(w=value)
    for _ in range(5000):
        deep = Holder(inner=[deep])
    assert deep.parameters() == [value]
    assert len(list(deep.modules())) == 5001


def test_buffers_and_modes_of_modules_in_containers() -> None:
    norm = nn.BatchNorm(2)
    module = Holder(parts={"norms": [norm, (nn.Dropout(0.5, rng=0),)], "again": norm})
    buffers = [name for name, _ in module.named_buffers()]
    assert buffers == [f"parts.norms.0.{key}" for key in nn.BatchNorm.buffers]
    module.eval()
    assert not norm.training
    assert not any(m.training for m in module.modules())
    assert module.train().training
    assert norm.training
    state = module.state_dict()
    assert set(buffers) < set(state)
    state[buffers[0]] = state[buffers[0]] + 3.0
    module.load_state_dict(state)
    np.testing.assert_array_equal(module.named_buffers()[0][1], state[buffers[0]])
    for p in module.parameters():
        (p * p).sum().backward()
    module.zero_grad()
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "data", [2, 2.5, [1.0, 2.0], np.float32(0.5), np.array(3.0), np.array([1, 2]), dp.Value([3.0])]
)
def test_a_buffer_is_given_as_any_data(data: Any, compiled: bool) -> None:
    class Keeping(nn.Module):
        buffers = ("last",)

    module = Keeping()
    assert not hasattr(module, "last")
    module.last = data  # type: ignore[attr-defined]

    def doubled() -> None:
        module.last = module.last * dp.Value(2.0)  # type: ignore[attr-defined]

    held = module.state_dict()["last"]
    np.testing.assert_array_equal(held, raw(data))
    (dp.compile(doubled) if compiled else doubled)()
    np.testing.assert_array_equal(module.state_dict()["last"], 2 * held)
    module.load_state_dict({"last": held})
    np.testing.assert_array_equal(module.state_dict()["last"], held)
    assert module.parameters() == []


def test_a_module_may_call_its_own_what_it_likes() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.state, self.copies = dp.Value(1.0), dp.Value(2.0)

    module = Own()
    module.load_state_dict({"state": 3.0, "copies": 4.0})
    assert module.state_dict() == {"state": 3.0, "copies": 4.0}


def test_a_training_run_moves_parameters_in_containers() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.parts = {"first": [nn.Dense(2, 3, "tanh", rng=0)], "last": nn.Dense(3, 1, rng=1)}

        def __call__(self, x: Any) -> Any:
            first: Any = self.parts["first"]
            last: Any = self.parts["last"]
            return last(first[0](x))

    net, x = Net(), np.random.default_rng(0).normal(size=(8, 2))
    before = net.state_dict()
    optimizer = dp.optim.SGD(net.parameters(), lr=0.1)
    dp.training.fit(net, (x, x[:, :1]), nn.mse, optimizer, epochs=2)
    assert all(np.any(before[name] != entry) for name, entry in net.state_dict().items())


@pytest.mark.parametrize("key", ["a.b", "", ".", 0.5, "a\0"])
def test_keys_that_cannot_be_part_of_a_name_are_refused(key: Any) -> None:
    module = Holder(parts={key: nn.Dense(1, 1, rng=0)})
    for call in (module.named_parameters, module.parameters, module.state_dict):
        with pytest.raises(ValueError, match=r"key of a dict.*neither empty nor have a dot"):
            call()
    with pytest.raises(ValueError, match="key of a dict"):
        Holder(parts={key: nn.BatchNorm(2)}).named_buffers()
    assert names(Holder(options={key: 3.0, "rest": [key]}, w=dp.Value(1.0))) == ["w"]


def test_two_of_one_name_are_refused() -> None:
    module = Holder(parts={"1": dp.Value(1.0), 1: dp.Value(2.0)})
    with pytest.raises(ValueError, match=r"name of its own, and two are 'parts\.1'"):
        module.state_dict()


class Forward(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


class Nothing(nn.Module):
    pass


def test_a_module_without_call_says_so() -> None:
    with pytest.raises(TypeError, match=r"define __call__.*Forward does not; it has forward\(\)"):
        Forward()(1.0)
    with pytest.raises(TypeError, match=r"define __call__\(self, \.\.\.\), and Nothing does not$"):
        Nothing()(1.0, key=2.0)
