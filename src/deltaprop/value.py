"""Value, the node that users hold: its data, its gradient, its operators and its methods."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeAlias
from warnings import warn

import numpy as np

from .calculus import activations, contractions, elementwise, indexing, reductions, shaping
from .calculus.signatures import Operand
from .data import numbers, rectangular, shown, variable_data
from .graph import (
    DATA,
    Elementwise,
    Node,
    as_array,
    as_number,
    copied,
    dtype_of,
    is_complex,
    is_known,
    narrow,
    outside,
    raw,
)
from .graph.arrays import BINARY, COMPARISONS
from .graph.batches import refuse_samples
from .graph.cotangent import as_gradient, materialize
from .graph.node import MODE, Extra, complete, in_graph, is_mutable, parents
from .graph.primitive import named
from .graph.reverse import backward
from .graph.scalars import with_short_way
from .habits import Fixed, explained, foreign
from .options import brief
from .protocols import ArrayProtocols

_hook_keys = count()
Operator: TypeAlias = Callable[["Value", Operand], "Value"]
_OPERANDS = (Node, *DATA)
_OF_NODES = {name for name in dir(Node) if name[0] != "_"} - {"op", "is_constant"}


def _method(primitive: Callable[..., Any], reflected: bool = False) -> Operator:
    """Return the method of a binary operator, or of its reflection."""

    def method(self: Value, other: Any) -> Value:
        kind = type(other)
        if kind is list or kind is tuple:
            other = rectangular(other)
        elif kind is not Value and not isinstance(other, _OPERANDS):
            if hasattr(kind, "__dlpack__"):  # an array of PyTorch, JAX, ...
                other = as_array(other)
            else:
                return _refused(primitive, other)
        elif kind is int and type(self._held) is float:
            other = float(other)
        return primitive(other, self) if reflected else primitive(self, other)

    return method


def _refused(primitive: Any, other: Any) -> Any:
    """Let Python ask another class; None and text, which no class knows, are an error."""
    if not isinstance(other, str | bytes | None) or primitive.__name__ in ("equal", "not_equal"):
        return NotImplemented
    why = "if it is a gradient, call backward() first" if other is None else "convert it: float(x)"
    raise TypeError(f"{primitive.__name__} of a Value needs numbers, got {brief(other)}: {why}")


def _in_place(operate: Operator, sign: int) -> Operator:
    """Return ``v += x``: it makes another Value, and says so if x looks like a step of descent."""

    def method(self: Value, other: Any) -> Value:
        if in_graph(self)._grad is not None and not isinstance(other, Node):
            if self.op is None and sign and _descends(self, other, sign):
                warn(
                    "w -= step makes another Value: the variable, and a model that holds it, stays "
                    "as it is. Write w.data -= step, or use an optimiser of deltaprop.optim",
                    stacklevel=2,
                )
            # a second w -= lr * w.grad: this w is the result of such a step, and has a gradient
            elif self.op in _STEPS and not all(isinstance(x, Node) for x in self.args):
                raise TypeError(
                    f"w must be a variable to be updated in a loop, got a result (of {self.op}): "
                    "w -= step makes another Value, and the graph grows at each step. Write "
                    "w.data -= step, or use an optimiser of deltaprop.optim"
                )
        return operate(self, other)

    return method


def _descends(w: Value, change: Any, sign: int) -> bool:
    """Return whether the change is parallel to the gradient, as a step of descent is."""
    g, step = np.asarray(raw(w.grad)), sign * np.asarray(change)
    if MODE.get() is not None or g.shape != step.shape:
        return False
    along = np.vdot(g, step).real
    return bool(along > 0 and along**2 > 0.99 * np.vdot(g, g).real * np.vdot(step, step).real)


def _warn_of_steps(w: Node) -> None:
    """Warn of a w that is the last of many results of w = w - lr * w.grad."""
    for i in range(_MANY + 1):
        nodes = [x for x in w.args if isinstance(x, Node)] if w.op in _STEPS[:2] else []
        if i == _MANY and len(nodes) != 1:
            warn(
                f"w = w - step has made a graph of {_MANY} steps, which grows with each: write "
                "w.data -= step for a variable w, or use an optimiser of deltaprop.optim",
                stacklevel=3,
            )
        if len(nodes) != 1 or w._grad is None:
            return
        w = nodes[0]


_MANY = 20
_STEPS = (elementwise.add, elementwise.subtract, elementwise.multiply, elementwise.divide)


class Value(ArrayProtocols):
    """A number or an array that remembers how it was computed.

    A `Value` made from data is a floating-point variable, and gradients are computed with
    respect to it. Operations on Values give Values that point to their inputs; `backward()`
    follows these pointers back and adds to the `.grad` of each Value the derivative of the
    result with respect to that Value.

    Parameters
    ----------
    data : float, array_like or Value
        A number becomes a Python float, anything else an ndarray. Integers become float64;
        floating and complex dtypes are kept.
    name : str, optional
        The name shown in drawings and errors.
    dtype : dtype, optional
        A floating or complex dtype to convert to.
    copy : bool
        Whether to copy the data. False uses a floating ndarray itself: writing to the array
        changes the Value.

    Raises
    ------
    TypeError
        If the data is bool, text, objects, lists of unequal lengths, or a list of Values.

    Examples
    --------
    >>> import deltaprop as dp
    >>> a, b = dp.Value(2.0), dp.Value(3.0)
    >>> c = a * b + a
    >>> c.backward()
    >>> a.grad, b.grad
    (4.0, 2.0)
    """

    __slots__ = ()

    _repr_mimebundle_: ClassVar[Callable[..., Any]]  # for Jupyter; set by the package

    def __init__(
        self,
        data: Any,
        *,
        name: str | None = None,
        dtype: Any = None,
        copy: bool = True,
    ) -> None:
        if type(data) is float and dtype is None:
            self._become_leaf(data)
        else:
            held = variable_data(data, dtype, copy)
            adopted = not copy and isinstance(held, np.ndarray)
            self._become_leaf(held, exposed=adopted and is_mutable(held))
            if not isinstance(held, np.ndarray) and not np.shape(held):
                self.extra.dtype = narrow(held)
                self._held = as_number(held)
        if name is not None:
            self.extra.name = name

    @property
    def data(self) -> np.ndarray | Any:
        """The float or ndarray: writable for a variable, read-only for a result."""
        held = raw(self)
        if not getattr(held, "shape", ()):
            return held
        if self.op is None and not self.extra.constant:
            return outside().data(self)
        return shown(held)

    @data.setter
    def data(self, new: Any) -> None:
        if new is not self._held or self.op is not None:
            self.assign(new)

    def assign(self, new: Any) -> Self:
        """Replace the data of a variable; graphs recorded before keep the old data.

        Parameters
        ----------
        new : float or array_like
            The new data, with the shape of the variable. The data is converted to the dtype of
            the variable and copied.

        Raises
        ------
        TypeError
            If this Value is a result or a constant.
        ValueError
            If the shape of `new` differs.
        """
        if self.op is not None or self.extra.constant:
            what = "a constant" if self.op is None else f"a result (of {self.op})"
            raise TypeError(
                f"only a variable can be assigned to; this Value is {what}: make a variable of its "
                "data, dp.Value(v.numpy())"
            )
        if isinstance(new, Node):
            new = raw(new)
        if np.shape(new) != self.shape:
            raise ValueError(f"the new data must have shape {self.shape}, got {np.shape(new)}")
        raw(self)
        number = not self.shape
        self.write(
            as_number(variable_data(new, self.dtype, True)) if number else numbers(new, self.dtype)
        )
        return self

    @property
    def grad(self) -> np.ndarray | Any:
        """The derivative, with respect to this Value, of what `backward()` was called on.

        Several calls of `backward()` add up. The gradient is None before the first call and after
        `zero_grad()`.
        """
        if (mode := MODE.get()) is not None:
            mode.outside.gradient_read(self)
        else:
            self.verify_own()
        node = in_graph(self)
        g = node._grad
        if self.op is not None and self.op in _STEPS:
            _warn_of_steps(node)
        if g is None or (type(g) is float and type(self._held) is float):
            return g
        if self.op is not None and is_complex(self):
            return shown(as_gradient(materialize(g, self._held)))
        if isinstance(g, Node):
            return g
        if g is not self.extra.own_grad:
            # the backward pass shares arrays; a user who reads a gradient gets a copy
            g = materialize(g, self._held)
            node._grad = g = copied(g)
            self.extra.own_grad = g
        return g

    @grad.setter
    def grad(self, new: Any) -> None:
        raw(self)
        node = in_graph(self)
        if new is node._grad:
            return
        if new is None or (isinstance(new, int | float) and new == 0):
            self.forget_gradient()
            return
        self._verify_fits(new, "the gradient")
        if not isinstance(new, Node):
            new = as_number(numbers(new, self.dtype))
            refuse_samples(self.serial, new)
            outside().gradient_written(new)
        node._grad = new if self.op is None else as_gradient(new)

    @property
    def name(self) -> str | None:
        """The name that the user gave, if any."""
        return None if self._extra is None else self._extra.name

    @name.setter
    def name(self, new: str | None) -> None:
        self.extra.name = new

    @property
    def inputs(self) -> tuple[Value, ...]:
        """The Values that this Value was computed from."""
        return tuple([complete(x).result() for x in parents(self)])

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes; () for a scalar."""
        held = self._held
        return () if type(held) is float else np.shape(held)

    @property
    def ndim(self) -> int:
        """The number of axes; 0 for a scalar."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries; 1 for a scalar."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the entries, which gradients have too."""
        held, extra = self._held, self._extra
        if extra is not None and extra.dtype is not None:
            return extra.dtype
        dtype: Any = getattr(held, "dtype", None)
        return np.dtype(type(held)) if dtype is None else dtype

    @property
    def T(self) -> Value:
        """The transpose: all axes reversed."""
        return shaping.transpose(self)

    @property
    def mT(self) -> Value:
        """The matrix transpose: the last two axes swapped."""
        return shaping.swapaxes(self, -1, -2)

    @property
    def real(self) -> Value:
        """The real part."""
        return elementwise.real(self)

    @property
    def imag(self) -> Value:
        """The imaginary part."""
        return elementwise.imag(self)

    @property
    def at(self) -> indexing.At:
        """``v.at[index].set(x)``, ``.add(x)``, ...: a differentiable, updated copy."""
        return indexing.At(self)

    def numpy(self) -> np.ndarray:
        """Return the values as a new ndarray, without the gradient."""
        return np.array(raw(self), self._extra and self._extra.dtype)

    def tolist(self) -> Any:
        """Return the values as nested Python lists, or as one number."""
        return np.asarray(raw(self)).tolist()

    def detach(self) -> Value:
        """Return the same values as a constant: no gradient flows through it."""
        # the data of a result never changes, the data of a variable may
        held = self._held if self.op is not None else copied(raw(self))
        return self.constant(held)

    @explained
    def backward(
        self, gradient: Any = None, *, create_graph: bool = False, retain_grads: bool = True
    ) -> None:
        """Add to `.grad` the derivative of this Value with respect to every Value it depends on.

        Gradients add up over calls until `zero_grad()`.

        Parameters
        ----------
        gradient : float or array_like, optional
            The upstream gradient, with the shape of this Value; 1 for a scalar.
        create_graph : bool
            Whether to record the derivatives, so that `.grad` is a Value to differentiate again.
            Intermediate Values keep such gradients until `zero_grad()` of one of the variables
            frees the recorded graph.
        retain_grads : bool
            Whether to keep the gradients of intermediate Values too, not only of variables.

        Raises
        ------
        ValueError
            If this Value is not a scalar and `gradient` is missing, or if their shapes differ.
        TypeError
            If this Value is a constant, or if it is real and `gradient` is complex.

        Examples
        --------
        >>> import deltaprop as dp
        >>> x = dp.Value([1.0, 2.0])
        >>> (x * x).backward([1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        if self.op is None and self.extra.constant:
            raise TypeError(
                "backward() on a constant: it does not depend on any variable. Compute it from "
                "variables, dp.Value(data), outside dp.no_grad() and without .data or .item()"
            )
        if gradient is None:
            if type(self._held) is not float and is_complex(self):
                raise ValueError(
                    "backward() of a complex Value needs the upstream gradient: take a real "
                    "loss, e.g. abs(v) or v.real, or pass it: backward(gradient)"
                )
            if self.shape:
                raise ValueError(
                    f"backward() of a Value of shape {self.shape} needs the upstream "
                    "gradient: reduce it first, e.g. with .sum(), or pass backward(gradient)"
                )
            gradient = 1.0
        else:
            self._verify_fits(gradient, "the upstream gradient")
            if create_graph and isinstance(gradient, Node):
                gradient = gradient.snapshot() if gradient.op is None else gradient
            else:
                gradient = materialize(shaping.astype(raw(gradient), self.dtype), self._held)
        backward(self, as_gradient(gradient), graph=create_graph, retain=retain_grads)

    def _verify_fits(self, gradient: Any, what: str) -> None:
        given = raw(gradient)
        if np.shape(given) != self.shape:
            raise ValueError(
                f"{what} must have the shape of its Value, {self.shape}, got {np.shape(given)}"
            )
        if np.iscomplexobj(given) and not is_complex(self):
            raise TypeError(
                f"{what} must be real because its Value is real, got a complex one: {gradient!r}"
            )
        if dtype_of(given).kind not in "biufc":
            raise TypeError(f"{what} must hold numbers, got {brief(gradient)}")

    def zero_grad(self) -> None:
        """Set the gradient to None.

        If ``backward(create_graph=True)`` reached this variable, the recorded gradients of the
        intermediate Values on the way are freed too: they would keep the graph in memory.
        """
        raw(self)
        self.forget_gradient()

    def register_hook(self, hook: Callable[[Any], Any]) -> Callable[[], None]:
        """Call `hook(gradient)` in each backward pass when the gradient of this Value is complete.

        If the hook returns a gradient (not None), that gradient replaces this one.

        Returns
        -------
        callable
            A function that removes the hook.

        Examples
        --------
        >>> import deltaprop as dp
        >>> x = dp.Value(2.0)
        >>> y = x * x
        >>> remove = y.register_hook(lambda g: 10 * g)
        >>> (3 * y).backward()
        >>> y.grad, x.grad
        (30.0, 120.0)
        """
        if not callable(hook):
            raise TypeError(f"a hook must be a function of the gradient, got {brief(hook)}")
        hooks, key = self.extra.hooks, next(_hook_keys)
        if hooks is None:
            hooks = self.extra.hooks = {}
        hooks[key] = hook
        Extra.changes += self.op is None

        def remove() -> None:
            hooks.pop(key, None)
            Extra.changes += self.op is None

        return remove

    if TYPE_CHECKING:  # the operators are set below

        def __add__(self, other: Operand, /) -> Value: ...
        def __radd__(self, other: Operand, /) -> Value: ...
        def __sub__(self, other: Operand, /) -> Value: ...
        def __rsub__(self, other: Operand, /) -> Value: ...
        def __mul__(self, other: Operand, /) -> Value: ...
        def __rmul__(self, other: Operand, /) -> Value: ...
        def __matmul__(self, other: Operand, /) -> Value: ...
        def __rmatmul__(self, other: Operand, /) -> Value: ...
        def __truediv__(self, other: Operand, /) -> Value: ...
        def __rtruediv__(self, other: Operand, /) -> Value: ...
        def __pow__(self, other: Operand, /) -> Value: ...
        def __rpow__(self, other: Operand, /) -> Value: ...
        def __mod__(self, other: Operand, /) -> Value: ...
        def __rmod__(self, other: Operand, /) -> Value: ...
        def __floordiv__(self, other: Operand, /) -> Value: ...
        def __rfloordiv__(self, other: Operand, /) -> Value: ...
        def __iadd__(self, other: Operand, /) -> Value: ...
        def __isub__(self, other: Operand, /) -> Value: ...
        def __imul__(self, other: Operand, /) -> Value: ...
        def __itruediv__(self, other: Operand, /) -> Value: ...
        def __lt__(self, other: Operand, /) -> Value: ...
        def __le__(self, other: Operand, /) -> Value: ...
        def __gt__(self, other: Operand, /) -> Value: ...
        def __ge__(self, other: Operand, /) -> Value: ...
        def __eq__(self, other: Operand, /) -> Value: ...  # type: ignore[override]
        def __ne__(self, other: Operand, /) -> Value: ...  # type: ignore[override]
        def __and__(self, other: Operand, /) -> Value: ...
        def __rand__(self, other: Operand, /) -> Value: ...
        def __or__(self, other: Operand, /) -> Value: ...
        def __ror__(self, other: Operand, /) -> Value: ...
        def __xor__(self, other: Operand, /) -> Value: ...
        def __rxor__(self, other: Operand, /) -> Value: ...
        def __lshift__(self, other: Operand, /) -> Value: ...
        def __rlshift__(self, other: Operand, /) -> Value: ...
        def __rshift__(self, other: Operand, /) -> Value: ...
        def __rrshift__(self, other: Operand, /) -> Value: ...

    __hash__: ClassVar[Callable[[Any], int]] = object.__hash__

    def __divmod__(self, other: Operand) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    def __neg__(self) -> Value:
        return elementwise.negative(self)

    def __pos__(self) -> Value:
        return elementwise.positive(self)

    def __abs__(self) -> Value:
        return elementwise.absolute(self)

    def __invert__(self) -> Value:
        return elementwise.invert(self)

    def __getitem__(self, index: Any) -> Value:
        return indexing.getitem(self, index)

    def __setitem__(self, index: Any, new: Any) -> None:
        raise TypeError(
            "entries of a Value cannot be assigned, because graphs would lose what they recorded. "
            "Write v = v.at[index].set(new), or v.data[index] = new for a variable's data"
        )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar Value has no len() and no entries: v.item() is its number")
        return self.shape[0]

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(raw(elementwise.equal(self, item))))

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        kind = "constant" if self.is_constant else "Value"
        name = f", name={self.name!r}" if self.name else ""
        if not self.shape or not is_known(self._held):
            grad = "" if self.is_constant else f", grad={self.grad!r}"
            return f"{kind}(data={self._held!r}{grad}{name})"
        text = np.array2string(self._held, separator=", ", prefix=f"{kind}(", threshold=100)
        return f"{kind}({text}, shape={self.shape}, dtype={self.dtype}{name})"

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise TypeError(
                f"format {spec!r} is for one number, got a Value of shape {self.shape}: reduce it, "
                "or format numpy.array2string(v.numpy())"
            )
        return format(self.item(), spec) if spec else str(self)

    def __round__(self, digits: int | None = None) -> Value:
        return elementwise.round(self, digits or 0)

    def __dir__(self) -> list[str]:
        """What users call; what a graph is made of is left out."""
        return sorted({*super().__dir__()} - _OF_NODES)

    def __copy__(self) -> Value:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        self._must_stand_alone("copied")
        twin = Value.leaf(copied(raw(self)), constant=self.is_constant)
        twin.extra.name, twin.extra.dtype = self.name, self.extra.dtype
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> Any:
        self._must_stand_alone("pickled")
        return _restore, (self._held, self.is_constant, self.name, self.extra.dtype)

    def _must_stand_alone(self, what: str) -> None:
        if self.op is not None or self.extra.argument:
            whose = "the argument of a transform" if self.op is None else "a result"
            raise TypeError(
                f"{whose} cannot be {what} apart from its graph: take v.detach(), or +v for "
                "a copy that the gradient flows through"
            )

    conj: Final = elementwise.conj
    conjugate: Final = elementwise.conj
    sum: Final = reductions.sum
    mean: Final = reductions.mean
    prod: Final = reductions.prod
    var: Final = reductions.var
    std: Final = reductions.std
    max: Final = reductions.max
    min: Final = reductions.min
    cumsum: Final = reductions.cumsum
    cumprod: Final = reductions.cumprod
    dot: Final = contractions.dot
    ravel: Final = shaping.ravel
    flatten: Final = shaping.ravel
    swapaxes: Final = shaping.swapaxes
    squeeze: Final = shaping.squeeze
    repeat: Final = shaping.repeat
    diagonal: Final = shaping.diagonal
    trace: Final = shaping.trace
    astype: Final = shaping.astype
    take: Final = indexing.take
    sort: Final = indexing.sort
    argsort: Final = indexing.argsort
    argmax: Final = indexing.argmax
    argmin: Final = indexing.argmin
    searchsorted: Final = indexing.searchsorted
    nonzero: Final = indexing.nonzero
    any: Final = indexing.any
    all: Final = indexing.all
    clip: Final = elementwise.clip
    round: Final = elementwise.round
    exp: Final = elementwise.exp
    log: Final = elementwise.log
    sqrt: Final = elementwise.sqrt
    sin: Final = elementwise.sin
    cos: Final = elementwise.cos
    tanh: Final = elementwise.tanh
    sigmoid: Final = elementwise.sigmoid
    relu: Final = activations.relu

    def reshape(self, *shape: Any, order: str = "C", copy: bool | None = None) -> Value:
        """Return the same entries in another shape, given as one tuple or as numbers."""
        if not shape:
            raise TypeError("reshape() needs a shape, got none: v.reshape(()) gives a scalar")
        lengths = shape[0] if len(shape) == 1 else shape
        try:
            return shaping.reshape(self, lengths, order=order, copy=copy)
        except (TypeError, ValueError) as error:
            error.add_note(f"The lengths must be integers with the product {self.size}")
            raise

    def transpose(self, *axes: Any) -> Value:
        """Return the Value with its axes in the given order (one tuple or numbers), or reversed."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        try:
            return shaping.transpose(self, order)
        except (TypeError, ValueError) as error:
            error.add_note(f"The axes must be 0 to {self.ndim - 1}, each once; got {order}")
            raise


for _name, _ufunc in BINARY.items():
    _primitive = contractions.matmul if _name == "matmul" else named(_ufunc.__name__)
    _on_floats = elementwise.power_of_floats if _name == "pow" else vars(operator)[f"__{_name}__"]
    for _prefix in ("", "r"):
        _operator = _method(_primitive, _prefix == "r")
        if isinstance(_primitive, Elementwise) and _primitive.smooth:
            _operator = with_short_way(Value, _primitive, _on_floats, _operator, _prefix == "r")
        setattr(Value, f"__{_prefix}{_name}__", _operator)
for _name, _sign in (("add", -1), ("sub", 1), ("mul", 0), ("truediv", 0)):
    setattr(Value, f"__i{_name}__", _in_place(getattr(Value, f"__{_name}__"), _sign))
for _name, _ufunc in COMPARISONS.items():
    setattr(Value, f"__{_name}__", _method(named(_ufunc.__name__)))

foreign(Value, {
    "requires_grad_": "a Value(data) is a variable; dp.constant(data) is not",
    "retain_grad": "every Value keeps its gradient: read .grad after backward()",
    "is_leaf": "ask v.op is None", "_prev": "write v.inputs", "_op": "write v.op",
    **dict.fromkeys(("cpu", "cuda", "to", "float", "double"), "the data are NumPy's: write "
                    'v.astype(dtype) to convert, dp.compile(f, executor="xla") for a GPU'),
    "view": "write v.reshape(shape)", "unsqueeze": "write v[..., None]", "dim": "write v.ndim",
    "permute": "write v.transpose(axes)", "numel": "write v.size", "t": "write v.T",
    "clamp": "write v.clip(min, max)", "matmul": "write v @ w", "mm": "write v @ w",
    "pow": "write v ** y", "abs": "write abs(v)", "expand": "write dnp.broadcast_to(v, shape)",
    **dict.fromkeys(("norm", "log1p", "expm1", "softmax", "log_softmax", "gelu", "flip", "tile"),
                    "write it as a function of deltaprop.numpy or deltaprop.nn: f(v)"),
    **dict.fromkeys(("zero_", "add_", "sub_", "mul_", "copy_", "fill_"),
                    "write v.data -= x, or v.assign(new)"),
})  # fmt: skip
foreign(indexing.At, {"update": "write v.at[index].set(new)"})
foreign(Value, {"label": "write v.name",
                "requires_grad": "a Value(data) is a variable; dp.constant(data) is not"},
        Fixed)  # fmt: skip


def constant(data: Any, dtype: Any = None) -> Value:
    """Return a Value that is not differentiated, of any dtype.

    Parameters
    ----------
    data : array_like or Value
    dtype : dtype, optional
        The dtype, by default that of `data`.

    Returns
    -------
    Value
        A constant of the shape of `data`.

    Examples
    --------
    >>> import deltaprop as dp
    >>> c = dp.constant([1, 2])
    >>> x = dp.Value([1.0, 1.0])
    >>> (c * x).sum().backward()
    >>> x.grad
    array([1., 2.])
    """
    if isinstance(data, Node):
        data = raw(data)
    if not is_known(data):
        return Value.leaf(as_array(data, dtype), constant=True)
    array = np.array(as_array(data), dtype)
    number = not array.ndim and dtype is None and isinstance(data, float | complex)
    return Value.leaf(data if number else array[()], constant=True)


def _restore(data: Any, is_constant: bool, name: str | None, dtype: Any = None) -> Value:
    value = Value.leaf(data, constant=is_constant)
    value.extra.name, value.extra.dtype = name, dtype
    return value
