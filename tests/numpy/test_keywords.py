"""Every argument that NumPy's functions take: as NumPy has it, or refused by the public name.

The functions and their arguments are read from NumPy's own signatures; a line below says with
which value an argument is tried. It must change NumPy's result, or else stand in `NEUTRAL`.
"""

from __future__ import annotations

import inspect
import pickle
import re
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.testing import check_grads

from .calls import words

if np.lib.NumpyVersion(np.__version__) < "2.4.0":
    pytest.skip("all functions have signatures since NumPy 2.4", allow_module_level=True)

_rng = np.random.default_rng(7)
ARRAYS: dict[str, Any] = {
    "M": _rng.uniform(0.2, 0.9, (2, 3)),
    "N": _rng.uniform(0.2, 0.9, (2, 3)),
    "A": _rng.uniform(0.2, 0.9, (3, 3)) + 2 * np.eye(3),
    "B": _rng.uniform(0.2, 0.9, (3, 3)),
    "H": 5 * np.eye(3) + np.ones((3, 3)),
    "T": _rng.uniform(0.2, 0.9, (2, 4, 3, 3)),
    "x": np.array([0.33, 0.56, 0.78]),
    "y": _rng.uniform(0.2, 0.9, 3),
    "u": _rng.uniform(0.2, 0.9, 5),
    "holes": np.array([[0.3, np.nan, 0.8], [0.6, 0.2, 0.7]]),
    "z": np.array([0.3 + 0.2j, 0.5 - 0.1j, 0.8 + 0.4j]),
}
PLAIN = {
    "np": np,
    "mask": np.array([[True, True, False], [False, True, True]]),
    "ints": np.array([[2, 0, 1], [1, 1, 0]]),
    "i": np.array([2, 0, 1]),
    "w": np.array([[0.5, 1.0, 2.0], [0.3, 0.2, 1.0]]),
}
MODULES: dict[str, tuple[Any, Any]] = {
    "numpy": (np, dnp),
    "numpy.linalg": (np.linalg, dnp.linalg),
    "numpy.fft": (np.fft, dnp.fft),
}

# what a call is made with besides; M, or M and N for two operands, unless said here
CALLS = {
    "unique": "[1.0, np.nan, np.nan]",
    "sort": "A",
    "permute_dims": "A",
    "gradient": "A",
    "from_dlpack": "np.ones(3)",
    "cumulative_prod": "x",
    "cumulative_sum": "x",
    "cov": "A",
    "corrcoef": "A",
    "angle": "z",
    "any": "[[0, 0, 1], [0, 0, 0]] * M",
    "all": "[[1, 1, 0], [1, 1, 1]] * M",
    "append": "M, N",
    "arange": "5",
    "array": "M",
    "argpartition": "M, 1",
    "array_equiv": "M, N",
    "array_split": "M, 2",
    "asarray": "M",
    "astype": "M, np.complex128",
    "atleast_1d": "M",
    "bincount": "i, x",
    "block": "[M, N]",
    "broadcast_arrays": "M, x",
    "broadcast_shapes": "(2, 1), (3,)",
    "broadcast_to": "x, (2, 3)",
    "can_cast": "np.float64, np.float32",
    "cholesky": "H",
    "clip": "M, 0.4, 0.6",
    "column_stack": "[M, N]",
    "compress": "[True, False], M",
    "concat": "[M, N]",
    "concatenate": "[M, N]",
    "convolve": "u, x",
    "correlate": "u, x",
    "cross": "A, B",
    "delete": "M, 1",
    "digitize": "0 * x + 0.4, [0.4, 0.6]",
    "diagonal": "T",
    "dot": "A, B",
    "dsplit": "T, 3",
    "dstack": "[M, N]",
    "eigh": "A",
    "eigvalsh": "A",
    "einsum": "'ij,ij->i', M, N",
    "empty": "0",
    "empty_like": "M[:0]",
    "expand_dims": "M, 0",
    "extract": "mask, M",
    "eye": "3",
    "fftfreq": "5",
    "full": "2, 0.5",
    "full_like": "M, 0.5",
    "heaviside": "M, N",
    "histogram": "u",
    "hsplit": "M, 3",
    "hstack": "[M, N]",
    "identity": "3",
    "inner": "M, N",
    "insert": "M, 1, 0.5",
    "interp": "x, [0.4, 0.6], y[:2]",
    "irfft": "M + 0.5j * N",
    "hfft": "M + 0.5j * N",
    "irfft2": "M + 0.5j * N",
    "irfftn": "M + 0.5j * N",
    "isdtype": "np.dtype(float), 'real floating'",
    "isin": "M, N",
    "kron": "A, B",
    "linspace": "x, y",
    "lstsq": "A, x",
    "matmul": "A, B",
    "matrix_power": "A, 2",
    "matrix_rank": "A",
    "matvec": "A, x",
    "meshgrid": "x, u",
    "moveaxis": "T, 0, 1",
    "multi_dot": "[A, B, A]",
    "nan_to_num": "holes",
    "norm": "A",
    "ones": "2",
    "ones_like": "M",
    "outer": "x, y",
    "pad": "M, 1",
    "partition": "A, 1",
    "percentile": "M, 33",
    "piecewise": "x, [x > 0.5], [1.0]",
    "polyval": "x, y",
    "quantile": "M, 0.33",
    "ravel": "M",
    "repeat": "M, 2",
    "reshape": "M, (3, 2)",
    "roll": "M, 1",
    "real_if_close": "z",
    "rollaxis": "T, 2",
    "rot90": "M",
    "round": "M",
    "around": "M",
    "searchsorted": "[0.33, 0.5], x",
    "select": "[mask], [M]",
    "solve": "A, x",
    "split": "M, 2",
    "squeeze": "M[:, None, :, None]",
    "stack": "[M, N]",
    "svd": "A",
    "svdvals": "A",
    "swapaxes": "M, 0, 1",
    "take": "A, i",
    "take_along_axis": "A, i[:, None]",
    "tensordot": "A, B",
    "tensorinv": "T.ravel()[:16].reshape(2, 2, 4) + np.eye(4).reshape(2, 2, 4)",
    "tensorsolve": "A, x",
    "tile": "M, 2",
    "trapezoid": "M",
    "transpose": "M",
    "unwrap": "8 * M",
    "vander": "x",
    "vdot": "M, N",
    "vecdot": "A, B",
    "vecmat": "x, A",
    "vsplit": "M, 2",
    "vstack": "[M, N]",
    "where": "mask, M, N",
    "zeros": "2",
    "zeros_like": "M",
    "rfftfreq": "5",
    "trace": "A",
    "linalg.diagonal": "T",
    "linalg.cross": "A, B",
    "linalg.outer": "x, y",
    "linalg.matmul": "A, B",
    "linalg.tensordot": "T[0, 0], T[1, 1]",
    "arccosh": "M + 1.5",
    "acosh": "M + 1.5",
    "float_power": "M, N",
    "det": "A",
    "inv": "A",
    "eig": "A",
    "eigvals": "A",
    "slogdet": "A",
    "cond": "A",
    "qr": "A",
    "pinv": "A",
}
CALLS |= {name: "holes" for name in vars(dnp) if name.startswith("nan") and name != "nan"}
CALLS |= {n: "ints, ints" for n in vars(dnp) if re.match(r"bitwise_|left_shift|right_shift", n)}
CALLS |= dict.fromkeys(("bitwise_not", "bitwise_invert", "bitwise_count", "invert"), "ints")

# what arguments are tried with: of a function, or of all
VALUES = {
    "axis": "0",
    "axes": "(1, 0)",
    "axis1": "-1",
    "axis2": "-1",
    "bias": "True",
    "bins": "4",
    "casting": "'unsafe'",
    "constant_values": "0.5",
    "copy": "True",
    "correction": "1",
    "ddof": "1",
    "deg": "True",
    "density": "True",
    "device": "'cpu'",
    "dtype": "np.float32",
    "endpoint": "False",
    "equal_nan": "False",
    "hermitian": "True",
    "include_initial": "True",
    "initial": "0.45",
    "invert": "True",
    "k": "1",
    "keepdims": "True",
    "kind": "None",
    "like": "None",
    "mean": "np.full((1, 1), 0.6)",
    "method": "'midpoint'",
    "minlength": "7",
    "norm": "'ortho'",
    "offset": "1",
    "optimize": "True",
    "ord": "1",
    "order": "'K'",
    "out": "np.zeros(3)",
    "overwrite_input": "True",
    "prepend": "0.5",
    "append": "0.5",
    "range": "(0.0, 1.0)",
    "retstep": "True",
    "return_counts": "True",
    "return_index": "True",
    "return_inverse": "True",
    "returned": "True",
    "right": "True",
    "rowvar": "False",
    "rtol": "0.5",
    "shape": "(3, 2)",
    "signature": "'d->d'",
    "sorted": "True",
    "sparse": "True",
    "stable": "True",
    "descending": "True",  # since NumPy 2.5
    "step": "2",
    "subok": "False",
    "upper": "True",
    "UPLO": "'U'",
    "weights": "w",
    "where": "mask",
}
SPECIAL = {
    "ifftshift axes": "1",
    "linalg.tensordot axes": "1",
    "matrix_rank hermitian": "True",
    "pinv rtol": "0.5",
    "unstack axis": "1",
    "squeeze axis": "1",
    "sort axis": "0",
    "rot90 k": "2",
    "quantile method": "'lower'",
    "percentile method": "'lower'",
    "partition axis": "0",
    "gradient axis": "0",
    "empty_like shape": "(0, 2)",
    "zeros order": "'C'",
    "ones order": "'C'",
    "full order": "'C'",
    "empty order": "'C'",
    "cumulative_prod axis": "",
    "cumulative_sum axis": "",
    "nanmin initial": "0.1",
    "nanmin where": "np.arange(6).reshape(2, 3) > 4, initial=0.95",
    "amin initial": "0.1",
    "amin where": "np.arange(6).reshape(2, 3) > 4, initial=0.95",
    "min initial": "0.1",
    "min where": "np.arange(6).reshape(2, 3) > 4, initial=0.95",
    "nanmax initial": "2.0",
    "nanmax where": "np.arange(6).reshape(2, 3) > 4, initial=0.1",
    "amax initial": "2.0",
    "amax where": "np.arange(6).reshape(2, 3) > 4, initial=0.1",
    "max initial": "2.0",
    "max where": "np.arange(6).reshape(2, 3) > 4, initial=0.1",
    "arange stop": "7",
    "argpartition kind": "'introselect'",
    "argsort axis": "0",
    "array ndmin": "3",
    "array ndmax": "0",
    "array copy": "True",
    "array_split axis": "1",
    "asarray copy": "True",
    "average axis": "1",
    "bincount weights": "x",
    "cond p": "1",
    "concat axis": "1",
    "concatenate axis": "1",
    "stack axis": "1",
    "convolve mode": "'same'",
    "correlate mode": "'full'",
    "corrcoef y": "B",
    "cov y": "B",
    "cov fweights": "i",
    "cov aweights": "x",
    "cov ddof": "0",
    "cross axis": "0",
    "cross axisa": "0",
    "cross axisb": "0",
    "cross axisc": "0",
    "diff n": "2",
    "ediff1d to_begin": "0.5",
    "ediff1d to_end": "0.5",
    "einsum casting": "'safe'",
    "divmod out": "(np.zeros(3), np.zeros(3))",
    "eye M": "4",
    "eye dtype": "np.float32",
    "eye order": "'C'",
    "fft n": "2",
    "hfft n": "2",
    "ifft n": "2",
    "ihfft n": "2",
    "irfft n": "3",
    "rfft n": "2",
    "fftn s": "(2, 2)",
    "ifft2 s": "(2, 2)",
    "ifftn s": "(2, 2)",
    "irfft2 s": "(2, 2)",
    "irfftn s": "(2, 2)",
    "rfft2 s": "(2, 2)",
    "rfftn s": "(2, 2)",
    "fft2 axes": "(0,)",
    "fft2 s": "(2, 2)",
    "flip axis": "0",
    "gradient varargs": "",
    "gradient edge_order": "2",
    "gradient f": "",
    "histogram weights": "np.arange(5.0)",
    "histogram_bin_edges weights": "",
    "insert axis": "1",
    "interp left": "0.0",
    "interp right": "0.0",
    "interp period": "0.5",
    "isin assume_unique": "True",
    "isin kind": "'sort'",
    "linspace axis": "1",
    "linspace num": "4",
    "lstsq rcond": "0.5",
    "matrix_norm ord": "1",
    "matrix_rank tol": "10.0",
    "meshgrid indexing": "'ij'",
    "nan_to_num nan": "0.5",
    "nan_to_num posinf": "",
    "nan_to_num neginf": "",
    "norm axis": "0",
    "pad mode": "'edge'",
    "partition kind": "'introselect'",
    "partition order": "None",
    "argpartition order": "None",
    "permute_dims axes": "(0, 1)",
    "pinv rcond": "0.5",
    "ptp axis": "1",
    "qr mode": "'r'",
    "quantile weights": "w, method='inverted_cdf'",
    "percentile weights": "w, method='inverted_cdf'",
    "ravel order": "'F'",
    "repeat axis": "1",
    "reshape order": "'F'",
    "real_if_close tol": "10",
    "rollaxis start": "1",
    "rot90 axes": "(1, 0)",
    "round decimals": "1",
    "around decimals": "1",
    "searchsorted side": "'right'",
    "searchsorted sorter": "[0, 1]",
    "select default": "0.5",
    "sort order": "None",
    "argsort order": "None",
    "sort stable": "True",
    "split axis": "0",
    "svd compute_uv": "False",
    "svd full_matrices": "False",
    "take mode": "'wrap'",
    "take axis": "1",
    "take_along_axis axis": "0",
    "tensordot axes": "1",
    "tensorinv ind": "2",
    "tensorsolve axes": "(0,)",
    "transpose axes": "(0, 1)",
    "trapezoid dx": "2.0",
    "trapezoid x": "N",
    "tril k": "1",
    "unwrap discont": "7.0",
    "unwrap period": "3.0",
    "vander N": "2",
    "vander increasing": "True",
    "vecdot axis": "0",
    "vector_norm axis": "0",
    "where x": "",
    "linalg.cross axis": "0",
    "linalg.vecdot axis": "0",
    "fftshift axes": "0",
    "fftfreq d": "0.5",
    "rfftfreq d": "0.5",
    "unique axis": "0",
    "diagonal axis1": "2",
    "diagonal axis2": "2",
    "expand_dims axis": "1",
    "can_cast casting": "'unsafe'",
    "broadcast_arrays subok": "True",
    "broadcast_to subok": "True",
    "array subok": "True",
    "compress axis": "0",
    "delete axis": "1",
    "append axis": "0",
    "trace axis1": "0",
    "trace axis2": "1",
    "clip min": "",
    "clip max": "",
}
# what asks for nothing that changes a result here
NEUTRAL = set(
    words("""
assume_unique casting copy device kind like optimize order overwrite_input sorted stable subok ndmax
array_split.axis cov.ddof linspace.num matrix_rank.hermitian permute_dims.axes
real_if_close.tol searchsorted.sorter split.axis svd.full_matrices take.mode
tensorinv.ind tensorsolve.axes trace.axis1 trace.axis2 transpose.axes unique.axis unwrap.discont
""")
)


def positional(function: Any) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def base(module: str, name: str, function: Any) -> str:
    key = f"{module.removeprefix('numpy.')}.{name}"
    if key in CALLS or name in CALLS:
        return CALLS.get(key, CALLS.get(name, ""))
    return "M, N" if isinstance(function, np.ufunc) and function.nin == 2 else "M"


UFUNC = ("out", "where", "casting", "order", "dtype", "subok", "signature")


def cases() -> Iterator[Any]:
    """Every argument of every function that both have."""
    for module, (theirs, ours) in MODULES.items():
        for name in sorted(vars(ours)):
            function = getattr(theirs, name, None)
            if not callable(function) or isinstance(function, type) or name[0] == "_":
                continue
            text = base(module, name, function)
            if isinstance(function, np.ufunc):
                names = [k for k in UFUNC if k != "where" or function.signature is None]
            else:
                known = inspect.signature(function).parameters.values()
                kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
                given = len(eval(f"asked({text})", {"asked": lambda *a: a, **ARRAYS, **PLAIN}))
                names = [p.name for p in known if p.kind not in kinds]
                names = [k for k in names if k not in positional(function)[:given]]
                names += UFUNC if name == "clip" else ()
            for key in dict.fromkeys(names):
                short = f"{module.removeprefix('numpy.')}.{name}"
                value = SPECIAL.get(f"{short} {key}", SPECIAL.get(f"{name} {key}"))
                value = VALUES.get(key) if value is None else value
                if value != "":
                    yield pytest.param(
                        module, name, key, value, id=f"{short.removeprefix('numpy.')}-{key}"
                    )


# refused wherever it stands, and of single functions
REFUSED = {"out", "signature", "quantile.weights", "percentile.weights"}
# not told to a Value: NumPy asks nobody when these are called, so ours must be
OURS_ALONE = set(
    words("""
arange array asarray astype broadcast_shapes can_cast empty eye fftfreq from_dlpack full identity
isdtype linspace meshgrid ones result_type rfftfreq zeros
""")
)


def named(table: set[str], name: str, key: str) -> bool:
    return key in table or f"{name}.{key}" in table


def call(function: Any, text: str, arrays: dict[str, Any]) -> Any:
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        return eval(f"function({text})", {"function": function, **PLAIN, **arrays})


def parts(result: Any) -> list[Any]:
    if isinstance(result, tuple | list):
        return [part for item in result for part in parts(item)]
    return [result]


def results(ufunc: np.ufunc) -> list[Any]:
    """The dtypes that come out of it."""
    return [np.dtype(loop.partition("->")[2][0]).type for loop in ufunc.types if loop[-1] != "O"]


def is_variable(x: Any) -> bool:
    return isinstance(x, dp.Value) and not x.is_constant


def used(text: str) -> list[str]:
    return [name for name in ARRAYS if re.search(rf"\b{name}\b", text)]


@pytest.mark.parametrize(("module", "name", "key", "value"), list(cases()))
def test_arguments(module: str, name: str, key: str, value: str) -> None:
    theirs, ours = (getattr(m, name) for m in MODULES[module])
    text = base(module, name, theirs)
    with_it = f"{text}, {key}={value}"
    values = {k: dp.Value(v) for k, v in ARRAYS.items()} | {"ints": dp.constant(PLAIN["ints"])}
    routes = [ours] if name in OURS_ALONE else [ours, theirs]
    if named(REFUSED, name, key):
        for route in routes:
            with pytest.raises(TypeError, match=rf"numpy\.([a-z]+\.)?\w+.*\b{key}\b.*:"):
                call(route, with_it, values)
        return
    if key == "dtype" and isinstance(theirs, np.ufunc) and np.float32 not in results(theirs):
        for route in routes:
            with pytest.raises(TypeError, match=r"numpy\.\w+.*: .*(signature|cast)"):
                call(route, with_it, values)
        return
    wanted = parts(call(theirs, with_it, ARRAYS))
    without = parts(call(theirs, text, ARRAYS))
    ufunc_mask = key == "where" and (isinstance(theirs, np.ufunc) or name == "clip")
    if not named(NEUTRAL, name, key) and not ufunc_mask:
        assert not same(wanted, without), "the value does not change NumPy's result"
    for route in routes:
        found = parts(call(route, with_it, values))
        assert len(found) == len(wanted)
        for mine, right in zip(found, wanted, strict=True):
            if isinstance(mine, dp.Value):
                assert mine.dtype == np.asarray(right).dtype
            mine, right = (np.asarray(getattr(x, "data", x)) for x in (mine, np.asarray(right)))
            if ufunc_mask:
                assert not np.any(mine[~PLAIN["mask"]])
                mine, right = mine[PLAIN["mask"]], right[PLAIN["mask"]]
            assert mine.shape == right.shape
            np.testing.assert_allclose(
                mine, right, rtol=1e-5 if right.dtype == np.float32 else 1e-12
            )
    varying = [i for i, x in enumerate(parts(call(ours, with_it, values))) if is_variable(x)]
    fixed = "range=" in with_it  # a range alone says where the bins of a histogram end
    if not fixed and any(map(is_variable, parts(call(ours, text, values)))):
        assert varying, "the argument takes the gradient away"
    variables = {k: ARRAYS[k] for k in used(with_it) if k != "holes"}
    if named(NEUTRAL, name, key) or not varying or not variables:
        return
    if key == "dtype":
        for mine, right in zip(
            gradients(ours, with_it, variables), gradients(ours, text, variables), strict=True
        ):
            assert mine.dtype == right.dtype
            np.testing.assert_allclose(mine, right, rtol=1e-3, atol=1e-3)
        return

    def f(given: dict[str, Any]) -> list[Any]:
        found = parts(call(ours, with_it, {**values, **given}))
        return [found[i] for i in varying]

    check_grads(f, variables, order=2 if key in TWICE else 1)


# the arguments that a rule is written for, which are checked at second order too
TWICE = {"where", "initial", "mean", "weights", "returned", "axisa", "axisc", "casting"}


def gradients(function: Any, text: str, variables: dict[str, Any]) -> list[Any]:
    """The derivative of a weighted sum of what a call gives, in each variable."""
    values = {k: dp.Value(v) for k, v in variables.items()}
    for part in parts(call(function, text, values)):
        if is_variable(part):
            dnp.sum(dnp.real(part) * np.cos(np.arange(part.size)).reshape(part.shape)).backward()
    return [v.grad for v in values.values()]


def same(a: list[Any], b: list[Any]) -> bool:
    """Whether two results are the same in everything that NumPy promises."""
    return len(a) == len(b) and all(
        np.result_type(x) == np.result_type(y) and np.array_equal(x, y, equal_nan=True)
        if isinstance(x, np.ndarray | np.generic)
        else x == y
        for x, y in zip(a, b, strict=True)
    )


# -- by position, and under NumPy's names ---------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "sum(v, 0, np.float32)",
        "sum(v, 0, None, None, True)",
        "sum(v, 0, None, None, True, 0.5, mask)",
        "sum(a=v, axis=1)",
        "mean(v, 1, np.float32)",
        "mean(v, 1, None, None, True)",
        "max(v, 0, None, True, 0.5)",
        "max(v, axis=None, out=None, keepdims=True)",
        "var(v, 1, None, None, 1)",
        "std(v, 1, None, None, 1, True)",
        "std(v, ddof=0, correction=1)",
        "clip(v, 0.4, 0.6)",
        "clip(v, 0.4, 0.6, None)",
        "clip(v, min=0.4, max=0.6)",
        "clip(v, a_min=0.4, a_max=0.6)",
        "clip(v, None, 0.6)",
        "clip(v, max=0.6)",
        "cumsum(v, 1, np.float32)",
        "nan_to_num(v, True, 1.0)",
        "percentile(v, 30, 1, None, False, 'lower')",
        "median(v, 1, None, False, True)",
        "average(v, 1, [0.2, 0.3, 0.5], False)",
        "trace(v, 0, 0, 1)",
        "concatenate((v, v), 1, None)",
        "stack(arrays=[v, v], axis=-1)",
        "argmax(v, 1, None)",
        "round(v, 1, None)",
        "dot(v, v.T, None)",
        "nansum(v, 1, None, None, True)",
        "reshape(v, (3, 2), 'F')",
        "reshape(v, shape=(3, 2))",
        "sin(v, out=None, where=True, casting='same_kind', order='K', dtype=None, subok=True)",
        "add(v, v, where=True)",
        "moveaxis(a=v, source=0, destination=1)",
        "broadcast_to(array=v, shape=(2, 2, 3))",
        "tile(A=v, reps=2)",
    ],
)
def test_positions_and_names_are_numpys(text: str) -> None:
    x = ARRAYS["M"]
    wanted = eval(f"np.{text}", {**PLAIN, "v": x})
    for space in ("np", "dnp"):
        found = eval(f"{space}.{text}", {**PLAIN, "dnp": dnp, "v": dp.Value(x)})
        np.testing.assert_allclose(found.data, wanted, rtol=1e-6)
        assert found.dtype == wanted.dtype


@pytest.mark.parametrize(
    "text",
    [
        "sum(axis=0, keepdims=True, where=mask)",
        "sum(0, np.float32)",
        "sum(0, None, None)",
        "mean(1, None, None, True)",
        "mean(where=mask, dtype=np.float32)",
        "var(1, None, None, 1)",
        "std(axis=0, ddof=1, keepdims=True)",
        "prod(1, initial=2.0, where=mask)",
        "max(1, initial=0.5)",
        "min(axis=0, initial=0.5, where=mask)",
        "cumsum(1, dtype=np.float32)",
        "clip(0.4, 0.6)",
        "clip(min=0.4)",
        "round(1)",
        "any(axis=0, keepdims=True)",
        "all(where=mask)",
        "argmax(1, None)",
        "take([0, 1], 1, None, 'wrap')",
        "trace(0, 0, 1, np.float32)",
        "repeat(repeats=2, axis=0)",
        "squeeze(axis=())",
        "swapaxes(0, 1)",
        "dot(np.ones(3), out=None)",
        "astype(np.float32, copy=False)",
        "astype(np.float32, 'K', 'same_kind', True, False)",
        "conj()",
        "reshape(3, 2, order='F', copy=True)",
        "clip(0.4, 0.6, None)",
        "clip(0.4, where=True)",
    ],
)
def test_methods_take_what_an_arrays_take(text: str) -> None:
    x = ARRAYS["M"]
    wanted = eval(f"v.{text}", {**PLAIN, "v": x})
    found = eval(f"v.{text}", {**PLAIN, "v": dp.Value(x)})
    np.testing.assert_allclose(found.data, wanted, rtol=1e-6)
    assert found.dtype == wanted.dtype


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("np.sum(v, out=a)", r"numpy\.sum\(\) takes no out=.*y = deltaprop\.numpy\.sum\("),
        ("np.sum(v, 0, None, a)", r"numpy\.sum\(\) takes no out="),
        ("v.sum(out=a)", r"numpy\.sum\(\) takes no out="),
        ("v.argmax(0, a)", r"numpy\.argmax\(\) takes no out="),
        ("v.max(out=a)", r"numpy\.max\(\) takes no out="),
        ("v.clip(0, 1, out=a)", r"numpy\.clip\(\) takes no out="),
        ("v.conj(out=a)", r"numpy\.conj(ugate)?\(\) takes no out="),
        ("v.astype(int, casting='same_kind')", r"cannot cast .* casting='same_kind'"),
        ("dnp.arange()", r"arange\(\) needs an end"),
        ("np.any(v, out=a)", r"numpy\.any\(\) takes no out="),
        ("dnp.sin(v, a)", r"numpy\.sin\(\) takes no out="),
        ("dnp.sin(v, out=a)", r"numpy\.sin\(\) takes no out="),
        ("dnp.sin(a, out=a)", r"numpy\.sin\(\) takes no out="),
        ("dnp.sum(a, out=a)", r"numpy\.sum\(\) takes no out="),
        ("np.sin(v, out=a)", r"numpy\.sin\(\) cannot write"),
        ("np.add.reduce(v, out=a)", r"numpy\.add"),
        ("np.clip(v, 0, 1, out=a)", r"numpy\.clip\(\) takes no out="),
        ("np.clip(v, 0, 1, a)", r"numpy\.clip\(\) takes no out="),
        ("np.matmul(v, v.T, out=a)", r"numpy\.matmul\(\) cannot write"),
        ("dnp.matmul(v, v.T, out=a)", r"numpy\.matmul\(\) takes no out="),
        ("np.sin(v, order='F')", r"numpy\.sin\(\) takes no order=.*asarray"),
        ("np.sin(v, signature='d->d')", r"numpy\.sin\(\) takes no signature=.*dtype="),
        ("np.matmul(v, v.T, axes=[(0, 1)] * 3)", r"numpy\.matmul\(\) takes no axes=.*moveaxis"),
        ("np.nan_to_num(v, copy=False)", r"numpy\.nan_to_num\(\) takes no copy=.*result"),
        ("dnp.special.gammaln(v, out=a)", r"numpy\.special\.gammaln\(\) takes no out="),
        ("np.quantile(v, 0.5, weights=a)", r"numpy\.quantile\(\) takes no weights="),
        ("np.fft.fft(v, out=a)", r"numpy\.fft\.fft\(\) takes no out="),
        ("np.linalg.multi_dot([v, v.T], out=a)", r"numpy\.linalg\.multi_dot\(\) takes no out="),
        ("dnp.sum(v, foo=1)", r"numpy\.sum\(\) has no argument 'foo'.*axis, dtype.*where"),
        ("dnp.sin(v, foo=1)", r"numpy\.sin\(\) has no argument 'foo'.*where.*dtype"),
        ("dnp.clip(v, 0, foo=1)", r"numpy\.clip\(\) has no argument 'foo'"),
        ("dnp.add(v, v, v, v)", r"numpy\.add\(\) takes 2 operands, got 4"),
        ("dnp.sum(v, 0, None, None, True, 0, True, 1)", r"numpy\.sum\(\): too many"),
        ("np.sum(v, where=[[1, 0, 1]])", r"where= must be a boolean array, got dtype int64"),
        ("np.sin(v, where=[[1, 0, 1]])", r"where= must be a boolean array, got dtype int64"),
        ("np.sin(v, dtype=int)", r"numpy\.sin\(\): "),
        ("np.sin(v, dtype='f4', casting='no')", r"numpy\.sin\(\): Cannot cast"),
        ("np.sin(1j * v, dtype=float)", r"numpy\.sin\(\): Cannot cast"),
        ("np.concatenate([v, v], dtype=int)", r"cannot cast.*astype"),
        ("np.add.reduceat(v, [0, 1])", r"numpy\.add\.reduceat has no derivative rule"),
        ("np.add.at(v, [0], 1.0)", r"numpy\.add\.at .*\.at\[index\]\.add"),
        ("np.add.at(a, [0], v)", r"numpy\.add\.at .*\.at\[index\]\.add"),
        ("np.subtract.reduce(v)", r"numpy\.subtract\.reduce has no derivative rule"),
        ("np.maximum.accumulate(v)", r"numpy\.maximum\.accumulate has no derivative rule"),
        ("np.add.outer(v, v, signature='dd->d')", r"numpy\.add\(\) takes no signature="),
        ("np.logaddexp.reduce(v, dtype='f4')", r"numpy\.logaddexp\.reduce\(\) takes no dtype="),
    ],
)
def test_what_is_refused_is_named_with_the_way_out(text: str, words: str) -> None:
    known = {"np": np, "dnp": dnp, "v": dp.Value(ARRAYS["M"]), "a": np.zeros((2, 3))}
    with pytest.raises(TypeError, match=words) as error:
        eval(text, known)
    assert not re.search(r"unexpected keyword|__call__|\b_[a-z]+\(", str(error.value))
    assert not known["a"].any()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("np.max(v, where=mask)", "initial="),
        ("np.sum(v, where=np.ones((4, 2, 3), bool))", "where= must broadcast"),
        ("np.sum(v, initial=[1.0, 2.0])", "initial= must be a number"),
        ("np.var(v, ddof=1, correction=2)", "got both"),
    ],
)
def test_values_that_do_not_fit_are_errors(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        eval(text, {**PLAIN, "v": dp.Value(ARRAYS["M"])})


# -- methods of ufuncs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "add.reduce(v)",
        "add.reduce(v, axis=None)",
        "add.reduce(v, 1, None, None, True)",
        "add.reduce(v, axis=1, initial=2.0, where=mask)",
        "add.reduce(v, dtype='D')",
        "multiply.reduce(v, axis=1, keepdims=True)",
        "multiply.reduce(v, initial=2.0, where=mask)",
        "maximum.reduce(v, axis=1, initial=0.5)",
        "minimum.reduce(v, axis=None)",
        "logaddexp.reduce(v)",
        "add.accumulate(v)",
        "add.accumulate(v, 1)",
        "multiply.accumulate(v, axis=1)",
        "add.outer(v, w)",
        "multiply.outer(v, [1.0, 2.0])",
        "divide.outer(2.0, v)",
        "power.outer(v, w)",
        "maximum.outer(w, v)",
        "hypot.outer(v, w, where=True)",
    ],
)
def test_methods_of_ufuncs(text: str) -> None:
    known = {**PLAIN, "w": ARRAYS["y"]}
    wanted = eval(f"np.{text}", {**known, "v": ARRAYS["M"]})

    def f(v: Any) -> Any:
        return eval(f"np.{text}", {**known, "v": v})

    found = f(dp.Value(ARRAYS["M"]))
    of_ours = eval(f"dnp.{text}", {**known, "dnp": dnp, "v": ARRAYS["M"]})
    np.testing.assert_allclose(of_ours, wanted, rtol=1e-14)
    assert is_variable(found)
    assert found.shape == np.shape(wanted)
    np.testing.assert_allclose(found.data, wanted, rtol=1e-14)
    check_grads(f, ARRAYS["M"], order=2)


# -- what is left out has no part in anything -----------------------------------------------------

HOLES = np.array([[0.5, np.nan, -1.0], [np.inf, 0.25, -np.inf]])
SEEN = np.array([[True, False, False], [False, True, False]])


@pytest.mark.parametrize(
    "text",
    [
        "log(v, where=m)",
        "sqrt(v, where=m)",
        "arcsin(v, where=m)",
        "divide(1.0, v, where=m)",
        "power(v, 0.5, where=m)",
        "arctan2(v, v, where=m)",
        "sum(np.log(v, where=m), where=m)",
        "sum(v, where=m)",
        "prod(v, where=m)",
        "mean(v, where=m)",
        "var(v, where=m)",
        "std(v, where=m)",
        "max(v, where=m, initial=0.1)",
        "min(v, where=m, initial=0.9)",
        "nansum(v, where=m)",
        "nanprod(v, where=m)",
        "nanvar(v, where=m)",
        "nanmax(v, where=m, initial=-1.0)",
        "clip(v, 0.3, 0.9, where=m)",
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_entries_left_out_neither_warn_nor_spoil_anything(text: str, compiled: bool) -> None:
    code = compile(f"np.{text}", text, "eval")

    def f(v: Any) -> Any:
        return np.sum(eval(code, {"np": np, "v": v, "m": SEEN}) ** 2)

    clean = np.where(SEEN, HOLES, 0.5)
    run = dp.compile(dp.value_and_grad(f)) if compiled else dp.value_and_grad(f)
    for _ in range(2):
        value, slope = run(HOLES)
        wanted, right = dp.value_and_grad(f)(clean)
        np.testing.assert_allclose(value, wanted, rtol=1e-14)
        np.testing.assert_allclose(slope, np.where(SEEN, right, 0.0), rtol=1e-13)
    hessian = dp.hessian(f)(HOLES)
    assert np.isfinite(hessian).all()
    assert not hessian[~SEEN].any()


def test_a_mask_may_depend_on_the_argument() -> None:
    def f(x: Any) -> Any:
        seen = x > 0
        y = np.sum(np.log(x, where=seen)) + np.mean(x, where=seen) + np.std(x, where=seen)
        return y + np.max(x, where=seen, initial=0.0) + np.min(x, where=seen, initial=9.0)

    eager, compiled = dp.value_and_grad(f), dp.compile(dp.value_and_grad(f))
    for x in (np.array([1.0, -2.0, 3.0, 0.0]), np.array([-1.0, 2.0, 3.0, 4.0])):
        for found, right in zip(compiled(x), eager(x), strict=True):
            np.testing.assert_array_equal(found, right)
        with dp.detect_anomaly():
            assert not eager(x)[1][x <= 0].any()


def test_left_out_entries_of_a_ufunc_are_zero() -> None:
    v = dp.Value([1.0, -1.0])
    np.testing.assert_array_equal(np.sqrt(v, where=v > 0).data, [1.0, 0.0])
    np.testing.assert_array_equal(np.isnan(v, where=[False, True]).data, [False, False])
    y = np.add(v, [[1.0], [2.0], [3.0]], where=[True, False])
    assert y.shape == (3, 2)
    y.sum().backward()
    np.testing.assert_array_equal(v.grad, [3.0, 0.0])


@pytest.mark.parametrize("where", [True, False, np.True_])
@pytest.mark.parametrize("initial", [None, 2.0])
@pytest.mark.parametrize("data", [0.5, np.ones((0,)), np.ones((0, 3)), np.float32([0.5])])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_scalars_and_nothing_at_all(name: str, data: Any, initial: Any, where: Any) -> None:
    function = getattr(np, name)
    known = {"initial": initial} if initial is not None else {}
    if name in ("max", "min") and not known and (where is not True or not np.size(data)):
        with pytest.raises(ValueError, match=r"initial=|identity"):
            function(dp.Value(data), where=where)
        return
    wanted = function(data, where=where, **known)
    v = dp.Value(data)
    found = function(v, where=where, **known)
    np.testing.assert_allclose(found.data, wanted)
    found.backward()
    assert np.shape(v.grad) == np.shape(data)


@pytest.mark.parametrize(
    "text", ["sin(v, dtype='f4')", "add(v, 1.0, dtype='f4')", "sum(v, dtype='f4')"]
)
def test_scalars_are_rounded_to_the_dtype_asked_for(text: str) -> None:
    v = dp.Value(0.3)
    y = eval(f"np.{text}", {"np": np, "v": v})
    assert y.item() == eval(f"np.{text}", {"np": np, "v": 0.3})
    assert y.dtype == np.float32
    y.backward()
    assert abs(v.grad - (np.cos(0.3) if "sin" in text else 1.0)) < 1e-6


def test_an_initial_value_is_one_entry_more() -> None:
    v, start = dp.Value([1.0, 3.0]), dp.Value(2.5)
    dnp.max(v, initial=start).backward()
    np.testing.assert_array_equal(v.grad, [0.0, 1.0])
    assert start.grad == 0.0
    dnp.sum(v, initial=start).backward()
    assert start.grad == 1.0
    start.zero_grad()
    dnp.max(v, initial=start, where=[True, False]).backward()
    assert start.grad == 1.0
    assert np.max(dp.Value([1.0]), initial=5.0).item() == 5.0
    assert np.sum(dp.Value(np.float32([1, 2])), axis=0, keepdims=True, initial=1.5).dtype == "f4"


@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "var", "std", "nansum", "nanmean", "nanvar"]
)
def test_complex_numbers(name: str) -> None:
    z = ARRAYS["A"] * np.exp(1j * ARRAYS["B"])
    m = ~np.eye(3, dtype=bool)
    wanted = getattr(np, name)(z, axis=0, where=m)
    found = getattr(np, name)(dp.Value(z), axis=0, where=m)
    np.testing.assert_allclose(found.data, wanted, rtol=1e-13)
    check_grads(partial(getattr(dnp, name), axis=0, where=m), z, order=2)


def test_functions_are_pickled_by_their_public_names() -> None:
    for f in (dnp.sum, dnp.linalg.norm, dnp.fft.fft, dnp.sin, dnp.matmul, dnp.clip):
        assert pickle.loads(pickle.dumps(f)) is f
    assert (dnp.sum.__module__, dnp.linalg.norm.__module__) == (
        "deltaprop.numpy",
        "deltaprop.numpy.linalg",
    )
