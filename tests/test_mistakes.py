"""The list of mistakes: each is an error that says what came and what to do, or works."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import Value, nn, optim
from deltaprop.__main__ import main
from deltaprop.training import History, fit

from .mistakes import Row, needed, outcome, rows

ROWS = list(rows())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", ROWS, ids=[f"{i}: {row.code}" for i, row in enumerate(ROWS)])
def test_a_mistake(row: Row) -> None:
    for library in needed(row.code):
        pytest.importorskip(library)
    kind, text = outcome(row.code)
    text = " ".join(text.split())
    assert kind == row.kind, text
    assert row.kind != "=" or text == row.fragments[0]
    assert [x for x in row.fragments if x not in text] == []


def test_few_are_cryptic() -> None:
    assert len({row.code for row in ROWS}) >= 200
    assert 200 * sum(row.cryptic for row in ROWS) <= 3 * len(ROWS)


# -- warnings come once, and only where something is wrong


def descend(w: Value) -> None:
    for _ in range(60):
        (w * w).sum().backward()
        w = w - 0.01 * w.grad


def test_w_minus_a_step_in_a_loop_warns_once() -> None:
    for start in (1.0, [1.0, 2.0]):
        with pytest.warns(UserWarning, match=r"graph of 20 steps.*w\.data -= step") as warned:
            descend(Value(start))
        assert len(warned) == 1
    x = Value(1.0)
    for _ in range(19):
        x = x + 1.0
    x.backward()
    assert x.grad == 1.0  # no warning


@pytest.mark.parametrize("change", [lambda x: x.__iadd__(1.0), lambda x: x.__isub__(-1.0)])
def test_other_changes_in_place_do_not_warn(change: Any) -> None:
    x = Value(2.0)
    (x * x).backward()
    assert change(x).item() == 3.0
    v = Value([1.0, 2.0])
    (v * v).sum().backward()
    v -= np.array([1.0, -1.0])
    assert v.data.tolist() == [0.0, 3.0]


def test_an_optimiser_says_once_that_it_diverges() -> None:
    w = Value([1.0])
    optimizer = optim.SGD([w], lr=1e20)

    def train() -> None:
        for _ in range(4):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

    with pytest.warns(RuntimeWarning, match=r"a parameter is .*diverges. Lower") as warned:
        train()
    assert len(warned) == 1


def test_fit_says_once_that_the_loss_grows() -> None:
    X = np.linspace(-1, 1, 8)[:, None]
    for compiled in (True, False):
        model = nn.Dense(1, 1, rng=0)
        optimizer = optim.SGD(model.parameters(), lr=1e9)
        with pytest.warns(RuntimeWarning, match=r"grown from .* in epoch 2.*clip_norm") as warned:
            fit(model, (X, X), "mse", optimizer, epochs=4, compiled=compiled)
        assert len(warned) == 1


def test_names_of_others_hide_nothing() -> None:
    class Net(nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    net = Net()
    net.weights = 3.0  # type: ignore[assignment]
    assert (net.forward(2.0), net.weights) == (2.0, 3.0)
    assert "forward" in dir(net)
    assert not hasattr(nn.Dense(1, 1), "forward")
    assert "forward" not in dir(nn.Dense(1, 1))
    v = Value(1.0)
    assert not any(hasattr(v, name) for name in ("label", "to", "requires_grad"))
    assert {"label", "to", "cuda"}.isdisjoint(dir(v))


def test_a_tree_that_can_be_called_is_a_tree() -> None:
    @dataclass
    class Line:
        slope: Any

        def __call__(self, x: Any) -> Any:
            return self.slope * x

    assert dp.grad(lambda line: dp.stop_gradient(line)(line.slope))(Line(3.0)).slope == 3.0


# -- what is shown


def test_short_reprs() -> None:
    X = np.linspace(-1, 1, 8)[:, None]
    model = nn.MLP([1, 2, 1], rng=0)
    optimizer = optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
    history = fit(model, (X, X), "mse", optimizer, epochs=3, metrics={"<b>": lambda t, p: 1.0})
    assert repr(optimizer) == "Adam(parameters=4 of 7 entries, lr=0.01, eps=1e-07)"
    assert repr(optim.StepDecay(optimizer, 5)) == (
        "StepDecay(Adam, every=5, factor=0.1, base=0.01, count=0)"
    )
    assert repr(history).startswith("History(epochs=3, loss ")
    assert repr(History(stopped="enough")) == "History(epochs=0, stopped: enough)"
    found = dp.deltas.layer_deltas(model, X, X)
    assert (
        repr(found.layers[1]) == "LayerDeltas(Z (8, 1), A (8, 1), delta (8, 1), dW (2, 1), db (1,))"
    )
    assert repr(found).endswith("layers [(1, 2), (2, 1)])")
    step = dp.compile(model)
    step(X)
    assert "programs=1, calls=1, walker" in repr(step)
    for thing in (history, model, found, dp.deltas.compare(model, X, X)):
        assert len(repr(thing)) < 120
        table = thing._repr_html_()
        assert table.startswith("<table><caption>")
        assert "<b>" not in table
    assert "&lt;b&gt;" in history._repr_html_()
    assert history._repr_html_().count("<tr>") == 4


def test_versions(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    dp.show_versions()
    told = capsys.readouterr().out
    for part in (dp.__version__, np.__version__, "Python", "BLAS", "walker", "scipy"):
        assert part in told
    assert main(["--check"]) == 0
    assert "gradients agree" in capsys.readouterr().out
    monkeypatch.setattr("deltaprop.deltas.comparison.LIMIT", -1)
    assert main(["--check"]) == 1
    assert "WRONG" in capsys.readouterr().out


def test_the_package_as_a_command() -> None:
    run = subprocess.run([sys.executable, "-m", "deltaprop"], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert f"deltaprop     {dp.__version__}" in run.stdout
