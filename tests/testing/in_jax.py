"""The array namespace in JAX: what an expression means in another framework."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deltaprop.testing.expressions import Expression

SPECIAL: dict[str, Callable[..., Any]] = {
    "gelu": partial(jax.nn.gelu, approximate=False),
    "norm": jnp.linalg.norm,
    "softsign": jax.nn.soft_sign,
}


class _Namespace:
    def __getattr__(self, name: str) -> Any:
        if name in SPECIAL:
            return SPECIAL[name]
        found = [getattr(m, name) for m in (jnp, jax.nn, jax.scipy.special) if hasattr(m, name)]
        if not found:
            raise AttributeError(f"JAX has no {name}")
        return found[0]


class _Indices(ast.NodeTransformer):
    """Lists as indices become arrays, for JAX takes no lists."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        self.generic_visit(node)
        items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        items = [
            ast.parse(f"array({ast.unparse(i)})", mode="eval").body
            if isinstance(i, ast.List)
            else i
            for i in items
        ]
        tuple_ = ast.Tuple(items, ast.Load())
        node.slice = tuple_ if isinstance(node.slice, ast.Tuple) else items[0]
        return node


def in_jax(f: Expression) -> Callable[..., Any]:
    """The same function for JAX."""
    text = repr(f)
    tree = ast.parse(text if text.startswith("def") else f"f = {text}")
    scope: dict[str, Any] = {"dnp": _Namespace(), "array": np.array}
    code = ast.fix_missing_locations(_Indices().visit(tree))
    exec(compile(code, "<expression>", "exec"), scope)
    function: Callable[..., Any] = scope["f"]
    return function
