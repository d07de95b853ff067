"""What type checkers and editors know of expressions: read by them, never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value


def operators(v: Value, a: np.ndarray, x: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    assert_type(v + 1, Value)
    assert_type(2 * v, Value)
    assert_type(v - a, Value)
    assert_type(x * v, Value)
    assert_type(x @ v, Value)
    assert_type(v @ a, Value)
    assert_type(v / [1.0, 2.0], Value)
    assert_type(v**2, Value)
    assert_type(2**v, Value)
    assert_type(-v, Value)
    assert_type(abs(v), Value)
    assert_type(v % 2, Value)
    assert_type(divmod(v, 2), tuple[Value, Value])
    assert_type(v[0], Value)
    assert_type(v[None, :, 0], Value)
    assert_type(v < 2, Value)
    assert_type(v == a, Value)
    assert_type(list(v), list[Value])
    assert_type(max(v, v), Value)
    v += 1
    assert_type(v, Value)


def methods(v: Value, a: np.ndarray) -> None:
    assert_type(v.sum(), Value)
    assert_type(v.mean(0, keepdims=True), Value)
    assert_type(v.max(axis=1), Value)
    assert_type(v.std(ddof=1), Value)
    assert_type(v.cumsum(0), Value)
    assert_type(v.dot(a), Value)
    assert_type(v.reshape(2, -1), Value)
    assert_type(v.transpose(1, 0), Value)
    assert_type(v.ravel(), Value)
    assert_type(v.squeeze(0), Value)
    assert_type(v.astype("float32"), Value)
    assert_type(v.clip(0, 1), Value)
    assert_type(v.take([0, 1]), Value)
    assert_type(v.sort(), Value)
    assert_type(v.argmax(), Value)
    assert_type(v.any(), Value)
    assert_type(v.conj(), Value)
    assert_type(v.relu(), Value)
    assert_type(v.exp(), Value)
    assert_type(v.sigmoid(), Value)
    assert_type(v.T, Value)
    assert_type(v.real, Value)
    assert_type(v.detach(), Value)
    assert_type(v.inputs, tuple[Value, ...])
    assert_type(v.at[0].set(1.0), Value)
    assert_type(v.at[0, 1].add(v), Value)
    assert_type(v.at[0].multiply(a), Value)
    assert_type(v.numpy(), np.ndarray)
    assert_type(v.data, np.ndarray | Any)
    assert_type(v.grad, np.ndarray | Any)
    assert_type(v.shape, tuple[int, ...])
    assert_type(v.backward(), None)
    v.data -= 0.1 * v.grad


def namespace(v: Value, a: np.ndarray, either: Value | np.ndarray) -> None:
    assert_type(dnp.sin(v), Value)
    assert_type(dnp.sin(a), np.ndarray)
    assert_type(dnp.sin(0.5), float)
    assert_type(dnp.sin(either), Value | np.ndarray)
    assert_type(dnp.exp([v, v]), Value)
    assert_type(dnp.log(v, where=a > 0), Value)
    assert_type(dnp.maximum(v, 0.0), Value)
    assert_type(dnp.add(a, v), Value)
    assert_type(dnp.add(a, a), np.ndarray)
    assert_type(dnp.where(a > 0, v, 0.0), Value)
    assert_type(dnp.sum(v, axis=0), Value)
    assert_type(dnp.sum(a, axis=0), np.ndarray)
    assert_type(dnp.clip(v, 0, 1), Value)
    assert_type(dnp.softmax(v), Value)
    assert_type(dnp.matmul(a, v), Value)
    assert_type(dnp.matmul(a, a), np.ndarray)
    assert_type(dnp.einsum("ij,j->i", a, v), Value)
    assert_type(dnp.einsum("ij,j->i", np.ones((2, 2)), np.ones(2)), np.ndarray)
    assert_type(dnp.concatenate([v, v]), Value)
    assert_type(dnp.stack([v, v], axis=1), Value)
    assert_type(dnp.interp(a, a, v), Value)
    assert_type(dnp.reshape(a, (2, -1)), np.ndarray)
    assert_type(dnp.asarray([v, v]), Value)
    assert_type(dnp.zeros(3), Value)
    assert_type(dnp.linalg.solve(a, v), Value)
    assert_type(dnp.linalg.solve(a, a), np.ndarray)
    assert_type(dnp.linalg.inv(v), Value)
    assert_type(dnp.linalg.norm(v), Value)
    assert_type(dnp.linalg.eigh(v).eigenvalues, Value)
    assert_type(dnp.linalg.eigh(a).eigenvectors, np.ndarray)
    assert_type(dnp.linalg.eig([[v, v], [v, v]])[0], Value)
    assert_type(dnp.linalg.svd(v, full_matrices=False).S, Value)
    assert_type(dnp.linalg.svd(a).Vh, np.ndarray)
    assert_type(dnp.linalg.svd(a, compute_uv=False), Any)
    assert_type(dnp.linalg.qr(v).R, Value)
    assert_type(dnp.linalg.slogdet(v).logabsdet, Value)
    assert_type(dnp.linalg.slogdet(a)[0], np.ndarray)
    assert_type(dnp.split(v, 2), list[Value])
    assert_type(dnp.array_split(a, 2), list[np.ndarray])
    assert_type(dnp.unstack(v), tuple[Value, ...])
    assert_type(dnp.fft.fft(v), Value)
    assert_type(dnp.fft.fft(a), np.ndarray)
    assert_type(dnp.special.gammaln(v), Value)
    assert_type(dnp.isclose(v, a), Value)
    assert_type(dnp.size(v), int)
    assert_type(dnp.mod(v, 2), Value)
    assert_type(dnp.pow(v, 2), Value)
    assert_type(dnp.asin(a), np.ndarray)
    assert_type(dnp.around(v, 2), Value)
    assert_type(dnp.swish(v), Value)


def networks(v: Value, a: np.ndarray, either: Value | np.ndarray) -> None:
    mlp = dp.nn.MLP([2, 3, 1], activation="relu", rng=0)
    assert_type(mlp(a), Value)
    assert_type(mlp.layers[0](v), Value)
    assert_type(mlp.layers[0].weight, Value)
    assert_type(mlp.parameters(), list[Value])
    assert_type(dp.nn.Ensemble(2, [2, 1])(a), Value)
    assert_type(dp.nn.mse(v, a), Value)
    assert_type(dp.nn.mse(a, a), np.ndarray)
    assert_type(dp.nn.mae(either, a), Value | np.ndarray)
    assert_type(dp.nn.huber(v, a, delta=2.0), Value)
    assert_type(dp.nn.softmax_cross_entropy(v, a, reduction="sum"), Value)
    assert_type(dp.nn.relu(v), Value)
    assert_type(dp.nn.relu(a), np.ndarray)
    assert_type(dp.nn.gelu(v, approximate="tanh"), Value)
    assert_type(dp.nn.identity(a), np.ndarray)
    dp.optim.SGD([v], lr=0.1, momentum=0.9, nesterov=True)
    dp.optim.AdamW(mlp.parameters(), betas=(0.9, 0.99), weight_decay=0.1)


def energy(x: np.ndarray, n: int = 2) -> np.ndarray:
    return dnp.sum(x**n)


def with_aux(x: dict[str, Value], n: int) -> tuple[Value, str]:
    return x["w"] * n, "aux"


def transforms(a: np.ndarray, tree: dict[str, Value]) -> None:
    assert_type(dp.grad(energy)(a, n=3), np.ndarray)
    assert_type(dp.grad(with_aux, has_aux=True)(tree, 2), tuple[dict[str, Value], str])
    assert_type(dp.value_and_grad(energy)(a), tuple[np.ndarray, np.ndarray])
    assert_type(dp.grad(lambda x: x**3)(2.0), Any)
    assert_type(dp.hessian(energy)(a, n=3), Any)
    assert_type(dp.jvp(energy, (a,), (a,)), tuple[np.ndarray, np.ndarray])
    assert_type(dp.vjp(energy, a), tuple[np.ndarray, Callable[[Any], tuple[Any, ...]]])
    assert_type(dp.checkpoint(energy)(a, n=3), np.ndarray)
    assert_type(dp.stop_gradient(tree), dict[str, Value])
    assert_type(dp.compile(energy)(a, n=3), np.ndarray)
    assert_type(dp.compile(energy).cache_info().hits, int)


class Trainer:
    @dp.compile
    def step(self, x: np.ndarray) -> Value:
        return dp.Value(x)

    @dp.compile(static=["n"], executor="xla")
    def power(self, x: Value, n: int) -> Value:
        return x**n

    def train(self, a: np.ndarray) -> None:
        assert_type(self.step(a), Value)
        assert_type(self.power(self.step(a), n=2), Value)


def functions_without_types(a: np.ndarray) -> None:
    # what a lambda is given counts as a Value, which it is while a transform runs
    dp.grad(lambda x: dnp.sin(x).relu().sum())
    dp.grad(lambda x: dnp.sum(dnp.exp(x))[0])(a)
    dp.compile(lambda x: dnp.maximum(x, a).relu())
    dp.jacobian(lambda x: dnp.where(x > 0, dnp.sqrt(x).relu(), 0.0))(a)
    dp.testing.check_grads(lambda x: dnp.tanh(x).sum() + dnp.matmul(a, x)[0], a)
