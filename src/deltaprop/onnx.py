"""ONNX: networks as files that other runtimes read, without Python and without deltaprop.

A model is recorded as for `deltaprop.compile`, and the operations of its program are translated
to ONNX. So not only layers can be exported, but any function of arrays whose operations are in
`TABLE`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .calculus.activations import SQRT_HALF
from .compiler.program import Call, Variable
from .compiler.recording import Recorded, record
from .extras import extra
from .files import replacing
from .graph import as_array, raw
from .graph.modes import no_grad
from .habits import explained
from .nn import Module
from .nn.module import evaluation
from .tree import LEAF, flatten

with extra("onnx onnxruntime", "deltaprop.onnx needs ONNX"):
    import onnx
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

OPSET, IR_VERSION = 18, 8  # of 2022: old enough for runtimes that are not the latest
_ROWS = (3, 5)  # recorded with two numbers of samples: what differs is the number of samples


@explained
def export(
    model: Callable[[Any], Any], path: str | os.PathLike[str], example: Any = None
) -> onnx.ModelProto:
    """Write a network as an ONNX file, for ONNX Runtime and other runtimes.

    The input "input" and the output "output" of the file take any number N of samples. The model
    is exported in evaluation mode: dropout does nothing, and batch normalisation uses its running
    statistics. The ONNX model is checked before the file is written: by ONNX's own checker, and by
    comparing the results of ONNX's reference implementation with those of the model.

    Parameters
    ----------
    model : Module or callable
        A function of one array (N, ...) to another.
    path : str or path
        The file, which is replaced only after all checks have passed.
    example : array_like (N, ...), optional
        An input of the right width and dtype; its numbers do not matter. By default, an input
        that fits the first layer.

    Returns
    -------
    onnx.ModelProto
        The model in the file.

    Raises
    ------
    NotImplementedError
        If an operation has no counterpart in `TABLE`; the message names it.
    TraceError
        If the operations of the model depend on its data (use `where` for a choice).
    ValueError
        If no example is given for a function without layers, or if the operations of the model
        depend on the number of samples.
    TypeError
        If the model does not return one real array.

    Examples
    --------
    >>> import onnxruntime, tempfile
    >>> import numpy as np
    >>> import deltaprop as dp
    >>> from deltaprop.onnx import export
    >>> mlp = dp.nn.MLP([2, 8, 1], activation="tanh", rng=0, dtype=np.float32)
    >>> X = np.array([[0.5, -1.0], [1.0, 2.0]], np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = export(mlp, f"{folder}/mlp.onnx")
    ...     (y,) = onnxruntime.InferenceSession(f"{folder}/mlp.onnx").run(None, {"input": X})
    >>> np.allclose(y, mlp(X).numpy(), atol=1e-6)
    True
    """
    like = _example(model) if example is None else as_array(raw(example))
    if like.dtype.kind != "f" or not like.ndim:
        raise TypeError(
            f"an example is an array of floating numbers with samples along its first axis, not "
            f"{like.dtype} of shape {like.shape}: write export(model, path, example)"
        )
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(n, *like.shape[1:])).astype(like.dtype) for n in (*_ROWS, 7)]
    with evaluation(model):
        proto = _ModelWriter(model, *[_recorded(model, x) for x in xs[:2]]).proto()
        onnx.checker.check_model(proto, full_check=True)
        for x in xs:
            _compare(model, proto, x)
    with replacing(Path(path)) as file:
        file.write(proto.SerializeToString())
    return proto


def _example(model: Any) -> np.ndarray:
    for module in model.modules() if isinstance(model, Module) else ():
        width: Any = getattr(module, "n_in", getattr(module, "n", None))
        dtype = vars(module).get("_dtype")
        if width is not None and dtype is not None:
            return np.zeros((1, width), dtype)
    raise ValueError(
        "export cannot tell what this model takes: give an example, an array of inputs (N, ...)"
    )


def _recorded(model: Callable[[Any], Any], x: np.ndarray) -> Recorded:
    leaves, structure = flatten(((x,), {}))
    recorded = record(model, structure, leaves, whole=TABLE)
    outputs = recorded.program.outputs
    if recorded.structure is not LEAF or not isinstance(outputs[0], Variable):
        raise TypeError("a model to export returns one array that depends on its input")
    for call in recorded.program.calls:
        if call.effect:
            raise NotImplementedError(f"{call.name} is random or stateful and cannot be exported")
    return recorded


def _compare(model: Callable[[Any], Any], proto: Any, x: np.ndarray) -> None:
    with no_grad(), np.errstate(all="ignore"):
        ours = np.asarray(raw(model(x)))
        theirs: Any = ReferenceEvaluator(proto).run(None, {"input": x})
    size = 1e4 * np.finfo(x.dtype).eps
    np.testing.assert_allclose(theirs[0], ours, rtol=size, atol=size)


class _ModelWriter:
    """A program on its way to be an ONNX graph; `other` is the same for more samples."""

    def __init__(self, model: Any, recorded: Recorded, other: Recorded) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.dtype: Any = None  # what the call at hand computes in
        self._constants: dict[Any, str] = {}
        self.program, self.other = recorded.program, other.program
        self.names: dict[Any, str] = {self.program.inputs[0]: "input"}
        known = _names(model)
        for place, x in recorded.reads:
            self.names[x] = self.constant(place.get(), x.dtype, known.get(id(place.owner)))
        calls = self.program.calls, self.other.calls
        if [call.name for call in calls[0]] != [call.name for call in calls[1]]:
            raise ValueError("what the model does depends on the number of samples")
        for call, again in zip(*calls, strict=True):
            self.names[call.result] = self._written(call, again)

    def _written(self, call: Call, again: Call) -> str:
        """The name of a call's result."""
        rule = TABLE.get(call.name)
        if rule is None:
            raise NotImplementedError(
                f"export knows no counterpart in ONNX of the operation {call.name!r}; it knows "
                f"{', '.join(sorted(TABLE))}"
            )
        free = call.name == "reshape"
        params = {k: _merged(x, again.params[k], call.name, free) for k, x in call.params.items()}
        args = [_merged(*pair, call.name) for pair in zip(call.args, again.args, strict=True)]
        if call.name in _REDUCED:  # whose axis may come by position
            args, axis = args[:1], args[1:]
            params = dict(zip(("axis",), axis, strict=False)) | params
        real = [x for x in args if np.result_type(getattr(x, "dtype", x)) != np.bool_]
        strong = [x.dtype for x in real if _is_array(x)]
        self.dtype = np.result_type(*strong) if strong else np.dtype(float)
        return rule(self, *map(self._operand, args), **params)

    def _operand(self, x: Any) -> str:
        """The name of an argument; numbers have the dtype of the arrays beside them."""
        if isinstance(x, Variable):
            kept = x.dtype in (self.dtype, np.bool_)
            return self.names[x] if kept else self.cast(self.names[x], self.dtype)
        return self.constant(x, np.bool_ if np.result_type(x) == np.bool_ else self.dtype)

    def constant(self, x: Any, dtype: Any, name: str | None = None) -> str:
        """The name of a constant, which is written once."""
        array = np.asarray(x, dtype)
        key = array.dtype, array.shape, array.tobytes()
        if name is not None or key not in self._constants:
            name = name or f"constant_{len(self.tensors)}"
            self._constants.setdefault(key, name)
            self.tensors.append(numpy_helper.from_array(array, name))
            return name
        return self._constants[key]

    def op(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """The name of a new node's result; numbers among the inputs have the call's dtype."""
        names = [x if isinstance(x, str) else self.constant(x, self.dtype) for x in inputs]
        result = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [result], result, **attributes))
        return result

    def cast(self, x: str, dtype: Any) -> str:
        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def reduced(self, kind: str, x: str, axis: Any = None, keepdims: bool = False) -> str:
        """A reduction over an axis, several or all."""
        axes = () if axis is None else (self.constant(np.ravel(axis), np.int64),)
        return self.op(kind, x, *axes, keepdims=int(keepdims))

    def proto(self) -> onnx.ModelProto:
        """The finished model."""
        x, y = self.program.inputs[0], self.program.outputs[0]
        more = self.other.outputs[0].shape
        free = [n if n == m else "N" for n, m in zip(y.shape, more, strict=True)]
        last = helper.make_node("Identity", [self.names[y]], ["output"], "output")
        graph = helper.make_graph(
            [*self.nodes, last],
            "deltaprop",
            [_described("input", x.dtype, ["N", *x.shape[1:]])],
            [_described("output", y.dtype, free)],
            self.tensors,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="deltaprop"
        )


def _described(name: str, dtype: Any, shape: Sequence[Any]) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, shape)


def _names(model: Any) -> dict[int, str]:
    """What the Values of the parameters and buffers of a module are called."""
    if not isinstance(model, Module):
        return {}
    return {id(value): name for name, value in model._values()}


def _is_array(x: Any) -> bool:
    return not x.number if isinstance(x, Variable) else isinstance(x, np.ndarray | np.generic)


def _merged(x: Any, y: Any, name: str, free: bool = False) -> Any:
    """What was recorded, if it was the same for another number of samples.

    In a shape (`free`) -1 takes the place of that number.
    """
    if isinstance(x, Variable) and isinstance(y, Variable):
        return x
    if isinstance(x, tuple) and isinstance(y, tuple) and len(x) == len(y):
        return tuple([_merged(*pair, name, free) for pair in zip(x, y, strict=True)])
    if free and isinstance(x, int) and x != y:
        return -1
    if np.shape(x) != np.shape(y) or not np.array_equal(x, y):
        raise ValueError(
            f"what the model gives to {name!r} depends on the number of samples or on chance: "
            f"{np.array2string(np.asarray(x), threshold=6)}; only what is the same for every "
            "input can be part of a file"
        )
    return x


def _log1p(w: _ModelWriter, x: str) -> str:
    """Kahan's: what rounding makes of 1 + x, its quotient takes back."""
    u = w.op("Add", x, 1.0)
    quotient = w.op("Div", w.op("Mul", w.op("Log", u), x), w.op("Sub", u, 1.0))
    return w.op("Where", w.op("Equal", u, 1.0), x, quotient)


def _expm1(w: _ModelWriter, x: str) -> str:
    return w.op("Mul", w.op("Tanh", w.op("Mul", x, 0.5)), w.op("Add", w.op("Exp", x), 1.0))


def _logaddexp(w: _ModelWriter, a: str, b: str) -> str:
    apart = w.op("Neg", w.op("Abs", w.op("Sub", a, b)))
    return w.op("Add", w.op("Max", a, b), _log1p(w, w.op("Exp", apart)))


def _erf(w: _ModelWriter, x: str) -> str:
    if w.dtype != np.float32:
        raise NotImplementedError(
            f"the error function (and gelu) of {w.dtype} is beyond ONNX's runtimes: export a "
            "network of float32, or use the activation 'gelu_tanh'"
        )
    return w.op("Erf", x)


def _gelu(w: _ModelWriter, x: str) -> str:
    below = w.op("Add", _erf(w, w.op("Mul", x, SQRT_HALF)), 1.0)
    return w.op("Mul", w.op("Mul", x, 0.5), below)


def _node(kind: str) -> Callable[..., str]:
    return lambda w, *xs, **attributes: w.op(kind, *xs, **attributes)


def _reduction(kind: str) -> Callable[..., str]:
    return lambda w, x, **how: w.reduced(kind, x, **how)


_SAME = {
    "absolute": "Abs", "add": "Add", "arccos": "Acos", "arcsin": "Asin", "arctan": "Atan",
    "ceil": "Ceil", "cos": "Cos", "divide": "Div", "equal": "Equal", "exp": "Exp",
    "floor": "Floor", "greater": "Greater", "greater_equal": "GreaterOrEqual", "less": "Less",
    "less_equal": "LessOrEqual", "log": "Log", "log_softmax": "LogSoftmax", "logical_and": "And",
    "logical_not": "Not", "logical_or": "Or", "matmul": "MatMul", "maximum": "Max",
    "minimum": "Min", "multiply": "Mul", "negative": "Neg", "power": "Pow",
    "reciprocal": "Reciprocal", "relu": "Relu", "sigmoid": "Sigmoid", "sign": "Sign",
    "root": "Sqrt", "sin": "Sin", "softmax": "Softmax", "sqrt": "Sqrt", "subtract": "Sub",
    "tan": "Tan", "tanh": "Tanh", "where": "Where",
}  # fmt: skip
_REDUCED = {"max": "ReduceMax", "mean": "ReduceMean", "min": "ReduceMin", "sum": "ReduceSum"}
TABLE: dict[str, Callable[..., str]] = {
    **{name: _node(kind) for name, kind in _SAME.items()},
    **{name: _reduction(kind) for name, kind in _REDUCED.items()},
    "astype": lambda w, x, dtype: w.cast(x, dtype),
    "concatenate": lambda w, *xs, axis: w.op("Concat", *xs, axis=axis),
    "erf": _erf,
    "expm1": _expm1,
    "gelu": _gelu,
    "log1p": _log1p,
    "logaddexp": _logaddexp,
    "reshape": lambda w, x, shape, order: w.op("Reshape", x, w.constant(shape, np.int64)),
    "square": lambda w, x: w.op("Mul", x, x),
    "transpose": lambda w, x, axes: w.op("Transpose", x, perm=list(axes)),
}


__all__ = ["export"]


def __dir__() -> list[str]:
    return __all__
