"""Mistakes that users of NumPy, PyTorch, JAX, autograd, micrograd and scikit-learn make here.

    python -m tests.mistakes          # every mistake and what comes out, in full
    python -m tests.mistakes draw     # those with "draw" in their code

Each row of a table below is a line of code and, indented, what must come out: an error with
fragments of its message, a warning (`warns`), or a result (`=`) where the habit works here. A
fragment says what came, or what to do. `cryptic` marks what does not say both.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import json
import math
import os
import pickle
import statistics
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import Value, nn, optim, training
from deltaprop.training import fit

LIBRARIES = {
    "torch": "torch", "jnp": "jax.numpy", "jax": "jax", "pandas": "pandas", "scipy": "scipy",
    "sklearn": "sklearn", "onnx": "onnx", "Rotate": "scipy", "safetensors": "safetensors",
    "plot": "matplotlib", "scipy.special": "scipy.special", "scipy.optimize": "scipy.optimize",
    "scipy.linalg": "scipy.linalg", "scipy.integrate": "scipy.integrate",
    "strategies": "hypothesis",
}  # fmt: skip


class Row(NamedTuple):
    """A mistake, and what must come out."""

    topic: str
    code: str
    kind: str  # "TypeError", "warns UserWarning", "="
    fragments: tuple[str, ...]
    cryptic: bool


def rows() -> Iterator[Row]:
    """Yield the rows of all tables."""
    for topic, table in TABLES.items():
        lines = table.strip().splitlines()
        for code, outcome in zip(lines[::2], lines[1::2], strict=True):
            cryptic = outcome.startswith("    cryptic ")
            kind, _, text = outcome.strip().removeprefix("cryptic ").partition(": ")
            if outcome.startswith("    = "):
                kind, text = "=", outcome[6:]
            fragments = (text,) if kind == "=" else tuple(text.split(" | "))
            yield Row(topic, code, kind, fragments, cryptic)


def needed(code: str) -> list[str]:
    """Return the libraries that a mistake needs, besides NumPy."""
    return [library for word, library in LIBRARIES.items() if word in code]


def names(code: str) -> dict[str, Any]:
    """Return what the code of a mistake may use."""
    m = nn.MLP([2, 3, 1], rng=0)
    X = np.random.default_rng(0).normal(size=(8, 2))
    known: dict[str, Any] = {
        "dp": dp, "np": np, "dnp": dnp, "nn": nn, "optim": optim, "training": training, "fit": fit,
        "Value": Value, "math": math, "json": json, "pickle": pickle, "copy": copy, "os": os,
        "statistics": statistics, "v": Value([1.0, 2.0, 3.0]), "s": Value(2.0), "m": m, "X": X,
        "Y": X[:, :1] * 2, "sgd": optim.SGD(m.parameters(), lr=0.1),
    }  # fmt: skip
    for library in needed(code):
        module = importlib.import_module(library)
        known["jnp" if library == "jax.numpy" else library.partition(".")[0]] = (
            module if library == "jax.numpy" else importlib.import_module(library.partition(".")[0])
        )
    return known


def outcome(code: str) -> tuple[str, str]:
    """Run the code of a mistake in a folder of its own; return the kind and the whole text."""
    *before, last = code.split(" ;; ")
    if "exec(" not in code:  # whose own strings hold line ends
        last = last.replace("\\n", "\n")
    space, here = names(code), os.getcwd()
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(record=True) as warned,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("always")
        os.chdir(folder)
        try:
            for line in before:
                exec(line, space)
            try:
                body = compile(last, "<mistake>", "eval")
            except SyntaxError:
                body = compile(last, "<mistake>", "exec")
            found = repr(eval(body, space))
        except BaseException as error:
            return type(error).__name__, _told(error)
        finally:
            os.chdir(here)
            if "matplotlib.pyplot" in sys.modules:
                sys.modules["matplotlib.pyplot"].close("all")
    for warning in warned:
        if issubclass(warning.category, UserWarning | RuntimeWarning):
            return f"warns {warning.category.__name__}", str(warning.message)
    return "=", found


def _told(error: BaseException) -> str:
    """Return what a traceback says of an error at its end: message, notes, causes."""
    told, cause = "", error.__cause__
    if cause is not None:
        told = _told(cause)
    return told + "".join(traceback.format_exception_only(error))


TABLES = {
    "Values": r"""
Value("3.0")
    TypeError: got str '3.0' | Convert it first, or use deltaprop.const
Value(None)
    TypeError: got None | Convert it first, or use deltaprop.const
Value()
    TypeError: Value.__init__() missing 1 required position | 'data'
Value(True)
    TypeError: got True | Convert it first, or use deltaprop.const
Value([1.0, None])
    TypeError: got list [1.0, None] | Convert it first, or use deltaprop.const
Value([[1.0, 2.0], [3.0]])
    TypeError: make a Value of each
Value([s, s])
    LostGradient: a Value with a gradient cannot become an nda | Compute with functions of deltaprop.nump
Value([v, v])
    LostGradient: a Value with a gradient cannot become an nda | Compute with functions of deltaprop.nump
Value(s)
    TypeError: say v.detach() to do so
Value(1.0, (), "+")
    TypeError: l arguments but 4 were given | Value.__init__() takes 2 positional argu
Value(1.0, 'w')
    TypeError: l arguments but 3 were given | Value.__init__() takes 2 positional argu
Value(1.0, label="a")
    cryptic TypeError: Value.__init__() got an unexpected keyword a | Value.__init__() got an unexpected keywo
Value(1.0, requires_grad=True)
    cryptic TypeError: Value.__init__() got an unexpected keyword a | Value.__init__() got an unexpected keywo
Value(1.0, dtype=int)
    TypeError: not int64 | use deltaprop.constant
Value(1.0, dtype="float33")
    TypeError: got str 'float33'
Value({"a": 1.0})
    TypeError: got dict {'a' | Convert it first, or use deltaprop.const
Value(x for x in [1.0])
    TypeError: Convert it first, or use deltaprop.const
Value(Value)
    TypeError: got type <class 'deltaprop.value.Value'> | Convert it first, or use deltaprop.const
Value(lambda: 1)
    TypeError: Convert it first, or use deltaprop.const
dp.tensor([1.0])
    AttributeError: module 'deltaprop' has no attribute 'tensor' | write dp.Value(data)
dp.Tensor([1.0])
    AttributeError: module 'deltaprop' has no attribute 'Tensor' | write dp.Value(data)
dp.Variable(1.0)
    AttributeError: module 'deltaprop' has no attribute 'Variabl | write dp.Value(data)
dp.array([1.0])
    AttributeError: module 'deltaprop' has no attribute 'array' | write dp.numpy.array
dp.zeros(3)
    AttributeError: module 'deltaprop' has no attribute 'zeros' | write dp.numpy.zeros
dp.sin(s)
    AttributeError: module 'deltaprop' has no attribute 'sin' | write dp.numpy.sin
dp.relu(s)
    AttributeError: module 'deltaprop' has no attribute 'relu' | write dp.numpy.relu
dp.tanh(s)
    AttributeError: module 'deltaprop' has no attribute 'tanh' | write dp.numpy.tanh
dp.exp(s)
    AttributeError: module 'deltaprop' has no attribute 'exp' | write dp.numpy.exp
dp.sum(v)
    AttributeError: module 'deltaprop' has no attribute 'sum' | write dp.numpy.sum
dp.mse(v, v)
    AttributeError: module 'deltaprop' has no attribute 'mse' | write dp.nn.mse
dp.MLP([2, 1])
    AttributeError: module 'deltaprop' has no attribute 'MLP' | write dp.nn.MLP
dp.SGD([s])
    AttributeError: module 'deltaprop' has no attribute 'SGD' | write dp.optim.SGD
dp.fit
    AttributeError: module 'deltaprop' has no attribute 'fit' | write dp.training.fit
dp.jit(lambda x: x)
    AttributeError: module 'deltaprop' has no attribute 'jit' | write dp.compile(f)
dp.value_and_gard
    AttributeError: module 'deltaprop' has no attribute 'value_a | module 'deltaprop' has no attribute 'val
dp.elementwise_grad(np.sin)
    AttributeError: module 'deltaprop' has no attribute 'element | write dp.grad(lambda x
dp.make_hvp
    AttributeError: module 'deltaprop' has no attribute 'make_hv | write dp.hvp(f, (x,), (v,))
dp.backward(s)
    AttributeError: module 'deltaprop' has no attribute 'backwar | write value.backward()
dp.Module
    AttributeError: module 'deltaprop' has no attribute 'Module' | write dp.nn.Module
dp.stack([s, s])
    AttributeError: module 'deltaprop' has no attribute 'stack' | write dp.numpy.stack
dp.random.normal()
    AttributeError: module 'deltaprop' has no attribute 'random' | write numpy.random.default_rng(seed), of
s.grad.item()
    cryptic AttributeError: 'NoneType' object has no attribute 'item' | 'NoneType' object has no attribute 'item
v.requires_grad
    AttributeError: 'Value' object has no attribute 'requires_gr | dp.constant(data) is not
v.requires_grad_()
    AttributeError: 'Value' object has no attribute 'requires_gr | dp.constant(data) is not
v.retain_grad()
    AttributeError: 'Value' object has no attribute 'retain_grad | read .grad after backward()
v.is_leaf
    AttributeError: 'Value' object has no attribute 'is_leaf' | ask v.op is None
s._prev
    AttributeError: 'Value' object has no attribute '_prev' | write v.inputs
s._op
    AttributeError: 'Value' object has no attribute '_op' | write v.op
s.label
    AttributeError: 'Value' object has no attribute 'label' | write v.name
s.label = "a"
    AttributeError: 'Value' object has no attribute 'label' | write v.name
v.cpu()
    AttributeError: 'Value' object has no attribute 'cpu' | write v.astype(dtype) to convert, dp.com
v.to("cuda")
    AttributeError: 'Value' object has no attribute 'to' | write v.astype(dtype) to convert, dp.com
v.cuda()
    AttributeError: 'Value' object has no attribute 'cuda' | write v.astype(dtype) to convert, dp.com
v.view(3, 1)
    AttributeError: 'Value' object has no attribute 'view' | write v.reshape(shape)
v.unsqueeze(0)
    AttributeError: 'Value' object has no attribute 'unsqueeze' | write v[..., None]
v.permute(0)
    AttributeError: 'Value' object has no attribute 'permute' | write v.transpose(axes)
v.size()
    cryptic TypeError: 'int' object is not callable
v.dim()
    AttributeError: 'Value' object has no attribute 'dim' | write v.ndim
v.numel()
    AttributeError: 'Value' object has no attribute 'numel' | write v.size
v.shape()
    cryptic TypeError: 'tuple' object is not callable
v.item()
    ValueError: this Value has shape (3,)
v.float()
    AttributeError: 'Value' object has no attribute 'float' | write v.astype(dtype) to convert, dp.com
v.double()
    AttributeError: 'Value' object has no attribute 'double' | write v.astype(dtype) to convert, dp.com
v.norm()
    AttributeError: 'Value' object has no attribute 'norm' | write it as a function of deltaprop.nump
v.matmul(v)
    AttributeError: 'Value' object has no attribute 'matmul' | write v @ w
v.mm(v)
    AttributeError: 'Value' object has no attribute 'mm' | write v @ w
v.add_(1.0)
    AttributeError: 'Value' object has no attribute 'add_' | write v.data -= x, or v.assign(new)
v.zero_()
    AttributeError: 'Value' object has no attribute 'zero_' | write v.data -= x, or v.assign(new)
v.clamp(0, 1)
    AttributeError: 'Value' object has no attribute 'clamp' | write v.clip(min, max)
v.t()
    AttributeError: 'Value' object has no attribute 't' | write v.T
v.expand(2, 3)
    AttributeError: 'Value' object has no attribute 'expand' | write dnp.broadcast_to(v, shape)
v.pow(2)
    AttributeError: 'Value' object has no attribute 'pow' | write v ** y
v.abs()
    AttributeError: 'Value' object has no attribute 'abs' | write abs(v)
v.log_softmax()
    AttributeError: 'Value' object has no attribute 'log_softmax | write it as a function of deltaprop.nump
v.softmax()
    AttributeError: 'Value' object has no attribute 'softmax' | write it as a function of deltaprop.nump
v.grad.zero_()
    cryptic AttributeError: 'NoneType' object has no attribute 'zero_' | 'NoneType' object has no attribute 'zero
v.grad = [1.0, 2.0]
    ValueError: got (2,)
v.grad = "0"
    ValueError: got ()
v.data = [1.0, 2.0]
    ValueError: the new data must have shape (3,) | got (2,)
v.data = "abc"
    ValueError: the new data must have shape (3,) | got ()
v.data = None
    ValueError: the new data must have shape (3,) | got ()
v[0] = 5.0
    TypeError: entries of a Value cannot be assigned | Write v = v.at[index].set(new), or v.dat
v[0] += 5.0
    TypeError: entries of a Value cannot be assigned | Write v = v.at[index].set(new), or v.dat
v[5]
    IndexError: index 5 is out of bounds for axis 0 with
v["a"]
    IndexError: numpy.newaxis (`None`) and integer or bo
v[1.0]
    IndexError: got float
v[s]
    TypeError: a differentiable Value cannot be an index | or v.detach().astype(int)
v[0, 0]
    IndexError: but 2 were indexed
v[[True, False]]
    IndexError: boolean index did not match indexed array al | size of axis is 3 but size of correspond
len(s)
    TypeError: v.item() is its number
list(s)
    TypeError: v.item() is its number
v.sum(1)
    AxisError: This was deltaprop.numpy.sum( | It takes (
v.sum(dim=0)
    TypeError: deltaprop.numpy.sum() has no argument 'dim' | write axis
v.sum(axis="0")
    TypeError: This was deltaprop.numpy.sum( | It takes (
v.sum(axis=0.0)
    TypeError: This was deltaprop.numpy.sum( | It takes (
v.sum(axis=3)
    AxisError: This was deltaprop.numpy.sum( | It takes (
v.mean(dim=0)
    TypeError: deltaprop.numpy.mean() has no argument 'dim' | write axis
v.sum(keepdim=True)
    TypeError: deltaprop.numpy.sum() has no argument 'keepd | write keepdims
v.reshape(2, 2)
    ValueError: cannot reshape array of size 3 into shape (2 | cannot reshape array of size 3 into shap
v.reshape("3")
    TypeError: 'str' object cannot be interpreted as an int | 'str' object cannot be interpreted as an
v.reshape(1.5, 2)
    TypeError: 'float' object cannot be interpreted as an i | 'float' object cannot be interpreted as
v.transpose(0, 1)
    ValueError: got (0, 1)
v.astype("flaot32")
    TypeError: This was deltaprop.numpy.astype( | It takes (
v.max(dim=0)
    TypeError: deltaprop.numpy.max() has no argument 'dim' | write axis
v.argmax(dim=0)
    TypeError: deltaprop.numpy.argmax() has no argument 'di | write axis
v.argmax().backward()
    TypeError: it does not depend on any variable | Compute it from variables, dp.Value(data
v.sort(descending=True)
    = Value([3., 2., 1.], shape=(3,), dtype=float64)
v.at[0].update(3.0)
    AttributeError: 'At' object has no attribute 'update' | write v.at[index].set(new)
v.at[0].set()
    TypeError: At.set() missing 1 required positional argum | 'new'
v.at[7].set(1.0)
    IndexError: index 7 is out of bounds for axis 0 with
v.at[0] = 1.0
    TypeError: x.at[index] cannot be assigned | write x = x.at[index].set(new)
dp.scipyy
    AttributeError: module 'deltaprop' has no attribute 'scipyy' | module 'deltaprop' has no attribute 'sci
v.shpae
    AttributeError: 'Value' object has no attribute 'shpae'
""",
    "operators, NumPy, other libraries": r"""
v + "1"
    TypeError: got str '1' | float(x)
v + None
    TypeError: got None | call backward() first
v * [1.0, 2.0]
    ValueError: operands could not be broadcast together wit | operands could not be broadcast together
v @ np.ones((2, 2))
    ValueError: shapes (3,) and (2, 2) do not match | and scalars are multiplied with *
np.ones((2, 2)) @ v
    ValueError: shapes (2, 2) and (3,) do not match | and scalars are multiplied with *
v @ s
    ValueError: shapes (3,) and () do not match | and scalars are multiplied with *
v ** "2"
    TypeError: got str '2' | float(x)
s ** None
    TypeError: got None | call backward() first
v == None
    = False
s in [1.0, s]
    = True
v in [v, v]
    = True
w2 = Value([9.0]*3) ;; [w2, v].remove(v)
    ValueError: ape (3,) is ambiguous | write v.any() or v.all(), deltaprop.nump
if v: pass
    ValueError: ape (3,) is ambiguous | write v.any() or v.all(), deltaprop.nump
v < "a"
    TypeError: got str 'a' | float(x)
max(s, 1.0)
    = Value(data=2.0, grad=None)
sum(v)
    = Value(data=6.0, grad=None)
abs("a" * s)
    TypeError: got str 'a' | float(x)
int(v)
    LostGradient: a Value with a gradient cannot become an int | Compute with functions of deltaprop.nump
float(v)
    LostGradient: a Value with a gradient cannot become a floa | Compute with functions of deltaprop.nump
float(s)
    LostGradient: a Value with a gradient cannot become a floa | Compute with functions of deltaprop.nump
complex(s)
    LostGradient: a Value with a gradient cannot become a comp | Compute with functions of deltaprop.nump
int(s)
    LostGradient: a Value with a gradient cannot become an int | Compute with functions of deltaprop.nump
range(s)
    LostGradient: a Value with a gradient cannot become an ind | Compute with functions of deltaprop.nump
[1, 2, 3][s]
    LostGradient: a Value with a gradient cannot become an ind | Compute with functions of deltaprop.nump
np.arange(5)[v]
    LostGradient: a Value with a gradient cannot become an nda | Compute with functions of deltaprop.nump
np.arange(5)[s]
    LostGradient: a Value with a gradient cannot become an nda | Compute with functions of deltaprop.nump
f"{v:.2f}"
    TypeError: got a Value of shape (3,) | or format numpy.array2string(v.numpy())
f"{s:.2f}"
    = '2.00'
f"{v:d}"
    TypeError: got a Value of shape (3,) | or format numpy.array2string(v.numpy())
a = np.zeros(3) ;; a[0] = s
    ValueError: a Value with a gradient cannot become a floa | Compute with functions of deltaprop.nump
a = np.zeros(3) ;; a += v
    TypeError: numpy.add() cannot write a Value into an arr | write a Value into an array (out=, or +=
np.stack([s, s])
    = Value([2., 2.], shape=(2,), dtype=float64)
np.concatenate(v, v)
    ValueError: This was deltaprop.numpy.concat( | It takes (
np.concatenate(v)
    ValueError: This was deltaprop.numpy.concat( | It takes (
np.concatenate([v, v], axis=1)
    AxisError: This was deltaprop.numpy.concat( | It takes (
np.stack([v, Value([1.0])])
    ValueError: This was deltaprop.numpy.stack( | It takes (
np.stack(v, v)
    ValueError: This was deltaprop.numpy.stack( | It takes (
np.vstack(v, v)
    TypeError: al argument but 2 were given | vstack() takes 1 positional argument but
np.vstack([v, Value([1.0])])
    ValueError: This was deltaprop.numpy.vstack( | It takes (
np.dot(v)
    TypeError: dot() missing 1 required positional argument | 'b'
np.sum(v, v)
    LostGradient: This was deltaprop.numpy.sum( | It takes (
np.mean(v, "axis")
    TypeError: This was deltaprop.numpy.mean( | It takes (
np.where(v > 1, v)
    ValueError: This was deltaprop.numpy.where( | It takes (
np.where([True, False], v, 0.0)
    ValueError: This was deltaprop.numpy.where( | It takes (
np.sin(v, v)
    TypeError: numpy.sin() cannot write a Value into an arr | write a Value into an array (out=, or +=
np.sin(v, out=np.zeros(3))
    TypeError: numpy.sin() cannot write a Value into an arr | write a Value into an array (out=, or +=
np.max(v, 0.0)
    TypeError: This was deltaprop.numpy.max( | It takes (
np.einsum(v, v)
    LostGradient: This was deltaprop.numpy.einsum( | It takes (
np.einsum("i,j", v)
    ValueError: This was deltaprop.numpy.einsum( | It takes (
np.einsum("ij,jk->ik", v, v)
    ValueError: This was deltaprop.numpy.einsum( | It takes (
np.linalg.inv(v)
    LinAlgError: This was deltaprop.numpy.linalg.inv( | It takes (
np.linalg.solve(np.ones((2, 2)), v)
    ValueError: This was deltaprop.numpy.linalg.solve( | It takes (
np.linalg.solve(v, v)
    LinAlgError: This was deltaprop.numpy.linalg.solve( | It takes (
np.linalg.inv(Value(np.ones((2, 2))))
    LinAlgError: This was deltaprop.numpy.linalg.inv( | It takes (
np.linalg.det(Value(np.ones((2, 3))))
    LinAlgError: This was deltaprop.numpy.linalg.det( | It takes (
np.linalg.cholesky(Value(-np.eye(2)))
    LinAlgError: This was deltaprop.numpy.linalg.cholesky( | It takes (
np.reshape(v, (2, 2))
    ValueError: This was deltaprop.numpy.reshape( | It takes (
np.transpose(v, 1, 0)
    TypeError: l arguments but 3 were given | transpose() takes from 1 to 2 positional
np.add.at(v, 0, 1.0)
    TypeError: take what x.at[index].add(v) returns, wh
np.fft.fft(v, axis=3)
    AxisError: This was deltaprop.numpy.fft.fft( | It takes (
np.savetxt("x", v)
    TypeError: give it v.item(), v.numpy() or v.detach(
np.save("x.npy", v)
    TypeError: give it v.item(), v.numpy() or v.detach(
np.gradient(v)
    = Value([1., 1., 1.], shape=(3,), dtype=float64)
torch.ones(3) + v
    = Value([2., 3., 4.], shape=(3,), dtype=float64)
v + torch.ones(3)
    = Value([2., 3., 4.], shape=(3,), dtype=float64)
v * torch.ones(3, requires_grad=True)
    RuntimeError: call numpy() on Tensor that requires gra
torch.tensor(v)
    LostGradient: a Value with a gradient cannot become a DLPa | Compute with functions of deltaprop.nump
v @ torch.ones(3)
    = Value(data=6.0, grad=None)
Value(torch.ones(3))
    = Value([1., 1., 1.], shape=(3,), dtype=float32)
Value(torch.ones(3, requires_grad=True))
    RuntimeError: call numpy() on Tensor that requires gra
v + jnp.ones(3)
    = Value([2., 3., 4.], shape=(3,), dtype=float64)
jnp.ones(3) + v
    = Value([2., 3., 4.], shape=(3,), dtype=float64)
jax.grad(lambda x: x * s)(1.0)
    TracerArrayConversionError: Set JAX_TRACEBACK_FILTERING=off to inclu
scipy.special.erf(v)
    = Value([0.84270079, 0.99532227, 0.99997791], shape=(3,), dtype=float64)
scipy.special.jv(v, 1.0)
    TypeError: pass a number, an array or v.detach() if
scipy.linalg.expm(Value(np.eye(2)))
    LostGradient: a Value with a gradient cannot become an nda | Call deltaprop.numpy.linalg.expm for Sci
json.dumps({"loss": v.sum()})
    cryptic TypeError: Object of type Value is not JSON serializabl | Object of type Value is not JSON seriali
pickle.dumps(s * 2)
    TypeError: a result cannot be pickled apart from its gr | take v.detach(), or +v for a copy that t
copy.deepcopy(s * 2)
    TypeError: a result cannot be copied apart from its gra | take v.detach(), or +v for a copy that t
""",
    "the array namespace": r"""
dnp.ones(2, 3)
    TypeError: This was deltaprop.numpy.ones( | It takes (
dnp.zeros(2, 3)
    TypeError: This was deltaprop.numpy.zeros( | It takes (
dnp.zeros(v)
    LostGradient: This was deltaprop.numpy.zeros( | It takes (
dnp.random.normal(size=3)
    AttributeError: module 'deltaprop.numpy' has no attribute 'r | write numpy.random.default_rng(seed), of
dnp.cat([v, v])
    AttributeError: module 'deltaprop.numpy' has no attribute 'c | write dp.numpy.concatenate
dnp.absolute_value(v)
    AttributeError: module 'deltaprop.numpy' has no attribute 'a | module 'deltaprop.numpy' has no attribut
dnp.sin("1")
    TypeError: got an array of <U1 | convert it first, e.g. with astype(float
dnp.sin(None)
    TypeError: This was sin of
dnp.sin([1.0, "a"])
    TypeError: got an array of <U32 | convert it first, e.g. with astype(float
dnp.sin({"a": 1})
    TypeError: got an array of object | convert others with astype(float)
dnp.matmul(v)
    TypeError: got 1
dnp.matmul(v, 2.0)
    ValueError: shapes (3,) and () do not match | and scalars are multiplied with *
dnp.matmul(np.ones((2, 3)), np.ones((2, 3)))
    ValueError: shapes (2, 3) and (2, 3) do not match | and scalars are multiplied with *
dnp.dot(np.ones((2, 3)), v * np.ones((2, 3)))
    ValueError: This was deltaprop.numpy.dot( | It takes (
dnp.concat(v, v)
    ValueError: This was deltaprop.numpy.concat( | It takes (
dnp.concat([v], 3)
    AxisError: This was deltaprop.numpy.concat( | It takes (
dnp.stack(s, s)
    TypeError: This was deltaprop.numpy.stack( | It takes (
dnp.stack([v, v], axis=5)
    AxisError: This was deltaprop.numpy.stack( | It takes (
dnp.split(v, 2)
    ValueError: This was deltaprop.numpy.split( | It takes (
dnp.reshape(v, 2, 2)
    TypeError: This was deltaprop.numpy.reshape( | It takes (
dnp.reshape(v, (-1, -1))
    ValueError: This was deltaprop.numpy.reshape( | It takes (
dnp.reshape(v, (2, -1))
    ValueError: This was deltaprop.numpy.reshape( | It takes (
dnp.broadcast_to(v, (2, 2))
    ValueError: This was deltaprop.numpy.broadcast_to( | It takes (
dnp.expand_dims(v)
    TypeError: missing a required argument | 'Axes') -> 'Array'
dnp.squeeze(v, 0)
    ValueError: This was deltaprop.numpy.squeeze( | It takes (
dnp.moveaxis(v, 0)
    TypeError: missing a required argument | 'Axes') -> 'Array'
dnp.transpose(v, (0, 0))
    ValueError: This was deltaprop.numpy.transpose( | It takes (
dnp.take(v, [5])
    IndexError: This was deltaprop.numpy.take( | It takes (
dnp.take(v, 0.5)
    IndexError: This was deltaprop.numpy.take( | It takes (
dnp.take_along_axis(v, v, 0)
    TypeError: This was deltaprop.numpy.take_along_axis( | It takes (
dnp.linspace(0, 1, 5.5)
    TypeError: This was deltaprop.numpy.linspace( | It takes (
dnp.arange(s)
    LostGradient: This was deltaprop.numpy.arange( | It takes (
dnp.eye(2.5)
    TypeError: This was deltaprop.numpy.eye( | It takes (
dnp.asarray([v, [1.0]])
    ValueError: This was deltaprop.numpy.asarray( | It takes (
dnp.asarray([1.0], dtype="flaot")
    TypeError: This was deltaprop.numpy.asarray( | It takes (
dnp.maximum(v, "a")
    TypeError: got an array of <U1 | convert it first, e.g. with astype(float
dnp.linalg.norm(v, ord=3.5j)
    TypeError: This was deltaprop.numpy.linalg.norm( | It takes (
dnp.linalg.norm(v, "fr")
    ValueError: This was deltaprop.numpy.linalg.norm( | It takes (
dnp.linalg.svd(v)
    LinAlgError: This was deltaprop.numpy.linalg.svd( | It takes (
dnp.linalg.eigh(Value(np.ones((2, 3))))
    LinAlgError: This was deltaprop.numpy.linalg.eigh( | It takes (
dnp.linalg.matrix_power(Value(np.eye(2)), 0.5)
    TypeError: This was deltaprop.numpy.linalg.matrix_power( | It takes (
dnp.linalg.solve(np.eye(2), np.ones((3, 1)) * s)
    ValueError: This was deltaprop.numpy.linalg.solve( | It takes (
dnp.linalg.solve_triangular(Value(np.eye(2)), [1.0, 2.0, 3.0])
    ValueError: with gufunc signature (m,m),(m,n)->(m,n)
dnp.fft.fft(v, n=-1)
    ValueError: This was deltaprop.numpy.fft.fft( | It takes (
dnp.fft.fft(v, norm="orth")
    ValueError: This was deltaprop.numpy.fft.fft( | It takes (
dnp.fft.irfft(s)
    AxisError: This was deltaprop.numpy.fft.irfft( | It takes (
dnp.special.erf()
    TypeError: got 0
dnp.special.logsumexp(v, axis=2)
    AxisError: axis 2 is out of bounds for array of dim
dnp.convolve(v, np.ones((2, 2)))
    ValueError: This was deltaprop.numpy.convolve( | It takes (
dnp.convolve(v, [1.0], "smae")
    ValueError: This was deltaprop.numpy.convolve( | It takes (
dnp.pad(v, 1, "constnat")
    ValueError: This was deltaprop.numpy.pad( | It takes (
dnp.pad(v)
    TypeError: missing a required argument | 'Any' = 0) -> 'Array'
dnp.pad(v, ((1, 1), (2, 2)))
    ValueError: This was deltaprop.numpy.pad( | It takes (
dnp.cumsum(v, dim=0)
    TypeError: deltaprop.numpy.cumsum() has no argument 'di | write axis
dnp.mean(v, dim=0)
    TypeError: deltaprop.numpy.mean() has no argument 'dim' | write axis
dnp.sum(v, keepdim=True)
    TypeError: deltaprop.numpy.sum() has no argument 'keepd | write keepdims
dnp.std(v, unbiased=True)
    TypeError: deltaprop.numpy.std() has no argument 'unbia | its arguments are axis, dtype
dnp.var(v, ddof=5)
    warns RuntimeWarning: Degrees of freedom <= 0 for slice
dnp.quantile(v, 2.0)
    ValueError: This was deltaprop.numpy.quantile( | It takes (
dnp.median(v, axis=4)
    AxisError: This was deltaprop.numpy.median( | It takes (
dnp.argsort(v, axis=2)
    AxisError: This was deltaprop.numpy.argsort( | It takes (
dnp.repeat(v, -1)
    ValueError: This was deltaprop.numpy.repeat( | It takes (
dnp.roll(v)
    TypeError: missing a required argument
dnp.roll(v, 1.5)
    TypeError: This was deltaprop.numpy.roll( | It takes (
dnp.diag(s)
    ValueError: This was deltaprop.numpy.diag( | It takes (
dnp.trace(v)
    AxisError: This was deltaprop.numpy.trace( | It takes (
dnp.outer(v)
    TypeError: missing a required argument | 'Array') -> 'Array'
dnp.cross(v, [1.0])
    ValueError: This was deltaprop.numpy.cross( | It takes (
dnp.einsum("ij", v)
    ValueError: This was deltaprop.numpy.einsum( | It takes (
dnp.einsum("ii->i", np.ones((2, 3)) * s)
    ValueError: This was deltaprop.numpy.einsum( | It takes (
dnp.tensordot(v, v, axes=2)
    ValueError: This was deltaprop.numpy.tensordot( | It takes (
dnp.isclose(v, v).backward()
    TypeError: it does not depend on any variable | Compute it from variables, dp.Value(data
dnp.sin(v, dtype=int)
    TypeError: take another dtype, or x.astype(dtype)
dnp.meshgrid(v, v, indexing="yx")
    ValueError: This was deltaprop.numpy.meshgrid( | It takes (
dnp.interp(v, [0, 1, 2], [0, 1])
    ValueError: This was deltaprop.numpy.interp( | It takes (
dnp.average(v, weights=[1.0])
    TypeError: This was deltaprop.numpy.average( | It takes (
dnp.average(v, weights=[1.0, -1.0, 0.0])
    ZeroDivisionError: so there is no mean
""",
    "transforms": r"""
dp.grad(3.0)
    TypeError: got 3.0 | pass the function itself, grad(f), not i
dp.grad(s)
    TypeError: got Value(data=2.0 | pass the function itself, grad(f), not i
dp.grad(s * s)
    TypeError: got Value(data=4.0 | pass the function itself, grad(f), not i
dp.grad(np.sin(2.0))
    TypeError: got np.float64(0.9092974268256817) | pass the function itself, grad(f), not i
dp.grad("f")
    TypeError: got str 'f' | pass the function itself, grad(f), not i
dp.grad(None)
    TypeError: got None | pass the function itself, grad(f), not i
dp.grad(lambda x: x**2, 2.0)
    TypeError: got 2.0
dp.grad(lambda x: x**2, 2.0)(1.0)
    TypeError: got 2.0
dp.grad(lambda x: x**2)()
    TypeError: but the function was called with 0 positiona | pass it by position
dp.grad(lambda x: x**2)(3)
    TypeError: cannot differentiate with respect to argumen | convert it, or leave it out of argnums
dp.grad(lambda x: x**2)("3")
    TypeError: cannot differentiate with respect to argumen | convert it, or leave it out of argnums
dp.grad(lambda x: x**2)(None)
    TypeError: Argument 0 of <lambda> is None, passed o | write numpy.array
dp.grad(lambda x: x**2)(np.ones(3))
    TypeError: but this function returned shape (3,) | use jacobian or vjp
dp.grad(lambda x: (x**2).sum())([1.0, 2.0])
    TypeError: Argument 0 of <lambda> is list [Value(da | write numpy.array
dp.grad(lambda x: float(x))(2.0)
    LostGradient: a Value with a gradient cannot become a floa | Compute with functions of deltaprop.nump
dp.grad(lambda x: x.item() ** 2)(2.0)
    warns UserWarning: <lambda> returned 4.0 | Compute with the arguments themselves, w
dp.grad(lambda x: 3.0)(2.0)
    warns UserWarning: <lambda> returned 3.0 | Compute with the arguments themselves, w
dp.grad(lambda x: None)(2.0)
    TypeError: but this function returned None | use jacobian or vjp
dp.grad(lambda x: print(x))(2.0)
    TypeError: but this function returned None | use jacobian or vjp
dp.grad(lambda x: (x, x))(2.0)
    TypeError: but this function returned (*, *) | use jacobian or vjp
dp.grad(lambda x: [x**2])(2.0)
    TypeError: but this function returned [*] | use jacobian or vjp
dp.grad(lambda x: x.numpy() ** 2)(2.0)
    warns UserWarning: <lambda> returned np.float64(4.0) | Compute with the arguments themselves, w
dp.grad(lambda x: x.data ** 2)(2.0)
    warns UserWarning: <lambda> returned 4.0 | Compute with the arguments themselves, w
dp.grad(lambda x: np.array([x, x]).sum())(2.0)
    LostGradient: a Value with a gradient cannot become an nda | Compute with functions of deltaprop.nump
dp.grad(math.sin)(2.0)
    LostGradient: a Value with a gradient cannot become a floa | Compute with functions of deltaprop.nump
dp.grad(lambda x, y: x * y, argnums=2)(1.0, 2.0)
    TypeError: but the function was called with 2 positiona | pass it by position
dp.grad(lambda x, y: x * y, argnums="y")(1.0, 2.0)
    TypeError: got 'y'
dp.grad(lambda x, y: x * y, argnum=1)(1.0, 2.0)
    TypeError: grad() has no argument 'argnum' | write argnums
dp.grad(lambda x, y: x * y, argnums=(0, 0))(1.0, 2.0)
    ValueError: got (0, 0)
dp.grad(lambda x, y: x * y, argnums=1.0)(1.0, 2.0)
    TypeError: got 1.0
dp.grad(lambda x, y: x * y)(x=1.0, y=2.0)
    TypeError: but the function was called with 0 positiona | pass it by position
dp.grad(lambda x: x**2, has_aux=True)(2.0)
    TypeError: got Value(data=4.0 | grad=None)
dp.grad(s * 2, s)
    TypeError: got Value(data=4.0 | pass the function itself, grad(f), not i
dp.grad(lambda x: x * 1j)(2.0)
    TypeError: but this function returned a complex number | y.real or y.imag
dp.grad(lambda x: (x**2).sum())(torch.ones(3))
    = array([2., 2., 2.], dtype=float32)
dp.grad(lambda x: (x**2).sum())(jnp.ones(3))
    = array([2., 2., 2.], dtype=float32)
dp.grad(m)(X)
    TypeError: but this function returned shape (8, 1) | use jacobian or vjp
dp.grad(m.parameters())
    TypeError: got list [Value([[ 0.30006802, -0.50437204, | pass the function itself, grad(f), not i
dp.grad(dp.grad)(1.0)
    TypeError: got Value(data=1.0 | pass the function itself, grad(f), not i
dp.value_and_grad(lambda x: x)(np.ones(2))
    TypeError: but this function returned shape (2,) | use jacobian or vjp
dp.vjp(lambda x: x, 1.0)(1.0)
    cryptic TypeError: 'tuple' object is not callable
dp.vjp(lambda x: x * 2, np.ones(2))[1]()
    TypeError: vjp.<locals>.pullback() missing 1 required p | 'cotangent'
dp.vjp(lambda x: x * 2, np.ones(2))[1](np.ones(3))
    ValueError: the cotangents must have shape (2,) | got (3,)
dp.vjp(np.sin)(1.0)
    TypeError: got none | write vjp(f, x)
dp.vjp(np.sin, 1.0, 2.0)
    TypeError: numpy.sin() cannot write a Value into an arr | write a Value into an array (out=, or +=
dp.vjp(1.0, np.sin)
    TypeError: got 1.0 | pass the function itself, vjp(f), not it
dp.jvp(np.sin, 1.0, 1.0)
    TypeError: got 1.0
dp.jvp(np.sin, (1.0,))
    TypeError: jvp() missing 1 required positional argument | write jvp(f, primals, tangents)
dp.jvp(np.sin, (1.0,), (np.ones(2),))
    ValueError: the tangents must have shape () | got (2,)
dp.jvp(np.sin, (1.0,), (1.0, 2.0))
    ValueError: but their arguments have the structure [*] | the two must be equal
dp.jvp(np.sin)(1.0)
    TypeError: jvp() missing 2 required positional argument | write jvp(f, primals, tangents)
dp.jvp(np.sin, [1.0], ["a"])
    ValueError: could not convert string to float | convert string to float
dp.hvp(lambda x: (x**3).sum(), np.ones(2), np.ones(2))
    TypeError: got array([1., 1.])
dp.hvp(lambda x: (x**3).sum())(np.ones(2), np.ones(2))
    TypeError: hvp() missing 2 required positional argument | write hvp(f, primals, tangents)
dp.hvp(lambda x: x**3, (np.ones(2),), (np.ones(2),))
    TypeError: but this function returned shape (2,) | use jacobian or vjp
dp.jacobian(lambda x: x**2, np.ones(2))
    TypeError: got array([1., 1.])
dp.jacobian(lambda x: x**2, mode="backward")(1.0)
    ValueError: got 'backward'
dp.jacobian(lambda x: x**2, vectorize=True)
    TypeError: jacobian() has no argument 'vectorize' | its arguments are f, argnums
dp.jacobian(lambda x: "a")(1.0)
    TypeError: got 'a' | with has_aux=True
dp.hessian(lambda x: x**2, chunk_size=0)
    ValueError: got 0
dp.hessian(s)
    TypeError: got Value(data=2.0 | pass the function itself, hessian(f), no
dp.vmap(np.sin, 0)(1.0)
    ValueError: argument [0] has shape () | or None for what is the same for all sam
dp.vmap(np.sin)(2.0)
    ValueError: argument [0] has shape () | or None for what is the same for all sam
dp.vmap(3.0)
    TypeError: got 3.0 | pass the function itself, vmap(f), not i
dp.vmap(np.add)(np.ones(2), np.ones(3))
    ValueError: got argument [0] | 3
dp.vmap(np.add, in_axes=(0,))(np.ones(2), np.ones(2))
    ValueError: got (0,)
dp.vmap(np.add, in_axes=(0, 1))(np.ones(2), np.ones(2))
    ValueError: argument [1] has shape (2,) | or None for what is the same for all sam
dp.vmap(np.sin, in_axes="0")(np.ones(2))
    ValueError: got '0'
dp.vmap(lambda x: float(x))(np.ones(2))
    BatchError: but each sample has its own | convert what vmap returns
dp.vmap(lambda x: 1 if x > 0 else 0)(np.ones(2))
    BatchError: but each sample would take its own branch | take its own branch
dp.checkpoint(s)
    TypeError: got Value(data=2.0 | pass the function itself, checkpoint(f),
dp.checkpoint(lambda x: x, 2.0)
    TypeError: al argument but 2 were given | checkpoint() takes 1 positional argument
dp.stop_gradient(lambda x: x)(s)
    TypeError: write stop_gradient(f(x))
dp.stop_gradient()
    TypeError: stop_gradient() missing 1 required positiona | 'x'
dp.custom_gradient(3.0)
    TypeError: got 3.0 | pass the function itself, custom_gradien
dp.custom_gradient(lambda x: x**2)(s)
    TypeError: not 4.0
dp.custom_gradient(lambda x: (x**2, 2 * x))(s)
    TypeError: not tuple (4.0, 4.0)
f = dp.custom_gradient(lambda x, y: (x * y, lambda g: g)) ;; f(s, Value(1.0)).backward()
    ValueError: the vjp of <lambda> returned 1 cotangents (* | they must be nested alike
f = dp.custom_gradient(lambda x: (x**2, lambda g: g * np.ones(2))) ;; f(s).backward()
    ValueError: they must be equal
with dp.no_grad: pass
    TypeError: write `with dp.no_grad()
dp.no_grad(lambda x: x)(s)
    TypeError: no_grad() takes no arguments
with dp.no_grad(): y = s * s; y.backward()
    TypeError: it does not depend on any variable | Compute it from variables, dp.Value(data
y = dp.no_grad()(lambda: s * s)() ;; y.backward()
    TypeError: it does not depend on any variable | Compute it from variables, dp.Value(data
with dp.detect_anomaly: pass
    TypeError: write `with dp.detect_anomaly()
with dp.detect_anomaly(): np.log(s - 2.0)
    AnomalyError: made at <mistake>:1 in <module>
with dp.detect_anomaly(True): pass
    TypeError: detect_anomaly() takes no arguments
""",
    "graphs": r"""
v.backward()
    ValueError: pass backward(gradient)
(v * 2).backward()
    ValueError: pass backward(gradient)
(v * 2).backward(1.0)
    ValueError: got ()
(v * 2).backward(np.ones(2))
    ValueError: got (2,)
(v * 2).backward(None, True)
    TypeError: l arguments but 3 were given | write backward(self, gradient=None, crea
(v * 2).sum().backward(retain_graph=True)
    TypeError: backward() has no argument 'retain_graph' | write backward() again
dp.constant(2.0).backward()
    TypeError: it does not depend on any variable | Compute it from variables, dp.Value(data
(s * s).backward("1")
    TypeError: got str '1'
(s * s).item().backward()
    cryptic AttributeError: 'float' object has no attribute 'backward' | 'float' object has no attribute 'backwar
loss = s * s ;; loss.backward() ;; loss.backward() ;; s.grad
    = 8.0
w = Value(1.0) ;; exec("for i in range(3):\n  (w*w).backward(); w -= 0.1 * w.grad")
    TypeError: got a result (of subtract) | Write w.data -= step, or use an optimise
w = Value([1.0, 2.0]) ;; exec("for i in range(3):\n  (w*w).sum().backward(); w -= 0.1 * w.grad")
    TypeError: got a result (of subtract) | Write w.data -= step, or use an optimise
for p in m.parameters(): p.data -= 0.1 * p.grad
    cryptic TypeError: 'float' and 'NoneType'
w = Value([1.0, 2.0]) ;; exec("with dp.no_grad():\n  (w*w).sum().backward(); w -= 0.1 * 1.0") ;; w
    TypeError: it does not depend on any variable | Compute it from variables, dp.Value(data
(v * 2).data[0] = 5.0
    cryptic ValueError: assignment destination is read-only
(v * 2).data = np.ones(3)
    TypeError: make a variable of its data, dp.Value(v.
(v * 2).assign(np.ones(3))
    TypeError: make a variable of its data, dp.Value(v.
v.assign([1.0, 2.0])
    ValueError: the new data must have shape (3,) | got (2,)
v.assign(1.0)
    ValueError: the new data must have shape (3,) | got ()
v.register_hook(3)
    TypeError: got 3
v.register_hook()
    TypeError: Value.register_hook() missing 1 required pos | 'hook'
v.register_hook(lambda g: "a") ;; v.sum().backward()
    ValueError: got ()
v.register_hook(lambda g: g[:2]) ;; v.sum().backward()
    ValueError: got (2,)
dp.draw(3.0)
    TypeError: not 3.0 | write draw(loss)
dp.draw(lambda x: x)
    TypeError: write draw(loss)
dp.draw(m)
    TypeError: not MLP([2, 3, 1] | write draw(loss)
dp.draw()
    TypeError: draw() missing 1 required positional argumen | write draw(value, depth=None, at=None, m
dp.draw(s * 2, "x.xyz")
    ValueError: not 'x.xyz'
dp.draw(s * 2, format="svg")
    TypeError: draw() has no argument 'format' | its arguments are value, depth
dp.draw([s * 2])
    TypeError: not list [Value(data=4.0 | write draw(loss)
dp.draw(s * 2).save("nofolder/x.svg")
    FileNotFoundError: make it before saving nofolder/x.svg
dp.play(3.0)
    TypeError: not float | write play(loss, path)
dp.play(m)
    TypeError: not MLP | write play(loss, path)
dp.play(m, X)
    TypeError: not MLP | write play(loss, path)
dp.play(m, X, Y, path="nofolder/x.html")
    TypeError: play() got multiple values for argument 'pat | write play(loss, path='backprop.html', m
dp.play(m, X, Y, loss="msee", path="x.html")
    TypeError: play() got multiple values for argument 'los | write play(loss, path='backprop.html', m
dp.viz.plot_history([1.0, 2.0])
    TypeError: not list
dp.viz.plot_history(m)
    TypeError: not MLP
dp.viz.plot_decision_boundary(m)
    TypeError: plot_decision_boundary() missing 2 required | write plot_decision_boundary(model, X, y
dp.viz.plot_decision_boundary(m, Y, X)
    ValueError: X must have shape (N, 2) with N >= 1 | but it has (8, 1)
dp.viz.plot_confusion_matrix([0, 1])
    TypeError: plot_confusion_matrix() missing 1 required p | write plot_confusion_matrix(y_true, y_pr
dp.viz.plot_confusion_matrix([0, 1], [0, 1, 1])
    ValueError: but have 2 and 3
dp.viz.plot_deltas(m)
    TypeError: not MLP
dp.viz.plot_gradient_flow(m)
    TypeError: got MLP([2, 3, 1] | give GradientFlow()["delta"], recorded b
dp.viz.plot
    AttributeError: module 'deltaprop.viz' has no attribute 'plo | write dp.viz.plot_history or dp.draw
w = Value(1.0) ;; exec("for i in range(30):\n  (w * w).backward(); w = w - 0.01 * w.grad")
    warns UserWarning: write w.data -= step for a variable w, o
w = Value([1.0, 2.0]) ;; exec("for i in range(30):\n  (w * w).sum().backward(); w = w - 0.01 * w.grad")
    warns UserWarning: write w.data -= step for a variable w, o
w = Value(1.0) ;; exec("for i in range(3):\n  (w * w).backward(); w -= 0.1 * w.grad")
    TypeError: got a result (of subtract) | Write w.data -= step, or use an optimise
nn.mse(m(X), Y).backward() ;; exec("for p in m.parameters(): p -= 0.1 * p.grad")
    warns UserWarning: Write w.data -= step, or use an optimise
nn.mse(m(X), Y).backward() ;; exec("for p in m.parameters(): p += -0.1 * p.grad")
    warns UserWarning: Write w.data -= step, or use an optimise
s.grad = "0"
    TypeError: got str '0'
dp.draw(s * 2).save("nofolder/x.svg")
    FileNotFoundError: make it before saving nofolder/x.svg
""",
    "compile": r"""
dp.compile(3.0)
    TypeError: got 3.0 | pass the function itself, compile(f), no
dp.compile(s)
    TypeError: got Value(data=2.0 | pass the function itself, compile(f), no
dp.compile(s * s)
    TypeError: got Value(data=4.0 | pass the function itself, compile(f), no
dp.compile(lambda x: x * x, 2.0)
    TypeError: l arguments but 2 were given | write compile(function=None, static=(),
dp.compile(lambda x: x if x > 0 else -x)(2.0)
    TraceError: an int or another static argument
dp.compile(lambda x: float(x) * 2)(2.0)
    TraceError: convert it outside, or pass it as a stat
dp.compile(lambda x: math.sin(x))(2.0)
    TraceError: convert it outside, or pass it as a stat
dp.compile(lambda x: print(x))(2.0)
    TraceError: write it outside, or show its repr(), wh
dp.compile(lambda x: [0, 1, 2][x])(1)
    = 1
dp.compile(lambda x: x * x, static_argnums=0)(2.0)
    TypeError: compile() has no argument 'static_argnums' | write static
dp.compile(lambda x: x, executor="cuda")
    ValueError: got 'cuda'
dp.compile(lambda x: x, backend="inductor")
    TypeError: compile() has no argument 'backend' | write executor
dp.compile(m)(X).shape
    = (8, 1)
dp.compile(m)(X[:, :1])
    ValueError: as its weight has shape (2, 3) | but this input has shape (8, 1)
dp.compile(lambda x: np.random.normal() * x)(2.0)
    TraceError: so that each run draws anew
c = dp.compile(lambda x: x * s) ;; s.data = 3.0 ;; c(1.0)
    = constant(data=3.0)
dp.compile(lambda x: x.data * 2)(np.ones(2))
    TraceError: Compute what you need of it with NumPy's
dp.compile(lambda x: x[x > 0])(np.ones(3))
    TraceError: or multiply by the condition
dp.compile(lambda x: np.unique(x))(np.ones(3))
    TraceError: or multiply by the condition
""",
    "networks": r"""
nn.MLP(2, [4, 1])
    TypeError: got 2 | write MLP([2, 4, 1])
nn.MLP(3, 4, 1)
    TypeError: got 3 | write MLP([2, 4, 1])
nn.MLP([2])
    ValueError: not [2]
nn.MLP(2)
    TypeError: got 2 | write MLP([2, 4, 1])
nn.MLP()
    TypeError: MLP() missing 1 required positional argument | write MLP(sizes, activation='tanh', outp
nn.MLP("2,4,1")
    TypeError: got str '2,4,1' | write MLP([2, 4, 1])
nn.MLP([2, 4.5, 1])
    ValueError: not 4.5
nn.MLP([2, 0, 1])
    ValueError: not 0
nn.MLP([2, -4, 1])
    ValueError: not -4
nn.MLP([2, [4, 4], 1])
    ValueError: not [4, 4]
nn.MLP([2, "4", 1])
    ValueError: not '4'
nn.MLP(np.array([2, 4, 1]))
    = MLP([2, 4, 1], activation='tanh', output='identity')
nn.MLP([2, 4, 1], "reluu")
    ValueError: unknown activation 'reluu' | swish
nn.MLP([2, 4, 1], activation="ReLU")
    ValueError: unknown activation 'ReLU' | swish
nn.MLP([2, 4, 1], activation=nn.relu())
    TypeError: got 0
nn.MLP([2, 4, 1], activation=None)
    ValueError: unknown activation None | swish
nn.MLP([2, 4, 1], activation=["relu", "tanh"])
    ValueError: unknown activation list ['relu', 'tanh'] | swish
nn.MLP([2, 4, 1], nonlin=True)
    TypeError: MLP() has no argument 'nonlin' | write activation
nn.MLP([2, 4, 1], hidden=4)
    TypeError: MLP() has no argument 'hidden' | write sizes
nn.MLP([2, 4, 1], output="softmax")
    warns UserWarning: take sigmoid, or 2 outputs
nn.MLP([2, 4, 1], output="linear")
    ValueError: unknown activation 'linear' | swish
nn.MLP([2, 4, 1], init="xavier")
    ValueError: unknown initialiser 'xavier' | normal
nn.MLP([2, 4, 1], init="kaiming")
    ValueError: unknown initialiser 'kaiming' | normal
nn.MLP([2, 4, 1], init=0.1)
    ValueError: unknown initialiser 0.1 | normal
nn.MLP([2, 4, 1], rng="0")
    TypeError: got str '0'
nn.MLP([2, 4, 1], rng=-1)
    ValueError: got -1
nn.MLP([2, 4, 1], rng=np.random)
    TypeError: a seed (an int >= 0) or None
nn.MLP([2, 4, 1], seed=0)
    TypeError: MLP() has no argument 'seed' | write rng
nn.MLP([2, 4, 1], dtype="float31")
    TypeError: got str 'float31'
nn.MLP([2, 4, 1], dtype=int)
    TypeError: not int64
nn.MLP([2, 4, 1], dtype=torch.float32)
    TypeError: got dtype torch.float32
nn.MLP([2, 4, 1], dropout=1.5)
    ValueError: got 1.5
nn.MLP([2, 4, 1], dropout="0.5")
    ValueError: got str '0.5'
nn.MLP([2, 4, 1], dropout=True)
    ValueError: got True
nn.MLP([2, 4, 1], normalization="batchnorm")
    ValueError: unknown normalization 'batchnorm' | layer
nn.MLP([2, 4, 1], normalization=True)
    ValueError: unknown normalization True | layer
nn.MLP([2, 4, 1], error_propagation="exct")
    ValueError: unknown error propagation 'exct' | linear
nn.MLP([2, 4, 1], bias="False").layers[0].bias
    ValueError: unknown bias 'False' | True, False
m(X[:, :1])
    ValueError: but this input has shape (8, 1)
m(X.T)
    ValueError: but this input has shape (2, 8)
m("X")
    TypeError: but the input is str 'X' | convert it first
m(None)
    TypeError: but the input is None | convert it first
m([1, 2, 3])
    ValueError: but this input has shape (3,)
m([[1.0, 2.0], [3.0]])
    TypeError: make a Value of each
m(X, Y)
    TypeError: l arguments but 3 were given | MLP.__call__() takes 2 positional argume
m()
    TypeError: MLP.__call__() missing 1 required positional | 'x'
m(1.0, 2.0)
    TypeError: l arguments but 3 were given | MLP.__call__() takes 2 positional argume
m(X + 1j)
    TypeError: but the input is ndarray array([[ 0.12573022 | convert it first
m.forward(X)
    AttributeError: 'MLP' object has no attribute 'forward' | call the module, model(X)
m.predict(X)
    AttributeError: 'MLP' object has no attribute 'predict' | write model(X).numpy()
m.fit(X, Y)
    AttributeError: 'MLP' object has no attribute 'fit' | write dp.training.fit(model, (X, Y), los
m.parameters[0]
    cryptic TypeError: 'method' object is not subscriptable
m.weights
    AttributeError: 'MLP' object has no attribute 'weights' | write model.parameters(), or layer.weigh
m.weight
    AttributeError: 'MLP' object has no attribute 'weight' | write model.layers[0].weight
m.layers[0].W
    AttributeError: 'Dense' object has no attribute 'W' | write layer.weight
m[0]
    cryptic TypeError: 'MLP' object is not subscriptable
m.to("cpu")
    AttributeError: 'MLP' object has no attribute 'to' | give dtype= to the constructor
m.cuda()
    AttributeError: 'MLP' object has no attribute 'cuda' | give dtype= to the constructor
m.double()
    AttributeError: 'MLP' object has no attribute 'double' | give dtype= to the constructor
m.compile()
    AttributeError: 'MLP' object has no attribute 'compile' | write dp.compile(function)
m.summary()
    AttributeError: 'MLP' object has no attribute 'summary' | model=model)
m.apply(print)
    AttributeError: 'MLP' object has no attribute 'apply' | write for module in model.modules()
m.backward()
    AttributeError: 'MLP' object has no attribute 'backward' | write loss.backward()
m.load_state_dict("model.pt")
    TypeError: got str 'model.pt' | give what state_dict() returned
m.load_state_dict(m)
    TypeError: got MLP([2, 3, 1] | give what state_dict() returned
m.load_state_dict(nn.MLP([2, 4, 1]).state_dict())
    ValueError: the state does not fit this MLP | expected (3, 1)
m.load_state_dict(nn.MLP([2, 3, 3, 1]).state_dict())
    ValueError: the state does not fit this MLP | expected (1,)
m.load_state_dict({})
    ValueError: the state does not fit this MLP | layers.1.bias
m.load_state_dict(None)
    TypeError: got None | give what state_dict() returned
m.load_state_dict(torch.nn.Linear(2, 3).state_dict())
    ValueError: the state does not fit this MLP | bias
m.load_state_dict({k: "a" for k in m.state_dict()})
    ValueError: the state does not fit this MLP | expected (1,)
m.train("True")
    ValueError: unknown mode of train() 'True' | True, False
m.eval()(X).shape
    = (8, 1)
m.save("x")
    AttributeError: 'MLP' object has no attribute 'save' | write dp.training.save(model, path)
nn.Dense(2)
    TypeError: Dense() missing 1 required positional argume | write Dense(n_in, n_out, activation='ide
nn.Dense(2, 3, 4)
    ValueError: unknown activation 4 | swish
nn.Dense(2.5, 3)
    ValueError: not 2.5
nn.Dense([2, 3])
    TypeError: Dense() missing 1 required positional argume | write Dense(n_in, n_out, activation='ide
nn.Dense(2, 3, "relu")(X[:, :1])
    ValueError: but this input has shape (8, 1)
nn.Dense(2, 3, activation="rleu")
    ValueError: unknown activation 'rleu' | swish
nn.Dense(2, 3, use_bias=False)
    TypeError: Dense() has no argument 'use_bias' | write bias
nn.Dense(2, 3)(nn.Dense(2, 3))
    TypeError: but the input is Dense(2, 3) | convert it first
nn.Dense(2, 3).kernel
    AttributeError: 'Dense' object has no attribute 'kernel' | write layer.weight
nn.Linear(2, 3)
    AttributeError: module 'deltaprop.nn' has no attribute 'Line | write dp.nn.Dense(n_in, n_out)
nn.ReLU()
    AttributeError: module 'deltaprop.nn' has no attribute 'ReLU | write dp.nn.relu
nn.Tanh
    AttributeError: module 'deltaprop.nn' has no attribute 'Tanh | write dp.nn.tanh
nn.Sigmoid()
    AttributeError: module 'deltaprop.nn' has no attribute 'Sigm | write dp.nn.sigmoid
nn.Conv2d(1, 2, 3)
    AttributeError: module 'deltaprop.nn' has no attribute 'Conv | write it as a dp.nn.Module of your own,
nn.LSTM(2, 3)
    AttributeError: module 'deltaprop.nn' has no attribute 'LSTM | write it as a dp.nn.Module of your own,
nn.Embedding(3, 4)
    AttributeError: module 'deltaprop.nn' has no attribute 'Embe | write it as a dp.nn.Module of your own,
nn.MSELoss()
    AttributeError: module 'deltaprop.nn' has no attribute 'MSEL | write dp.nn.mse
nn.CrossEntropyLoss()
    AttributeError: module 'deltaprop.nn' has no attribute 'Cros | write dp.nn.softmax_cross_entropy
nn.cross_entropy(X, Y)
    AttributeError: module 'deltaprop.nn' has no attribute 'cros | write dp.nn.softmax_cross_entropy
nn.mse_loss(X, Y)
    AttributeError: module 'deltaprop.nn' has no attribute 'mse_ | write dp.nn.mse
nn.functional.relu(v)
    AttributeError: module 'deltaprop.nn' has no attribute 'func | write dp.nn.relu, dp.nn.mse, ...
nn.init.xavier_uniform_(v)
    AttributeError: module 'deltaprop.nn' has no attribute 'init | write dp.nn.Dense(2, 3, init="he_normal"
nn.Parameter(X)
    AttributeError: module 'deltaprop.nn' has no attribute 'Para | write dp.Value(data)
nn.ModuleList([])
    AttributeError: module 'deltaprop.nn' has no attribute 'Modu | write a list
nn.BatchNorm1d(3)
    AttributeError: module 'deltaprop.nn' has no attribute 'Batc | write dp.nn.BatchNorm(n)
nn.Sequential([nn.Dense(2, 3), nn.Dense(3, 1)])
    TypeError: not list [Dense(2, 3), Dense(3, 1)]
nn.Sequential(nn.Dense(2, 3), nn.Dense(4, 1))(X)
    ValueError: but this input has shape (8, 3)
nn.Sequential(nn.Dense(2, 3), "relu")
    TypeError: not str 'relu'
nn.Sequential(nn.Dense(2, 3), nn.relu(X))
    TypeError: not ndarray array([[0.12573022, 0 | ,...
nn.Dropout(1.0)
    ValueError: got 1.0
nn.Dropout(50)
    ValueError: got 50
nn.Dropout("0.5")
    ValueError: got str '0.5'
nn.Dropout(0.5, X)
    TypeError: got ndarray array([[ 0.12573022, -0.13210486 | got ndarray array([[ 0.12573022, -0.1321
nn.BatchNorm()
    TypeError: BatchNorm() missing 1 required positional ar | write BatchNorm(n, eps=1e-05, momentum=0
nn.BatchNorm(0)
    ValueError: not 0
nn.BatchNorm(3)(X)
    ValueError: not (8, 2)
nn.BatchNorm(2)(X[:1])
    ValueError: but the input has shape (1, 2) | call eval() to use the running statistic
nn.BatchNorm(2)(X[0])
    ValueError: but the input has shape (2,) | call eval() to use the running statistic
nn.LayerNorm(3)(X)
    ValueError: not (8, 2)
nn.LayerNorm((2, 3))
    ValueError: not (2, 3)
nn.LayerNorm("2")
    ValueError: not '2'
nn.Ensemble(3)
    TypeError: Ensemble() missing 1 required positional arg | write Ensemble(members, sizes, activatio
nn.Ensemble(m)
    TypeError: Ensemble() missing 1 required positional arg | write Ensemble(members, sizes, activatio
nn.relu("a")
    TypeError: got an array of <U1 | convert it first, e.g. with astype(float
nn.relu()
    TypeError: got 0
nn.relu(None)
    TypeError: This was relu of
nn.softmax(v, dim=0)
    TypeError: softmax() has no argument 'dim' | write axis
nn.softmax(v, axis=3)
    AxisError: axis 3 is out of bounds for array of dim
nn.leaky_relu(v, negative_slope=0.1)
    TypeError: leaky_relu() has no argument 'negative_slope | write slope
nn.elu(v, alpha="1")
    TypeError: got an array of <U1 | convert it first, e.g. with astype(float
nn.activation("rleu")
    ValueError: unknown activation 'rleu' | swish
nn.activation(3)
    ValueError: unknown activation 3 | swish
nn.loss("mes")
    ValueError: unknown loss 'mes' | kl_divergence
nn.initializer("glorot")
    ValueError: unknown initialiser 'glorot' | normal
nn.mse(v)
    TypeError: mse() missing 1 required positional argument | 'target'
nn.mse(m, Y)
    TypeError: but its dtype is object
nn.mse(X, Y)
    ValueError: prediction has shape (8, 2) and target (8, 1 | nothing is broadcast here
nn.mse(Y[:, 0], Y)
    ValueError: prediction has shape (8,) and target (8, 1) | nothing is broadcast here
nn.mse(m(X), Y[:, 0])
    ValueError: prediction has shape (8, 1) and target (8,) | nothing is broadcast here
nn.mse(m(X), "Y")
    TypeError: but its dtype is <U1
nn.mse(m(X), None)
    TypeError: but its dtype is object
nn.mse(m(X), Y, "median")
    ValueError: unknown reduction 'median' | none
nn.mse(m(X), Y, reduction="avg")
    ValueError: unknown reduction 'avg' | none
nn.mse([], [])
    ValueError: prediction and target have shape (0,)
nn.softmax_cross_entropy(X, Y)
    ValueError: logits have shape (8, 2) and the target (8, | or a row of probabilities for each, (8,
nn.softmax_cross_entropy(X, [0, 1])
    ValueError: logits have shape (8, 2) and the target (2,) | or a row of probabilities for each, (8,
nn.softmax_cross_entropy(X, [0] * 7 + [2])
    ValueError: as logits have shape (8, 2) | but the target goes from 0 to 2
nn.softmax_cross_entropy(X, [0] * 7 + [-1])
    ValueError: as logits have shape (8, 2) | but the target goes from -1 to 0
nn.softmax_cross_entropy(X, [0.5] * 8)
    TypeError: but the target's dtype is float64 | convert them with .astype(int)
nn.softmax_cross_entropy([0] * 8, X)
    ValueError: logits have shape (8,) and the target (8, 2) | or a row of probabilities for each, (8,)
nn.softmax_cross_entropy(X, np.zeros((8, 1), int))
    ValueError: logits have shape (8, 2) and the target (8, | or a row of probabilities for each, (8,
nn.softmax_cross_entropy(nn.softmax(Value(X)), [0] * 8)
    warns UserWarning: got the result of softmax | give what goes into softmax (output="ide
nn.softmax_cross_entropy(X, ["a"] * 8)
    TypeError: but the target's dtype is <U1 | convert them with .astype(int)
nn.binary_cross_entropy(m(X), Y)
    ValueError: but goes from -0.192311 to 0.423702 | use binary_cross_entropy_with_logits
nn.binary_cross_entropy(nn.sigmoid(m(X)), Y)
    ValueError: but goes from -4.65006 to 2.608
nn.binary_cross_entropy_with_logits(m(X), 5 * Y)
    ValueError: but goes from -23.2503 to 13.04
nn.binary_cross_entropy_with_logits(m(X), np.where(Y > 0, 1, -1))
    ValueError: but goes from -1 to 1
nn.hinge(m(X), Y)
    ValueError: but got [-4.65006155 -2.49182189 -1.40747047 | give it 2 * target - 1
nn.hinge(m(X), (Y > 0) * 1)
    ValueError: but got [0 | give it 2 * target - 1
nn.huber(m(X), Y, -1.0)
    ValueError: unknown reduction -1.0 | none
nn.huber(m(X), Y, delta="1")
    ValueError: got str '1'
nn.kl_divergence(X, X)
    ValueError: but goes from -2.32503 to 1.304 | put them through softmax
nn.weighted(nn.mse, m(X), Y)
    TypeError: weighted() missing 1 required positional arg | write weighted(loss, prediction, target,
nn.weighted(nn.mse, m(X), Y, [1.0])
    ValueError: weights must have shape (8,) | but have (1,)
nn.glorot_uniform()
    TypeError: glorot_uniform() missing 1 required position | 'shape'
nn.glorot_uniform(2, 3)
    TypeError: got 2 | write init((3, 4), rng)
nn.normal((2, 3), "a")
    TypeError: got str 'a'
nn.orthogonal((3,))
    ValueError: not (3,) | take zeros, constant, uniform or normal
class N(nn.Module):\n  def forward(self, x): return x\nN()(X)
    TypeError: and N does not | rename that
class N(nn.Module):\n  pass\nN()(X)
    TypeError: and N does not
class N(nn.Module):\n  def __init__(self): self.w = np.ones(3)\noptim.SGD(N().parameters())
    ValueError: and those of the modules in it
class N(nn.Module):\n  def __init__(self): self.register_buffer("a", np.ones(3))\nN()
    AttributeError: 'N' object has no attribute 'register_buffer | and set it
class N(nn.Module):\n  buffers = ("a",)\nN().state_dict()
    AttributeError: the buffer 'a' of N is not set | in __init__
class N(nn.Module):\n  buffers = "a"\nN()
    TypeError: got a str | write buffers = ('a',)
class N(nn.Module):\n  def __init__(self): self.d = nn.Dense(2, 1) \n  def parameters(self): return self.d\noptim.SGD(N().parameters())
    TypeError: got Dense(2, 1) | write model.parameters()
nn.Module()(X)
    TypeError: and Module does not
nn.scalar.MLP(3, 4)
    TypeError: got 4 | write MLP(3, [4, 1])
nn.scalar.MLP([3, 4, 1])
    TypeError: ScalarMLP() missing 1 required positional ar | write ScalarMLP(nin, nouts, nonlin=True,
nn.scalar.MLP(3, [4, 1])([1.0, 2.0])
    ValueError: but got 2
nn.scalar.MLP(3, [4, 1])(np.ones((2, 3)))
    ValueError: but got 2
nn.scalar.MLP(3, [4, 1])(1.0)
    TypeError: got 1.0
nn.scalar.MLP(3, [])
    ValueError: got [] | write MLP(2, [4, 1])
nn.scalar.MLP(3, [])([1.0, 2.0, 3.0])
    ValueError: got [] | write MLP(2, [4, 1])
nn.scalar.MLP(3, ["4", 1])
    ValueError: not '4'
nn.scalar.MLP(-3, [4, 1])
    ValueError: not -3
nn.scalar.MLP(3, [4, 1])(["a", "b", "c"])
    TypeError: got str 'a' | float(x)
nn.scalar.Neuron(2)([s])
    ValueError: but got 1
nn.scalar.Neuron("2")
    ValueError: not '2'
nn.scalar.Layer(2)
    TypeError: Layer() missing 1 required positional argume | write Layer(nin, nout, nonlin=True, rng=
nn.scalar.Layer(2, [3])
    ValueError: not [3]
nn.mse(m(X), torch.ones(8, 1)).shape
    = ()
nn.softmax_cross_entropy(nn.softmax(Value(X)), [0] * 8)
    warns UserWarning: got the result of softmax | give what goes into softmax (output="ide
nn.binary_cross_entropy_with_logits(nn.sigmoid(m(X)), Y > 0)
    warns UserWarning: got the result of sigmoid | give what goes into sigmoid (output="ide
nn.MLP([2, 4, 1], output="softmax")
    warns UserWarning: take sigmoid, or 2 outputs
nn.softmax_cross_entropy(m(X), [0] * 8)
    warns UserWarning: give logits of shape (N, 2) or more, or
""",
    "optimisers": r"""
optim.SGD(m)
    TypeError: got MLP([2, 3, 1] | write model.parameters()
optim.SGD(m.parameters)
    TypeError: got method <bound method Module.parameters o | write model.parameters()
optim.SGD()
    TypeError: SGD() missing 1 required positional argument | write SGD(parameters, lr=0.001, **option
optim.SGD(s)
    TypeError: not one Value | write [value]
optim.SGD([])
    ValueError: and those of the modules in it
optim.SGD([1.0])
    TypeError: got one with 1.0 | write model.parameters()
optim.SGD([X])
    TypeError: got one with ndarray array([[ 0.12573022, -0 | write model.parameters()
optim.SGD(0.1, m.parameters())
    TypeError: got 0.1 | write model.parameters()
optim.SGD(lr=0.1)
    TypeError: SGD() missing 1 required positional argument | write SGD(parameters, lr=0.001, **option
optim.SGD(m.parameters(), 0.1, 0.9)
    TypeError: l arguments but 4 were given | write SGD(parameters, lr=0.001, **option
optim.SGD(m.parameters(), lr="0.1")
    ValueError: got str '0.1'
optim.SGD(m.parameters(), lr=-1.0)
    ValueError: got -1.0
optim.SGD(m.parameters(), lr=float("nan"))
    ValueError: got nan
optim.SGD(m.parameters(), lr=None)
    ValueError: got None
optim.SGD(m.parameters(), learning_rate=0.1)
    TypeError: SGD() has no argument 'learning_rate' | its arguments are parameters, lr
optim.SGD(m.parameters(), lr=0.1, momentun=0.9)
    TypeError: SGD() has no argument 'momentun' | its arguments are parameters, lr
optim.SGD(m.parameters(), lr=0.1, momentum=1.0)
    ValueError: got 1.0
optim.SGD(m.parameters(), lr=0.1, momentum="0.9")
    ValueError: got str '0.9'
optim.SGD(m.parameters(), lr=0.1, nesterov=True)
    ValueError: momentum=0.9
optim.SGD(m.parameters(), lr=0.1, nesterov="False", momentum=0.9)
    ValueError: unknown nesterov 'False' | True, False
optim.SGD(m.parameters() * 2)
    ValueError: give each once, or it is updated twice
optim.SGD([p.data for p in m.parameters()])
    TypeError: got one with ndarray array([[ 0.30006802, -0 | write model.parameters()
optim.SGD([dp.constant(1.0)])
    TypeError: got a constant | Value constant(data=1.0)
optim.SGD([s * 2])
    TypeError: got a result (of multiply) | grad=None)
optim.SGD(m.named_parameters())
    TypeError: got one with tuple ('layers.0.weight', Value | write model.parameters()
optim.SGD(dict(m.named_parameters()))
    TypeError: got one with str 'layers.0.weight' | write model.parameters()
optim.SGD(m.state_dict())
    TypeError: got one with str 'layers.0.weight' | write model.parameters()
optim.SGD([{"params": m.parameters(), "lr": 0.1}])
    TypeError: got one with dict {'params' | write model.parameters()
optim.SGD(m.layers)
    TypeError: got one with Dense(2, 3 | write model.parameters()
optim.SGD([m, m])
    TypeError: got one with MLP([2, 3, 1] | write model.parameters()
optim.Adam(m.parameters(), beta1=0.9)
    TypeError: Adam() has no argument 'beta1' | write betas=(beta1, beta2)
optim.Adam(m.parameters(), betas=0.9)
    ValueError: got 0.9
optim.Adam(m.parameters(), betas=(0.9,))
    ValueError: got tuple (0.9,)
optim.Adam(m.parameters(), betas=(0.9, 1.0))
    ValueError: got 1.0
optim.Adam(m.parameters(), betas="ab")
    ValueError: got str 'ab'
optim.Adam(m.parameters(), amsgrad=True)
    TypeError: Adam() has no argument 'amsgrad' | its arguments are parameters, lr
optim.Adam(m.parameters(), eps=-1)
    ValueError: got -1
optim.adam(0.1)
    AttributeError: module 'deltaprop.optim' has no attribute 'a | write dp.optim.Adam
optim.sgd
    AttributeError: module 'deltaprop.optim' has no attribute 's | write dp.optim.SGD
optim.Adagrad
    AttributeError: module 'deltaprop.optim' has no attribute 'A | write dp.optim.RMSprop or dp.optim.Adam
optim.LBFGS
    AttributeError: module 'deltaprop.optim' has no attribute 'L | write dp.scipy.minimize
optim.lr_scheduler.StepLR(sgd, 10)
    AttributeError: module 'deltaprop.optim' has no attribute 'l | write dp.optim.StepDecay, dp.optim.Cosin
optim.StepLR(sgd, 10)
    AttributeError: module 'deltaprop.optim' has no attribute 'S | write dp.optim.StepDecay
optim.CosineAnnealingLR
    AttributeError: module 'deltaprop.optim' has no attribute 'C | write dp.optim.CosineDecay
sgd.minimize(nn.mse(m(X), Y))
    AttributeError: 'SGD' object has no attribute 'minimize' | write loss.backward(), then optimizer.st
sgd.zero_gard()
    AttributeError: 'SGD' object has no attribute 'zero_gard' | 'SGD' object has no attribute 'zero_gard
sgd.param_groups[0]["lr"]
    AttributeError: 'SGD' object has no attribute 'param_groups' | write optimizer.lr and optimizer.options
sgd.lr = "0.1"
    ValueError: got str '0.1'
sgd.lr = -1
    ValueError: got -1
sgd.lr = None
    ValueError: got None
sgd.learning_rate = 0.1
    AttributeError: 'SGD' object has no attribute 'learning_rate | write optimizer.lr
sgd.momentum = 0.9
    AttributeError: 'SGD' object has no attribute 'momentum' | write optimizer.options['momentum'] = ..
sgd.load_state_dict(m.state_dict())
    ValueError: got kind None with ['layers.0.bias', 'layers | got kind None with ['layers.0.bias', 'la
sgd.load_state_dict(optim.Adam(m.parameters()).state_dict())
    ValueError: got kind Adam with ['kind', 'lr', 'options', | got kind Adam with ['kind', 'lr', 'optio
sgd.load_state_dict(None)
    TypeError: got None | give what state_dict() returned
sgd.load_state_dict("x")
    TypeError: got str 'x' | give what state_dict() returned
sgd.load_state_dict(optim.SGD(m.parameters(), momentum=0.9).state_dict())
    ValueError: got momentum=0.9 | make an optimiser with that momentum
optim.Adam(m.parameters()).load_state_dict(optim.Adam(nn.MLP([2, 4, 1]).parameters()).state_dict())
    ValueError: got entries that are missing | 0.mean, 0.mean_square, 1.mean, 1.mean_sq
optim.clip_grad_norm(m, 1.0)
    TypeError: got MLP([2, 3, 1] | write model.parameters()
optim.clip_grad_norm(m.parameters, 1.0)
    TypeError: got method <bound method Module.parameters o | write model.parameters()
optim.clip_grad_norm(m.parameters(), "1")
    ValueError: got str '1'
optim.clip_grad_norm(m.parameters(), -1.0)
    ValueError: got -1.0
optim.clip_grad_norm(1.0, m.parameters())
    ValueError: got list [Value([[ 0.30006802, -0.50437204, | got list [Value([[ 0.30006802, -0.504372
optim.clip_grad_norm(m.parameters())
    TypeError: clip_grad_norm() missing 1 required position | 'max_norm'
optim.clip_grad_norm([p.grad for p in m.parameters()], 1.0)
    TypeError: got one with None | write model.parameters()
optim.clip_grad_norm_(m.parameters(), 1.0)
    AttributeError: module 'deltaprop.optim' has no attribute 'c | write dp.optim.clip_grad_norm
optim.StepDecay(m, 10)
    TypeError: got MLP([2, 3, 1] | write StepDecay(optimizer, ...)
optim.StepDecay(0.1, 10)
    TypeError: got 0.1 | write StepDecay(optimizer, ...)
optim.StepDecay(sgd)
    TypeError: StepDecay() missing 1 required positional ar | write StepDecay(optimizer, every, factor
optim.StepDecay(sgd, 0)
    ValueError: not 0
optim.StepDecay(sgd, 10, gamma=0.1)
    TypeError: StepDecay() has no argument 'gamma' | write factor
optim.StepDecay(sgd, every="10")
    ValueError: not '10'
optim.ExponentialDecay(sgd, 10, 0.1)
    TypeError: l arguments but 4 were given | write ExponentialDecay(optimizer, factor
optim.ExponentialDecay(sgd, -0.1)
    ValueError: got -0.1
optim.CosineDecay(sgd, 0)
    ValueError: not 0
optim.CosineDecay(sgd, T_max=10)
    TypeError: CosineDecay() has no argument 'T_max' | write steps
optim.CosineDecay(sgd, "10")
    ValueError: not '10'
optim.OneCycle(sgd, 0.1, 2)
    ValueError: give more steps, or a `rising` between 0
optim.OneCycle(sgd, 0.1, 100, rising=30)
    ValueError: give more steps, or a `rising` between 0
optim.ReduceOnPlateau(sgd).step()
    TypeError: ReduceOnPlateau.step(metric) needs the m
optim.ReduceOnPlateau(sgd).step("a")
    TypeError: got str 'a' | give one number
optim.ReduceOnPlateau(sgd, mode="minimum")
    ValueError: unknown mode 'minimum' | max
optim.ReduceOnPlateau(sgd, factor=2.0)
    ValueError: got 2.0
optim.ReduceOnPlateau(sgd).step([1.0, 2.0])
    TypeError: got list [1.0, 2.0] | give one number
optim.CosineDecay(sgd, 10).load_state_dict(optim.StepDecay(sgd, 10).state_dict())
    ValueError: got kind StepDecay with ['base', 'count', 'e | got kind StepDecay with ['base', 'count'
optim.Schedule(sgd)
    TypeError: Can't instantiate abstract class Schedul
optim.Optimizer(m.parameters())
    TypeError: take SGD, Adam, ..., or a subclass that
optim.Optimizer(m.parameters()).step()
    TypeError: take SGD, Adam, ..., or a subclass that
w = Value([1.0]) ;; o = optim.SGD([w], lr=3.0) ;; exec("for i in range(700):\n  o.zero_grad(); (w*w).sum().backward(); o.step()") ;; w
    warns RuntimeWarning: Lower the learning rate, or clip the gra
w = Value(1.0) ;; o = optim.SGD([w], lr=3.0) ;; exec("for i in range(1200):\n  o.zero_grad(); (w*w).backward(); o.step()") ;; w
    warns RuntimeWarning: Lower the learning rate, or clip the gra
o = optim.SGD(m.parameters(), lr=50.0) ;; fit(m, (X, Y), "mse", o, epochs=4).loss
    warns RuntimeWarning: the loss has grown from 6.08 to 5.94e+08 in | Lower the learning rate (50), or clip th
o = optim.SGD(m.parameters(), lr=1e20) ;; fit(m, (X, Y), "mse", o, epochs=4).loss
    warns RuntimeWarning: the loss has grown from 6.08 to 1.05e+41 in | Lower the learning rate (1e+20), or clip
""",
    "training": r"""
fit()
    TypeError: fit() missing 4 required positional argument | write fit(model, (X, Y), loss, optimizer
fit(m)
    TypeError: fit() missing 3 required positional argument | write fit(model, (X, Y), loss, optimizer
fit(m, X, Y)
    TypeError: fit() missing 1 required positional argument | write fit(model, (X, Y), loss, optimizer
fit(m, X, Y, epochs=10)
    TypeError: fit() missing 1 required positional argument | write fit(model, (X, Y), loss, optimizer
fit(X, Y)
    TypeError: fit() missing 2 required positional argument | write fit(model, (X, Y), loss, optimizer
fit(m, X, Y, "mse", sgd)
    TypeError: got 1 more and a ndarray as data | write fit(model, (X, Y), loss, optimizer
fit(m, (X, Y))
    TypeError: fit() missing 2 required positional argument | write fit(model, (X, Y), loss, optimizer
fit(m, (X, Y), sgd, "mse", epochs=1)
    TypeError: not str 'mse' | write fit(model, data, loss, dp.optim.Ad
fit(m, (X, Y), "mse", sgd)
    TypeError: write fit(..., epochs=10)
fit(m, (X, Y), "mse", sgd, 10)
    TypeError: got 1 more and a tuple as data | write fit(model, (X, Y), loss, optimizer
fit(m, (X, Y), "mes", sgd, epochs=1)
    ValueError: unknown loss 'mes' | kl_divergence
fit(m, (X, Y), nn.mse(m(X), Y), sgd, epochs=1)
    ValueError: unknown loss Value(data=6.0757107817570715 | kl_divergence
fit(m, (X, Y), None, sgd, epochs=1)
    ValueError: unknown loss None | kl_divergence
fit(m, (X, Y), "mse", "sgd", epochs=1)
    TypeError: not str 'sgd' | write fit(model, data, loss, dp.optim.Ad
fit(m, (X, Y), "mse", optim.SGD, epochs=1)
    TypeError: not type <class 'deltaprop.optim.SGD'> | write fit(model, data, loss, dp.optim.Ad
fit(m, (X, Y), "mse", 0.1, epochs=1)
    TypeError: not 0.1 | write fit(model, data, loss, dp.optim.Ad
fit(m.parameters(), (X, Y), "mse", sgd, epochs=1)
    TypeError: not list [Value([[ 0.30006802, -0.50437204, | not list [Value([[ 0.30006802, -0.504372
fit("m", (X, Y), "mse", sgd, epochs=1)
    TypeError: not str 'm'
fit(m, (X, Y[:-1]), "mse", sgd, epochs=1)
    ValueError: but have shapes (8, 2) and (7, 1)
fit(m, (Y, X), "mse", sgd, epochs=1)
    ValueError: as its weight has shape (2, 3) | but this input has shape (8, 1)
fit(m, (X, Y[:, 0]), "mse", sgd, epochs=1)
    ValueError: prediction has shape (8, 1) and target (8,) | nothing is broadcast here
fit(m, (X.T, Y.T), "mse", sgd, epochs=1)
    ValueError: but have shapes (2, 8) and (1, 8)
fit(m, (X,), "mse", sgd, epochs=1)
    ValueError: not 1 parts
fit(m, [X, Y], "mse", sgd, epochs=1)
    TypeError: not ndarray | write a tuple, (X, Y)
fit(m, {"x": X, "y": Y}, "mse", sgd, epochs=1)
    TypeError: not str | write a tuple, (X, Y)
fit(m, zip(X, Y), "mse", sgd, epochs=1)
    TypeError: give the function that makes it, to be c
fit(m, [(x, y) for x, y in zip(X, Y)], "mse", sgd, epochs=1)
    ValueError: but have shapes (2,) and (1,)
fit(m, "data.csv", "mse", sgd, epochs=1)
    TypeError: not str | write a tuple, (X, Y)
fit(m, None, "mse", sgd, epochs=1)
    TypeError: not NoneType
fit(m, (X, None), "mse", sgd, epochs=1)
    ValueError: but have shapes (8, 2) and ()
fit(m, (X, [str(y) for y in Y]), "mse", sgd, epochs=1)
    TypeError: but one array is of <U13
fit(m, (X * np.nan, Y), "mse", sgd, epochs=1)
    FloatingPointError: Lower the learning rate, clip the gradie
fit(m, (X[:0], Y[:0]), "mse", sgd, epochs=1)
    ValueError: X has shape (0, 2)
fit(m, (X, Y), "mse", sgd, epochs="10")
    ValueError: not '10'
fit(m, (X, Y), "mse", sgd, epochs=1.5)
    ValueError: not 1.5
fit(m, (X, Y), "mse", sgd, epochs=-1)
    ValueError: not -1
fit(m, (X, Y), "mse", sgd, epochs=None)
    TypeError: write fit(..., epochs=10)
fit(m, (X, Y), "mse", sgd, n_epochs=10)
    TypeError: fit() has no argument 'n_epochs' | write epochs
fit(m, (X, Y), "mse", sgd, epochs=1, lr=0.1)
    TypeError: fit() has no argument 'lr' | write the lr of the optimizer
fit(m, (X, Y), "mse", sgd, epochs=1, batch_size=0)
    ValueError: not 0
fit(m, (X, Y), "mse", sgd, epochs=1, batch_size="32")
    ValueError: not '32'
fit(m, (X, Y), "mse", sgd, epochs=1, batchsize=32)
    TypeError: fit() has no argument 'batchsize' | write batch_size
fit(m, (X, Y), "mse", sgd, epochs=1, verbose=1)
    TypeError: fit() has no argument 'verbose' | write progress
fit(m, (X, Y), "mse", sgd, epochs=1, validation=0.2)
    TypeError: not float
fit(m, (X, Y), "mse", sgd, epochs=1, validation=X)
    TypeError: not ndarray | write a tuple, (X, Y)
fit(m, (X, Y), "mse", sgd, epochs=1, validation=(X, Y[:, 0]))
    ValueError: prediction has shape (8, 1) and target (8,) | nothing is broadcast here
fit(m, (X, Y), "mse", sgd, epochs=1, validation_data=(X, Y))
    TypeError: fit() has no argument 'validation_data' | write validation
fit(m, (X, Y), "mse", sgd, epochs=1, callbacks="stop")
    TypeError: got str 'stop' | write [EarlyStopping(patience=5), ...],
fit(m, (X, Y), "mse", sgd, epochs=1, callbacks=[print])
    TypeError: got one with builtin_function_or_method <bui | write [EarlyStopping(patience=5), ...],
fit(m, (X, Y), "mse", sgd, epochs=1, callbacks=training.EarlyStopping)
    TypeError: got type <class 'deltaprop.training.callback | write [EarlyStopping(patience=5), ...],
fit(m, (X, Y), "mse", sgd, epochs=1, callbacks=[training.EarlyStopping])
    TypeError: got one with type <class 'deltaprop.training | write [EarlyStopping(patience=5), ...],
fit(m, (X, Y), "mse", sgd, epochs=1, callbacks=None)
    TypeError: got None | write [EarlyStopping(patience=5), ...],
fit(m, (X, Y), "mse", sgd, epochs=1, metrics="accuracy")
    TypeError: got str 'accuracy' | write {"accuracy"
fit(m, (X, Y), "mse", sgd, epochs=1, metrics=["accuracy"])
    TypeError: got list ['accuracy'] | write {"accuracy"
fit(m, (X, Y), "mse", sgd, epochs=1, metrics=[nn.mse])
    TypeError: write {"accuracy"
fit(m, (X, Y), "mse", sgd, epochs=1, metrics={"accuracy": "accuracy"})
    TypeError: not 'accuracy'
fit(m, (X, Y), "mse", sgd, epochs=1, metrics={"loss": nn.mse})
    ValueError: a metric cannot be named 'loss' | the history's own are ('epoch', 'loss',
fit(m, (X, Y), "mse", sgd, epochs=1, schedule="cosine")
    TypeError: got str 'cosine' | write dp.optim.StepDecay(optimizer, 10)
fit(m, (X, Y), "mse", sgd, epochs=1, schedule=optim.CosineDecay)
    TypeError: got ABCMeta <class 'deltaprop.optim.CosineDe | write dp.optim.StepDecay(optimizer, 10)
fit(m, (X, Y), "mse", sgd, epochs=1, schedule=optim.StepDecay(optim.SGD([s]), 1))
    ValueError: make it of this
fit(m, (X, Y), "mse", sgd, epochs=1, schedule_per="step")
    ValueError: unknown schedule_per 'step' | batch
fit(m, (X, Y), "mse", sgd, epochs=1, sample_weight=[1.0])
    ValueError: sample_weight must have shape (8,) | but has (1,)
fit(m, (X, Y), "mse", sgd, epochs=1, sample_weight=-np.ones(8))
    ValueError: none negative and not all zero | but go from -1.0 to -1.0
fit(m, (X, Y), "mse", sgd, epochs=1, sample_weight="balanced")
    ValueError: sample_weight must have shape (8,) | but has ()
fit(m, (X, Y), "mse", sgd, epochs=1, class_weight="balance")
    ValueError: not 'balance'
fit(m, (X, Y), "mse", sgd, epochs=1, class_weight={0: 1.0})
    ValueError: got numbers such as 0.25146 | weights and metrics of classes are for c
fit(m, (X, Y), "mse", sgd, epochs=1, class_weight="balanced")
    ValueError: got numbers such as 0.25146 | weights and metrics of classes are for c
fit(m, (X, Y), "mse", sgd, epochs=1, clip_norm=-1)
    ValueError: got -1
fit(m, (X, Y), "mse", sgd, epochs=1, clip_norm="1")
    ValueError: got str '1'
fit(m, (X, Y), "mse", sgd, epochs=1, shuffle="yes")
    ValueError: unknown shuffle 'yes' | balanced
fit(m, (X, Y), "mse", sgd, epochs=1, drop_last=True)
    ValueError: 8 rows do not fill one batch of 32 | give fewer rows a batch, or drop_last=Fa
fit(m, (X, Y), "mse", sgd, epochs=1, rng="seed")
    TypeError: got str 'seed'
fit(m, (X, Y), "mse", sgd, epochs=1, executor="gpu")
    ValueError: got 'gpu'
fit(m, (X, Y), "mse", sgd, epochs=1, resume=True)
    ValueError: to resume from
fit(m, (X, Y), "mse", sgd, epochs=1, resume="x.safetensors")
    ValueError: to resume from
fit(m, (X, Y), "mse", optim.SGD(nn.MLP([2, 1]).parameters()), epochs=1)
    ValueError: the optimizer holds none of this model's par | was the model re-created after the optim
fit(nn.MLP([2, 3, 3]), (X, Y), "mse", sgd, epochs=1)
    ValueError: the optimizer holds none of this model's par | was the model re-created after the optim
fit(m, (X, Y), "softmax_cross_entropy", sgd, epochs=1)
    ValueError: but goes from -4.65006 to 2.608
fit(m, (X, [0] * 8), "softmax_cross_entropy", sgd, epochs=1).loss
    warns UserWarning: give logits of shape (N, 2) or more, or
fit(m, (X, Y), lambda p, t: p - t, sgd, epochs=1)
    ValueError: pass backward(gradient)
fit(m, (X, Y), lambda p, t: 1.0, sgd, epochs=1)
    TypeError: got 1.0 | without .item(), .numpy() and .data
fit(m, (X, Y), lambda p, t: float(nn.mse(p, t)), sgd, epochs=1)
    LostGradient: a Value with a gradient cannot become a floa | Compute with functions of deltaprop.nump
fit(m, (X, Y), lambda p, t: nn.mse(p, t).item(), sgd, epochs=1)
    TraceError: convert it outside, or pass it as a stat
fit(lambda x: x * 2, (X, Y), "mse", sgd, epochs=1)
    ValueError: prediction has shape (8, 2) and target (8, 1 | nothing is broadcast here
fit(lambda x: np.ones((8, 1)), (X, Y), "mse", sgd, epochs=1)
    TypeError: got Traced <recorded float64[]> | without .item(), .numpy() and .data
fit(m, (X, Y), loss=nn.mse, optimizer=sgd, epochs=1)["los"]
    KeyError: seconds"
fit(m, (X, Y), loss=nn.mse, optimizer=sgd, epochs=1).history
    AttributeError: 'History' object has no attribute 'history' | history.to_dict()
fit(m, (X, Y), loss=nn.mse, optimizer=sgd, epochs=1).val_loss
    AttributeError: 'History' object has no attribute 'val_loss' | write history.validation_loss
fit(m, (X, Y), loss=nn.mse, optimizer=sgd, epochs=1)[0]
    KeyError: seconds'
fit(m, (X, Y), loss=nn.mse, optimizer=sgd, epochs=1).plot("nofolder/x.png")
    FileNotFoundError: 'nofolder/x.png'
fit(m, (X, Y), loss=nn.mse, optimizer=sgd, epochs=1).plot("x.xyz")
    ValueError: Format 'xyz' is not supported (supported for | webp)
training.save("model.safetensors", m)
    TypeError: got str 'model.safetensors' | write save(model, path)
training.save(m)
    TypeError: save() missing 1 required positional argumen | write save(model, path)
training.save(m, "nofolder/model.safetensors")
    FileNotFoundError: make it before saving nofolder/model.saf
training.save(m, ".")
    IsADirectoryError: got .
training.save(m, None)
    TypeError: os.PathLike object
training.save(m.state_dict(), "x.safetensors")
    TypeError: got dict {'layers.0.weight' | write save(model, path)
training.save(m.parameters(), "x.safetensors")
    TypeError: got list [Value([[ 0.30006802, -0.50437204, | write save(model, path)
training.save(lambda x: x, "x.safetensors")
    TypeError: write save(model, path)
training.load("missing.safetensors")
    TypeError: load() missing 1 required positional argumen | write load(model, path)
training.load(m, "missing.safetensors")
    FileNotFoundError: there is no file missing.safetensors (th
training.load("missing.safetensors", m)
    TypeError: got str 'missing.safetensors' | write load(model, path)
training.load(nn.MLP, "missing.safetensors")
    TypeError: got type <class 'deltaprop.nn.layers.MLP'> | write load(model, path)
training.save(nn.MLP([2, 4, 1]), "a.safetensors") ;; training.load(m, "a.safetensors")
    CheckpointError: the state does not fit this MLP | expected (3, 1)
training.save(nn.MLP([2, 3, 3, 1]), "b.safetensors") ;; training.load(m, "b.safetensors")
    CheckpointError: the state does not fit this MLP | expected (1,)
torch.save({}, "x.pt") ;; training.load(m, "x.pt")
    CheckpointError: give a file that save or Checkpoint wrot
training.EarlyStopping(patience=0)
    ValueError: not 0
training.EarlyStopping(5, "val_loss")
    TypeError: got 5
training.EarlyStopping(patience="5")
    ValueError: not '5'
training.EarlyStopping(monitor="val_loss")
    ValueError: (The losses are called "loss" and "valid
training.Checkpoint()
    TypeError: Checkpoint() missing 1 required positional a | write Checkpoint(folder, every=1, monito
training.Checkpoint(m)
    TypeError: os.PathLike object
training.History()["x"]
    KeyError: loss"
training.Augmented(X, Y)
    TypeError: Augmented.__init__() missing 1 required posi | 'transforms'
training.Augmented((X, Y), training.Noise(0.1))
    TypeError: Augmented.__init__() missing 1 required posi | 'transforms'
training.Noise(-1.0)
    ValueError: got -1.0
training.Noise("a")
    ValueError: got str 'a'
training.Shift(0.5)
    ValueError: not 0.5
training.Flip("x")
    ValueError: got str 'x'
training.Rotate("90")
    ValueError: got str '90'
training.gradient_flow(m)
    TypeError: gradient_flow() missing 2 required positiona | 'X' and 'T'
training.gradient_flow(m, X)
    TypeError: gradient_flow() missing 1 required positiona | 'T'
training.balanced_weights(X)
    ValueError: got numbers such as 0.12573 | weights and metrics of classes are for c
training.of_classes(3)
    TypeError: not 3
training.of_classes("accuracy")
    TypeError: not str 'accuracy'
training.save(m, "c.safetensors") ;; m2 = training.load(m, "c.safetensors") ;; m2(X).shape
    = (8, 1)
fit(m, (Value(X), Value(Y)), "mse", sgd, epochs=1).loss[0] > 0
    = True
""",
    "the rest": r"""
dp.deltas.compare(m)
    TypeError: compare() missing 2 required positional argu | write compare(mlp, X, T, loss='mse', err
dp.deltas.compare(m, X)
    TypeError: compare() missing 1 required positional argu | write compare(mlp, X, T, loss='mse', err
dp.deltas.compare(X, Y, m)
    TypeError: got ndarray array([[ 0.12573022, -0.13210486 | write compare(mlp, X, T)
dp.deltas.compare(m, X, Y, "msee")
    ValueError: unknown loss 'msee' | softmax_cross_entropy
dp.deltas.compare(m, X, Y, nn.mse)
    ValueError: softmax_cross_entropy
dp.deltas.compare(m, X, Y[:, 0])
    ValueError: T must have shape (8, 1) | reshape it
dp.deltas.compare(m, X[:, :1], Y)
    ValueError: X must have shape (N, 2) with N >= 1 | got (8, 1)
dp.deltas.compare(nn.Dense(2, 1), X, Y)
    TypeError: got Dense(2, 1) | write compare(mlp, X, T)
dp.deltas.compare(nn.Sequential(nn.Dense(2, 1)), X, Y)
    TypeError: got Sequential(Dense(2, 1)) | write compare(mlp, X, T)
dp.deltas.compare(nn.scalar.MLP(2, [1]), X, Y)
    TypeError: got ScalarMLP MLP of [Layer of [LinearNeuron | write compare(mlp, X, T)
dp.deltas.compare(m, X, Y, error_propagation="linear")
    ValueError: so autodiff cannot use 'linear' | use 'linear'
dp.deltas.compare(nn.MLP([2, 3, 1], activation=lambda z: z * z), X, Y)
    ValueError: unknown activation '<lambda>' | log_softmax
dp.deltas.layer_deltas(m, X, Y).delta
    AttributeError: 'Deltas' object has no attribute 'delta' | write .layers[k].delta, .dW, ...
dp.deltas.layer_deltas(m, X, "a")
    TypeError: got dtype <U1
dp.testing.check_grads(np.sin)
    TypeError: got none | x)
dp.testing.check_grads(np.sin, "a")
    TypeError: which is not differentiable | convert it to a floating dtype, or close
dp.testing.check_grads(3.0, 1.0)
    TypeError: got 3.0 | pass the function itself, check_grads(f)
dp.testing.check_grads(np.sin, (1.0,), order=2)
    LostGradient: a Value with a gradient cannot become an nda | Compute with functions of deltaprop.nump
dp.testing.check_grads(np.sin, 1.0, order=0)
    ValueError: not 0
dp.testing.check_grads(np.sin, 1.0, order="2")
    ValueError: not '2'
dp.testing.check_grads(np.sin, 1.0, modes="rev")
    ValueError: got 'rev'
dp.testing.check_grads(np.sin, 1.0, modes=["rev"])
    ValueError: got ['rev']
dp.testing.check_grads(np.sin, 1.0, eps=1e-3)
    TypeError: check_grads() has no argument 'eps' | write no eps
dp.testing.check_grads(np.sin, 1)
    TypeError: which is not differentiable | convert it to a floating dtype, or close
dp.testing.check_grads(lambda x: x.item() ** 2, 1.0)
    GradientError: or its cotangent is dropped
dp.testing.check_grads(lambda x: x.detach() ** 2, 1.0)
    GradientError: or its cotangent is dropped
dp.testing.check_grads(lambda x: None, 1.0)
    TypeError: f returned nothing to differentiate
dp.testing.check_grads(s * 2, s)
    TypeError: got Value(data=4.0 | pass the function itself, check_grads(f)
dp.testing.gradcheck(np.sin, 1.0)
    AttributeError: esting' has no attribute 'gradcheck' | write dp.testing.check_grads
dp.testing.finite_difference(np.sin)
    TypeError: finite_difference() missing 1 required posit | write finite_difference(f, x, method='au
dp.testing.finite_difference(np.sin, 1.0, method="centre")
    ValueError: unknown method 'centre' | ridders
dp.testing.finite_difference(np.sin, 1.0, eps=1e-3)
    TypeError: finite_difference() has no argument 'eps' | write no eps
dp.testing.finite_difference(lambda x: "a", 1.0)
    TypeError: dtype='<U1')
dp.scipy.minimize(lambda x: (x**2).sum())
    TypeError: minimize() missing 1 required positional arg | write minimize(f, x0, args=(), method=No
dp.scipy.minimize(lambda x: x**2, np.ones(2))
    TypeError: but <lambda> returned shape (2,) | use least_squares
dp.scipy.minimize(np.ones(2), lambda x: (x**2).sum())
    TypeError: not object | dtype=object)
dp.scipy.minimize(lambda x: (x**2).sum(), "a")
    TypeError: not <U1 | dtype='<U1')
dp.scipy.minimize(lambda x: (x**2).sum(), np.ones(2), jac=lambda x: 2 * x)
    TypeError: minimize() has no argument 'jac' | write no jac
dp.scipy.minimize(lambda x: (x**2).sum(), np.ones(2), jac=True)
    TypeError: minimize() has no argument 'jac' | write no jac
dp.scipy.minimize(lambda x: None, np.ones(2))
    TypeError: but <lambda> returned None | use least_squares
dp.scipy.minimize(lambda x: (x.numpy()**2).sum(), np.ones(2))
    TypeError: <lambda> returned a result that does not dep | without .item(), .numpy() and .data
dp.scipy.minimize(m, X)
    TypeError: but MLP returned shape (8, 1) | use least_squares
dp.scipy.root(lambda x: (x**2).sum(), np.ones(2))
    TypeError: uld be (2,) but it is (1,). | there is a mismatch between the input an
dp.scipy.root(lambda x: x**2 - 1)
    TypeError: root() missing 1 required positional argumen | write root(f, x0, args=(), method='hybr'
dp.scipy.least_squares(lambda x: x**2 - 1, "a")
    TypeError: not <U1 | dtype='<U1')
dp.scipy.curve_fit
    AttributeError: module 'deltaprop.scipy' has no attribute 'c | write dp.scipy.least_squares
dp.sklearn.MLPRegressor([10]).fit(X)
    TypeError: MLPRegressor.fit() missing 1 required positi | 'y'
dp.sklearn.MLPRegressor("10").fit(X, Y[:, 0])
    ValueError: not '1'
dp.sklearn.MLPRegressor(activation="Relu").fit(X, Y[:, 0])
    ValueError: unknown activation 'Relu' | swish
dp.sklearn.MLPRegressor(solver="sgdd").fit(X, Y[:, 0])
    ValueError: unknown solver 'sgdd' | adam
dp.sklearn.MLPRegressor().predict(X)
    NotFittedError: This MLPRegressor instance is not fitted yet | Call 'fit' with appropriate arguments be
dp.sklearn.MLPRegressor(max_iter="a").fit(X, Y[:, 0])
    ValueError: got 'a'
dp.sklearn.MLPRegressor().fit(X, Y[:-1, 0])
    ValueError: [8, 7]
dp.torch.load_state_dict(m, "x.pt")
    TypeError: got str 'x.pt' | give a PyTorch module, or what torch.loa
dp.torch.load_state_dict(m, torch.nn.Linear(2, 3))
    ValueError: but 1 with bias (1-D) and weight (2-D) in Py | affine=)
dp.torch.load_state_dict(m, torch.nn.Linear(2, 3).state_dict())
    ValueError: but 1 with bias (1-D) and weight (2-D) in Py | affine=)
dp.torch.load_state_dict(torch.nn.Linear(2, 3), m)
    TypeError: got Linear(in_features=2 | write load_state_dict(model, torch.load(
dp.torch.state_dict(X)
    TypeError: got ndarray array([[ 0.12573022, -0.13210486 | write state_dict(model)
dp.torch.tensor
    AttributeError: module 'deltaprop.torch' has no attribute 't | write dp.Value(data)
dp.onnx.export(m)
    TypeError: export() missing 1 required positional argum | write export(model, path, example=None)
dp.onnx.export(m, X, "nofolder/x.onnx")
    TypeError: not <U15 of shape () | write export(model, path, example)
dp.onnx.export(lambda x: x.sort(), "y.onnx", X)
    TraceError: Compute what you need of it with NumPy's
dp.sckit
    AttributeError: module 'deltaprop' has no attribute 'sckit' | module 'deltaprop' has no attribute 'sck
from deltaprop import jit
    ImportError: cannot import name 'jit' from 'deltaprop' | write dp.compile(f)
from deltaprop.nn import Linear
    ImportError: cannot import name 'Linear' from 'deltaprop. | write dp.nn.Dense(n_in, n_out)
from deltaprop import Tensor
    ImportError: cannot import name 'Tensor' from 'deltaprop' | write dp.Value(data)
from deltaprop.numpy import random
    ImportError: cannot import name 'random' from 'deltaprop. | write numpy.random.default_rng(seed), of
from deltaprop.optim import Adagrad
    ImportError: cannot import name 'Adagrad' from 'deltaprop | write dp.optim.RMSprop or dp.optim.Adam
""",
}


if __name__ == "__main__":
    for row in rows():
        if all(word in row.code for word in sys.argv[1:]):
            kind, text = outcome(row.code)
            print(f"{row.code}\n    {kind}: {text.strip()}")
