"""no_grad and detect_anomaly: what they watch, how they nest, whom they name."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def recording() -> bool:
    x = Value(3.0)
    results = [x * x, dnp.sin(x), Value([1.0]) @ Value([2.0]), Value([1.0, 2.0]).sum()]
    kinds = {r.is_constant for r in results}
    assert len(kinds) == 1
    return kinds == {False}


# -- no_grad -----------------------------------------------------------------------------------


def test_nothing_is_recorded_inside_and_everything_outside() -> None:
    x = Value([1.0, 2.0])
    with dp.no_grad():
        assert not recording()
        y = x * x
    assert recording()
    assert y.inputs == ()
    np.testing.assert_array_equal(y.data, [1.0, 4.0])
    (y * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 4.0])
    with dp.no_grad(), pytest.raises(TypeError, match="constant"):
        (x * x).sum().backward()


def test_a_graph_recorded_outside_is_differentiated_inside() -> None:
    x = Value(3.0)
    y = x * x
    with dp.no_grad():
        y.backward()
        x.data -= 0.5 * x.grad
    assert (x.data, x.grad) == (0.0, 6.0)


def test_blocks_nest_and_exceptions_restore_the_mode() -> None:
    with dp.no_grad():
        with dp.no_grad():
            assert not recording()
        assert not recording()
        with pytest.raises(KeyError), dp.no_grad():
            raise KeyError
        assert not recording()
    assert recording()


def test_one_object_may_be_entered_again() -> None:
    mode = dp.no_grad()
    with mode:
        with mode:
            assert not recording()
        assert not recording()
    assert recording()
    watch = dp.detect_anomaly()
    with watch, watch, pytest.raises(dp.AnomalyError):
        dnp.log(Value(0.0))
    assert recording()


def test_the_decorator_form_recurses_and_returns() -> None:
    @dp.no_grad()
    def countdown(n: int) -> str:
        """Counts."""
        assert not recording()
        return countdown(n - 1) if n else "done"

    assert countdown(3) == "done"
    assert countdown.__doc__ == "Counts."
    assert recording()


def in_threads(*works: Any) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for t in threads:
        t.start()
    for t in threads:
        t.join(20)
    return errors


def test_a_mode_stays_in_its_thread() -> None:
    """Two threads run one decorated function, a third none; the first in is the first out."""
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    @dp.no_grad()
    def work(mine: threading.Event, other: threading.Event) -> None:
        mine.set()
        assert other.wait(10)
        assert not recording()

    def first() -> None:
        work(first_in, second_in)
        assert recording()
        first_out.set()

    def second() -> None:
        assert first_in.wait(10)
        work(second_in, first_out)
        assert recording()

    def third() -> None:
        assert first_in.wait(10)
        assert recording()

    assert in_threads(first, second, third) == []


# -- detect_anomaly ----------------------------------------------------------------------------


def here(offset: int) -> str:
    frame = sys._getframe(1)
    return f"{__file__}:{frame.f_lineno + offset}"


def test_the_first_bad_result_is_named_with_its_line() -> None:
    x = Value([1.0, 0.0, -1.0])
    with dp.detect_anomaly():
        y = x * 2
        line = here(2)
        with pytest.raises(dp.AnomalyError) as caught:
            dnp.log(y)
    words = str(caught.value)
    assert all(part in words for part in ("log", "-inf", "(1,)", "forward", line))
    assert recording()


@pytest.mark.parametrize("start", [0.0, [0.0, 1.0]])
def test_a_bad_derivative_is_named_with_the_line_that_recorded_it(start: Any) -> None:
    x = Value(start)
    with dp.detect_anomaly():
        line = here(1)
        y = dnp.sqrt(x)
        z = (y * 3.0).sum()
        with pytest.raises(dp.AnomalyError) as caught:
            z.backward()
    words = str(caught.value)
    assert all(part in words for part in ("sqrt", "inf", "backward", line))
    assert x.grad is None


def test_what_comes_from_outside_is_watched_too() -> None:
    y = dnp.sqrt(Value(0.0)) * 2.0
    with dp.detect_anomaly():
        with pytest.raises(dp.AnomalyError, match="sqrt"):
            y.backward()
        with pytest.raises(dp.AnomalyError, match="argument 0 held nan"):
            Value([np.nan, 1.0]) * 2


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 1e308 * 10.0,
        lambda x: x / 0.0,
        lambda x: x**-1.0 - x**-1.0 + (x - 1.0) ** -1.0,
        lambda x: dnp.exp(x * 1000.0),
        lambda x: x.reshape(-1).sum() - np.inf,
        lambda x: (x - x) / (x - x),
    ],
)
@pytest.mark.parametrize("start", [1.0, [1.0]])
def test_every_way_to_infinity_is_seen(f: Any, start: Any) -> None:
    with dp.detect_anomaly(), pytest.raises(dp.AnomalyError, match="test_modes"):
        f(Value(start))


def test_no_grad_inside_and_outside() -> None:
    x = Value(0.0)
    with dp.detect_anomaly(), dp.no_grad():
        assert not recording()
        with pytest.raises(dp.AnomalyError, match="log"):
            dnp.log(x)
    with dp.no_grad(), dp.detect_anomaly():
        assert not recording()
        with pytest.raises(dp.AnomalyError, match="log"):
            dnp.log(x)


@pytest.mark.parametrize("order", [1, 2])
def test_what_is_finite_passes_unchanged(order: int) -> None:
    def run() -> Any:
        x = Value([0.0, 0.5, 2.0])
        y = dnp.where(x > 0, dnp.sqrt(x), 0.0) @ np.ones((3, 2)) + x[0] ** x[0] * x.max()
        y.sum().backward(create_graph=order == 2)
        return x.grad if order == 1 else x.grad.numpy()

    plain = run()
    with dp.detect_anomaly():
        np.testing.assert_array_equal(run(), plain)


def test_a_caller_in_a_package_whose_name_begins_alike_is_named() -> None:
    neighbour = str(Path(dp.__file__).parent) + "_extras/train.py"
    code = "import deltaprop.numpy as dnp\ndef fit(x):\n    return dnp.log(x)\n"
    names: dict[str, Any] = {}
    exec(compile(code, neighbour, "exec"), names)
    with dp.detect_anomaly(), pytest.raises(dp.AnomalyError, match=r"train\.py:3 in fit"):
        names["fit"](Value(0.0))
