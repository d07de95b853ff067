"""What the derivative is where there is none, or no single one: here, in JAX and in PyTorch.

deltaprop's column is computed. The columns of JAX and PyTorch are computed where these are
installed. All must be what is written here. `table()` is the page's Markdown.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp


class Row(NamedTuple):
    """Functions as text of the arguments x (and y), where to differentiate, and what is found."""

    case: str
    at: Sequence[Any]
    ours: str
    jax: str
    torch: str
    found: tuple[str, str, str]


ROWS = [
    Row(
        "`relu(x)` at 0",
        [0.0],
        "dnp.relu(x)",
        "jax.nn.relu(x)",
        "torch.relu(x)",
        ("0", "0", "0"),
    ),
    Row(
        "`leaky_relu(x, 0.01)` at 0",
        [0.0],
        "dnp.leaky_relu(x)",
        "jax.nn.leaky_relu(x)",
        "torch.nn.functional.leaky_relu(x)",
        ("0.01", "1", "0.01"),
    ),
    Row(
        "`clip(x, 0, 1)` at 0",
        [0.0],
        "dnp.clip(x, 0, 1)",
        "jnp.clip(x, 0, 1)",
        "torch.clip(x, 0, 1)",
        ("1", "0.5", "1"),
    ),
    Row(
        "`hard_tanh(x)` at 1",
        [1.0],
        "dnp.hard_tanh(x)",
        "jax.nn.hard_tanh(x)",
        "torch.nn.functional.hardtanh(x)",
        ("1", "1", "0"),
    ),
    Row("`abs(x)` at 0", [0.0], "abs(x)", "abs(x)", "abs(x)", ("0", "1", "0")),
    Row("`sign(x)` at 0", [0.0], "dnp.sign(x)", "jnp.sign(x)", "torch.sign(x)", ("0", "0", "0")),
    Row(
        "`maximum(x, y)` at x = y",
        [2.0, 2.0],
        "dnp.maximum(x, y)",
        "jnp.maximum(x, y)",
        "torch.maximum(x, y)",
        ("0.5, 0.5", "0.5, 0.5", "0.5, 0.5"),
    ),
    Row(
        "`maximum(x, x)`",
        [2.0],
        "dnp.maximum(x, x)",
        "jnp.maximum(x, x)",
        "torch.maximum(x, x)",
        ("1", "1", "1"),
    ),
    Row(
        "`max` of [2, 2, 1]",
        [[2.0, 2.0, 1.0]],
        "dnp.max(x)",
        "jnp.max(x)",
        "torch.max(x)",
        ("0.5, 0.5, 0", "0.5, 0.5, 0", "0.5, 0.5, 0"),
    ),
    Row(
        "`max` of [2, 2, 1] along its axis",
        [[2.0, 2.0, 1.0]],
        "dnp.max(x, axis=0)",
        "jnp.max(x, axis=0)",
        "torch.max(x, 0).values",
        ("0.5, 0.5, 0", "0.5, 0.5, 0", "1, 0, 0"),
    ),
    Row(
        "`median` of [1, 2]",
        [[1.0, 2.0]],
        "dnp.median(x)",
        "jnp.median(x)",
        "torch.median(x)",
        ("0.5, 0.5", "0.5, 0.5", "1, 0"),
    ),
    Row(
        "`sqrt(x)` at 0",
        [0.0],
        "dnp.sqrt(x)",
        "jnp.sqrt(x)",
        "torch.sqrt(x)",
        ("inf", "inf", "inf"),
    ),
    Row(
        "`norm(x)` at [0, 0]",
        [[0.0, 0.0]],
        "dnp.norm(x)",
        "jnp.linalg.norm(x)",
        "torch.linalg.norm(x)",
        ("0, 0", "nan, nan", "0, 0"),
    ),
    Row(
        "`std` of a constant",
        [[3.0, 3.0]],
        "dnp.std(x)",
        "jnp.std(x)",
        "torch.std(x, correction=0)",
        ("0, 0", "nan, nan", "0, 0"),
    ),
    Row(
        "`norm(x, 1)` at [0, 1]",
        [[0.0, 1.0]],
        "dnp.norm(x, 1)",
        "jnp.linalg.norm(x, 1)",
        "torch.linalg.norm(x, 1)",
        ("0, 1", "1, 1", "0, 1"),
    ),
    Row(
        "`hypot(x, y)` at 0, 0",
        [0.0, 0.0],
        "dnp.hypot(x, y)",
        "jnp.hypot(x, y)",
        "torch.hypot(x, y)",
        ("0, 0", "0.5, 0.5", "nan, nan"),
    ),
    Row(
        "`arctan2(x, y)` at 0, 0",
        [0.0, 0.0],
        "dnp.arctan2(x, y)",
        "jnp.arctan2(x, y)",
        "torch.arctan2(x, y)",
        ("0, 0", "nan, nan", "0, 0"),
    ),
    Row(
        "`x**y` at 0, 0",
        [0.0, 0.0],
        "x**y",
        "x**y",
        "x**y",
        ("0, 0", "nan, 0", "0, 0"),
    ),
    Row("`x**y` at −2, 2", [-2.0, 2.0], "x**y", "x**y", "x**y", ("-4, nan", "-4, nan", "-4, nan")),
    Row(
        "`prod` of [0, 2, 3]",
        [[0.0, 2.0, 3.0]],
        "dnp.prod(x)",
        "jnp.prod(x)",
        "torch.prod(x)",
        ("6, 0, 0", "6, 0, 0", "6, 0, 0"),
    ),
    Row(
        "`xlogy(x, y)` at 0, 0",
        [0.0, 0.0],
        "dnp.xlogy(x, y)",
        "jax.scipy.special.xlogy(x, y)",
        "torch.xlogy(x, y)",
        ("-inf, 0", "-inf, nan", "0, nan"),
    ),
    Row("`sinc(x)` at 0", [0.0], "dnp.sinc(x)", "jnp.sinc(x)", "torch.sinc(x)", ("0", "0", "0")),
    Row(
        "`logsumexp` of [−inf, −inf]",
        [[-np.inf, -np.inf]],
        "dnp.logsumexp(x)",
        "jax.scipy.special.logsumexp(x)",
        "torch.logsumexp(x, 0)",
        ("0, 0", "nan, nan", "nan, nan"),
    ),
    Row(
        "`maximum(x, NaN)` at 1",
        [1.0],
        "dnp.maximum(x, np.nan)",
        "jnp.maximum(x, jnp.nan)",
        "torch.maximum(x, torch.tensor(torch.nan, dtype=torch.float64))",
        ("nan", "0", "1"),
    ),
    Row(
        "`relu(x)` at NaN",
        [np.nan],
        "dnp.relu(x)",
        "jax.nn.relu(x)",
        "torch.relu(x)",
        ("nan", "0", "1"),
    ),
    Row(
        "`where(x > 0, log(x), 0)` at 0",
        [0.0],
        "dnp.where(x > 0, dnp.log(x), 0.0)",
        "jnp.where(x > 0, jnp.log(x), 0.0)",
        "torch.where(x > 0, torch.log(x), 0.0)",
        ("0", "nan", "nan"),
    ),
    Row(
        "`sqrt(x * x)` at 0",
        [0.0],
        "dnp.sqrt(x * x)",
        "jnp.sqrt(x * x)",
        "torch.sqrt(x * x)",
        ("nan", "nan", "nan"),
    ),
    Row("`1 / (1 / x)` at 0", [0.0], "1 / (1 / x)", "1 / (1 / x)", "1 / (1 / x)", ("nan",) * 3),
]


def ours(row: Row) -> list[Any]:
    xs = [dp.Value(x) for x in row.at]
    with np.errstate(all="ignore"):
        called(row.ours, xs, dnp=dnp, np=np).backward()
    return [x.grad for x in xs]


def by_jax(row: Row) -> list[Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    xs = [jnp.asarray(x) for x in row.at]
    names = tuple(range(len(xs)))
    return list(jax.grad(lambda *xs: called(row.jax, xs, jax=jax, jnp=jnp), names)(*xs))


def by_torch(row: Row) -> list[Any]:
    import torch

    xs = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in row.at]
    called(row.torch, xs, torch=torch).backward()
    return [x.grad.numpy() for x in xs]


def called(text: str, xs: Sequence[Any], **names: Any) -> Any:
    """Return what an expression of x and y is for these."""
    return eval(text, names | dict(zip("xy", xs, strict=False)))


def written(gradients: Sequence[Any]) -> str:
    """Return numbers as text, those of an array and those of several arguments alike."""
    return ", ".join(f"{x + 0.0:.6g}" for g in gradients for x in np.ravel(g).tolist())


def found(row: Row, differentiate: Callable[[Row], list[Any]], column: int) -> str:
    """Return what is found, which must be what is written; or the latter, without the library."""
    try:
        with warnings.catch_warnings(action="ignore"):
            text = written(differentiate(row))
    except ImportError:
        return row.found[column]
    if text != row.found[column]:
        raise AssertionError(f"{row.case}: found {text}, but {row.found[column]} is written")
    return text


def table() -> str:
    """Return the table in Markdown; raise if a column is not what its library does."""
    lines = ["| at the kink | deltaprop | JAX | PyTorch |", "|---|---|---|---|"]
    for row in ROWS:
        columns = [found(row, f, i) for i, f in enumerate((ours, by_jax, by_torch))]
        cells = " | ".join(f"{c}".replace("-", "−").replace("nan", "NaN") for c in columns)
        lines.append(f"| {row.case} | {cells} |")
    return "\n".join(lines)
