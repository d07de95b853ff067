"""Every mutant of every rule in the table, and of the kinds that run the rules."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from deltaprop.calculus import contractions
from deltaprop.graph import (
    REGISTRY,
    Bilinear,
    Custom,
    Elementwise,
    Linear,
    Masked,
    Primitive,
    cotangent,
    elementwise,
    forward,
    node,
    primitive,
    raw,
    reverse,
    scalars,
)
from deltaprop.graph.cotangent import ZERO, Scattered

from ..test_rules import BORROWED, OWN, cases_of
from .changes import Source, changes_of_rules, mutated


@dataclass(frozen=True)
class Mutant:
    """One change, and the operations whose tests should notice it."""

    name: str
    operations: tuple[str, ...]
    apply: Callable[[], Callable[[], None]]

    @contextmanager
    def alive(self) -> Iterator[None]:
        undo = self.apply()
        try:
            _refresh()
            yield
        finally:
            undo()
            _refresh()


def _refresh() -> None:
    """Make anew what elementwise operations make of their partials when constructed."""
    for op in REGISTRY.values():
        if isinstance(op, Elementwise):
            op.vjp_floats = scalars.vjp_of_scalars(op)  # type: ignore[method-assign]
    contractions._transposed.cache_clear()


def _recoded(functions: Sequence[FunctionType], code: CodeType) -> Callable[[], Callable[[], None]]:
    def put(code: CodeType) -> None:
        for f in functions:
            f.__code__ = code

    def apply() -> Callable[[], None]:
        before = functions[0].__code__
        put(code)
        return lambda: put(before)

    return apply


def _attribute(op: Primitive, name: str, value: Any) -> Callable[[], Callable[[], None]]:
    def apply() -> Callable[[], None]:
        before = getattr(op, name)
        setattr(op, name, value)
        return lambda: setattr(op, name, before)

    return apply


def rules_of(op: Primitive) -> dict[str, tuple[str, Any]]:
    """The rules that an operation states: where they are kept, by name."""
    match op:
        case Elementwise():
            return {f"partial {i}": p for i, p in enumerate(op.partials)}
        case Linear():
            return {"transpose": op.transpose}
        case Bilinear():
            return {f"transpose {i}": t for i, t in enumerate(op.transposes)}
        case Custom():
            return {f"vjp {i}": v for i, v in enumerate(op.vjps)} | {"jvp": op.jvp_rule}
    own = [type(op).vjp, type(op).jvp, getattr(type(op), "transpose", None)]
    return {f.__name__: f for f in own if f is not None}


_OURS = ("deltaprop.calculus.", "deltaprop.nn.")


def helpers_of(function: FunctionType) -> Iterator[FunctionType]:
    """The private functions that a rule calls, and those that they call."""
    seen, waiting = {function}, [function]
    while waiting:
        f = waiting.pop()
        names = _names(f.__code__)
        found = [f.__globals__.get(name) for name in names if name.startswith("_")]
        found += [cell.cell_contents for cell in f.__closure__ or ()]
        for g in map(inspect.unwrap, filter(callable, found)):  # what is cached counts, too
            if not isinstance(g, FunctionType) or g in seen or not g.__module__.startswith(_OURS):
                continue
            if g.__name__.startswith("_") or g.__module__ == f.__module__:
                seen.add(g)
                waiting.append(g)
                yield g


def _names(code: CodeType) -> set[str]:
    inner = [_names(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


def generate(operations: Sequence[str] | None = None) -> list[Mutant]:
    """All mutants, with names of their own: of some operations, or of all and the kinds."""
    found: list[Mutant] = []
    # functions that come of one piece of source are changed together
    rules: dict[CodeType, list[tuple[Primitive, str, FunctionType]]] = {}
    helpers: dict[CodeType, list[tuple[Primitive, FunctionType]]] = {}
    for op in [REGISTRY[name] for name in (OWN if operations is None else operations)]:
        if op.name in BORROWED:
            continue
        found += _swapped(op)
        for place, rule in rules_of(op).items():
            if isinstance(rule, FunctionType):
                rules.setdefault(rule.__code__, []).append((op, place, rule))
                for helper in helpers_of(rule):
                    helpers.setdefault(helper.__code__, []).append((op, helper))
    for users in rules.values():
        found += _of_rule(users)
    for code, uses in helpers.items():
        if code not in rules:
            found += _of_helper(uses)
    for kind in KINDS if operations is None else []:
        found += _of_source(_path(kind), (), [kind], None)
    return list(_numbered(found))


def _path(function: FunctionType) -> str:
    return f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"


def _of_helper(uses: Sequence[tuple[Primitive, FunctionType]]) -> Iterator[Mutant]:
    functions = [f for _, f in uses]
    names = tuple(dict.fromkeys(op.name for op, _ in uses))
    yield from _of_source(_path(functions[0]), names, functions, _arguments(functions[0]))


def _numbered(mutants: Sequence[Mutant]) -> Iterator[Mutant]:
    seen: dict[str, int] = {}
    for m in mutants:
        seen[m.name] = n = seen.get(m.name, 0) + 1
        yield m if n == 1 else Mutant(f"{m.name} #{n}", m.operations, m.apply)


def _arguments(function: FunctionType) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _of_source(
    name: str,
    operations: tuple[str, ...],
    functions: Sequence[FunctionType],
    names: list[str] | None,
) -> Iterator[Mutant]:
    for change, code in mutated(Source(functions[0]), changes_of_rules(names)):
        yield Mutant(f"{name}: {change}", operations, _recoded(functions, code))


def _of_rule(users: Sequence[tuple[Primitive, str, FunctionType]]) -> Iterator[Mutant]:
    """The changes of a rule's source, of its result, and of what it says it needs."""
    (op, place, rule), functions = users[0], list(dict.fromkeys(f for _, _, f in users))
    operations = tuple(dict.fromkeys(user.name for user, _, _ in users))
    name, source = f"{op.name}, {place}", Source(rule)
    arrays = [a for a in _arguments(rule) if a not in _parameters(op)]
    yield from _of_source(name, operations, functions, arrays)
    for result, owner, at in list(source.results()):
        for how in _ways(op, rule, result):
            rule.__globals__[how] = RESULTS[how]
            new = ast.Call(ast.Name(how, ast.Load()), [result], [])
            code = source.changed(owner, at, result, new)
            text = ast.unparse(result) if at == "value" else "result"
            change = f"{name}: {' '.join(text.split())[:60]} {how.strip('_')}"
            yield Mutant(change, operations, _recoded(functions, code))
    if isinstance(op, Elementwise | Custom | Bilinear) and place != "jvp":
        for argument in arrays[isinstance(op, Custom) + 1 :]:
            if not argument.startswith("_"):
                code = source.renamed(argument, f"_{argument}_")
                what = f"{name}: {argument} said to be unneeded"
                yield Mutant(what, operations, _recoded(functions, code))
    if not isinstance(op, Elementwise) and arrays[0] in ("g", "_g"):
        yield from _cotangent_ignored(name, op, rule)


def _parameters(op: Primitive) -> set[str]:
    """The names of an operation's static arguments."""
    return {name for c in cases_of(op) for name in c.params}


def _ways(op: Primitive, rule: FunctionType, result: ast.expr) -> list[str]:
    """In which ways a result can be wrong: a constant has no dtype, few results have masks."""
    names = {n.id for n in ast.walk(result) if isinstance(n, ast.Name)}
    masks = getattr(op, "chooses", False) or "Masked" in _names(rule.__code__)
    ways = ["__negated", "__doubled"]
    ways += ["__float64"] if names & set(_arguments(rule)) else []
    return ways + (["__unmasked"] if masks else [])


def _cotangent_ignored(name: str, op: Primitive, rule: FunctionType) -> Iterator[Mutant]:
    """The rule as it would be if whoever wrote it had tested it with ones alone."""
    code = rule.__code__

    def ones(g: Any, *args: Any, **params: Any) -> Any:
        return FunctionType(code, rule.__globals__, closure=rule.__closure__)(
            g * 0 + 1, *args, **params
        )

    for attribute in ("transpose", "transposes", "vjps"):
        held = getattr(op, attribute, None)
        if held is rule:
            yield Mutant(f"{name}: cotangent ignored", (op.name,), _attribute(op, attribute, ones))
        elif isinstance(held, tuple) and rule in held:
            new = tuple(ones if r is rule else r for r in held)
            yield Mutant(f"{name}: cotangent ignored", (op.name,), _attribute(op, attribute, new))


def _swapped(op: Primitive) -> Iterator[Mutant]:
    """Rules of an operation exchanged, forgotten or, where they are numbers, changed."""
    for attribute in ("partials", "transposes", "vjps"):
        rules = getattr(op, attribute, ())
        for i, rule in enumerate(rules):
            others: dict[str, Any] = {}
            if rule is None:
                continue
            if attribute == "partials":
                others |= {"forgotten": 0} if rule != 0 else {"1 for 0": 1}
                others |= {"sign flipped": -rule} if isinstance(rule, int) and rule else {}
            elif attribute == "vjps":
                others |= {"forgotten": lambda *_, **__: ZERO}
            j = (i + 1) % len(rules)
            if rules[j] is not None and rules[j] is not rule:
                others["that of the next argument"] = rules[j]
            for what, new in others.items():
                changed = (*rules[:i], new, *rules[i + 1 :])
                yield Mutant(
                    f"{op.name}, {attribute[:-1]} {i}: {what}",
                    (op.name,),
                    _attribute(op, attribute, changed),
                )


def _each(result: Any, change: Callable[[Any], Any]) -> Any:
    """A rule's result with its numbers changed, whatever it is held in."""
    if isinstance(result, Masked):
        return result if result is ZERO else Masked(change(result.values), result.mask)
    if isinstance(result, Scattered):
        return Scattered(result.parts[0][0], change(result.parts[0][1]))
    if isinstance(result, list | tuple):
        return type(result)([_each(r, change) for r in result])
    if np.result_type(raw(result)) == np.bool_:
        return Masked(change(np.where(result, 1.0, 0.0)), result)
    return change(result)


def _in_double(x: Any) -> Any:
    wide = {"float32": np.float64, "complex64": np.complex128}
    kind = str(getattr(x, "dtype", None))
    return x.astype(wide[kind]) if kind in wide else x


def _unmasked(result: Any) -> Any:
    if isinstance(result, list):
        return [_unmasked(r) for r in result]
    if isinstance(result, Masked):
        return result.values
    return np.where(result, 1.0, 0.0) if np.result_type(raw(result)) == np.bool_ else result


RESULTS: dict[str, Callable[[Any], Any]] = {
    "__negated": lambda r: _each(r, lambda x: -x),
    "__doubled": lambda r: _each(r, lambda x: 2 * x),
    "__float64": lambda r: _each(r, _in_double),
    "__unmasked": lambda r: _unmasked(r),
}

KINDS: list[Any] = [
    cotangent.Selection.vjp, cotangent.Selection.jvp, cotangent._positive, cotangent.Scattered.mask,
    cotangent.Mask.entries, cotangent.taken_apart, cotangent.may_repeat,
    cotangent.unbroadcast, cotangent.materialize, cotangent._fit, cotangent._gather,
    cotangent.accumulate,
    elementwise.Elementwise.vjp, elementwise.Elementwise._vjp_masked,
    elementwise.Elementwise.jvp, scalars.vjp_of_scalars,
    elementwise._partial, elementwise._times, elementwise._where, elementwise._any_of,
    elementwise.has_no_nan,
    primitive.Linear.vjp, primitive.Linear.jvp, primitive.Multilinear.vjp,
    primitive.Multilinear.jvp, primitive.Custom.vjp, primitive.Custom.jvp,
    reverse.sweep, reverse._vjp, forward.forward_sweep,
    primitive.Primitive.kept_of, primitive.kept,
    node.Node.record, node.is_repeatable, inspect.unwrap(node.complete),
]  # fmt: skip
