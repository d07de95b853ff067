"""What a newcomer meets first: messages, what modules offer, docstrings."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop import nn, optim
from deltaprop.training import fit

PUBLIC = [
    "deltas", "nn", "nn.scalar", "numpy", "numpy.fft", "numpy.linalg", "numpy.special", "onnx",
    "optim", "scipy", "sklearn", "testing", "testing.strategies", "torch", "training", "viz",
]  # fmt: skip
FOREIGN = {
    "np", "math", "os", "sys", "re", "json", "Any", "Callable", "Iterable", "ABC", "Literal",
    "Mapping", "Sequence", "partial", "annotations", "dataclass", "raw", "Node", "Value",
}  # fmt: skip


def module(name: str) -> Any:
    pytest.importorskip({"scipy": "scipy", "sklearn": "sklearn", "onnx": "onnx"}.get(name, "numpy"))
    return importlib.import_module(f"deltaprop.{name}")


@pytest.mark.parametrize("name", PUBLIC)
def test_a_module_offers_its_own_names_alone(name: str) -> None:
    found = dir(module(name))
    assert found
    assert FOREIGN.isdisjoint(found)
    for entry in found:
        thing = getattr(module(name), entry)
        if isinstance(thing, ModuleType):
            assert thing.__name__.startswith("deltaprop.")
        elif inspect.isfunction(thing) or inspect.isclass(thing):
            assert thing.__module__.split(".")[0] in ("deltaprop", "numpy", "builtins")


@pytest.mark.parametrize("name", PUBLIC)
def test_all_that_is_offered_has_a_docstring(name: str) -> None:
    things = {entry: getattr(module(name), entry) for entry in dir(module(name))}
    assert [n for n, thing in things.items() if callable(thing) and not thing.__doc__] == []


def test_the_package_offers_what_it_has() -> None:
    assert FOREIGN.isdisjoint({*dir(dp)} - {"Value"})
    assert {"calculus", "graph", "transforms", "tree"}.isdisjoint(dir(dp))
    for name in dir(dp):
        assert hasattr(dp, name) or name in ("onnx", "scipy", "sklearn")


def test_submodules_need_no_import_of_their_own() -> None:
    pytest.importorskip("scipy")
    pytest.importorskip("sklearn")
    code = (
        "import deltaprop as dp; dp.scipy.minimize; dp.sklearn.MLPClassifier; dp.torch.state_dict;"
        "dp.viz.plot_history; dp.testing.check_grads; dp.training.fit"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_submodule_without_its_extra_says_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['scipy'] = sys.modules['sklearn'] = None\n"
        "import deltaprop as dp\n"
        "for name in ('scipy', 'sklearn'):\n"
        "    assert not hasattr(dp, name)\n"
        "    try: getattr(dp, name)\n"
        "    except AttributeError as error: assert 'pip install' in str(error), error\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


X = np.ones((2, 1))


def trained(*args: Any, **options: Any) -> Any:
    model = nn.MLP([1, 1], rng=0)
    given = {"model": model, "sgd": optim.SGD(model.parameters())}
    return fit(*[given[a] if isinstance(a, str) and a in given else a for a in args], **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MLP(2, [4, 1]), TypeError, r"sizes .* must be a list, got 2: write MLP\(\["),
        (lambda: nn.MLP("241"), TypeError, "sizes .* must be a list"),
        (lambda: nn.MLP([2]), ValueError, r"\[n_in, ..., n_out\]"),
        (lambda: optim.SGD(nn.MLP([1, 1])), TypeError, r"model.parameters\(\)"),
        (lambda: optim.Adam(nn.MLP([1, 1]).parameters), TypeError, "list of Values"),
        (lambda: trained("model", X, X, "mse", "sgd"), TypeError, r"\(X, Y\) or .*, got 1 more"),
        (lambda: trained("model", X, X, "sgd", epochs=1), TypeError, r"pair \(X, Y\)"),
        (lambda: trained("model", X, "mse", "sgd", epochs=1), TypeError, r"pair \(X, Y\)"),
        (lambda: trained("model", dp.Value(X), "mse", "sgd", epochs=1), TypeError, "a Value as"),
        (lambda: trained("model", (X, X), "mse", "sgd", 10), TypeError, "epochs=10"),
        (lambda: trained("model", (X, X), "mse", "sgd"), TypeError, "epochs=10"),
    ],
)  # fmt: skip
def test_messages(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", nn.INITIALIZERS)
def test_initialisers_say_what_they_want(name: str) -> None:
    init = nn.INITIALIZERS[name]
    for call in (lambda: init(3, 4), lambda: init(3), lambda: init((3.0, 4)), lambda: init("34"),
                 lambda: init((True, 2)), lambda: init(None)):  # fmt: skip
        with pytest.raises(TypeError, match=r"the shape must be a tuple of integers, such as"):
            call()
    for dtype in (int, np.int32, bool, "u1", object, str):
        with pytest.raises(TypeError, match="dtype of what is trained must be a floating"):
            init((3, 4), 0, dtype)
    for dtype in (np.float16, np.float32, float, complex):
        assert init((3, 4), 0, dtype).dtype == dtype
    assert init([3, np.int64(4)], 0).shape == (3, 4)
