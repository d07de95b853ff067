"""The changes: what a slip of the pen could have made of a piece of source.

A change replaces one node of a function's syntax tree. The function gets the code of the
changed source in place, so that whatever holds the function runs the mutant.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
# calls that only say how a thing is held, not what it is
HOLDING = {
    "raw", "tuple", "list", "int", "float", "bool", "len", "range", "zip", "isinstance", "type",
    "as_array", "_array",
}  # fmt: skip


def _new(node: ast.AST, **fields: Any) -> Any:
    """A copy of a node with some of its fields replaced."""
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _of_arithmetic(node: ast.AST) -> Iterator[Any]:
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in ARITHMETIC:
                yield _new(node, op=ARITHMETIC[type(op)]())
            yield left
            yield right
        case ast.UnaryOp(op=ast.USub() | ast.Invert(), operand=operand):
            yield operand


def _of_choice(node: ast.AST) -> Iterator[Any]:
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Compare(ops=[op]):
            for other in COMPARISONS[type(op)]:
                yield _new(node, ops=[other()])
        case ast.BoolOp(op=op, values=values):
            yield _new(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            yield from values
        case ast.IfExp(body=body, orelse=orelse):
            yield body
            yield orelse
        case ast.Constant(value=bool() as value):
            yield _new(node, value=not value)
        case ast.Constant(value=int() | float() | complex() as value):
            yield _new(node, value=value + 1)


def _of_access(node: ast.AST) -> Iterator[Any]:
    match node:
        case ast.Call(func=ast.Name(id="where"), args=[_, a, b]):
            yield a
            yield b
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name not in HOLDING:
            yield first
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np")), args=[first, *_]):
            yield first
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if not _is_module(value):
            if attr != "tolist":
                yield value
        case ast.keyword(arg="axis" | "axes", value=value) if not isinstance(value, ast.Constant):
            yield _new(node, value=ast.Constant(0))
        case ast.Attribute(value=value, attr="T" | "mT" | "real" | "imag"):
            yield value
        case ast.Subscript(value=value, ctx=ast.Load()):
            yield value
        case ast.Call(func=ast.Name(id="Masked"), args=[values, _]):
            yield values


def _is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "math", "libm")


def _of_statement(node: ast.AST) -> Iterator[Any]:
    if isinstance(node, ast.AugAssign | ast.If | ast.For | ast.While):
        yield ast.Pass()


def _of_sums(node: ast.AST) -> Iterator[Any]:
    """Another operator: an offset, a stride or a length is wrong."""
    match node:
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            yield _new(node, op=ARITHMETIC[type(op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Invert(), operand=operand):
            yield operand


def _of_effect(node: ast.AST) -> Iterator[Any]:
    """A statement that is left out, if nothing else would stop the function."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in _names_in(value):
            yield ast.Pass()
    match node:
        case ast.Assign(targets=[ast.Subscript()], value=ast.Name() as value):
            yield _new(node, value=ast.BinOp(value, ast.Sub(), ast.Constant(1)))


def _names_in(node: ast.AST) -> set[str]:
    return {x.id for x in ast.walk(node) if isinstance(x, ast.Name)}


def _of_order(node: ast.AST) -> Iterator[Any]:
    """Two neighbours that are taken for one another."""
    match node:
        case ast.Call(func=ast.Name(id="max" | "min")):
            return  # whatever the order
        case ast.Call(args=items) | ast.Tuple(elts=items, ctx=ast.Load()):
            field = "args" if isinstance(node, ast.Call) else "elts"
            for i in range(len(items) - 1):
                if not any(isinstance(x, ast.Starred) for x in items[i : i + 2]):
                    swapped = [*items[:i], items[i + 1], items[i], *items[i + 2 :]]
                    yield _new(node, **{field: swapped})


def _of_call(node: ast.AST) -> Iterator[Any]:
    """A keyword, a condition of a comprehension or the last step of a computation is forgotten."""
    match node:
        case ast.Call(keywords=keywords) if keywords:
            for i, keyword in enumerate(keywords):
                if keyword.arg not in ("strict", "key"):
                    yield _new(node, keywords=[*keywords[:i], *keywords[i + 1 :]])
        case ast.comprehension(ifs=[_, *_]):
            yield _new(node, ifs=[])
    match node:
        case ast.Call(func=ast.Name(id=name), args=[first]) if name not in HOLDING:
            yield first
        case ast.Call(func=ast.Name(id="max" | "min" as name)):
            yield _new(node, func=ast.Name("min" if name == "max" else "max", ast.Load()))
        case ast.Call(func=ast.Attribute(value=value, attr="copy" | "union" | "T" | "reshape")):
            yield value


def _of_entry(node: ast.AST) -> Iterator[Any]:
    """An entry of a tuple, a set or a list is forgotten: a key that is too short."""
    match node:
        case (
            ast.Tuple(elts=items, ctx=ast.Load())
            | ast.Set(elts=items)
            | ast.List(elts=items, ctx=ast.Load())
        ) if len(items) > 1:
            for i in range(len(items)):
                yield _new(node, elts=[*items[:i], *items[i + 1 :]])


def _of_name(node: ast.AST, names: list[str]) -> Iterator[Any]:
    """Another argument of the function in the place of one."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        other = names[(names.index(node.id) + 1) % len(names)]
        if other != node.id:
            yield _new(node, id=other)


def sites(node: ast.AST, owner: Any = None, place: Any = None) -> Iterator[tuple[Any, Any, Any]]:
    """Every node below, with where it hangs: a field of its parent, or a place in a list."""
    if owner is not None:
        yield node, owner, place
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "type"):
        return  # which way is taken, not what comes of it
    if isinstance(node, ast.Raise):
        return  # what a broken rule is told
    if isinstance(node, ast.keyword) and node.arg in ("strict", "copy", "optimize"):
        return  # a check or a way to compute, not the result
    for name, value in ast.iter_fields(node):
        if name == "annotation":
            continue
        if isinstance(value, ast.AST):
            yield from sites(value, node, name)
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from sites(item, value, i)


def hang(owner: Any, place: Any, node: Any) -> None:
    if isinstance(owner, list):
        owner[place] = node
    else:
        setattr(owner, place, node)


class Source:
    """A function's place in its module: the syntax tree, and how to compile it changed."""

    def __init__(self, function: FunctionType) -> None:
        code = function.__code__
        module = inspect.getmodule(function)
        assert module is not None
        self.code = code
        body = _tree(module).body
        # method calls are compiled otherwise where the name of the object was imported
        self.imports = [s for s in body if isinstance(s, ast.Import | ast.ImportFrom)]
        line = code.co_firstlineno
        self.statement = next(s for s in body if _first(s) <= line <= (s.end_lineno or 0))
        functions = [
            n for n in ast.walk(self.statement) if isinstance(n, ast.Lambda | ast.FunctionDef)
        ]
        places = [p for p in code.co_positions() if None not in p and p[2] != p[3]]
        around = [n for n in functions if all(_contains(n, p) for p in places)]
        self.node = around[-1]  # the walk is from the outside in
        self.path = next(path for path, c in _codes(self._compiled()) if _same(c, code))

    def _compiled(self) -> CodeType:
        tree = ast.Module([*self.imports, self.statement], [])
        ast.fix_missing_locations(tree)
        return compile(tree, self.code.co_filename, "exec")

    def recompiled(self) -> CodeType:
        """The code of the function as its tree is now."""
        code = dict(_codes(self._compiled()))[self.path]
        if code.co_freevars == self.code.co_freevars:
            return code
        return self._with_all_free_variables(code)

    def _with_all_free_variables(self, code: CodeType) -> CodeType:
        lost = [n for n in self.code.co_freevars if n not in code.co_freevars]
        uses: list[ast.expr] = [ast.Name(n, ast.Load()) for n in lost]
        body = self.node.body
        if isinstance(self.node, ast.Lambda):
            self.node.body = ast.IfExp(ast.Constant(True), body, ast.Tuple(uses, ast.Load()))
        else:
            dead = ast.If(ast.Constant(False), [ast.Expr(u) for u in uses], [])
            self.node.body = [dead, *body]  # type: ignore[misc, list-item]
        try:
            return dict(_codes(self._compiled()))[self.path]
        finally:
            self.node.body = body  # type: ignore[assignment]

    def changed(self, owner: Any, place: Any, old: Any, new: Any) -> CodeType:
        """The code with `new` where `old` hangs."""
        hang(owner, place, new)
        try:
            return self.recompiled()
        finally:
            hang(owner, place, old)

    def renamed(self, old: str, new: str) -> CodeType:
        """The code with an argument of another name."""
        hits = [
            (n, field)
            for n in ast.walk(self.node)
            for kind, field in ((ast.Name, "id"), (ast.arg, "arg"))
            if isinstance(n, kind) and getattr(n, field) == old
        ]
        for n, field in hits:
            setattr(n, field, new)
        try:
            return self.recompiled()
        finally:
            for n, field in hits:
                setattr(n, field, old)

    def results(self) -> Iterator[tuple[Any, Any, Any]]:
        """The expressions that the function returns, with where they hang."""
        if isinstance(self.node, ast.Lambda):
            yield self.node.body, self.node, "body"
        for n in ast.walk(self.node):
            if isinstance(n, ast.Return) and n.value is not None:
                yield n.value, n, "value"


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _first(s: ast.stmt) -> int:
    return min([s.lineno, *[d.lineno for d in getattr(s, "decorator_list", [])]])


def _contains(node: Any, place: Any) -> bool:
    first, last, column, end = place
    start, stop = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    return bool(start <= (first, column) and (last, end) <= stop)


def _codes(
    code: CodeType, path: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], CodeType]]:
    yield path, code
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    for i, c in enumerate(inner):
        yield from _codes(c, (*path, i))


def _same(a: CodeType, b: CodeType) -> bool:
    return a.co_code == b.co_code and list(a.co_positions()) == list(b.co_positions())


Change = Callable[[Any], Iterator[Any]]


def changes_of_rules(names: list[str] | None) -> list[Change]:
    """What a slip can make of a rule.

    `names` are arguments that may be taken for one another. None is for the kinds: there a
    choice is mostly one of the quicker way, so what is computed alone is changed.
    """
    changes: list[Change] = [_of_arithmetic, _of_access]
    if names is not None:
        changes += [_of_choice, _of_statement, lambda node: _of_name(node, names)]
    return changes


CHANGES_OF_THE_ENGINE: list[Change] = [
    _of_sums, _of_choice, _of_statement, _of_effect, _of_order, _of_call, _of_entry,
]  # fmt: skip


def mutated(source: Source, changes: list[Change]) -> Iterator[tuple[str, CodeType]]:
    """Every change of a function, as ``before -> after``, and the code it makes."""
    body = source.node.body if isinstance(source.node.body, list) else None
    inside = sites(source.node) if body is None else _below(body)
    for node, owner, place in list(inside):
        if isinstance(node, ast.arguments) or owner is source.node.args:
            continue
        for change in changes:
            for new in change(node):
                if ast.dump(new) != ast.dump(node):
                    yield from _compiled(source, owner, place, node, new)


def _below(body: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
    for i, statement in enumerate(body):
        yield from sites(statement, body, i)


def _compiled(
    source: Source, owner: Any, place: Any, node: Any, new: Any
) -> Iterator[tuple[str, CodeType]]:
    try:
        code = source.changed(owner, place, node, new)
    except (SyntaxError, ValueError, TypeError):
        return
    yield f"{_brief(node)} -> {_brief(new)}", code


def _brief(node: Any) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."
