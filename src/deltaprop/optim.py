"""Optimisers, gradient clipping and learning-rate schedules.

optimizer = dp.optim.Adam(model.parameters(), lr=1e-3)
schedule = dp.optim.CosineDecay(optimizer, steps=1000)
for X, Y in batches:
    optimizer.zero_grad()
    dp.nn.mse(model(X), Y).backward()
    optimizer.step()
    schedule.step()
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from inspect import Parameter, Signature, signature
from itertools import chain
from numbers import Real
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias
from warnings import warn

import numpy as np

from .calculus.elementwise import imag, maximum, minimum, real, sqrt, square, where
from .calculus.shaping import astype, stack
from .graph import as_number, is_complex, outside, raw
from .graph.cotangent import materialize
from .graph.node import MODE, Node, in_graph
from .habits import Fixed, absent, explain, explained, foreign, unknown
from .options import brief, chosen, number, of_kind, sequence, whole
from .value import Value

_DIVERGED = 1e30  # the size of a parameter
State: TypeAlias = tuple[Any, ...]
_options = attrgetter("options")


class Optimizer:
    """Parameters, a learning rate, and a rule that updates each parameter by its gradient.

    The rule is the pure function ``update(p, g, state, rates, **options)``, which returns the new
    p and state. `state` is a tuple with an array like p for each name in `slots`, at first zero.
    `rates` is the learning rate; a subclass that defines the pure function
    ``rates(lr, count, **options)`` gets what this returns, computed once for all parameters, at
    the first step with ``count = 1.0``. A step counts if any parameter has a gradient.

    Both are written with operators and calculus functions, so they take raw numbers, arrays and
    Values alike. The keyword arguments of `update`, with their defaults, are the options.
    `step` passes only real numbers: a complex p and its g become their real and imaginary
    parts along a new last axis of length 2 (as with `torch.view_as_real`).

    Everything that an optimiser keeps is held by Values, so a compiled step reads the learning
    rate and a loaded state anew in each call.

    Parameters
    ----------
    parameters : iterable of Value
        Variables, e.g. ``model.parameters()``.
    lr : float
        The learning rate; the attribute may be set at any time.
    **options
        The options of the optimiser.

    Raises
    ------
    ValueError
        If there are no parameters, if one comes twice, or if a number is out of range: a learning
        rate that is negative or NaN, a momentum of 1, ...
    TypeError
        If a parameter is not a variable, or an option is unknown.

    Examples
    --------
    The parameters are the means of all that gradient descent makes of them, each so far:

    >>> import deltaprop as dp
    >>> class Averaged(dp.optim.Optimizer):
    ...     slots = ("last",)
    ...     @staticmethod
    ...     def rates(lr, count, **_):
    ...         return lr, 1 / count
    ...     @staticmethod
    ...     def update(p, g, state, rates, *, weight_decay=0.0):
    ...         last = state[0] - rates[0] * (g + weight_decay * p)
    ...         return p + rates[1] * (last - p), (last,)
    >>> w = dp.Value(0.0)
    >>> optimizer = Averaged([w], lr=0.5)
    >>> for _ in range(3):
    ...     w.grad = 1.0
    ...     optimizer.step()
    >>> w.item(), optimizer.state_dict()["state"]["0.last"].item()
    (-1.0, -1.5)
    """

    update: Callable[..., tuple[Any, State]]
    rates: ClassVar[Callable[..., Any] | None] = None
    # what the state of a parameter holds; a "velocity" is there with a momentum only
    slots: ClassVar[tuple[str, ...]]
    __signature__: ClassVar[Signature]
    _told = False  # that the training run diverges

    def __init_subclass__(cls) -> None:
        """Say in the signature of the class which options `update` takes."""
        if "update" in vars(cls) and "__init__" not in vars(cls):
            *first, _ = signature(Optimizer).parameters.values()
            own = signature(cls.update).parameters.values()
            options = [p for p in own if p.kind is Parameter.KEYWORD_ONLY]
            cls.__signature__ = Signature([*first, *options])
            way = "write optimizer.options[{!r}] = ..., or give it to the constructor"
            foreign(cls, {p.name: way.format(p.name) for p in options}, Fixed)

    @explained
    def __init__(self, parameters: Iterable[Value], lr: float = 1e-3, **options: Any) -> None:
        if not hasattr(self, "update"):
            raise TypeError(
                f"{type(self).__name__} has no rule: take SGD, Adam, ..., or a subclass that "
                "defines update(p, g, state, rates, **options)"
            )
        self.parameters: list[Value] = _variables(parameters)
        # which are updated as their two parts; a variable's dtype never changes
        self._complex = {i for i, p in enumerate(self.parameters) if is_complex(p)}
        self._lr = Value(number("the learning rate", lr), name="lr")
        self._count = Value(0.0, name="count")
        self.options: dict[str, Any] = self._checked(options)
        slots = [s for s in self.slots if s != "velocity" or self.options["momentum"]]
        self.state: list[tuple[Value, ...]] = [
            tuple([Value(_like(_real(p._held), 0.0), name=f"{i}.{slot}") for slot in slots])
            for i, p in enumerate(self.parameters)
        ]

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = self.update.__kwdefaults__ or {}
        for key in options.keys() - known.keys():
            raise unknown(type(self).__name__, key, ["parameters", "lr", *known])
        checked = {name: _option(name, given) for name, given in {**known, **options}.items()}
        if checked.get("nesterov") and not checked["momentum"]:
            raise ValueError("nesterov=True needs a momentum, e.g. momentum=0.9")
        return checked

    @property
    def lr(self) -> float:
        """The learning rate."""
        rate: float = raw(self._lr)
        return rate

    @lr.setter
    def lr(self, new: float) -> None:
        if type(raw(self._lr)) is not float:
            raise TypeError(
                "a compiled function changes the learning rate: change it outside, between calls "
                "(schedule.step()); it is read anew in each of them"
            )
        self._lr.write(number("the learning rate", new))

    def step(self) -> None:
        """Update each parameter that has a gradient.

        Warns
        -----
        RuntimeWarning
            If the last parameter is NaN, infinite or larger than 1e30 afterwards: the training
            run diverges. It comes once. (A compiled step does not look.)
        """
        if (mode := MODE.get()) is not None:
            outside().depend(_options, self)
            for value in (self._lr, self._count, *self.parameters, *chain(*self.state)):
                outside().track_variable(value)
        update: Any = self.update
        rates = None
        # a call takes longer by every keyword
        options = {n: x for n, x in self.options.items() if x != update.__kwdefaults__[n]}
        for i, p in enumerate(self.parameters):
            if (g := p._grad) is None:
                p.verify_own()
                continue
            if rates is None:
                rates = self._next_rates()
            if type(g) is not np.ndarray:
                g = raw(g)
            x, kept = p._held, self.state[i]
            if apart := i in self._complex:
                x, g = _real(x), _real(g)
            state = kept and [value._held for value in kept]
            new, state = update(x, g, state, rates, **options)
            p.write(_as_before(new, p._held) if apart else new)
            if kept:
                entries = iter(state)  # zip() takes twice as long
                for value in kept:
                    value.write(next(entries))
        if rates is not None and mode is None and not self._told:
            last = new if type(new) is float else new.item(0) if new.size else 0.0
            if not -_DIVERGED < last < _DIVERGED:
                self._told = True
                warn(
                    f"a parameter is {last:.3g} after this step of {self!r}: the training run "
                    "diverges. Lower the learning rate, or clip the gradients (clip_grad_norm)",
                    RuntimeWarning,
                    stacklevel=2,
                )

    def _next_rates(self) -> Any:
        """What `update` gets in this step, which is counted if that matters."""
        if self.rates is None:
            return self._lr._held
        self._count.write(count := self._count._held + 1.0)
        return self.rates(self._lr._held, count, **self.options)

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        for p in self.parameters:
            if MODE.get() is not None:
                outside().track_variable(p)
            p.forget_gradient()

    def state_dict(self) -> dict[str, Any]:
        """Return kind, learning rate, options, and copies of the state: "count", "0.mean", ..."""
        options = dict(self.options)
        state = {name: np.array(raw(value)) for name, value in self._kept().items()}
        return {"kind": type(self).__name__, "lr": self.lr, "options": options, "state": state}

    def _kept(self) -> dict[str, Value]:
        """The Values of the state, by name."""
        counts = () if self.rates is None else (self._count,)
        return {str(value.name): value for value in (*counts, *chain(*self.state))}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken, on parameters of the same shapes.

        Raises
        ------
        ValueError
            If the state belongs to another kind of optimiser or to parameters of other shapes,
            or is damaged. Nothing is changed then.
        """
        _same_kind(self, saved)
        here, state = self._kept(), dict(saved["state"])
        options = self._checked(saved["options"])
        if bool(options.get("momentum")) != bool(self.options.get("momentum")):
            raise ValueError(
                f"the saved options must have a momentum if and only if {self!r} has one, got "
                f"momentum={options['momentum']!r}: make an optimiser with that momentum"
            )
        # of old, each parameter had a count of its own
        counts = [n for n in state if n.endswith(".count") and n not in here]
        if len({str(state[n]) for n in counts}) == 1 and "count" not in state:
            state = {"count": state[counts[0]], **{n: state[n] for n in state if n not in counts}}
        arrays = {name: np.asarray(entry) for name, entry in state.items()}
        fitting = {
            name
            for name, x in arrays.items()
            if name in here and x.shape == here[name].shape and x.dtype.kind in "iuf"
            if name != "count" or (x >= 0 and x % 1 == 0)
        }
        if wrong := {*arrays, *here} - fitting:
            raise ValueError(
                f"the saved state must fit {self!r}, got entries that are missing, unexpected, of "
                f"another shape, no real numbers, or no counts: {', '.join(sorted(wrong))}"
            )
        self.lr, self.options = saved["lr"], options
        for name, value in here.items():
            value.write(_like(raw(value), state[name]))

    def __repr__(self) -> str:
        usual, size = self.update.__kwdefaults__ or {}, sum(p.size for p in self.parameters)
        more = "".join(f", {name}={x!r}" for name, x in self.options.items() if x != usual[name])
        parameters = f"parameters={len(self.parameters)} of {size:,} entries"
        return f"{type(self).__name__}({parameters}, lr={self.lr:g}{more})"


foreign(Optimizer, {"param_groups": "write optimizer.lr and optimizer.options",
                    "minimize": "write loss.backward(), then optimizer.step()"})  # fmt: skip
foreign(Optimizer, {"learning_rate": "write optimizer.lr"}, Fixed)


class SGD(Optimizer):
    """Gradient descent: p - lr g, or with momentum p - lr v, where v = momentum v + g.

    With `nesterov`, the step uses g + momentum v instead of v. `weight_decay` adds
    weight_decay p to g, the derivative of an L2 penalty.

    Parameters
    ----------
    parameters : iterable of Value
        The variables to update, such as ``model.parameters()``.
    lr : float, optional
        The learning rate.
    momentum : float, optional
        The factor that the velocity keeps in a step.
    nesterov : bool, optional
        Whether the step uses Nesterov's form.
    weight_decay : float, optional
        The factor of the weight decay.

    References
    ----------
    Sutskever et al., 2013: on the importance of initialization and momentum in deep learning;
    in PyTorch's form, in which v does not contain lr.

    Examples
    --------
    >>> import deltaprop as dp
    >>> w = dp.Value([1.0, 2.0])
    >>> optimizer = dp.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy()
    array([0.8, 1.6])
    """

    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    if TYPE_CHECKING:  # the options are those of `update`

        def __init__(
            self,
            parameters: Iterable[Value],
            lr: float = 1e-3,
            *,
            momentum: float = 0.0,
            nesterov: bool = False,
            weight_decay: float = 0.0,
        ) -> None: ...

    @staticmethod
    def update(
        p: Any,
        g: Any,
        state: State,
        lr: Any,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> tuple[Any, State]:
        """The new p and state."""
        if weight_decay:
            g = g + weight_decay * p
        # -lr g + p, not p - lr g: the same bits, and NumPy reuses the buffer of a large -lr g
        if not momentum:
            return -lr * g + p, state
        velocity = momentum * state[0] + g
        return -lr * (g + momentum * velocity if nesterov else velocity) + p, (velocity,)


class RMSprop(Optimizer):
    """RMSprop: p - lr g / (sqrt(s) + eps), with the mean square s = decay s + (1 - decay) g².

    `momentum` and `weight_decay` are as in `SGD`; the velocity is that of the scaled gradient.

    Parameters
    ----------
    parameters : iterable of Value
        The variables to update, such as ``model.parameters()``.
    lr : float, optional
        The learning rate.
    decay : float, optional
        The decay rate of s.
    eps : float, optional
        The number that keeps the divisor from 0.
    momentum : float, optional
        The factor that the velocity keeps in a step.
    weight_decay : float, optional
        The factor of the weight decay.

    References
    ----------
    Tieleman and Hinton, 2012: Neural Networks for Machine Learning, lecture 6.5.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop as dp
    >>> w = dp.Value([1.0, 2.0])
    >>> optimizer = dp.optim.RMSprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0., 1.])
    """

    slots: ClassVar[tuple[str, ...]] = ("mean_square", "velocity")

    if TYPE_CHECKING:  # the options are those of `update`

        def __init__(
            self,
            parameters: Iterable[Value],
            lr: float = 1e-3,
            *,
            decay: float = 0.99,
            eps: float = 1e-8,
            momentum: float = 0.0,
            weight_decay: float = 0.0,
        ) -> None: ...

    @staticmethod
    def update(
        p: Any,
        g: Any,
        state: State,
        lr: Any,
        *,
        decay: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> tuple[Any, State]:
        """The new p and state."""
        if weight_decay:
            g = g + weight_decay * p
        mean_square = decay * state[0] + (1 - decay) * (g * g)
        step = g / (sqrt(mean_square) + eps)
        if not momentum:
            return p - lr * step, (mean_square,)
        velocity = momentum * state[1] + step
        return p - lr * velocity, (mean_square, velocity)


class Adam(Optimizer):
    """Adam: p - lr m / (sqrt(s) + eps) with m and s the running means of g and g².

    m and s are divided by the sums of their weights, since they start from 0. `betas` are the decay
    rates of m and s; `weight_decay` is as in `SGD`. `eps_hat` is added to sqrt(s) before the
    division, as in TensorFlow and scikit-learn: take ``eps=0.0, eps_hat=1e-8`` for their Adam.

    Parameters
    ----------
    parameters : iterable of Value
        The variables to update, such as ``model.parameters()``.
    lr : float, optional
        The learning rate.
    betas : pair of float, optional
        The decay rates of m and s.
    eps : float, optional
        The number that keeps the divisor from 0.
    eps_hat : float, optional
        The same, before the correction of s.
    weight_decay : float, optional
        The factor of the weight decay.

    References
    ----------
    Kingma and Ba, 2015: Adam: a method for stochastic optimization.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value(3.0)
    >>> optimizer = dp.optim.Adam([x], lr=0.5)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     ((x + 2.0) ** 2).backward()
    ...     optimizer.step()
    >>> round(x.item(), 1)
    -2.0
    """

    slots: ClassVar[tuple[str, ...]] = ("mean", "mean_square")

    if TYPE_CHECKING:  # the options are those of `update`

        def __init__(
            self,
            parameters: Iterable[Value],
            lr: float = 1e-3,
            *,
            betas: tuple[float, float] = (0.9, 0.999),
            eps: float = 1e-8,
            eps_hat: float = 0.0,
            weight_decay: float = 0.0,
        ) -> None: ...

    @staticmethod
    def rates(lr: Any, count: Any, *, betas: tuple[float, float], **_: Any) -> Any:
        """The learning rate; that of m / sqrt(s), without their biases; and the bias of sqrt(s)."""
        root = sqrt(1 - betas[1] ** count)
        return lr, lr / (1 - betas[0] ** count) * root, root

    @staticmethod
    def update(
        p: Any,
        g: Any,
        state: State,
        rates: Any,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        eps_hat: float = 0.0,
        weight_decay: float = 0.0,
    ) -> tuple[Any, State]:
        """The new p and state."""
        _, rate, root = rates
        if weight_decay:
            g = g + weight_decay * p
        mean = betas[0] * state[0] + (1 - betas[0]) * g
        mean_square = betas[1] * state[1] + (1 - betas[1]) * (g * g)
        scale = sqrt(mean_square) + (eps * root + eps_hat)
        return p - rate * (mean / scale), (mean, mean_square)


class AdamW(Optimizer):
    """`Adam` whose weight decay bypasses the means: before the step, p becomes p - lr decay p.

    Parameters
    ----------
    parameters : iterable of Value
        The variables to update, such as ``model.parameters()``.
    lr : float, optional
        The learning rate.
    betas : pair of float, optional
        The decay rates of m and s.
    eps : float, optional
        The number that keeps the divisor from 0.
    weight_decay : float, optional
        The factor of the weight decay.

    References
    ----------
    Loshchilov and Hutter, 2019: decoupled weight decay regularization.

    Examples
    --------
    >>> import deltaprop as dp
    >>> import deltaprop as dp
    >>> w = dp.Value([1.0, 2.0])
    >>> optimizer = dp.optim.AdamW([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.numpy().round(4)
    array([0.899, 1.898])
    """

    slots: ClassVar[tuple[str, ...]] = Adam.slots
    rates: ClassVar[Callable[..., Any] | None] = staticmethod(Adam.rates)

    if TYPE_CHECKING:  # the options are those of `update`

        def __init__(
            self,
            parameters: Iterable[Value],
            lr: float = 1e-3,
            *,
            betas: tuple[float, float] = (0.9, 0.999),
            eps: float = 1e-8,
            weight_decay: float = 0.01,
        ) -> None: ...

    @staticmethod
    def update(
        p: Any,
        g: Any,
        state: State,
        rates: Any,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> tuple[Any, State]:
        """The new p and state."""
        p = p * (1 - rates[0] * weight_decay)
        return Adam.update(p, g, state, rates, betas=betas, eps=eps)


def clip_grad_norm(parameters: Iterable[Value], max_norm: float) -> float:
    """Scale all gradients together so that their common 2-norm is at most `max_norm`.

    The norm of complex gradients is that of their absolute values.

    Parameters
    ----------
    parameters : iterable of Value
        The variables to update, such as ``model.parameters()``.
    max_norm : float
        The largest norm.

    Returns
    -------
    float
        The norm before clipping. If the norm is NaN, the gradients are unchanged; if it is
        inf, infinite entries are NaN now.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 1.0])
    >>> (x * [3.0, 4.0]).sum().backward()
    >>> dp.optim.clip_grad_norm([x], 1.0), x.grad
    (5.0, array([0.6, 0.8]))
    """
    limit = number("max_norm", max_norm)
    graded = _graded(parameters)
    # in float64, where no square of a float32 overflows
    wide = [astype(_real(raw(p._grad)), np.float64) for p in graded]
    norm = sqrt(sum([square(g).sum() for g in wide], np.zeros(())))
    scale = as_number(where(norm > limit, limit / where(norm > 0, norm, 1.0), 1.0))
    for p in graded:
        p._grad = raw(p._grad) * scale
    return as_number(norm)


def clip_grad_value(parameters: Iterable[Value], max_value: float) -> None:
    """Clip every entry of every gradient to [-max_value, max_value].

    The real and the imaginary part of a complex entry are clipped separately.

    Parameters
    ----------
    parameters : iterable of Value
        The variables to update, such as ``model.parameters()``.
    max_value : float
        The largest absolute value.

    Examples
    --------
    >>> import deltaprop as dp
    >>> x = dp.Value([1.0, 1.0])
    >>> (x * [3.0, -0.5]).sum().backward()
    >>> dp.optim.clip_grad_value([x], 1.0)
    >>> x.grad
    array([ 1. , -0.5])
    """
    limit = number("max_value", max_value)
    for p in _graded(parameters):
        limited = minimum(maximum(_real(raw(p._grad)), -limit), limit)
        p._grad = materialize(_as_before(limited, p._held), p._held)


def _graded(parameters: Iterable[Value]) -> list[Node]:
    """Return the nodes of the parameters that have a gradient, which is of their shape."""
    nodes = map(in_graph, _values(parameters))
    graded = [p for p in nodes if raw(p) is not None and p._grad is not None]
    for p in graded:  # a result keeps its gradient as it came
        p._grad = materialize(p._grad, p._held)
    return graded


class Schedule(ABC):
    """A learning rate that changes: that of the optimiser is set now and after each `step()`.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser whose learning rate changes.

    Attributes
    ----------
    base : float
        The learning rate of the optimiser when the schedule was made.
    count : int
        The number of steps done.

    Examples
    --------
    >>> import deltaprop as dp
    >>> optimizer = dp.optim.SGD([dp.Value(0.0)], lr=1.0)
    >>> schedule = dp.optim.StepDecay(optimizer, every=2, factor=0.5)
    >>> for _ in range(5):
    ...     print(optimizer.lr, end=" ")
    ...     schedule.step()
    1.0 1.0 0.5 0.5 0.25
    """

    def __init_subclass__(cls) -> None:
        explain(cls)

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer: Optimizer = of_kind(
            "the optimizer", optimizer, Optimizer, f"write {type(self).__name__}(optimizer, ...)"
        )
        self.base: float = optimizer.lr
        self.count: int = 0
        optimizer.lr = self.rate()

    def __repr__(self) -> str:
        own = [f", {name}={x!r}" for name, x in vars(self).items() if name != "optimizer"]
        return f"{type(self).__name__}({type(self.optimizer).__name__}{''.join(own)})"

    @abstractmethod
    def rate(self) -> float:
        """Return the learning rate after `count` steps."""

    def step(self, metric: float | None = None) -> None:  # noqa: ARG002 - ReduceOnPlateau's
        """Count a step (an epoch or a batch, as you like) and set the rate."""
        self.count += 1
        self.optimizer.lr = self.rate()

    def state_dict(self) -> dict[str, Any]:
        """Return the kind, the settings and the numbers of the schedule."""
        entries = {name: entry for name, entry in vars(self).items() if name != "optimizer"}
        return {"kind": type(self).__name__, **entries}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises
        ------
        ValueError
            If the state belongs to another kind of schedule, or is damaged. Nothing is changed
            then.
        """
        _same_kind(self, saved)
        here = self.state_dict()
        wrong = [n for n in here if isinstance(saved[n], Real) != isinstance(here[n], Real)]
        # the best metric is infinite before the first
        finite = [n for n in here if isinstance(here[n], Real) and n not in (*wrong, "best")]
        wrong += [n for n in finite if not math.isfinite(saved[n])]
        if wrong:
            raise ValueError(
                f"the saved state must hold what {type(self).__name__}.state_dict() gives, got "
                + ", ".join(f"{name}={saved[name]!r}" for name in wrong)
            )
        twin = copy(self)
        vars(twin).update({name: entry for name, entry in saved.items() if name != "kind"})
        self.optimizer.lr = twin.rate()
        vars(self).update(vars(twin))


class StepDecay(Schedule):
    """Multiply the rate by `factor` after every `every` steps.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser whose learning rate changes.
    every : int
        The number of steps between changes.
    factor : float
        The factor of the learning rate.

    Examples
    --------
    >>> import deltaprop as dp
    >>> optimizer = dp.optim.SGD([dp.Value(0.0)], lr=1.0)
    >>> schedule = dp.optim.StepDecay(optimizer, every=2, factor=0.5)
    >>> [(round(optimizer.lr, 4), schedule.step())[0] for _ in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, every: int, factor: float = 0.1) -> None:
        self.every: int = whole("every", every)
        self.factor: float = number("factor", factor)
        super().__init__(optimizer)

    def rate(self) -> float:
        """base factor^(count // every)."""
        return self.base * self.factor ** (self.count // self.every)


class ExponentialDecay(StepDecay):
    """Multiply the rate by `factor` after every step.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser whose learning rate changes.
    factor : float
        The factor of the learning rate.

    Examples
    --------
    >>> import deltaprop as dp
    >>> optimizer = dp.optim.SGD([dp.Value(0.0)], lr=1.0)
    >>> schedule = dp.optim.ExponentialDecay(optimizer, 0.5)
    >>> [(round(optimizer.lr, 4), schedule.step())[0] for _ in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, factor: float) -> None:
        super().__init__(optimizer, 1, factor)


class CosineDecay(Schedule):
    """Decrease the rate along half a cosine, from the base rate to `final` in `steps` steps.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser whose learning rate changes.
    steps : int
        The number of steps.
    final : float, optional
        The last learning rate.

    References
    ----------
    Loshchilov and Hutter, 2017: SGDR: stochastic gradient descent with warm restarts.

    Examples
    --------
    >>> import deltaprop as dp
    >>> optimizer = dp.optim.SGD([dp.Value(0.0)], lr=1.0)
    >>> schedule = dp.optim.CosineDecay(optimizer, steps=4)
    >>> [(round(optimizer.lr, 4), schedule.step())[0] for _ in range(5)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0]
    """

    def __init__(self, optimizer: Optimizer, steps: int, final: float = 0.0) -> None:
        self.steps: int = whole("steps", steps)
        self.final: float = number("final", final)
        super().__init__(optimizer)

    def rate(self) -> float:
        """final + (base - final) (1 + cos(pi count / steps)) / 2."""
        return _half_cosine(self.base, self.final, self.count / self.steps)


class OneCycle(Schedule):
    """Cosine warm-up from peak / 25 to `peak`, then cosine decay to 1e-4 of the initial rate.

    There are `steps` rates; the fraction `rising` of them increases. The last rate stays.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser whose learning rate changes.
    peak : float
        The largest learning rate.
    steps : int
        The number of steps.
    rising : float, optional
        The fraction of the steps in which the rate increases.

    References
    ----------
    Smith and Topin, 2018: super-convergence; with the numbers that PyTorch takes.

    Examples
    --------
    >>> import deltaprop as dp
    >>> optimizer = dp.optim.SGD([dp.Value(0.0)], lr=1.0)
    >>> schedule = dp.optim.OneCycle(optimizer, peak=1.0, steps=5)
    >>> [(round(optimizer.lr, 4), schedule.step())[0] for _ in range(5)]
    [0.04, 0.9505, 0.6113, 0.1883, 0.0]
    """

    def __init__(self, optimizer: Optimizer, peak: float, steps: int, rising: float = 0.3) -> None:
        self.peak: float = number("peak", peak)
        self.last: int = whole("steps", steps) - 1
        self.top: float = rising * steps - 1
        if not 0 < self.top < self.last:
            raise ValueError(
                f"rising={rising!r} of {steps} steps leaves no rising or no falling phase: give "
                "more steps, or a `rising` between 0 and 1"
            )
        super().__init__(optimizer)

    def rate(self) -> float:
        """Up to the peak at rising * steps - 1, then down."""
        start = self.peak / 25
        if self.count <= self.top:
            return _half_cosine(start, self.peak, self.count / self.top)
        fallen = (self.count - self.top) / (self.last - self.top)
        return _half_cosine(self.peak, start * 1e-4, fallen)


class ReduceOnPlateau(Schedule):
    """Multiply the rate by `factor`, down to `final`, when a metric no longer improves.

    This happens when the metric has not improved on its best value by more than
    ``threshold * abs(best)`` for more than `patience` steps. Smaller is better, or larger with
    ``mode="max"``; NaN is never better.

    Parameters
    ----------
    optimizer : Optimizer
        The optimiser whose learning rate changes.
    factor : float
        The factor of the learning rate.
    patience : int, optional
        The number of steps without improvement that are waited for.
    threshold : float, optional
        The relative improvement that counts.
    final : float, optional
        The last learning rate.
    mode : {'min', 'max'}, optional
        Whether a smaller or a larger metric is better.

    Examples
    --------
    >>> import deltaprop as dp
    >>> optimizer = dp.optim.SGD([dp.Value(0.0)], lr=1.0)
    >>> schedule = dp.optim.ReduceOnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        final: float = 0.0,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        self.factor: float = number("factor", factor, below=1.0)
        self.final: float = number("final", final)
        self.patience: float = number("patience", patience)
        self.threshold: float = number("threshold", threshold)
        self.mode: str = chosen("mode", mode, ("min", "max"))
        self.waited: int = 0
        self.best: float = math.inf if mode == "min" else -math.inf
        super().__init__(optimizer)

    def rate(self) -> float:
        """Return the base rate, which this schedule itself lowers."""
        return self.base

    def step(self, metric: float | None = None) -> None:
        """Count a step, at the end of which the metric has this value."""
        if metric is None:
            raise TypeError("ReduceOnPlateau.step(metric) needs the metric that it watches")
        latest = float(of_kind("the metric", raw(metric), (Real, np.ndarray), "give one number"))
        better = self.best - latest if self.mode == "min" else latest - self.best
        if better > (self.threshold * abs(self.best) if math.isfinite(self.best) else 0.0):
            self.best, self.waited = latest, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.base, self.waited = max(self.base * self.factor, self.final), 0
        super().step()


def _half_cosine(start: float, end: float, part: float) -> float:
    share = (1 + math.cos(math.pi * min(part, 1.0))) / 2
    return share * start + (1 - share) * end


def _values(parameters: Iterable[Value]) -> list[Value]:
    if isinstance(parameters, Value):
        raise TypeError("the parameters must be a list of Values, not one Value: write [value]")
    return sequence("the parameters", parameters, Value, "write model.parameters()")


def _variables(parameters: Iterable[Value]) -> list[Value]:
    found = _values(parameters)
    for p in found:
        if p.op is not None or p.is_constant:
            what = "a constant" if p.op is None else f"a result (of {p.op})"
            raise TypeError(f"parameters must be variables, dp.Value(data), got {what}: {brief(p)}")
    if not found:
        raise ValueError(
            "no parameters to optimise: the list is empty. The parameters of a model are its "
            "attributes that are dp.Value(data), and those of the modules in it"
        )
    if len({id(p) for p in found}) < len(found):
        raise ValueError("a parameter is in the list twice: give each once, or it is updated twice")
    return found


def _option(name: str, given: Any) -> Any:
    if name == "nesterov":
        return bool(chosen(name, given, (True, False)))
    if name == "betas":
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise ValueError(f"betas must be two numbers, e.g. (0.9, 0.999), got {brief(given)}")
        first, second = given
        return (number("a beta", first, below=1.0), number("a beta", second, below=1.0))
    return number(name, given, below=1.0 if name in ("momentum", "decay") else math.inf)


def _same_kind(owner: Any, saved: Mapping[str, Any]) -> None:
    """Raise a ValueError unless the saved state has the kind and the entries of its owner."""
    of_kind("the saved state", saved, Mapping, "give what state_dict() returned")
    here = owner.state_dict()
    if saved.keys() != here.keys() or saved["kind"] != here["kind"]:
        raise ValueError(
            f"the saved state must be of kind {here['kind']} with the entries {sorted(here)}, got "
            f"kind {saved.get('kind')} with {sorted(saved)}"
        )


def _real(x: Any) -> Any:
    """Return real data as they are, complex data as their parts along a new last axis."""
    return stack([real(x), imag(x)], -1) if np.iscomplexobj(x) else x


def _as_before(new: Any, held: Any) -> Any:
    """Undo `_real` if the data held are complex."""
    return materialize(new[..., 0] + 1j * new[..., 1], held) if np.iscomplexobj(held) else new


def _like(entry: Any, new: Any) -> Any:
    """Return a copy of `new` as a float, or as an array of the shape and dtype of `entry`."""
    return float(new) if type(entry) is float else np.full_like(entry, new)


__all__ = [
    "SGD", "Adam", "AdamW", "CosineDecay", "ExponentialDecay", "OneCycle", "Optimizer", "RMSprop",
    "ReduceOnPlateau", "Schedule", "StepDecay", "clip_grad_norm", "clip_grad_value",
]  # fmt: skip

if not TYPE_CHECKING:  # type checkers know every name, and report any other
    __getattr__ = absent(__name__)


def __dir__() -> list[str]:
    return __all__
