"""Random training programs, compiled and eager, compared after every call.

    python -m tests.compiler.many --count 10000 [--seed N]

A program is a random step function (layers, dropout, normalisation, checkpoint, custom_gradient,
backward passes that add up, clipping, optimisers, moves of data), and what happens between its
calls (schedules, states that are loaded, writes, zero_grad, errors). Results, parameters,
gradients, optimiser states, buffers and generators must have the same bits as in eager mode; where
memory layouts differ, sums are rounded differently, and they must be close.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import traceback
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop import nn, optim
from deltaprop.graph import REGISTRY, Elementwise
from deltaprop.graph.node import MODE
from deltaprop.tree import flatten

Step = tuple[str, Callable[..., Any]]


class WantedError(Exception):
    """What a program raises when it is told to."""


_armed = [False]


def _forward(x: Any) -> Any:
    if _armed[0]:
        raise WantedError
    return np.array(x)


_fragile = Elementwise(_forward, lambda _y, x: 0 * x + 1.0, name="fragile")
REGISTRY.pop("fragile")  # the table is for what everybody may use


@dp.custom_gradient
def _limited(x: Any) -> Any:
    return x * 2.0, lambda g: dnp.clip(g, -0.1, 0.1) * 3.0


@dp.custom_gradient
def _of_two(x: Any, y: Any) -> Any:
    return x + 2.0 * y.sum(), lambda g: (g * 0.5, y * dnp.sum(g))


UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": dnp.tanh,
    "sin": np.sin,
    "sigmoid": nn.sigmoid,
    "relu": nn.relu,
    "softplus": nn.softplus,
    "softmax": lambda a: nn.softmax(a) if dnp.ndim(a) else a,
    "abs": abs,
    "root": lambda a: (a * a + 1.0) ** 0.5,
    "bell": lambda a: dnp.exp(-a * a),
    "clip": lambda a: dnp.clip(a, -0.5, 0.5),
    "checkpoint": dp.checkpoint(lambda a: dnp.tanh(a * 2.0) * a),
    "custom_gradient": _limited,
    "both": dp.checkpoint(lambda a: _limited(a) * a),
    "stop_gradient": dp.stop_gradient,
    "reversed": lambda a: a[..., ::-1] if dnp.ndim(a) else -a,
    "centred": lambda a: a - dnp.mean(a),
    "sorted": lambda a: dnp.sort(a, axis=-1) if dnp.ndim(a) else a,
    "cumsum": lambda a: dnp.cumsum(a, axis=-1) if dnp.ndim(a) else a * 3.0,
    "turned twice": lambda a: (a.T * 0.5).T if dnp.ndim(a) else a,
    "fragile": lambda a: _fragile(a),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (b * b + 1.0),
    "maximum": dnp.maximum,
    "minimum": np.minimum,
    "where": lambda a, b: dnp.where(a > b, a * 2.0, b),
    "custom_gradient of two": lambda a, b: _of_two(a, b) if dnp.ndim(b) else a,
    "checkpoint of two": dp.checkpoint(lambda a, b: a * dnp.tanh(b)),
}
OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.05),
    "momentum": lambda p: optim.SGD(p, lr=0.03, momentum=0.9),
    "nesterov": lambda p: optim.SGD(p, lr=0.03, momentum=0.8, nesterov=True, weight_decay=0.01),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01),
    "RMSprop with momentum": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, weight_decay=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.02),
    "AdamW": lambda p: optim.AdamW(p, lr=0.02, weight_decay=0.1),
}
SCHEDULES: list[Callable[..., Any]] = [
    lambda o: optim.StepDecay(o, 2, 0.5),
    lambda o: optim.ExponentialDecay(o, 0.7),
    lambda o: optim.CosineDecay(o, 5),
    lambda o: optim.OneCycle(o, 0.05, 10),
]
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": lambda a: a,
    "read-only": lambda a: _fixed(a),
    "Fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a,
    "reversed": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
}


def _fixed(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


class World:
    """What lies outside of a step: variables, layers, optimisers, generators."""

    def __init__(self, program: Program) -> None:
        draw, dtype = np.random.default_rng(program.seed), program.dtype
        self.program = program
        self.variables = [
            dp.Value(draw.standard_normal(shape).astype(dtype) if shape else draw.normal())
            for shape in program.shapes
        ]
        shared = np.random.default_rng(1)
        self.drops = [
            nn.Dropout(p, shared if program.shares else k) for k, p in enumerate((0.3, 0.5))
        ]
        self.norms = [nn.BatchNorm(3, dtype=dtype), nn.LayerNorm(3, dtype=dtype)]
        self.layers = [nn.Dense(3, 3, activation=a, rng=0, dtype=dtype) for a in ("tanh", "relu")]
        self.modules: list[Any] = [*self.drops, *self.norms, *self.layers]
        self.parameters = [*self.variables, *[p for m in self.modules for p in m.parameters()]]
        half = program.half
        groups = [self.parameters[:half], self.parameters[half:]] if half else [self.parameters]
        names = zip(groups, program.optimizers, strict=False)
        self.optimizers = [OPTIMIZERS[name](group) for group, name in names]
        self.schedules = [SCHEDULES[program.seed % 4](o) for o in self.optimizers]
        self.generator = np.random.default_rng(7)
        self.saved = [o.state_dict() for o in self.optimizers]
        self.kept: list[Any] = []
        self.itself = False  # whether a function ran, and was not recorded

    def state(self) -> dict[str, Any]:
        """All that a step may leave changed."""
        generators = [self.generator, *[drop.rng for drop in self.drops]]
        return {
            "data": [p.numpy() if p.shape else p.item() for p in self.parameters],
            "gradients": [p.grad for p in self.parameters],
            "optimizers": [o.state_dict() for o in self.optimizers],
            "buffers": self.norms[0].state_dict(),
            "generators": [repr(g.bit_generator.state) for g in generators],
        }

    def step(self, given: dict[str, Any], generator: Any) -> Any:
        """One call of the program's first function."""
        return self.run(self.program.bodies[0], given, generator)

    def other(self, given: dict[str, Any], generator: Any) -> Any:
        """One call of its second function, of the same variables."""
        return self.run(self.program.bodies[1], given, generator)

    def run(self, body: list[Step], given: dict[str, Any], generator: Any) -> Any:
        """The statements of a function, one after the other."""
        self.itself = MODE.get() is None
        env: dict[str, Any] = {"generator": generator, "results": []}
        rows = [given["x"], *given["more"], given["scalar"]]
        env["nodes"] = [*self.variables, *rows]
        for _, statement in body:
            statement(self, env)
        return env["results"][0] if self.program.single else {"all": tuple(env["results"])}


class Program:
    """A random program; the same for a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        r = self.random = Random(seed)
        self.dtype = r.choice([np.float64, np.float64, np.float32])
        self.rows = r.choice([4, 4, 5, 2, 1, 0])
        self.layout = r.choice(["C", "C", "C", *LAYOUTS])
        self.moved_layouts = r.random() < 0.15
        self.exact = self.layout in ("C", "read-only") and not self.moved_layouts
        self.shapes = [r.choice([(), (3,), (1, 3), (3, 3)]) for _ in range(r.randint(1, 4))]
        if self.rows not in (1, 3):
            self.shapes = [x if x != (3, 3) else (3,) for x in self.shapes]
        self.shares = r.random() < 0.5
        self.single = r.random() < 0.3
        self.half = r.choice([0, 1, 3])
        names = list(OPTIMIZERS)[: None if self.exact else 3]
        self.optimizers = [r.choice(names) for _ in range(2)]
        self.bodies = self._body(), self._body()
        self.calls = r.randint(4, 7)
        self.events = [self._events() for _ in range(self.calls)]
        self.armed = [r.random() < 0.15 for _ in range(self.calls)]
        self.shifts = [r.choice([0, 0, 0, 1]) for _ in range(self.calls)]
        self.others = [r.random() < 0.2 for _ in range(self.calls)]

    # -- the step ------------------------------------------------------------------------

    def _body(self) -> list[Step]:
        r = self.random
        when = r.choice(["first", "after", "never", "last"])
        body = [self._zero()] if when == "first" else []
        body += [self._compute() for _ in range(r.randint(1, 8))]
        body.append(self._loss())
        if when == "after":
            body.append(self._zero())
        if r.random() < 0.9:
            body.append(self._backward())
            body += [self._learn() for _ in range(r.randint(0, 4))]
        if when == "last":
            body.append(self._zero())
        body += [self._result() for _ in range(r.randint(0, 3))]
        return [*body, ("return loss", lambda _, env: env["results"].append(env["loss"]))]

    def _zero(self) -> Step:
        if self.random.random() < 0.5:
            return "optimizers.zero_grad", lambda w, _: [o.zero_grad() for o in w.optimizers]
        k = self.random.randrange(9)
        return f"zero_grad {k}", lambda w, _: w.parameters[k % len(w.parameters)].zero_grad()

    def _compute(self) -> Step:
        r = self.random
        i, j, k = (r.randrange(30) for _ in range(3))
        kind = r.choice(
            ["unary"] * 3 + ["binary"] * 3 + ["layer", "drop", "norm", "draw", "closure"]
        )
        if kind == "unary":
            name = r.choice(list(UNARY))
            return f"{name} {i}", lambda _, env: _add(env, UNARY[name](_node(env, i)))
        if kind == "binary":
            name = r.choice(list(BINARY))
            return f"{name} {i} {j}", lambda _, env: _add(
                env, BINARY[name](_node(env, i), _node(env, j))
            )
        if kind == "drop":
            return f"drop {i} {k}", lambda w, env: _add(env, w.drops[k % 2](_node(env, i)))
        if kind == "draw":
            return f"draw {i}", lambda _, env: _add(
                env, _node(env, i) * env["generator"].normal(1.0, 0.1, 3)
            )
        if kind == "closure":
            return f"checkpoint of closure {i} {k}", lambda w, env: _add(
                env,
                dp.checkpoint(lambda a: dnp.tanh(a * w.variables[k % len(w.variables)]))(
                    _node(env, i)
                ),
            )
        whole = r.random() < 0.3

        def through(w: World, env: Any) -> None:
            x = _node(env, i, matrix=True)
            layer = (w.layers if kind == "layer" else w.norms)[k % 2]
            if layer is w.norms[0] and len(x) < 2:
                layer = w.norms[1]
            _add(env, dp.checkpoint(layer)(x) if whole else layer(x))

        return f"{kind} {k % 2} {i}{' checkpointed' if whole else ''}", through

    def _loss(self) -> Step:
        r = self.random
        terms = [r.randrange(30) for _ in range(r.randint(1, 3))]
        mean, fragile = r.random() < 0.5 and self.rows > 0, r.random() < 0.4

        def loss(w: World, env: Any) -> None:
            total: Any = (w.variables[0] * w.variables[0]).sum() * 0.05
            for i in terms:
                x = _node(env, i, last=True)
                total = total + (dnp.mean(x * x) if mean else dnp.sum(x * x) * 0.1)
            env["loss"] = _fragile(total) if fragile else total

        return f"loss {terms} mean={mean} fragile={fragile}", loss

    def _backward(self) -> Step:
        kind = self.random.choice(["plain"] * 4 + ["leaves", "twice", "penalty"])

        def backward(w: World, env: Any) -> None:
            loss = env["loss"]
            if kind == "penalty":
                p = w.variables[0]
                for q in w.parameters:
                    q.zero_grad()
                (loss * 1.0).backward(create_graph=True)
                penalty = (p.grad * p.grad).sum() + p.sum() if p.grad is not None else p.sum()
                for q in w.parameters:
                    q.zero_grad()
                penalty.backward()
                return
            loss.backward(retain_grads=kind != "leaves")
            if kind == "twice":
                (loss * w.variables[-1].sum()).backward()

        return f"backward {kind}", backward

    def _learn(self) -> Step:
        r = self.random
        i, j = r.randrange(30), r.randrange(30)
        kind = r.choice(
            ["step"] * 3 + ["norm", "value", "by hand", "scaled", "move", "swap", "mean"]
        )
        kind = r.choice([kind, kind, kind, "fragile"])

        def learn(w: World, env: Any) -> None:
            p = w.parameters[i % len(w.parameters)]
            q = [x for x in w.parameters if x.shape == p.shape and x.dtype == p.dtype]
            other = q[j % len(q)]
            if kind == "step":
                w.optimizers[j % len(w.optimizers)].step()
            elif kind == "norm":
                env["results"].append(optim.clip_grad_norm(w.parameters, 0.5))
            elif kind == "value":
                optim.clip_grad_value(w.parameters, 0.3)
            elif kind == "by hand":
                if p.grad is not None:
                    p.data = p.data - w.optimizers[0].lr * p.grad
            elif kind == "scaled":
                if p.grad is not None:
                    p.grad = p.grad * 0.5
            elif kind == "move":
                p.data = other.data
            elif kind == "swap":
                p.data, other.data = other.detach().data * 0.5, p.detach().data
            elif kind == "mean":
                p.assign(0.9 * p.data + 0.1 * other.data)
            else:
                env["results"].append(_fragile(p * 2.0))

        return f"{kind} {i} {j}", learn

    def _result(self) -> Step:
        i, kind = self.random.randrange(30), self.random.choice(["node", "grad", "data", "nested"])

        def result(w: World, env: Any) -> None:
            p = w.parameters[i % len(w.parameters)]
            env["results"].append(
                _node(env, i)
                if kind == "node"
                else p.grad
                if kind == "grad"
                else p.detach()
                if kind == "data"
                else {"b": [_node(env, i) * 1.0], "a": (p * 1.0, None)}
            )

        return f"return {kind} {i}", result

    # -- between calls -------------------------------------------------------------------

    def _events(self) -> list[Step]:
        r = self.random
        return [self._event() for _ in range(r.choice([0, 0, 1, 1, 2]))]

    def _event(self) -> Step:
        r = self.random
        i, k = r.randrange(30), r.randrange(1, 5)
        kind = r.choice([
            "zero_grad", "schedule", "save", "load", "options", "mode", "write", "assign", "grad",
            "keep", "graph", "lr", "model", "swapped",
        ])  # fmt: skip

        def event(w: World) -> None:
            p, o = w.parameters[i % len(w.parameters)], w.optimizers[i % len(w.optimizers)]
            if kind == "zero_grad":
                o.zero_grad()
            elif kind == "schedule":
                w.schedules[i % len(w.schedules)].step()
            elif kind == "save":
                w.saved = [o.state_dict() for o in w.optimizers]
            elif kind == "load":
                for rule, saved in zip(w.optimizers, w.saved, strict=True):
                    rule.load_state_dict(saved)
            elif kind == "options":
                saved = o.state_dict()
                saved["options"]["weight_decay"] = 0.01 * k
                o.load_state_dict(saved)
            elif kind == "mode":
                w.modules[i % len(w.modules)].train(k > 2)
            elif kind == "write" and p.shape:
                p.data[...] *= 0.5
            elif kind == "assign":
                p.data = np.array(p.numpy() * 0.9, order="F" if self.moved_layouts else "C")
            elif kind == "grad":
                p.grad = [None, 0, np.full(p.shape, 0.5 * k), np.full(p.shape, 0.25)][k - 1]
            elif kind == "keep":
                w.kept.append((p.data, p.numpy()) if p.shape else ())
            elif kind == "graph":
                w.kept.append(((p * p).sum(), p))
            elif kind == "lr":
                o.lr = 0.01 * k
            elif kind == "model":
                m = w.modules[i % len(w.modules)]
                m.load_state_dict({name: x * 0.9 for name, x in m.state_dict().items()})
            elif kind == "swapped":
                q = w.parameters[k % len(w.parameters)]
                if p.shape == q.shape:
                    p.data, q.data = q.numpy(), p.numpy()

        return f"{kind} {i} {k}", event

    # -- running it ----------------------------------------------------------------------

    def arguments(self, call: int) -> dict[str, Any]:
        """What a call is given."""
        draw = np.random.default_rng([self.seed, call])
        change = LAYOUTS[self.layout]
        rows = self.rows + self.shifts[call] * (self.rows > 3)
        return {
            "x": change(draw.standard_normal((rows, 3)).astype(self.dtype)),
            "more": (
                change(draw.standard_normal(3).astype(self.dtype)),
                [np.array(draw.normal(), self.dtype)][0],
            ),
            "scalar": draw.normal(),
        }

    def check(self) -> None:
        """Run it both ways; an AssertionError says where they part."""
        eager, other = World(self), World(self)
        both = [(dp.compile(other.step), eager.step), (dp.compile(other.other), eager.other)]
        for call in range(self.calls):
            for name, event in self.events[call]:
                event(eager)
                event(other)
                self.compare(other.state(), eager.state(), f"event {name} before call {call}")
            given, before = self.arguments(call), other.state()
            compiled, function = both[self.others[call]]
            _armed[0], other.itself = self.armed[call], False
            try:
                came = compiled(given, other.generator)
            except WantedError:
                if not other.itself:
                    _same(other.state(), before, True, f"an error in call {call} changed something")
                    continue
                # what was recorded did not hold, and the function itself ran: as in eager mode
                with contextlib.suppress(WantedError):
                    function(self.arguments(call), eager.generator)
                    raise AssertionError(f"call {call} raises compiled alone") from None
                self.compare(other.state(), eager.state(), f"the state after call {call}")
                continue
            finally:
                _armed[0] = False
            right = function(self.arguments(call), eager.generator)
            self.compare(came, right, f"the result of call {call}")
            if given["x"].flags.writeable:
                given["x"][...] = 0.0
            self.compare(came, right, f"the result of call {call}, kept")
            self.compare(other.state(), eager.state(), f"the state after call {call}")
            kept = [[_graph_gradient(x) for x in w.kept] for w in (other, eager)]
            self.compare(*kept, f"what was kept before call {call}")

    def compare(self, a: Any, b: Any, where: str) -> None:
        # a scalar of a float32 program is a Python float, with the rounding of float32
        _same(a, b, self.exact, where, 1e-3 if self.dtype is np.float32 else 1e-7)

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {np.dtype(self.dtype)}, {self.rows} rows, {self.layout}, "
            f"variables {self.shapes}, {self.optimizers}, half {self.half}"
        ]
        lines += [f"    {text}" for text, _ in self.bodies[0]]
        if any(self.others):
            lines += ["    -- the other"] + [f"    {text}" for text, _ in self.bodies[1]]
        lines += [f"  before call {i}: {[text for text, _ in x]} {self.armed[i]} {self.others[i]}"
                  for i, x in enumerate(self.events)]  # fmt: skip
        return "\n".join(lines)


def _graph_gradient(kept: Any) -> Any:
    """What was kept of a variable, a view or a graph, is what it was."""
    if not kept or isinstance(kept[0], np.ndarray):
        return None if not kept else kept[0].copy()
    y, p = kept
    p_before = p.grad
    y.backward()
    found = p.grad
    p.grad = p_before
    return found


def _add(env: Any, x: Any) -> None:
    env["nodes"].append(x)


def _node(env: Any, i: int, *, matrix: bool = False, last: bool = False) -> Any:
    """One of the values so far, the latest ones more often."""
    nodes = env["nodes"]
    if matrix:
        nodes = [x for x in nodes if dnp.ndim(x) == 2 and x.shape[-1] == 3]
    if last:
        nodes = nodes[-4:]
    return nodes[-1 - i % len(nodes)]


def _same(a: Any, b: Any, exact: bool, where: str, near: float = 0.0) -> None:
    """Both have the same structure, types and numbers; not `exact`: numbers that are near."""
    leaves, structure = flatten(a)
    others, other = flatten(b)
    assert structure == other, f"{where}: {structure} and not {other}"
    for i, (x, y) in enumerate(zip(leaves, others, strict=True)):
        assert isinstance(x, dp.Value) == isinstance(y, dp.Value), f"{where}: leaf {i} {x} {y}"
        if isinstance(x, dp.Value):
            x, y = x.detach().data, y.detach().data
        loose = all(isinstance(z, float | np.generic | np.ndarray) for z in (x, y))
        if not loose or "state" in where:
            assert type(x) is type(y), f"{where}: leaf {i} is a {type(x)}, not a {type(y)}"
        if isinstance(x, str):
            assert x == y, f"{where}: leaf {i}: {x} and not {y}"
            continue
        assert np.result_type(x) == np.result_type(y), f"{where}: leaf {i}: dtype"
        x, y = np.asarray(x), np.asarray(y)
        if exact or x.dtype.kind != "f":
            np.testing.assert_array_equal(x, y, err_msg=f"{where}, leaf {i}", strict=True)
        else:
            np.testing.assert_allclose(x, y, near, near, err_msg=f"{where}, leaf {i}")


def wrong(seed: int) -> str:
    """What is wrong with the program of this seed; nothing, if all is right."""
    program = Program(seed)
    try:
        with np.errstate(all="ignore"):
            program.check()
    except Exception as error:
        text = str(error) if isinstance(error, AssertionError) else traceback.format_exc(limit=-3)
        return f"{program}\n  {type(error).__name__}: {text}\n"
    return ""


def main() -> int:
    """Try as many programs as asked for, and print those that are wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--stop", type=int, default=20, help="after so many wrong ones")
    options = parser.parse_args()
    found = 0
    for seed in range(options.seed, options.seed + options.count):
        if text := wrong(seed):
            found += 1
            print(text, flush=True)
            if found == options.stop:
                break
    print(f"{seed - options.seed + 1} programs, {found} wrong")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
