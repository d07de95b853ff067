"""SciPy's optimisers with exact derivatives, and trees of arrays as variables.

`minimize`, `root` and `least_squares` call SciPy's functions of the same names. Gradients,
Jacobians, Hessians and their products, which SciPy would approximate by finite differences, are
computed from the graph of the function, which is called once at each point. (For a derivative of
your own, see `deltaprop.custom_gradient`.) The variables may be dicts, lists, tuples and
dataclasses of arrays, also nested; functions, callbacks and ``x`` in the result have the same
structure. SciPy computes in float64: ``x`` comes back in the shapes and floating dtypes of ``x0``,
integers as float64. All other fields of the result refer to the vector of all variables, flattened
in the order of `deltaprop.tree.flatten`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import numpy as dnp
from .extras import extra
from .graph import as_array, raw
from .graph.modes import depth
from .habits import absent, explained
from .transforms import Evaluation, hvp, is_variable, jacobians, value_and_grad
from .tree import described, flatten, matched, unflatten

with extra("scipy", "deltaprop.scipy needs SciPy"):
    from scipy import optimize

Function = Callable[..., Any]

_NO_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
_HESSIAN = ("dogleg", "trust-exact")


@explained
def minimize(
    f: Function,
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str | None = None,
    *,
    hess: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
    compile: bool = False,
) -> Any:
    """Call `scipy.optimize.minimize` with the derivatives that the method can use.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns one real number; x is nested and shaped as x0.
    x0 : array_like or tree
        The starting point. A list of numbers is an array, as in SciPy.
    args : tuple
        Further arguments of f.
    method : str, optional
        As in SciPy.
    hess : optional
        What "trust-constr" may take in place of exact products, e.g. ``scipy.optimize.BFGS()``.
    bounds : optional
        As in SciPy, for all entries in their order; or two trees (lower, upper) like x0, whose
        arrays may be single numbers.
    constraints : optional
        As in SciPy; functions see x nested as x0, and their Jacobians are found here.
    tol, callback, options : optional
        As in SciPy; the callback sees x nested as x0.
    compile : bool
        Record f, its gradient and its Hessian's products once and replay them, see
        `deltaprop.compile`.

    Returns
    -------
    scipy.optimize.OptimizeResult

    Raises
    ------
    TypeError
        If f returns anything but one real number or, at x0, one that does not depend on x; if
        x0 has entries that are no real numbers.
    ValueError
        If trees differ from x0, and whatever SciPy finds wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from deltaprop.scipy import minimize
    >>> found = minimize(lambda p: (p["a"] - 3.0) ** 2 + np.sum(p["b"] ** 2),
    ...                  {"a": 0.0, "b": np.ones(2)})
    >>> round(float(found.x["a"]), 4)
    3.0
    """
    variables = _Variables(x0)
    function = _Scalar(f, variables, args)
    fun: Any
    jac: Any
    fun, jac, product = function.value, function.gradient, function.product
    name = method.lower() if isinstance(method, str) else ""
    if name in _NO_GRADIENT:
        fun, jac = function.plain, None
    elif compile and not depth():
        from .compiler import compile as compiled

        fun, jac = compiled(value_and_grad(function)), True
        product = compiled(lambda v, p: hvp(function, (v,), (p,)))
    if name in _HESSIAN:
        hess = lambda v: np.stack([product(v, unit) for unit in np.eye(len(v))])  # noqa: E731
    result = optimize.minimize(
        fun,
        variables.start,
        method=method,
        jac=jac,
        hess=hess,
        hessp=product if name in _PRODUCTS and hess is None else None,
        bounds=variables.bounds(bounds),
        constraints=_constraints(constraints, variables),
        tol=tol,
        callback=_callback(callback, variables),
        options=options,
    )
    return _finished(result, variables)


@explained
def root(
    f: Function,
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str = "hybr",
    *,
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """Call `scipy.optimize.root` with the Jacobian, for the methods "hybr" and "lm".

    f returns as many numbers as x has, as an array or a tree; the rest is as in `minimize`.

    Parameters
    ----------
    f : callable
        The function.
    x0 : array_like or tree
        The start.
    args : tuple, optional
        More arguments of f.
    method : str, optional
        SciPy's name of the method.
    tol : float, optional
        The tolerance.
    callback : callable, optional
        Called after each iteration.
    options : optional
        SciPy's options.

    Returns
    -------
    OptimizeResult
        SciPy's result; `x` has the structure of `x0`.

    Examples
    --------
    >>> from deltaprop.scipy import root
    >>> root(lambda x: [x[0] + x[1] - 3.0, x[0] * x[1] - 2.0], [0.0, 3.0]).x.round(6)
    array([1., 2.])
    """
    variables = _Variables(x0)
    function = _Vector(f, variables, args)
    exact = method in ("hybr", "lm")
    result = optimize.root(
        function.value if exact else function.plain,
        variables.start,
        method=method,
        jac=function.jacobian if exact else None,
        tol=tol,
        callback=_callback(callback, variables),
        options=options,
    )
    return _finished(result, variables)


@explained
def least_squares(
    f: Function,
    x0: Any,
    bounds: Any = (-np.inf, np.inf),
    *,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    callback: Function | None = None,
    **options: Any,
) -> Any:
    """Call `scipy.optimize.least_squares` with the Jacobian of the residuals.

    f returns the residuals as an array or a tree; `options` are SciPy's (method, loss, ftol,
    ...); the rest is as in `minimize`.

    Parameters
    ----------
    f : callable
        The function.
    x0 : array_like or tree
        The start.
    bounds : optional
        SciPy's bounds.
    args : tuple, optional
        More arguments of f.
    kwargs : dict, optional
        Keyword arguments of f.
    callback : callable, optional
        Called after each iteration.
    **options : optional
        SciPy's options.

    Returns
    -------
    OptimizeResult
        SciPy's result; `x` has the structure of `x0`.

    Examples
    --------
    >>> import numpy as np
    >>> from deltaprop.scipy import least_squares
    >>> t = np.arange(4.0)
    >>> fit = least_squares(lambda p: p["a"] * np.exp(-p["k"] * t) - 2 * np.exp(-0.5 * t),
    ...                     {"a": 1.0, "k": 1.0})
    >>> round(float(fit.x["k"]), 6)
    0.5
    """
    variables = _Variables(x0)
    function = _Vector(partial(f, **(kwargs or {})), variables, args)
    if callback is not None:
        options["callback"] = _callback(callback, variables)
    result = optimize.least_squares(
        function.value,
        variables.start,
        function.jacobian,
        variables.bounds(bounds),
        **options,
    )
    return _finished(result, variables)


class _Variables:
    """The entries of x0 as one vector of float64, and back."""

    def __init__(self, x0: Any) -> None:
        if type(x0) in (list, tuple) and all(np.isscalar(x) for x in _entries(x0)):
            x0 = np.asarray(x0)
        leaves, self.structure = flatten(x0)
        self.like = [as_array(raw(x)) for x in leaves]
        for x in self.like:
            if x.dtype.kind not in "fiu":
                raise TypeError(f"x0 must hold real numbers, not {x.dtype}: {x!r}")
        self.stops = np.cumsum([x.size for x in self.like]).tolist()
        if not self.stops or not self.stops[-1]:
            raise ValueError(f"x0 holds no numbers to vary: {x0!r}")
        self.start = np.concatenate([np.ravel(x) for x in self.like]).astype(np.float64)

    def tree(self, v: Any) -> Any:
        """The tree with the entries of a vector, which may be a Value."""
        if len(self.like) == 1 and self.like[0].ndim == 1:
            return unflatten(self.structure, [v])
        parts = [
            v[stop - x.size : stop].reshape(x.shape) if x.ndim else v[stop - 1]
            for x, stop in zip(self.like, self.stops, strict=True)
        ]
        return unflatten(self.structure, parts)

    def result(self, v: Any) -> Any:
        """The tree in the floating dtypes of x0."""
        leaves, structure = flatten(self.tree(np.array(v)))
        kinds = [x.dtype if x.dtype.kind == "f" else np.dtype(float) for x in self.like]
        return unflatten(structure, [y.astype(kind) for y, kind in zip(leaves, kinds, strict=True)])

    def bounds(self, given: Any) -> Any:
        """SciPy's bounds as they are; two trees as bounds of the vector."""
        kind = self.structure.kind
        if kind is None or not (isinstance(given, tuple) and len(given) == 2):
            return given
        pairs = kind in (list, tuple) and self.start.size == 2  # read as SciPy reads them
        if pairs or not any(isinstance(side, kind) for side in given):
            return given
        return optimize.Bounds(*[self._side(side) for side in given])

    def _side(self, tree: Any) -> Any:
        leaves = matched(tree, self.structure)
        if leaves is None:
            raise ValueError(
                f"bounds must be nested as x0 is, {described(self.structure)}, "
                f"but are {described(flatten(tree)[1])}"
            )
        full = [np.broadcast_to(b, x.shape) for b, x in zip(leaves, self.like, strict=True)]
        return np.concatenate([np.ravel(b) for b in full])


class _Function:
    """A function of the vector of all variables, called and recorded once at each point."""

    def __init__(self, f: Function, variables: _Variables, args: tuple[Any, ...]) -> None:
        self.f, self.variables, self.args = f, variables, args
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        self.point: Any = None

    def __call__(self, v: Any) -> Any:
        y = self.joined(self.f(self.variables.tree(v), *self.args))
        if self.point is None and is_variable(v) and not is_variable(y):
            raise TypeError(
                f"{self.__name__} returned a result that does not depend on x for the derivative: "
                "compute with x itself, without .item(), .numpy() and .data"
            )
        return y

    def joined(self, y: Any) -> Any:
        """What f returned, as one number or vector."""
        raise NotImplementedError

    def at(self, v: Any) -> Evaluation:
        """The graph at this point."""
        if self.point is None or not np.array_equal(v, self.point):
            point = np.array(v)
            self.run = Evaluation(self, (point,), (0,))
            if self.run.nested:
                raise self.surrounded()
            self.point, self.slope = point, None
        return self.run

    def value(self, v: Any) -> Any:
        return raw(self.at(v).outputs[0])

    def plain(self, v: Any) -> Any:
        """The same without a graph."""
        y = self(v)
        if is_variable(y) and depth():
            raise self.surrounded()
        return raw(y)

    def surrounded(self) -> TypeError:
        return TypeError(
            f"{self.__name__} depends on a variable of the transform around, and what SciPy finds "
            "would have no gradient in it: take .data or dp.stop_gradient of the variable, or "
            "write the derivative with dp.custom_gradient"
        )


class _Scalar(_Function):
    slope: Any  # the gradient at the point, recorded itself

    def joined(self, y: Any) -> Any:
        leaves, structure = flatten(y)
        data = as_array(raw(leaves[0])) if structure.kind is None else None
        if data is None or data.size != 1 or data.dtype.kind not in "fiu":
            got = described(structure) if data is None else f"shape {data.shape}, {data.dtype}"
            raise TypeError(
                f"minimize needs a function that returns one real number, but {self.__name__} "
                f"returned {got}: reduce it, e.g. with .sum(), or use least_squares"
            )
        return y.reshape(()) if data.ndim else y

    def gradient(self, v: Any) -> Any:
        run = self.at(v)
        return run.reverse(run.outputs[0], 1.0)[0]

    def product(self, v: Any, p: Any) -> Any:
        """The Hessian times p."""
        run = self.at(v)
        if self.slope is None:
            self.slope = run.reverse(run.outputs[0], 1.0, graph=True)
        return run.forward([p], self.slope)[0]


class _Vector(_Function):
    def joined(self, y: Any) -> Any:
        leaves, _ = flatten(y)
        if not leaves:
            raise TypeError(f"{self.__name__} must return numbers, but returned {y!r}")
        return dnp.concat([dnp.reshape(dnp.asarray(x), (-1,)) for x in leaves])

    def jacobian(self, v: Any) -> Any:
        ((found,),) = jacobians(self.at(v))
        return found


def _entries(x: Any) -> list[Any]:
    return [z for y in x for z in (_entries(y) if type(y) in (list, tuple) else [y])]


def _constraints(given: Any, variables: _Variables) -> Any:
    """The constraints as functions of the vector, with their Jacobians."""
    if isinstance(given, list | tuple):
        return [_constraints(one, variables) for one in given]
    if isinstance(given, dict):
        function = _Vector(given["fun"], variables, tuple(given.get("args", ())))
        return {"type": given["type"], "fun": function.value, "jac": function.jacobian}
    if isinstance(given, optimize.NonlinearConstraint):
        function = _Vector(given.fun, variables, ())
        return optimize.NonlinearConstraint(
            function.value,
            given.lb,
            given.ub,
            function.jacobian,
            given.hess,
            given.keep_feasible,
        )
    return given


def _callback(callback: Function | None, variables: _Variables) -> Function | None:
    """The caller's callback, which sees trees; SciPy tells its two kinds by their parameters."""
    if callback is None:
        return None
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:

        def with_result(intermediate_result: Any) -> Any:
            shown = optimize.OptimizeResult(intermediate_result)
            return callback(intermediate_result=_finished(shown, variables))

        return with_result
    return lambda v, *more: callback(variables.result(v), *more)


def _finished(result: Any, variables: _Variables) -> Any:
    result.x = variables.result(result.x)
    return result


__all__ = ["least_squares", "minimize", "root"]

if not TYPE_CHECKING:  # type checkers know every name, and report any other
    __getattr__ = absent(__name__)


def __dir__() -> list[str]:
    return __all__
