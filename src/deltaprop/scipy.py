"""SciPy's optimisers with exact derivatives, and trees of arrays as variables.

`minimize`, `root` and `least_squares` call SciPy's functions of the same names. What SciPy would
approximate by finite differences - gradients, Jacobians, Hessians and their products - comes from
recorded graphs, unless the caller gives it himself. The variables may be nested: dicts, lists,
tuples and dataclasses of arrays, which is also how functions, callbacks and the result's ``x``
see them. SciPy computes in float64; ``x`` comes back in the shapes and floating dtypes of ``x0``,
integers as float64.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import numpy as dnp
from . import transforms
from .graph import as_array, raw
from .tree import described, flatten, unflatten

try:
    from scipy import optimize
except ImportError as error:
    raise ImportError("deltaprop.scipy needs SciPy: pip install 'deltaprop[special]'") from error

Function = Callable[..., Any]

_NO_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_DENSE = {"dogleg", "trust-exact"}


def minimize(
    f: Function,
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Function | None = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
    *,
    compile: bool = False,
) -> Any:
    """`scipy.optimize.minimize` with the derivatives that the method can use.

    Parameters
    ----------
    f : callable
        ``f(x, *args)`` returns one real number; x is nested and shaped as x0.
    x0 : array_like or tree
        Where to start. A list of numbers is an array, as in SciPy.
    args : tuple
        More arguments of f.
    method : str, optional
        As in SciPy.
    jac, hess, hessp : optional
        The caller's own derivatives, as in SciPy but with x (and a gradient, and the vector of
        ``hessp(x, p)``) nested as x0; a dense Hessian is of all entries in their order.
    bounds : optional
        SciPy's, for all entries in their order.
    constraints : optional
        SciPy's; functions see x nested as x0 and get their Jacobians. A `NonlinearConstraint`
        keeps its own ``jac`` unless that is SciPy's default, "2-point".
    tol, callback, options : optional
        As in SciPy; the callback sees x nested as x0.
    compile : bool
        Record f and its gradient once and replay them. Right only if f has no side effects; a
        branch on x raises a `TraceError`.

    Returns
    -------
    scipy.optimize.OptimizeResult
        SciPy's, with ``x`` nested as x0.

    Raises
    ------
    TypeError
        If f returns anything but one real number or does not depend on x, or if x0 has entries
        that are no real numbers.

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
    name = (method if isinstance(method, str) else "").lower()
    scalar = _Scalar(f, variables, args)
    fun: Function = scalar.plain
    if jac is True:
        fun, jac = _pair(f, variables, args), True
    elif callable(jac):
        jac = _nested(jac, variables, args, flat=True)
    elif not jac and name not in _NO_GRADIENT:
        fun = transforms.value_and_grad(scalar)
        if compile:
            from .compiler import compile as compiled

            fun = compiled(fun)
        jac = True
    if hess is None and hessp is None:
        if name in _PRODUCTS:
            hessp = lambda v, p: transforms.hvp(scalar, (v,), (p,))  # noqa: E731
        elif name in _DENSE:
            hess = transforms.hessian(scalar)
    else:
        hess = _nested(hess, variables, args) if callable(hess) else hess
        if hessp is not None:
            own = hessp
            hessp = lambda v, p: variables.flat(  # noqa: E731
                own(variables.tree(v), variables.tree(p), *args)
            )
    result = optimize.minimize(
        fun,
        variables.start,
        method=method,
        jac=jac,
        hess=hess,
        hessp=hessp,
        bounds=bounds,
        constraints=_constraints(constraints, variables),
        tol=tol,
        callback=_callback(callback, variables),
        options=options,
    )
    return _finished(result, variables)


def root(
    f: Function,
    x0: Any,
    args: tuple[Any, ...] = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Function | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """`scipy.optimize.root`, with the Jacobian for the methods "hybr" and "lm".

    f returns as many numbers as x has, as an array or a tree; the rest is as in `minimize`.

    Examples
    --------
    >>> import numpy as np
    >>> from deltaprop.scipy import root
    >>> root(lambda x: [x[0] + x[1] - 3.0, x[0] * x[1] - 2.0], [0.0, 3.0]).x.round(6)
    array([1., 2.])
    """
    variables = _Variables(x0)
    vector = _Vector(f, variables, args)
    fun: Function = vector.plain
    if jac is True:
        fun = _pair(f, variables, args)
    elif callable(jac):
        jac = _nested(jac, variables, args)
    elif not jac and method in ("hybr", "lm"):
        jac = transforms.jacobian(vector)
    result = optimize.root(
        fun,
        variables.start,
        method=method,
        jac=jac,
        tol=tol,
        callback=_callback(callback, variables),
        options=options,
    )
    return _finished(result, variables)


def least_squares(
    f: Function,
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    *,
    args: tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """`scipy.optimize.least_squares` with the Jacobian of the residuals.

    f returns the residuals as an array or a tree; `options` are SciPy's (method, loss, ftol,
    ...), `bounds` are of all entries in their order; the rest is as in `minimize`.

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
    vector = _Vector(partial(f, **(kwargs or {})), variables, args)
    if callable(jac):
        jac = _nested(partial(jac, **(kwargs or {})), variables, args)
    elif jac is None:
        jac = transforms.jacobian(vector)
    result = optimize.least_squares(vector.plain, variables.start, jac, bounds, **options)
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
        if not sum(x.size for x in self.like):
            raise ValueError(f"x0 holds no numbers to vary: {x0!r}")
        self.start = self.flat(x0)

    def flat(self, tree: Any) -> Any:
        """The entries of a tree as x0 in a vector."""
        leaves, structure = flatten(tree)
        shapes, wanted = [np.shape(raw(x)) for x in leaves], [x.shape for x in self.like]
        if structure != self.structure or shapes != wanted:
            raise ValueError(
                f"expected {described(self.structure)} of shapes {wanted}, as x0 has, but got "
                f"{described(structure)} of shapes {shapes}"
            )
        return np.concatenate([np.ravel(raw(x)) for x in leaves]).astype(np.float64)

    def tree(self, v: Any) -> Any:
        """The tree with the entries of a vector, which may be a Value."""
        leaves, first = [], 0
        for x in self.like:
            if not x.ndim:
                leaves.append(v[first])
            elif x.size == v.size and x.ndim == 1:
                leaves.append(v)
            else:
                leaves.append(v[first : first + x.size].reshape(x.shape))
            first += x.size
        return unflatten(self.structure, leaves)

    def result(self, v: Any) -> Any:
        """The tree in the floating dtypes of x0."""
        leaves, structure = flatten(self.tree(np.asarray(v)))
        kinds = [x.dtype if x.dtype.kind == "f" else np.dtype(float) for x in self.like]
        return unflatten(structure, [y.astype(kind) for y, kind in zip(leaves, kinds, strict=True)])


class _Scalar:
    """f of the vector of all variables."""

    def __init__(self, f: Function, variables: _Variables, args: tuple[Any, ...]) -> None:
        self.f, self.variables, self.args = f, variables, args
        self.__name__ = getattr(f, "__name__", type(f).__name__)

    def __call__(self, v: Any) -> Any:
        y = self._shaped(self.f(self.variables.tree(v), *self.args))
        if transforms.is_variable(v) and not transforms.is_variable(y):
            raise TypeError(
                f"{self.__name__} returned a result that does not depend on x for the derivative: "
                "compute with x itself, without float(), .item(), .numpy() and .data"
            )
        return y

    def plain(self, v: Any) -> Any:
        """The result on plain arrays."""
        return raw(self(v))

    def _shaped(self, y: Any) -> Any:
        if isinstance(y, dict | list | tuple) or y is None or np.size(raw(y)) != 1:
            got = f"shape {np.shape(raw(y))}" if hasattr(y, "shape") else repr(y)
            raise TypeError(
                f"minimize needs a function that returns one real number, {self.__name__} "
                f"returned {got}: reduce it, e.g. with .sum(), or use least_squares"
            )
        return y.reshape(()) if np.ndim(raw(y)) else y


class _Vector(_Scalar):
    """All results of f, in one vector."""

    def _shaped(self, y: Any) -> Any:
        leaves, _ = flatten(y)
        if not leaves:
            raise TypeError(f"{self.__name__} must return numbers, but returned {y!r}")
        return dnp.concat([dnp.reshape(dnp.asarray(x), (-1,)) for x in leaves])


def _entries(x: Any) -> list[Any]:
    return [z for y in x for z in (_entries(y) if type(y) in (list, tuple) else [y])]


def _nested(
    g: Function, variables: _Variables, args: tuple[Any, ...], flat: bool = False
) -> Function:
    """The caller's own derivative, as a function of the vector."""

    def own(v: Any) -> Any:
        found = g(variables.tree(v), *args)
        return variables.flat(found) if flat else raw(found)

    return own


def _pair(f: Function, variables: _Variables, args: tuple[Any, ...]) -> Function:
    """The caller's own function that returns a value and a derivative (``jac=True``)."""

    def own(v: Any) -> Any:
        y, found = f(variables.tree(v), *args)
        gradient = variables.flat(found) if np.ndim(raw(y)) == 0 else raw(found)
        return raw(y), gradient

    return own


def _constraints(given: Any, variables: _Variables) -> Any:
    """The constraints as functions of the vector, with their Jacobians."""
    if isinstance(given, list | tuple):
        return [_constraints(one, variables) for one in given]
    if isinstance(given, dict):
        vector = _Vector(given["fun"], variables, tuple(given.get("args", ())))
        jac = given.get("jac")
        own = _nested(jac, variables, vector.args) if callable(jac) else jac
        kept = {"type": given["type"], "fun": vector.plain}
        return {**kept, "jac": own or transforms.jacobian(vector)}
    if isinstance(given, optimize.NonlinearConstraint):
        vector = _Vector(given.fun, variables, ())
        jac = _nested(given.jac, variables, ()) if callable(given.jac) else given.jac
        if isinstance(jac, str) and jac == "2-point":
            jac = transforms.jacobian(vector)
        return optimize.NonlinearConstraint(
            vector.plain,
            given.lb,
            given.ub,
            jac=jac,
            hess=given.hess,
            keep_feasible=given.keep_feasible,
            finite_diff_rel_step=given.finite_diff_rel_step,
            finite_diff_jac_sparsity=given.finite_diff_jac_sparsity,
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
