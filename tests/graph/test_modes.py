"""no_grad and detect_anomaly: what they watch, how they nest, whom they name."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


# -- interrupts --------------------------------------------------------------------------------


def interrupted_at(call: Any, k: int, names: tuple[str, ...] = ()) -> bool:
    """Run `call` with a KeyboardInterrupt at the k-th line of deltaprop (in functions of these
    names); whether there are so many lines.
    """
    seen = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal seen
        if "deltaprop" not in frame.f_code.co_filename:
            return None
        if event in ("line", "call") and (not names or frame.f_code.co_name in names):
            seen += 1
            if seen == k:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        # the traceback is still there, as in a debugger or a notebook
        assert recording()
        assert anomalies() == 0
        return True
    finally:
        sys.settrace(before)
    return False


def anomalies() -> int:
    try:
        dnp.log(Value(0.0))
    except dp.AnomalyError:
        return 1
    return 0


def with_block(mode: Any) -> None:
    with mode:
        pass


def with_an_error(mode: Any) -> None:
    with pytest.raises(KeyError), mode:
        raise KeyError


def as_decorator(mode: Any) -> None:
    mode(lambda: None)()


def twice(mode: Any) -> None:
    with mode, mode:
        pass


def around_operations(mode: Any) -> None:
    x = Value(2.0)
    y = x * x
    with mode:
        dnp.sin(x)
        y.backward()


def around_a_transform(mode: Any) -> None:
    with mode:
        assert dp.grad(lambda x: x * x)(3.0) == 6.0


def out_of_order(mode: Any) -> None:
    first, second = (suspended(m) for m in (dp.no_grad(), mode))
    try:
        next(first)
        next(second)
        first.close()
    finally:
        first.close()
        second.close()


def suspended(mode: Any) -> Iterator[None]:
    with mode:
        yield


USES = [
    with_block,
    with_an_error,
    as_decorator,
    twice,
    around_operations,
    around_a_transform,
    out_of_order,
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", [dp.no_grad, dp.detect_anomaly])
def test_an_interrupt_at_any_line_leaves_no_mode_on(use: Any, kind: Any) -> None:
    k = 1
    while interrupted_at(lambda: use(kind()), k):
        assert recording()
        assert anomalies() == 0
        assert dp.grad(lambda x: x * x)(3.0) == 6.0
        assert type(dp.grad(lambda x: x * x)(3.0)) is float
        k += 1
    assert k > 5


def test_an_interrupt_inside_leaves_the_block_around_on() -> None:
    k = 1
    going_on = True
    with dp.no_grad():
        while going_on:
            try:
                going_on = interrupted_with_detection(k)
            finally:
                assert not recording()
            k += 1
    assert recording()
    assert k > 5


def interrupted_with_detection(k: int) -> bool:
    seen = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal seen
        if "deltaprop" not in frame.f_code.co_filename:
            return None
        seen += 1
        if seen == k:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        with dp.detect_anomaly():
            dp.grad(lambda x: x * x)(3.0)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


# -- generators, coroutines, tasks -------------------------------------------------------------


def test_a_decorated_generator_is_inside_while_it_runs_and_outside_between() -> None:
    heard: list[Any] = []

    @dp.no_grad()
    def numbers(n: int) -> Any:
        """Counts."""
        try:
            for i in range(n):
                assert not recording()
                heard.append((yield i))
        except KeyError:
            assert not recording()
            yield "caught"
        finally:
            heard.append(recording())
        return "done"

    def outer() -> Any:
        heard.append((yield from numbers(1)))

    g = numbers(3)
    assert next(g) == 0
    assert recording()
    assert g.send("a") == 1
    assert g.throw(KeyError()) == "caught"
    assert recording()
    g.close()
    assert heard == ["a", False]
    assert list(outer()) == [0]
    assert heard[2:] == [None, False, "done"]
    assert numbers.__doc__ == "Counts."
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(dp.no_grad()(stopping)())
    assert recording()


def stopping() -> Iterator[int]:
    yield 1
    raise StopIteration


def test_an_error_in_a_decorated_generator_comes_out() -> None:
    @dp.no_grad()
    def broken() -> Any:
        yield 1
        raise KeyError("mine")

    g = broken()
    next(g)
    with pytest.raises(KeyError, match="mine"):
        next(g)
    assert recording()


def test_a_decorated_coroutine_is_inside_while_it_runs() -> None:
    seen: list[bool] = []

    @dp.no_grad()
    async def quiet() -> str:
        for _ in range(3):
            seen.append(recording())
            await asyncio.sleep(0)
        return "done"

    async def loud() -> None:
        for _ in range(3):
            seen.append(not recording())
            await asyncio.sleep(0)

    async def main() -> None:
        assert await quiet() == "done"
        assert recording()
        await asyncio.gather(quiet(), loud(), quiet())
        waiting = asyncio.create_task(quiet())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert recording()

    assert inspect.iscoroutinefunction(quiet)
    asyncio.run(main())
    assert seen == [False] * 13
    step = quiet()
    step.send(None)
    assert recording()
    step.close()


def test_a_decorated_async_generator_is_inside_while_it_runs() -> None:
    seen: list[bool] = []

    @dp.no_grad()
    async def numbers() -> Any:
        try:
            for i in range(3):
                seen.append(recording())
                await asyncio.sleep(0)
                seen.append(recording())
                yield i
        finally:
            seen.append(recording())

    async def main() -> None:
        found = []
        async for i in numbers():
            assert recording()
            found.append(i)
        assert found == [0, 1, 2]
        cut = numbers()
        assert await anext(cut) == 0
        await cut.aclose()
        thrown = numbers()
        await anext(thrown)
        with pytest.raises(KeyError):
            await thrown.athrow(KeyError())
        assert recording()

    assert inspect.isasyncgenfunction(numbers)
    asyncio.run(main())
    assert seen == [False] * 13


def test_a_task_stays_where_it_began() -> None:
    async def child() -> bool:
        for _ in range(3):
            assert not recording()
            await asyncio.sleep(0)
        with dp.no_grad():
            await asyncio.sleep(0)
        return recording()

    async def main() -> None:
        with dp.no_grad():
            begun_inside = asyncio.create_task(child())
        assert recording()
        assert not await begun_inside
        assert recording()

    asyncio.run(main())


def test_a_generator_that_ends_elsewhere_ends_its_block_where_it_began() -> None:
    def began() -> Any:
        g = suspended(dp.no_grad())
        next(g)
        assert not recording()
        contextvars.copy_context().run(g.close)
        return recording()

    assert contextvars.copy_context().run(began)

    async def values() -> Any:
        with dp.no_grad():
            yield 1

    async def main() -> None:
        left = values()
        async for _ in left:
            break
        await asyncio.create_task(left.aclose())
        assert recording()

    asyncio.run(main())


def test_blocks_begun_by_hand_and_by_an_exit_stack() -> None:
    mode = dp.no_grad()
    mode.__enter__()
    with mode:
        assert not recording()
    assert not recording()
    mode.__exit__(None, None, None)
    assert recording()
    mode.__exit__(None, None, None)  # once too often
    assert recording()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mode)
        stack.enter_context(dp.detect_anomaly())
        stack.enter_context(mode)
        assert not recording()
        stack.pop_all().close()
        assert recording()
        assert anomalies() == 0


def test_a_mode_decorates_functions_alone() -> None:
    with pytest.raises(TypeError, match=r"no_grad\(\) decorates a function, got 3"):
        dp.no_grad()(3)  # type: ignore[type-var]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["begin", "end", "inside", "drop"]), st.integers(0, 5)),
        max_size=25,
    ),
    st.lists(st.sampled_from(["no_grad", "detect"]), min_size=1, max_size=3),
)
def test_blocks_in_any_order_are_those_of_a_set(steps: Any, kinds: Any) -> None:
    """Blocks held by generators, closed in any order, against a list of those that are on."""
    shared = [dp.no_grad() if kind == "no_grad" else dp.detect_anomaly() for kind in kinds]
    on: list[tuple[Any, Any]] = []
    try:
        for what, i in steps:
            mode = shared[i % len(shared)]
            if what == "begin":
                on.append((mode, begun(mode)))
            elif what == "end" and on:
                on.pop(i % len(on))[1].close()
            elif what == "drop" and on:
                del on[i % len(on)]
            elif what == "inside":
                with mode:
                    agrees([mode, *[m for m, _ in on]])
            agrees([m for m, _ in on])
    finally:
        while on:
            on.pop()[1].close()
    agrees([])


def begun(mode: Any) -> Iterator[None]:
    generator = suspended(mode)
    next(generator)
    return generator


def agrees(on: list[Any]) -> None:
    assert recording() == (not any(isinstance(mode, dp.no_grad) for mode in on))
    assert anomalies() == any(isinstance(mode, dp.detect_anomaly) for mode in on)


def test_a_caller_in_a_package_whose_name_begins_alike_is_named() -> None:
    neighbour = str(Path(dp.__file__).parent) + "_extras/train.py"
    code = "import deltaprop.numpy as dnp\ndef fit(x):\n    return dnp.log(x)\n"
    names: dict[str, Any] = {}
    exec(compile(code, neighbour, "exec"), names)
    with dp.detect_anomaly(), pytest.raises(dp.AnomalyError, match=r"train\.py:3 in fit"):
        names["fit"](Value(0.0))
