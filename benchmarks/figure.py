"""The figure for people: four networks and a formula, each library beside NumPy by hand, as SVG.

It draws what is kept in `results/`: ``python -m benchmarks.figure``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from html import escape

from benchmarks import kept
from benchmarks.report import duration

BY_HAND = "NumPy by hand"
COMPILED = "deltaprop, compiled"
STEP, FORMULA = "train-step", "elementwise-gradient"
# workload and case of each column, and the two lines above it
COLUMNS = [
    (STEP, "2-16-16-1, batch 32", "2-16-16-1", "32 rows"),
    (STEP, "64-64-64-10, batch 64", "64-64-64-10", "64 rows"),
    (STEP, "784-128-64-10, batch 128", "784-128-64-10", "128 rows"),
    (STEP, "1024-1024-1024-1024-10, batch 512", "1024×4-10", "512 rows"),
    (FORMULA, "n = 1,000,000", "a formula", "1,000,000 numbers"),
]
# what the contender of each row is called in the networks, and in the formula
ROWS = {
    COMPILED: ("deltaprop compiled", "deltaprop compiled"),
    BY_HAND: (BY_HAND, BY_HAND),
    "deltaprop": ("deltaprop eager", "deltaprop eager"),
    "JAX, jit": ("jax.jit", "jax.jit"),
    "PyTorch, compile": ("torch.compile", "torch.compile"),
    "PyTorch": ("PyTorch nn + optim", "PyTorch eager"),
    "MyGrad": ("MyGrad", "MyGrad"),
    "autograd": ("autograd", "autograd"),
}
TITLE = "Time of one training step of four networks, and of one gradient of a formula"
LIBRARIES = {
    "Python": "Python", "numpy": "NumPy", "jax": "JAX", "torch": "PyTorch", "mygrad": "MyGrad",
    "autograd": "autograd",
}  # fmt: skip
WIDTH, LEFT, CELL, TOP, HEIGHT = 840, 168, 126, 108, 30
DOUBLE = 15  # how long the bar of the ratio 2 is; the scale is logarithmic
ROOM = 3.6 * DOUBLE  # left of the 1 of the last column, for what is faster than by hand
STYLE = """
.card{fill:#fff;stroke:#d0d7de}.line{stroke:#818b98}.bar{fill:#afb8c1}.our{fill:#d55e00}
text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}.bold{font-weight:600}.soft{fill:#59636e;font-size:12px}
@media(prefers-color-scheme:dark){.card{fill:#0d1117;stroke:#3d444d}text{fill:#e6edf3}
.soft{fill:#9198a1}.bar{fill:#57606a}.our{fill:#f0883e}}
"""


def draw(rows: Sequence[kept.Row], measured: str) -> str:
    """Return the figure as SVG; `measured` says on what machine, with what and when."""
    found = {row[:3]: row for row in rows}
    bottom = TOP + HEIGHT * len(ROWS)
    height = bottom + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(in_words(rows))}"><style>{STYLE}</style>',
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        _text(16, 30, TITLE, "title"),
        _text(16, 50, f"in multiples of {BY_HAND} (bars: logarithmic; shorter is faster)", "soft"),
        _text(16, height - 16, measured, "soft"),
    ]
    for i, label in enumerate(ROWS):
        parts.append(_text(16, TOP + i * HEIGHT + 19, label, _weight(label)))
    for i, (workload, case, above, below) in enumerate(COLUMNS):
        formula = workload == FORMULA
        x = LEFT + i * CELL + (ROOM if formula else DOUBLE)
        parts += [_text(x - 10, TOP - 26, above, "bold"), _text(x - 10, TOP - 10, below, "soft")]
        for j, (label, names) in enumerate(ROWS.items()):
            row = found.get((workload, case, names[formula]))
            parts += _cell(x, TOP + j * HEIGHT, label, row)
        parts.append(f'<path class="line" d="M{x:.0f} {TOP}V{bottom}"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _cell(x: float, y: float, label: str, row: kept.Row | None) -> list[str]:
    """Draw the bar from 1 to the ratio, and the number beside it."""
    if row is None or row.ratio is None:
        return [_text(x + 6, y + 19, "–", "soft")]
    if label == BY_HAND:
        return [_text(x + 6, y + 19, f"1 ({duration(row.seconds).replace('us', 'µs')})", "")]
    end = DOUBLE * math.log2(row.ratio)
    ours = " our" if _weight(label) else ""
    return [
        f'<rect class="bar{ours}" x="{x + min(end, 0):.1f}" y="{y + 6}" width="{abs(end):.1f}"'
        ' height="18"/>',
        _text(x + max(end, 0) + 6, y + 19, _number(row.ratio), _weight(label)),
    ]


def in_words(rows: Sequence[kept.Row]) -> str:
    """Say what the figure shows of compiled deltaprop, for those who cannot see it."""
    found = {row[:3]: row for row in rows}
    told = [
        f"{above}, {below}: {_number(row.ratio)}"
        for workload, case, above, below in COLUMNS
        if (row := found.get((workload, case, ROWS[COMPILED][0]))) and row.ratio
    ]
    return f"{TITLE}. {COMPILED}, in multiples of {BY_HAND}: {'; '.join(told)}."


def _number(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


def _weight(label: str) -> str:
    return "bold" if label.startswith("deltaprop") else ""


def _text(x: float, y: float, text: str, kind: str) -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{name}>{escape(text)}</text>'


def measured(fact: str) -> str:
    """Shorten what is kept of the machine, the versions and the date.

    Examples
    --------
    >>> measured("A CPU (model 17), 2 of 2 cores; Python 3.11.7, numpy 2.4.6; 2026-11-25T18:57")
    'A CPU, 2 of 2 cores; Python 3.11.7, NumPy 2.4.6; 2026-11-25'
    """
    machine = re.sub(r" \(.*?\)", "", fact.split("; ")[0])
    versions = re.findall(rf"\b({'|'.join(LIBRARIES)}) ([\d.]+)", fact)
    named = ", ".join(f"{LIBRARIES[name]} {version}" for name, version in versions)
    (date,) = re.findall(r"\d{4}-\d\d-\d\d", fact)[-1:]
    return f"{machine}; {named}; {date}"


def save() -> None:
    """Draw what is kept."""
    text = draw(kept.read(), measured(kept.facts()[STEP]))
    kept.FIGURE.write_text(text, "utf-8")


if __name__ == "__main__":
    save()
    print(f"wrote {kept.FIGURE}")
