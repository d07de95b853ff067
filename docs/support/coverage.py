"""What NumPy's functions and the array API's do with a Value: asked of them, not of a list.

Every function is called with variables. If a variable comes back it is differentiable; if
plain numbers or a constant, it is constant; if it refuses, it is unsupported.
"""

import inspect
import itertools
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

import deltaprop as dp
import deltaprop.numpy as dnp
from deltaprop.graph import REGISTRY, Elementwise, Node, Primitive, batches
from deltaprop.numpy import keywords

# functions that take no array of numbers: files, text, dtypes, settings, dates, memory
OUT_OF_SCOPE = """
    array2string array_repr array_str asmatrix base_repr binary_repr bmat busday_count busday_offset
    common_type datetime_as_string datetime_data einsum_path format_float_positional
    format_float_scientific frombuffer fromfile fromfunction fromiter frompyfunc fromregex
    fromstring genfromtxt get_include get_printoptions getbufsize geterr geterrcall info is_busday
    isfortran isnat issubdtype iterable load loadtxt may_share_memory min_scalar_type mintypecode
    nested_iters printoptions promote_types require save savetxt savez savez_compressed
    set_printoptions setbufsize seterr seterrcall shares_memory show_config show_runtime test
    typename broadcast_shapes can_cast copyto
"""


def arguments() -> dict[str, Any]:
    """Return what calls are written with: variables, except indices and conditions."""
    rng = np.random.default_rng(0)
    A = rng.uniform(0.2, 0.9, (3, 3))
    return {
        "x": dp.Value([0.3, 0.5, 0.8]),
        "y": dp.Value([0.6, 0.2, 0.9]),
        "A": dp.Value(A @ A.T + np.eye(3)),
        "B": dp.Value(rng.uniform(0.2, 0.9, (3, 3))),
        "T": dp.Value(rng.uniform(0.2, 0.9, (2, 2, 2))),
        "z": dp.Value([0.3 + 0.2j, 0.5 - 0.1j, 0.8 + 0.4j]),
        "i": np.array([2, 0, 1]),
        "c": np.array([True, False, True]),
        "np": np,
    }


# what the functions are called with that take neither (x), (x, y), (A), (A, B) nor a list
CALLS = {
    "apply_along_axis": "np.sum, 0, A",
    "apply_over_axes": "np.sum, A, [0]",
    "array_split": "x, 3",
    "bincount": "i, x",
    "block": "[[x, y]]",
    "broadcast_to": "x, (2, 3)",
    "choose": "[0, 1, 0], [x, y]",
    "clip": "x, 0.4, 0.6",
    "compress": "c, x",
    "cross": "x, y",
    "delete": "x, 0",
    "diag_indices_from": "A",
    "digitize": "x, [0.4, 0.6]",
    "dsplit": "T, 2",
    "einsum": "'i,i->', x, y",
    "expand_dims": "x, 0",
    "extract": "c, x",
    "fill_diagonal": "A, 0.0",
    "full_like": "x, 1.0",
    "geomspace": "x, y, 3",
    "gradient": "x",
    "heaviside": "x, y",
    "hsplit": "x, 3",
    "histogram2d": "x, y",
    "histogramdd": "A",
    "insert": "x, 0, 1.0",
    "interp": "x, [0.0, 1.0], y[:2]",
    "irfft": "z",
    "ihfft": "x",
    "hfft": "z",
    "irfft2": "np.fft.rfft2(B)",
    "irfftn": "np.fft.rfftn(B)",
    "ix_": "i, i",
    "ldexp": "x, 2",
    "linspace": "x, y, 3",
    "logspace": "x, y, 3",
    "matmul": "A, B",
    "matrix_power": "A, 2",
    "matvec": "A, x",
    "vecmat": "x, A",
    "meshgrid": "x, y",
    "moveaxis": "A, 0, 1",
    "multi_dot": "[A, B, A]",
    "partition": "x, 1",
    "argpartition": "x, 1",
    "pad": "x, 1",
    "percentile": "x, 30",
    "nanpercentile": "x, 30",
    "quantile": "x, 0.3",
    "nanquantile": "x, 0.3",
    "piecewise": "x, [c, ~c], [1.0, 2.0]",
    "place": "x, c, [1.0]",
    "polyfit": "x, y, 1",
    "polyval": "x, y",
    "polyint": "x",
    "put": "x, [0], [1.0]",
    "put_along_axis": "x, i, 0.0, 0",
    "putmask": "x, c, 0.0",
    "repeat": "x, 2",
    "reshape": "x, (3, 1)",
    "resize": "x, (2, 2)",
    "roll": "x, 1",
    "rollaxis": "A, 1",
    "round": "x",
    "around": "x",
    "searchsorted": "x, y",
    "select": "[c, ~c], [x, y]",
    "solve": "A, x",
    "split": "x, 3",
    "squeeze": "x",
    "swapaxes": "A, 0, 1",
    "take": "x, 0",
    "take_along_axis": "x, i, 0",
    "tensorinv": "A.reshape(3, 3), 1",
    "tensorsolve": "A, x",
    "tile": "x, 2",
    "trapezoid": "x",
    "tri": "3",
    "tril_indices": "3",
    "triu_indices": "3",
    "diag_indices": "3",
    "unravel_index": "2, (3, 1)",
    "ravel_multi_index": "([0], [1]), (2, 2)",
    "mask_indices": "3, np.triu",
    "indices": "(2, 2)",
    "unstack": "A",
    "vander": "x",
    "vdot": "x, y",
    "vsplit": "A, 3",
    "where": "c, x, y",
    "lexsort": "[x, y]",
    "eye": "3",
    "identity": "3",
    "ones": "3",
    "zeros": "3",
    "empty": "3",
    "full": "3, 1.0",
    "arange": "3",
    "astype": "x, np.float32",
    "fftfreq": "4",
    "rfftfreq": "4",
    "bartlett": "4",
    "blackman": "4",
    "hamming": "4",
    "hanning": "4",
    "kaiser": "4, 0.5",
    "packbits": "i",
    "unpackbits": "i.astype(np.uint8)",
    "bitwise_count": "i",
    "gcd": "i, i",
    "lcm": "i, i",
    "bitwise_and": "i, i",
    "bitwise_or": "i, i",
    "bitwise_xor": "i, i",
    "bitwise_not": "i",
    "bitwise_invert": "i",
    "invert": "i",
    "left_shift": "i, i",
    "right_shift": "i, i",
    "bitwise_left_shift": "i, i",
    "bitwise_right_shift": "i, i",
    "isdtype": "np.dtype(float), 'real floating'",
    "finfo": "np.float64",
    "iinfo": "np.int64",
    "result_type": "x, y",
    "from_dlpack": "np.ones(3)",
    "trim_zeros": "x",
    "asarray": "x",
    "array": "x",
    "sort_complex": "z",
    "eigh": "A",
    "sinc": "x",
    "permute_dims": "A, (1, 0)",
    "arccosh": "x + 1.5",
    "acosh": "x + 1.5",
}
GUESSES = ("x", "x, y", "A", "A, B", "[x, y]", "A, 1", "x, 1", "")


def functions(module: ModuleType) -> list[str]:
    """Return the names of a module's public functions."""
    names = getattr(module, "__all__", None) or dir(module)
    things = {name: getattr(module, name, None) for name in names if name[0] != "_"}
    return sorted(n for n, f in things.items() if callable(f) and not isinstance(f, type))


def outcome(module: ModuleType, name: str) -> str:
    """Say what comes of calling it with variables; NumPy's `array` must be asked of ours."""
    candidates = [getattr(m, name) for m in (module, dnp) if hasattr(m, name)]
    texts = [CALLS[name]] if name in CALLS else GUESSES
    for function, text in itertools.product(candidates, texts):
        try:
            with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
                result = eval(f"function({text})", {"function": function, **arguments()})
        except Exception:  # whatever a function says of arguments that it does not take
            continue
        return "differentiable" if any(varies(x) for x in leaves(result)) else "constant"
    return "unsupported"


def leaves(result: Any) -> Iterator[Any]:
    if isinstance(result, tuple | list):
        for item in result:
            yield from leaves(item)
    else:
        yield result


def varies(x: Any) -> bool:
    """Say whether a gradient can flow through it: constants have no inputs."""
    return isinstance(x, Node) and (bool(x.inputs) or not x.extra.constant)


def surveyed(
    theirs: ModuleType, called: ModuleType | None = None, skip: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Return the names of each outcome; functions are taken from `called`, if it is given."""
    found: dict[str, list[str]] = {"differentiable": [], "constant": [], "unsupported": []}
    for name in functions(theirs):
        if name not in skip:
            found[outcome(called or theirs, name)].append(name)
    return found


def page() -> str:
    """Return the survey in Markdown."""
    import array_api_strict as standard

    surveys = {
        "numpy": surveyed(np, skip=OUT_OF_SCOPE.split()),
        "numpy.linalg": surveyed(np.linalg),
        "numpy.fft": surveyed(np.fft),
        f"array API {dnp.__array_api_version__}": surveyed(standard, dnp, skip=NOT_OF_THE_STANDARD),
        "array API, linalg": surveyed(standard.linalg, dnp.linalg),
        "array API, fft": surveyed(standard.fft, dnp.fft),
    }
    lines = [
        "| namespace | functions | differentiable | constant | unsupported |",
        "|---|--:|--:|--:|--:|",
    ]
    for title, found in surveys.items():
        counts = [len(names) for names in found.values()]
        lines.append(f"| {title} | {sum(counts)} | " + " | ".join(map(str, counts)) + " |")
    for title, found in surveys.items():
        lines += ["", f"**{title}**", ""]
        for what, names in found.items():
            if names:
                listed = ", ".join(f"`{name}`" for name in names)
                unfolded = ":open:" if what == "unsupported" else ":animate: fade-in"
                lines += [f":::{{dropdown}} {what}: {len(names)}", unfolded, listed, ":::", ""]
    return "\n".join(lines)


def fates(ours: Any, theirs: Any) -> tuple[list[str], list[str]]:
    """Return the arguments that a function takes, and those whose default alone it takes."""
    mine, known = inspect.signature(ours), inspect.signature(theirs)
    _, renamed = keywords.compared(mine, known)
    kinds = {p.name: p.kind for p in (*known.parameters.values(), *mine.parameters.values())}
    named = [n for n, kind in kinds.items() if kind is not inspect.Parameter.VAR_KEYWORD]
    passes_on = inspect.Parameter.VAR_KEYWORD in [p.kind for p in mine.parameters.values()]
    works, default = [], []
    for name in named:
        starred = "*" if kinds[name] is inspect.Parameter.VAR_POSITIONAL else ""
        if renamed.get(name, name) in mine.parameters or (passes_on and name != "out"):
            works += [starred + name] if name not in renamed.values() else []
        elif name != "out":
            default.append(name)
    return works, default


def argument_table() -> str:
    """Return the arguments of every function, in Markdown."""
    namespaces = ((np, dnp), (np.linalg, dnp.linalg), (np.fft, dnp.fft))
    lines = []
    for theirs, ours in namespaces:
        lines += [f":::{{dropdown}} {theirs.__name__}", ":animate: fade-in", ""]
        lines += ["| function | takes | takes at NumPy's default alone |", "|---|---|---|"]
        for name in functions(ours):
            known = getattr(theirs, name, None)
            if callable(known) and not isinstance(known, type | np.ufunc):
                cells = [", ".join(f"`{n}`" for n in c) for c in fates(getattr(ours, name), known)]
                lines.append(f"| `{name}` | {cells[0]} | {cells[1]} |")
        lines += [":::", ""]
    return "\n".join(lines)


def kinds() -> str:
    """Count the operations of the rule table by the kind of their rule, in Markdown."""
    count = Counter(rule_type(op) for op in REGISTRY.values())
    ways = Counter((rule_type(op), batched(op)) for op in REGISTRY.values())
    lines = ["| kind of rule | operations | of these batched by a loop |", "|---|--:|--:|"]
    lines += [f"| {kind} | {n} | {ways[kind, LOOP]} |" for kind, n in count.most_common()]
    return "\n".join([*lines, f"| all | {len(REGISTRY)} | {sum(ways[k, LOOP] for k in count)} |"])


def rule_type(op: Primitive) -> str:
    """Return the name of the kind of an operation's rule."""
    return type(op).__name__.lstrip("_")


LOOP = "a loop"


def batched(op: Primitive) -> str:
    """Say how an operation is applied to a batch."""
    word = op.batch
    if op.name in ("checkpoint", "custom_gradient"):
        return "the operations that it calls"
    if word is None:
        return LOOP
    if isinstance(op, Elementwise) and word is batches.by_entry:
        return "its kind"
    if word is batches.steps:
        return "its steps"
    return f"`{word.__name__}`" if vars(batches).get(word.__name__) is word else "its own word"


def operations() -> str:
    """Return how each operation of the rule table is batched, in Markdown."""
    lines = [":::{dropdown} all operations", ":animate: fade-in", ""]
    lines += ["| operation | kind of rule | batched by |", "|---|---|---|"]
    for name, op in sorted(REGISTRY.items()):
        lines.append(f"| `{name}` | {rule_type(op)} | {batched(op)} |")
    return "\n".join([*lines, ":::"])


def words() -> str:
    """Return the words for operations on batches, in Markdown."""
    lines = ["| word | of an operation |", "|---|---|"]
    for name, word in vars(batches).items():
        told = inspect.getdoc(word) or "" if inspect.isfunction(word) else ""
        if told.startswith(opening := "The word of an operation "):
            lines.append(f"| `{name}` | {told.removeprefix(opening).rstrip('.')} |")
    return "\n".join(lines)


NOT_OF_THE_STANDARD = (
    "set_array_api_strict_flags",
    "get_array_api_strict_flags",
    "reset_array_api_strict_flags",
)
