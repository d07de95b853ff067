"""Habits from other libraries: names and arguments that are not here, and what to write instead."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import getattr_static, signature
from opcode import opmap
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# what stands for a name of another library's: in a module, and as an argument
NAMES = {
    "Tensor": "dp.Value(data)", "Variable": "dp.Value(data)", "tensor": "dp.Value(data)",
    "Parameter": "dp.Value(data)", "value_and_gradient": "dp.value_and_grad(f)",
    "elementwise_grad": "dp.grad(lambda x: f(x).sum())", "jit": "dp.compile(f)",
    "make_vjp": "dp.vjp(f, x)", "make_hvp": "dp.hvp(f, (x,), (v,))", "jacrev": "dp.jacobian(f)",
    "jacfwd": 'dp.jacobian(f, mode="forward")', "remat": "dp.checkpoint(f)",
    "backward": "value.backward()", "random": "numpy.random.default_rng(seed), of NumPy's",
    "fit": "dp.training.fit", "save": "dp.training.save", "load": "dp.training.load",
    "Linear": "dp.nn.Dense(n_in, n_out)", "functional": "dp.nn.relu, dp.nn.mse, ...",
    "init": 'dp.nn.Dense(2, 3, init="he_normal"), or a name of dp.nn.INITIALIZERS',
    "ModuleList": "a list", "BatchNorm1d": "dp.nn.BatchNorm(n)", "mse_loss": "dp.nn.mse",
    "MSELoss": "dp.nn.mse", "L1Loss": "dp.nn.mae", "cross_entropy": "dp.nn.softmax_cross_entropy",
    "NLLLoss": "dp.nn.softmax_cross_entropy", "BCELoss": "dp.nn.binary_cross_entropy",
    "CrossEntropyLoss": "dp.nn.softmax_cross_entropy",
    "BCEWithLogitsLoss": "dp.nn.binary_cross_entropy_with_logits", "cat": "dp.numpy.concatenate",
    "Adagrad": "dp.optim.RMSprop or dp.optim.Adam", "LBFGS": "dp.scipy.minimize",
    "lr_scheduler": "dp.optim.StepDecay, dp.optim.CosineDecay, ...", "StepLR": "dp.optim.StepDecay",
    "CosineAnnealingLR": "dp.optim.CosineDecay", "ExponentialLR": "dp.optim.ExponentialDecay",
    "OneCycleLR": "dp.optim.OneCycle", "ReduceLROnPlateau": "dp.optim.ReduceOnPlateau",
    "gradcheck": "dp.testing.check_grads", "curve_fit": "dp.scipy.least_squares",
    "plot": "dp.viz.plot_history or dp.draw",
    **dict.fromkeys(
        ("Conv1d", "Conv2d", "LSTM", "GRU", "RNN", "Embedding", "MultiheadAttention"),
        "it as a dp.nn.Module of your own, or take PyTorch or JAX: there are dense networks here",
    ),
}  # fmt: skip
ARGUMENTS = {
    "seed": "rng", "random_state": "rng", "key": "rng", "dim": "axis", "keepdim": "keepdims",
    "label": "name", "requires_grad": "dp.constant(data) for data without a gradient",
    "hidden": "sizes", "hidden_sizes": "sizes", "hidden_layer_sizes": "sizes",
    "nonlin": "activation", "use_bias": "bias", "learning_rate": "lr", "gamma": "factor",
    "beta1": "betas=(beta1, beta2)", "step_size": "every", "T_max": "steps", "max_lr": "peak",
    "n_epochs": "epochs", "num_epochs": "epochs", "max_iter": "epochs", "batchsize": "batch_size",
    "verbose": "progress", "validation_data": "validation", "val_data": "validation",
    "argnum": "argnums", "static_argnums": "static", "static_argnames": "static",
    "backend": "executor", "negative_slope": "slope",
    "retain_graph": "backward() again: a graph can be used again",
    "jac": "no jac: the gradient is computed from the function", "lr": "the lr of the optimizer",
    "hidden_layers": "hidden_layer_sizes", "eps": "no eps: the steps are chosen",
}  # fmt: skip
_PLACES = ("", "numpy", "nn", "optim", "training", "testing", "viz", "numpy.linalg",
           "numpy.special", "numpy.fft")  # fmt: skip


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def advice(name: str, place: str = "") -> str:
    """Return what to write for a name that is somewhere else, or called otherwise here."""
    if name.startswith("_"):
        return ""
    if name in NAMES:
        return f": write {NAMES[name]}"
    for where in (place, *_PLACES):
        module = "deltaprop" + f".{where}" * bool(where)
        for found in dir(sys.modules[module]) if module in sys.modules else ():
            if _plain(found) == _plain(name) != "":
                return f": write {module.replace('deltaprop', 'dp')}.{found}"
    return ""


def absent(module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module: an error that says what to write instead of a name."""

    def __getattr__(name: str) -> Any:  # noqa: N807
        raise lacking(module, name)

    return __getattr__


def lacking(module: str, name: str) -> Exception:
    """Return the error for a name that a module does not have, to be raised by `__getattr__`."""
    instead, asks = advice(name, module.partition(".")[2]), sys._getframe(2)
    if asks.f_code.co_code[asks.f_lasti] == opmap["IMPORT_FROM"]:  # or Python hides what we say
        return ImportError(f"cannot import name {name!r} from {module!r}{instead}")
    error = AttributeError(f"module {module!r} has no attribute {name!r}{instead}")
    if not instead:  # Python says "Did you mean"
        error.name, error.obj = name, sys.modules[module]
    return error


class Foreign:
    """An attribute that objects of other libraries have: an error that says what to write."""

    def __init__(self, name: str, instead: str) -> None:
        self.name, self.instead, self.__doc__ = name, instead, None

    def __repr__(self) -> str:  # for help()
        return f"<not here: {self.instead}>"

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        raise AttributeError(
            f"{type(owner).__name__!r} object has no attribute {self.name!r}: {self.instead}"
        )


class Fixed(Foreign):
    """A foreign attribute that cannot be set either."""

    def __set__(self, owner: Any, new: Any) -> None:
        self.__get__(owner, type(owner))


def foreign(cls: Any, names: Mapping[str, str], kind: type[Foreign] = Foreign) -> None:
    """Let an attribute of other libraries' objects raise an error that says what to write."""
    for name, instead in names.items():
        setattr(cls, name, kind(name, instead))
    shown = cls.__dir__

    def __dir__(self: Any) -> list[str]:  # noqa: N807
        return [n for n in shown(self) if not isinstance(getattr_static(self, n, None), Foreign)]

    cls.__dir__ = __dir__


def unknown(name: str, key: str, names: Sequence[str]) -> TypeError:
    """Return the error for an argument that a function does not have."""
    instead = f": write {ARGUMENTS[key]}" if key in ARGUMENTS else ""
    return TypeError(
        f"{name}() has no argument {key!r}{instead}; its arguments are {', '.join(names)}"
    )


def explained(function: F, write: str = "") -> F:
    """Let a call that does not fit the signature of a function raise an error that says what does.

    Examples
    --------
    >>> @explained
    ... def area(width, height=1.0):
    ...     return width * height
    >>> area()
    Traceback (most recent call last):
    TypeError: area() missing 1 required positional argument: 'width': write area(width, height=1.0)
    >>> area(2.0, label="a")
    Traceback (most recent call last):
    TypeError: area() has no argument 'label': write name; its arguments are width, height
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # from inside
            made = function.__name__ == "__init__"
            name = type(args[0]).__name__ if made else function.__name__
            known = [*signature(function).parameters.values()][made:]
            names = [p.name for p in known]
            if wrong := [key for key in kwargs if key not in names]:
                raise unknown(name, wrong[0], names) from None
            way = write or f"{name}({', '.join(str(p.replace(annotation=p.empty)) for p in known)})"
            what = str(error).replace(function.__qualname__, name)
            raise TypeError(f"{what}: write {way}") from None

    return call  # type: ignore[return-value]


def explain(cls: Any) -> None:
    """Let a call of the class that does not fit raise an error that says what does."""
    if "__init__" in vars(cls):
        cls.__init__ = explained(cls.__init__)
