"""What TAB shows: what users call, and not what a graph is made of."""

from __future__ import annotations

import inspect

import pytest

import deltaprop as dp


@pytest.mark.parametrize("value", [dp.Value(1.0), dp.Value([1.0]) * 2, dp.constant(1)])
def test_tab_shows_what_is_public(value: dp.Value) -> None:
    shown = {name for name in dir(value) if name[0] != "_"}
    assert {"backward", "grad", "data", "sum", "at", "op", "inputs", "item"} <= shown
    assert not shown & {"first", "second", "serial", "saved", "recorded", "extra", "leaf", "write"}


@pytest.mark.parametrize("kind", [dp.optim.SGD, dp.optim.RMSprop, dp.optim.Adam, dp.optim.AdamW])
def test_signatures_of_optimisers_name_their_options(kind: type[dp.optim.Optimizer]) -> None:
    options = {p.name: p.default for p in inspect.signature(kind).parameters.values()}
    assert list(options)[:2] == ["parameters", "lr"]
    del options["parameters"]
    built = kind([dp.Value(1.0)])
    assert {"lr": built.lr, **built.options} == options
