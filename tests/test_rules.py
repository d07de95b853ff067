"""Every operation of the table, tested from its own entry: nobody writes these by hand.

An entry names where it is smooth (an elementwise operation's `domain`) or what it is
called with (`cases`); from that come random points, broadcast shapes and cotangents.
That these tests notice a wrong rule is what `tests.mutants` shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.calculus.special import _Special
from deltaprop.graph import (
    REGISTRY,
    Bilinear,
    Custom,
    Elementwise,
    Primitive,
    Selection,
    forward,
    node,
    raw,
)
from deltaprop.graph.cotangent import Scattered, materialize, unbroadcast
from deltaprop.graph.domains import Case, case
from deltaprop.graph.forward import forward_sweep
from deltaprop.graph.node import Node
from deltaprop.graph.primitive import needed
from deltaprop.value import Value

from . import oracles

# where SciPy is not installed, its special functions are not there to be tested
ABSENT = _Special if find_spec("scipy") is None else ()
OWN = {
    name: op
    for name, op in REGISTRY.items()
    if not (name.startswith("test") or isinstance(op, ABSENT))
}
SMOOTH = {
    name: op
    for name, op in OWN.items()
    if isinstance(op, Elementwise) and any(p is not None for p in op.partials)
}
OTHER = {name: op for name, op in OWN.items() if not isinstance(op, Elementwise)}
# the plumbing of the kinds says nothing of itself, so here is what it is called with; and
# what else the entries' own cases do not reach
PLUMBING = ("sum_to", "broadcast_to", "restrict", "scatter", "conj")
MORE: dict[str, list[Case]] = {
    "cumsum": [case((2, 3, 4), axis=-3), case((2, 3), axis=-1), case((2, 3, 4), axis=1)],
    "cumprod": [case((2, 3, 4), axis=-3), case((2, 3), axis=-1), case((2, 3, 4), axis=1)],
    "expm": [case((2, 1, 2, 2))],
    "qr": [case((2, 1, 3, 2), near=np.eye(3, 2) * [5.0, 11.0])],
    "sum_to": [
        case((2, 3, 4), shape=(4,)),
        case((3, 4), shape=(4,)),
        case((3, 4), shape=(3, 1)),
        case((3, 4), shape=()),
    ],
    "broadcast_to": [case((4,), shape=(2, 3, 4)), case((3, 1), shape=(3, 4)), case((), shape=(2,))],
    "restrict": [
        case((2, 3), mask=np.array([[True, False, True], [False, False, True]])),
        case((3,), mask=np.array([[True, False, True], [False, False, True]])),
    ],
    "scatter": [
        case((2,), (3,), indices=(slice(1, 3), [0, 0, 2]), shape=(4,), dtype=np.dtype(float)),
        *[
            case((9, 30), (9, 30), indices=(Ellipsis, rows), shape=(9, 30), dtype=np.dtype(float))
            for rows in (
                *(np.arange(9)[::-1], np.arange(9) % 5, np.arange(9) - 5, -np.arange(1, 10)),
                np.array([0, 1, 2, 3, 4, 4, 5, 6, 7]),
                np.array([-2, -1, 8, 0, 1, 2, 3, 4, 5]),
            )
        ],
    ],
    "conj": [case((2, 3)), case(())],
}
# these run the rule of the function that they were given
BORROWED = {"checkpoint", "custom_gradient", "batch", "unbatch", "enter", "total"}


def cases_of(op: Primitive) -> Sequence[Case]:
    return (*op.cases, *MORE.get(op.name, ()))


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@dataclass(frozen=True)
class Trial:
    """An operation, and arguments to try it on; `fixed` ones are not differentiated."""

    op: Primitive
    xs: Sequence[Any]
    params: dict[str, Any]
    fixed: Sequence[bool]
    seen: Callable[[Any], Any] | None = None

    def __call__(self, *free: Any) -> Any:
        given_args = iter(free)
        xs = [
            np.asarray(x, self.dtype) if fixed and np.ndim(x) else x if fixed else next(given_args)
            for x, fixed in zip(self.xs, self.fixed, strict=True)
        ]
        return self.op(*xs, **self.params)

    def determined(self, *free: Any) -> Any:
        """What of the result is tested."""
        y = self(*free)
        return y if self.seen is None else self.seen(y)

    @property
    def free(self) -> list[Any]:
        return [x for x, fixed in zip(self.xs, self.fixed, strict=True) if not fixed]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.result_type(*self.xs)

    def cast(self, dtype: Any) -> Trial:
        xs = [np.asarray(x, dtype) if np.ndim(x) else x for x in self.xs]
        params = self.params | ({"dtype": np.dtype(dtype)} if "dtype" in self.params else {})
        return Trial(self.op, xs, params, self.fixed)

    def but(self, i: int) -> Trial:
        """The same with argument `i` alone differentiated."""
        return Trial(self.op, self.xs, self.params, [j != i for j in range(len(self.xs))])


def elementwise_trial(op: Elementwise, shapes: Any, seed: int, *, plane: bool = False) -> Trial:
    rng = rng_of(seed)
    xs = [oracles.point(rng, s, d, plane=plane) for s, d in zip(shapes, op.domain, strict=True)]
    if op.chooses:  # the arguments are kinks to each other: no two of them close
        xs = [np.round(4 * np.asarray(x)) / 4 + 0.1 * i for i, x in enumerate(xs)]
        xs = [x if np.ndim(x) else x.item() for x in xs]
    return Trial(op, xs, {}, [p is None for p in op.partials])


def case_trial(op: Primitive, c: Case, seed: int, *, plane: bool = False) -> Trial:
    rng = rng_of(seed)
    xs = [oracles.point(rng, shape, c.domain, plane=plane) for shape in c.shapes]
    xs[0] = xs[0] + c.near
    rules = op.vjps if isinstance(op, Custom) else (True,) * len(xs)
    return Trial(op, xs, c.params, [rule is None for rule in rules], c.seen)


CASES = [
    pytest.param(op, c, id=f"{name}-{i}")
    for name, op in OTHER.items()
    for i, c in enumerate(cases_of(op))
]
# one trial of each operation, and of each of its cases
TRIALS = [
    *[
        pytest.param(elementwise_trial(op, [(2, 3)] * len(op.domain), 0), id=name)
        for name, op in SMOOTH.items()
    ],
    *[pytest.param(case_trial(*p.values, 0), id=p.id) for p in CASES],  # type: ignore[arg-type]
]


def trials_where(applies: Callable[[Trial], bool]) -> list[Any]:
    """The trials that a property is about."""
    return [p for p in TRIALS if applies(p.values[0])]  # type: ignore[arg-type]


def test_every_operation_says_where_it_is_tested() -> None:
    missing = [name for name, op in SMOOTH.items() if len(op.domain) != len(op.partials)]
    missing += [name for name, op in OTHER.items() if not cases_of(op) and name not in BORROWED]
    assert not missing, f"no domain, or no cases, for {missing}"


@pytest.mark.parametrize("op", SMOOTH.values(), ids=str)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_elementwise(op: Elementwise, data: st.DataObject, seed: int) -> None:
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(
            num_shapes=len(op.domain), max_dims=3, max_side=3, min_side=0
        )
    ).input_shapes
    differentiates(elementwise_trial(op, shapes, seed))


@pytest.mark.parametrize(("op", "c"), CASES)
@given(seed=st.integers(0, 2**32 - 1))
def test_case(op: Primitive, c: Case, seed: int) -> None:
    differentiates(case_trial(op, c, seed))


def test_differences_across_jumps_do_not_agree_by_chance() -> None:
    # two jumps within 1/16, one within 1/32: the slopes across them are the same
    numeric, error = oracles.slope(lambda h: float((h > 0.02) + (h > 0.05)))
    assert abs(numeric) <= error < 1e-9


def differentiates(trial: Trial) -> None:
    """Derivatives of either order in either mode are right, and so is each argument's alone."""
    oracles.check(trial.determined, trial.free, rng_of(0))
    each_alone(trial)
    takes_one_number_for_all(trial)
    scalars_stay_python_numbers(trial)


def takes_one_number_for_all(trial: Trial) -> None:
    """The cotangent of a sum is one number, and stands for an array of it."""
    leaves, y = applied(trial)
    if isinstance(y, Node) and y.shape:
        wanted = oracles.gradients(y, np.full(y.shape, 2.0, y.dtype), leaves)
        for got, want in zip(oracles.gradients(y.sum(), 2.0, leaves), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def scalars_stay_python_numbers(trial: Trial) -> None:
    for graph in (False, True):
        leaves, y = applied(trial)
        if isinstance(y, Node) and y.op is not None:
            with np.errstate(all="ignore"):
                y.backward(np.ones(y.shape), create_graph=graph)
            for leaf in leaves:
                g = raw(leaf.grad)
                assert leaf.shape or g is None or type(g) in (float, complex), type(g)


def each_alone(trial: Trial) -> None:
    """What an argument gets does not hang on which of the others are differentiated."""
    leaves, y = applied(trial)
    w = oracles.direction(rng_of(1), y)
    together = iter(oracles.gradients(y, w, leaves))
    for i, fixed in enumerate(trial.fixed):
        if fixed:
            continue
        alone, y = applied(trial.but(i))
        with np.errstate(all="ignore"):
            (found,) = oracles.gradients(y, w, alone)
        np.testing.assert_allclose(found, next(together), rtol=1e-13, atol=1e-13)
        if isinstance(y, Node) and y.op is not None:
            v = oracles.direction(rng_of(2), alone[0])
            with np.errstate(all="ignore"):
                (t,) = forward.forward_sweep([y], {alone[0]: v if v.shape else v.item()})
            there, back = oracles.inner(w, 0.0 if t is None else t), oracles.inner(found, v)
            scale = float(np.sum(np.abs(found * v))) + abs(there)
            assert abs(there - back) <= 1e-11 * scale, f"forward {there}, reverse {back}"


def applied(trial: Trial) -> tuple[list[Value], Any]:
    leaves = oracles.leaves_of(trial.free)
    with np.errstate(all="ignore"):
        return leaves, trial(*leaves)


def precisions(trial: Trial) -> list[Any]:
    """The dtypes that a trial can be cast to: a scalar is a Python float."""
    return [np.float32, np.float64] if all(map(np.ndim, trial.xs)) else [np.float64]


@pytest.mark.parametrize(
    ("trial", "dtype"),
    [
        pytest.param(trial, dtype, id=f"{p.id}-{dtype.__name__}")
        for p in TRIALS
        for trial in p.values
        for dtype in precisions(trial)  # type: ignore[arg-type]
    ],
)
def test_dtype(trial: Trial, dtype: Any) -> None:
    keeps_the_dtype(trial.cast(dtype), dtype)
    rules_keep_the_dtype(trial.cast(dtype), dtype)


def keeps_the_dtype(trial: Trial, dtype: Any) -> None:
    """Results and gradients have the inputs' dtype; nobody's memory is touched or shared."""
    xs = trial.free
    before = [np.copy(x) for x in xs]
    leaves, y = applied(trial)
    assert not y.is_constant
    if y.shape:
        assert y._held.real.dtype == dtype
    w = np.asarray(oracles.direction(rng_of(1), y), y.dtype)
    y.backward(w)
    for x, old, leaf in zip(xs, before, leaves, strict=True):
        np.testing.assert_array_equal(x, old)
        np.testing.assert_array_equal(leaf.numpy(), old)
        if leaf.grad is not None and leaf.shape:
            assert leaf.grad.dtype == dtype
            assert leaf.grad.shape == leaf.shape
            assert not any(np.shares_memory(leaf.grad, x) for x in (*xs, w, y._held))
    grads = [leaf.grad for leaf in leaves if leaf.grad is not None and leaf.shape]
    for i, g in enumerate(grads):
        assert not any(np.shares_memory(g, other) for other in grads[:i])


def rules_keep_the_dtype(trial: Trial, dtype: Any) -> None:
    """No rule computes in another precision than it was asked for, in either mode."""
    leaves, y = applied(trial)
    assert not y.is_constant
    g = np.asarray(oracles.direction(rng_of(1), y), y.dtype)
    tangents = iter([np.ones_like(leaf._held) for leaf in leaves])
    ts = [next(tangents) if isinstance(x, Node) else None for x in y.args]
    with np.errstate(all="ignore"):
        found = [y.op.jvp(ts, y, False)]
        if y.shape:  # the cotangent of a scalar is a Python number, of no precision
            found += y.op.vjp(g, y, False)
    for c in found:
        values = values_of(c)
        if isinstance(values, np.ndarray | np.generic):
            assert values.real.dtype == dtype, f"{trial.op} gave {values.dtype} for {dtype}"


@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin"])
def test_ties_keep_the_dtype(name: str) -> None:
    x = np.ones((2, 3), np.float32)
    rules_keep_the_dtype(Trial(OWN[name], [x, x.copy()], {}, [False, False]), np.float32)


USES: dict[str, Callable[[Any], Any]] = {
    "whole": lambda z: z * [1.0, 2.0, 3.0],
    "sum": lambda z: 5.0 * z.sum(),
    "entry": lambda z: z[1] * 7.0,
    "repeated entries": lambda z: z[[0, 0, 2]] * [1.0, 3.0, 11.0],
    "masked": lambda z: dp.numpy.where([True, False, True], z, 0.0) * 13.0,
}


@pytest.mark.parametrize("names", list(itertools.product(USES, repeat=3)), ids="-".join)
@pytest.mark.parametrize("graph", [False, True], ids=["", "recorded"])
@pytest.mark.parametrize("node", [False, True], ids=["leaf", "node"])
def test_contributions_add_up(names: tuple[str, ...], graph: bool, node: bool) -> None:
    adds_up(names, graph, node)


def adds_up(names: Sequence[str], graph: bool, node: bool) -> None:
    """A Value used several times gets what each use alone would send, in whatever form."""

    def gradient(*uses: str) -> Any:
        x = Value([0.5, 1.5, 2.5])
        z = dp.numpy.exp(x) if node else x
        total: Any = 0.0
        for use in uses:
            total = total + USES[use](z).sum()
        total.backward(create_graph=graph)
        return np.asarray(raw(x.grad))

    np.testing.assert_allclose(gradient(*names), sum(gradient(name) for name in names))


def test_contributions_to_a_scalar_add_up() -> None:
    for leaf in (True, False):
        x = Value(2.0)
        z = x if leaf else 1.0 * x
        (z * 3.0 + z * z + 5.0 * z).backward()
        assert x.grad == 12.0


@pytest.mark.parametrize("trial", trials_where(lambda trial: len(trial.free) > 1))
def test_mixed_dtypes(trial: Trial) -> None:
    each_gets_its_own_dtype(trial)


def each_gets_its_own_dtype(trial: Trial) -> None:
    """A gradient is of its argument's dtype, whatever the others and the result are of."""
    kinds = [np.float32, np.float64] * len(trial.free)
    for shift in (0, 1):
        pairs = zip(trial.free, kinds[shift:], strict=False)
        leaves = [Value(np.asarray(x, kind)) for x, kind in pairs]
        with np.errstate(all="ignore"):
            y = trial(*leaves)
            w = np.asarray(oracles.direction(rng_of(1), y), y.dtype)
            for graph in (False, True):
                for leaf in leaves:
                    leaf.zero_grad()
                y.backward(w, create_graph=graph)
                for leaf in leaves:
                    if leaf.grad is not None and leaf.shape:
                        assert leaf.grad.dtype == leaf.dtype


def values_of(c: Any) -> Any:
    return c.parts[0][1] if isinstance(c, Scattered) else getattr(c, "values", c)


def has_rules_of_values(trial: Trial) -> bool:
    """Whether each rule says by names which values it reads: a linear one reads none."""
    return isinstance(trial.op, Elementwise | Custom | Bilinear)


@pytest.mark.parametrize("trial", trials_where(has_rules_of_values))
def test_a_value_said_to_be_unneeded_is_unneeded(trial: Trial) -> None:
    needs_no_more_than_it_says(trial)


def needs_no_more_than_it_says(trial: Trial) -> None:
    """What a rule's name with an underscore stands for may change after the recording."""
    op, y = trial.op, np.asarray(trial(*trial.free))
    says_that_it_returns_what_it_got(trial, y)
    w = oracles.direction(rng_of(1), y)
    lead, args = [w if y.ndim else w.item()], [y if y.ndim else y.item(), *trial.xs]
    rules: Sequence[Any]
    match op:
        case Elementwise():
            rules, lead = op.partials, []
        case Custom():
            rules = op.vjps
        case _:
            rules, args = op.transposes, [*trial.xs]  # type: ignore[attr-defined]
    for rule in rules:
        if callable(rule):
            names = oracles.parameter_names(rule)[len(lead) :]
            hidden = [
                x * np.nan if name.startswith("_") else x
                for x, name in zip(args, names, strict=False)
            ]
            with np.errstate(all="ignore"):
                found, want = (rule(*lead, *xs, **trial.params) for xs in (hidden, args))
            np.testing.assert_array_equal(values_of(found), values_of(want))


@pytest.mark.parametrize("trial", trials_where(has_rules_of_values))
def test_what_the_rule_of_a_lone_variable_does_not_read_may_change(trial: Trial) -> None:
    a_lone_variable_needs_no_more(trial)


def a_lone_variable_needs_no_more(trial: Trial) -> None:
    """All arrays may be written to afterwards, and results nobody reads need not be kept."""
    for i, fixed in enumerate(trial.fixed):
        if not fixed:
            want, *found = [
                derivatives_alone(trial, i, *how)
                for how in ((1 << 30, False), (1 << 30, True), (0, False))
            ]
            for other in found:
                for a, b in zip(other, want, strict=True):
                    np.testing.assert_array_equal(a, b)


def derivatives_alone(trial: Trial, i: int, large: int, spoiled: bool) -> list[Any]:
    """Gradients and a tangent with respect to argument `i`; `spoiled`: its arrays are NaN then."""
    xs = [np.array(x) if np.ndim(x) else x for x in trial.xs]
    v = Value(xs[i], copy=False)
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(node, "LARGE", large)
        x = v if spoiled else +v
        y = trial.op(*xs[:i], x, *xs[i + 1 :], **trial.params)
        for a in xs if spoiled else []:
            if isinstance(a, np.ndarray) and a.dtype.kind in "fc":
                a[...] = np.nan
        w = oracles.direction(rng_of(1), np.asarray(raw(y)))
        (tangent,) = forward_sweep([y], {v: np.ones_like(trial.xs[i])[()]})
        found = [np.nan if tangent is None else tangent]
        for graph in (False, True):
            y.backward(w, create_graph=graph)
            found.append(np.nan if v.grad is None else np.copy(raw(v.grad)))
            v.zero_grad()
    return found


def says_that_it_returns_what_it_got(trial: Trial, y: Any) -> None:
    """An argument handed on as it is must not be written to: the rules "need" it."""
    if isinstance(trial.op, Custom):
        n = len(trial.xs)
        needs = [any(c) for c in zip(*[needed(r, 2, n) for r in trial.op.vjps], strict=True)]
        for x, need in zip(trial.xs, needs, strict=True):
            assert need or not np.shares_memory(x, y)


def can_carry_masks(trial: Trial) -> bool:
    """Whether structural zeros pass through the operation, and the result has entries to hide."""
    return isinstance(trial.op, Elementwise | Selection) and bool(np.shape(raw(trial(*trial.free))))


@pytest.mark.parametrize("trial", trials_where(can_carry_masks))
def test_structural_zeros(trial: Trial) -> None:
    carries_masks(trial)


def carries_masks(trial: Trial) -> None:
    """Where a mask hides the output, no NaN comes back, and elsewhere what came without it."""
    leaves, y = applied(trial)
    w = oracles.direction(rng_of(1), y)
    mask = rng_of(2).random(y.shape) < 0.5
    wanted = y.op.vjp(np.where(mask, w, 0), y, False)
    influence = y.op.vjp(mask.astype(float), y, False) if isinstance(trial.op, Selection) else None
    poisoned = []
    for i, leaf in enumerate(leaves):
        if influence is None:
            seen = unbroadcast(mask.astype(float), leaf._held) > 0
        else:
            seen = materialize(influence[i], leaf._held) > 0
        poisoned.append(Value(np.where(seen, leaf._held, np.nan)))
    with np.errstate(all="ignore"):
        z = [p * 1.0 if influence is None else dp.numpy.sqrt(p * p) for p in poisoned]
        found = dp.numpy.where(mask, trial(*z), 0.0)
        gradients = oracles.gradients(found, w, poisoned)
    for leaf, want, got in zip(
        leaves, [c for c in wanted if c is not None], gradients, strict=True
    ):
        slope = 1.0 if influence is None else np.sign(leaf._held)
        np.testing.assert_allclose(got, slope * materialize(want, leaf._held), rtol=1e-12)


def drops_entries(trial: Trial) -> bool:
    """Whether the result may not depend on some entries at all."""
    op = trial.op
    choosing = getattr(op, "chooses", False) or op.name in ("max", "min", "einsum")
    return (choosing or isinstance(op, Selection)) and bool(np.size(raw(trial(*trial.free))))


@pytest.mark.parametrize("trial", trials_where(drops_entries))
def test_what_is_not_chosen(trial: Trial) -> None:
    drops_what_was_not_chosen(trial)


def drops_what_was_not_chosen(trial: Trial) -> None:
    """Nothing flows to entries that the result does not depend on, not even infinity times it."""
    matters = [depends(trial, i) for i in range(len(trial.free))]
    bases = [np.where(m, 1.0, 0.0) for m in matters]
    roots, plain = ([Value(b) for b in bases] for _ in range(2))
    with np.errstate(all="ignore"):
        shifted = [
            x + dp.numpy.sqrt(r) - b for x, r, b in zip(trial.free, roots, bases, strict=True)
        ]
        y = trial(*shifted)
        w = oracles.direction(rng_of(1), y)
        found = oracles.gradients(y, w, roots)
        y = trial(*[x + 0.5 * (p - b) for x, p, b in zip(trial.free, plain, bases, strict=True)])
        wanted = oracles.gradients(y, w, plain)
    for got, want, m in zip(found, wanted, matters, strict=True):
        np.testing.assert_allclose(got, np.where(m, want, 0.0), rtol=1e-12, atol=1e-15)


def depends(trial: Trial, i: int) -> np.ndarray:
    """Which entries of argument i the result depends on, found by moving each."""
    xs, y = trial.free, np.asarray(raw(trial(*trial.free)))
    matters = np.zeros(np.shape(xs[i]), bool)
    for at in np.ndindex(matters.shape):
        step = np.zeros(matters.shape)
        step[at] = 1e-3
        moved = xs[i] + step
        changed = trial(*xs[:i], moved if moved.shape else moved.item(), *xs[i + 1 :])
        matters[at] = not np.array_equal(y, np.asarray(raw(changed)))
    return matters


# functions of real numbers, of which NumPy computes something for complex ones too: it orders
# them by their real parts first
ORDERED = {
    "binary_cross_entropy_with_logits", "clip", "cross_entropy", "elu", "fmax", "fmin", "kl_div",
    "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "max", "maximum",
    "mean_squared_error", "min", "minimum", "rel_entr", "relu", "sign", "softmax", "softsign",
}  # fmt: skip
# functions of real numbers that refuse complex ones
REFUSING = {
    "arctan2", "beta", "betainc", "betaln", "cbrt", "ceil", "copysign", "deg2rad", "erf", "erfc",
    "erfcinv", "erfcx", "erfinv", "fabs", "floor", "floor_divide", "fmod", "gamma", "gammainc",
    "gammaincc", "gammaln", "gammasgn", "gelu", "heaviside", "hypot", "i0", "i0e", "i1", "i1e",
    "iv", "ive", "j0", "j1", "jv", "log_ndtr", "logaddexp", "logaddexp2", "mish", "ndtri",
    "nextafter", "psi", "rad2deg", "remainder", "rfft", "rgamma", "softplus", "trunc", "y0", "y1",
    "yv", "zeta",
}  # fmt: skip


def is_of_the_plane(op: Primitive, what: Any) -> bool:
    """Whether the operation is one of complex numbers, too (unless its case names a dtype)."""
    return op.name not in ORDERED | REFUSING and "dtype" not in getattr(what, "params", ())


def trial_in_the_plane(op: Primitive, what: Any) -> Trial:
    """A trial of complex numbers: of an elementwise operation's shape, or another's case."""
    if isinstance(op, Elementwise):
        return elementwise_trial(op, [what] * len(op.domain), 0, plane=True)
    return case_trial(op, what, 0, plane=True)


POINTS_IN_THE_PLANE: list[Any] = [
    *[
        pytest.param(op, shape, id=f"{name}-{shape}")
        for name, op in SMOOTH.items()
        for shape in [(), (2,)]
    ],
    *[pytest.param(*p.values, id=p.id) for p in CASES],
]


@pytest.mark.parametrize(
    ("op", "what"),
    [p for p in POINTS_IN_THE_PLANE if is_of_the_plane(*p.values)],
)
def test_complex(op: Primitive, what: Any) -> None:
    differentiates_in_the_plane(trial_in_the_plane(op, what))


@pytest.mark.parametrize(
    ("op", "what"), [p for p in POINTS_IN_THE_PLANE if p.values[0].name in REFUSING]
)
def test_complex_numbers_are_refused(op: Primitive, what: Any) -> None:
    trial = trial_in_the_plane(op, what)
    with pytest.raises(TypeError):
        trial(*trial.free)
    with pytest.raises(TypeError):
        trial(*oracles.leaves_of(trial.free))


def differentiates_in_the_plane(trial: Trial) -> None:
    """The operation is differentiated rightly where some or all of its arguments are complex."""
    oracles.check(trial.determined, trial.free, rng_of(0))
    for i in range(len(trial.free) if len(trial.free) > 1 else 0):
        xs = [x if j == i else np.real(x) for j, x in enumerate(trial.free)]
        oracles.check(trial.determined, xs, rng_of(0), second=False)


def test_the_namespace_offers_every_public_operation() -> None:
    assert dp.numpy.sin is REGISTRY["sin"]
