"""Graphs that the tests draw and play, and what stands on a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

import deltaprop as dp
from deltaprop.nn.scalar import ScalarMLP

X = np.array([[0.0, 1.0], [1.0, 1.0], [0.5, -2.0]])
T = np.array([[1.0], [0.0], [1.0]])


def micrograd_example() -> tuple[Any, Any, Any]:
    """The expression of micrograd's README: a, b and g with dg/da = 138.8, dg/db = 645.6."""
    a, b = dp.Value(-4.0, name="a"), dp.Value(2.0, name="b")
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    g.name = "g"
    return a, b, g


def sigmoid_mlp(**options: Any) -> Any:
    options = {"activation": "sigmoid", "output": "sigmoid", "rng": 0} | options
    return dp.nn.MLP([2, 3, 1], **options)


def five_hundred() -> Any:
    """The loss of a network of scalars, of more than 500 nodes."""
    model = ScalarMLP(3, [12, 10, 1], rng=0)
    return (model([2.0, 3.0, -1.0]) - 1.0) ** 2


HOSTILE = [
    "</script><script>document.title='seen'</script>",
    "</style><style>body{display:none}</style>",
    "</title><img src=x onerror=\"document.title='seen'\">",
    "</svg></div><svg onload=document.title='seen'>",
    '" onload="document.title=\'seen\'" x="',
    "' onmouseover='document.title=1' x='",
    "<!--<script>", "-->", "]]>", "&lt;b&gt;", "&#60;b&#62;", "{{story}}", "{{script}}",
    "{{nothing}}",
    "{{story}} onload=document.title='seen' ", "\\u003c/script>", "\\", "`${document.title}`",
    "a\u2028b\u2029c", "a\0b\x1bc\x7f", "\ud800", "\udfff\ud800", "\ufeff\uffff",
    "line\nbreak\r\ttab",
    "__proto__", "constructor", "\u202eabc", "d/dx", "W1", "x" * 3000, "Ünïcødé 名前 🙂",
]  # fmt: skip


def hostile(name: str) -> Any:
    """A loss with a name on every kind of Value."""
    a, b = dp.Value(2.0, name=name), dp.Value([1.0, -2.0], name=name)
    c = a * b
    c.name = name

    @dp.custom_gradient
    def twice(x: Any) -> Any:
        return 2 * x, lambda g: 2 * g

    loss = (twice(c) * dp.nn.relu(b)).sum()
    loss.name = name
    return loss


def story(path: Path) -> dict[str, Any]:
    """What a page of the player says."""
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script id="story" type="application/json">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])
