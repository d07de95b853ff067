"""Drawings say what the Values say, draw each once, and fold what they are asked to."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.graph import topological_order
from deltaprop.testing import strategies as dst
from deltaprop.viz import draw
from deltaprop.viz.notation import number, rows

from .graphs import T, X, five_hundred, micrograd_example, sigmoid_mlp

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> dict[str, str]:
    """The text of each box, by the name that it begins with."""
    groups = [g for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if "node" in g.get("class")]
    texts = [" ".join("".join(t.itertext()) for t in g.iter(f"{SVG}text")) for g in groups]
    return {re.split(r" = |  ", text)[0].split(" data")[0]: text for text in texts}


def test_every_node_once_with_data_and_gradient():
    a, b, g = micrograd_example()
    g.backward()
    shown = boxes(draw(g).svg)
    order = topological_order(g)
    assert len(shown) == len(order)
    assert shown["a"] == f"a data −4 grad {number(a.grad)}"
    assert shown["b"] == f"b data 2 grad {number(b.grad)}"
    told = Counter(tuple(re.findall(r"(?:data|grad) +(\S+)", text)) for text in shown.values())
    assert told == Counter((number(v.data), number(v.grad)) for v in order)


def test_edges_are_the_arguments():
    _, _, g = micrograd_example()
    picture = draw(g).picture
    edges = sorted((u, v) for v, box in enumerate(picture.boxes) for u in box.inputs)
    place = {box.node.serial: i for i, box in enumerate(picture.boxes)}
    wanted = [(place[x.serial], place[n.serial]) for n in topological_order(g) for x in n.inputs]
    assert edges == sorted(wanted)


@given(dst.expressions())
def test_any_graph_is_well_formed_and_drawing_changes_nothing(case):
    f, xs = case
    values = [dp.Value(x) for x in xs]
    y = f(*values)
    assume(isinstance(y, dp.Value))
    grads = [v.grad for v in values]
    drawing = draw(y)
    root = ElementTree.fromstring(drawing.svg)
    assert len(list(root.iter(f"{SVG}rect"))) == len(drawing.picture.boxes) + 1
    assert str(drawing).count("(above)") + len(drawing.picture.boxes) == len(
        str(drawing).splitlines()
    )
    assert [v.grad for v in values] == grads


def test_names_from_users_cannot_break_the_document():
    x = dp.Value(1.0, name='<b> & "c"')
    assert '<b> & "c"' in boxes(draw(x * 2).svg)


@given(st.floats(allow_nan=True) | st.integers(-5, 5) | st.booleans())
def test_numbers_have_four_digits(x):
    text = number(x).replace("−", "-")
    assert text == str(x) if isinstance(x, bool) else float(text) == float(f"{x:.4g}") or x != x


def test_small_data_in_full_large_by_range_and_mean():
    assert rows(np.array([[1.0, -2.0], [0.5, 3.0]])) == ["[[  1, −2],", " [0.5,  3]]"]
    assert rows(np.arange(8.0) - 7) == ["[−7, −6, −5, −4, −3, −2,", " −1,  0]"]
    assert rows(np.arange(8.0).reshape(1, 8)) == ["0 … 7, mean 3.5"]
    assert rows(np.arange(100.0)) == ["0 … 99, mean 49.5"]
    assert rows(np.zeros((0, 3))) == ["no entries"]
    assert rows(np.full(20, 3 + 4j)) == ["largest |z| 5"]
    shown = boxes(draw(dp.Value(np.arange(100.0, dtype=np.float32), name="w") * 2).svg)
    assert shown["w"] == "w  (100,) float32 data 0 … 99, mean 49.5"


@pytest.fixture
def network():
    mlp = sigmoid_mlp()
    loss = dp.nn.mse(mlp(X), T)
    loss.backward()
    return mlp, loss


def test_layers_are_one_box_each_until_opened(network):
    mlp, loss = network
    folded = boxes(draw(loss, model=mlp).svg)
    assert set(folded) == {"X", "A1", "A2", "T", "v1"}
    assert folded["A1"].startswith("A1 = layers.0(X)  (3, 3) Dense(2, 3, activation='sigmoid')")
    one = boxes(draw(loss, model=mlp, open=["layers.1"]).svg)
    assert set(one) == {"X", "A1", "W2", "b2", "Z2", "A2", "T", "v1"}
    full = boxes(draw(loss, model=mlp, open=True).svg)
    assert set(full) == set(one) | {"W1", "b1", "Z1"}
    assert full["Z1"].startswith("Z1 = X @ W1 + b1  (3, 3)  layers.0")
    assert len(full) == len(topological_order(loss)) + 2  # X and the target are no nodes


@pytest.mark.parametrize("activation", ["identity", "relu", "gelu_tanh", "elu", "softmax"])
@pytest.mark.parametrize("mode", ["exact", "rashid", "linear"])
def test_a_folded_layer_holds_all_of_its_activation(activation, mode):
    mlp = sigmoid_mlp(activation=activation, bias=False, error_propagation=mode)
    loss = dp.nn.mse(mlp(X), T)
    loss.name = "L"
    first = "Z1" if activation == "identity" and mode != "linear" else "A1"
    assert set(boxes(draw(loss, model=mlp).svg)) == {"X", first, "A2", "T", "L"}


@pytest.mark.parametrize("kind", ["batch", "layer"])
@pytest.mark.parametrize("training", [True, False])
def test_a_folded_layer_holds_its_normalisation_and_leaves_it_alone(kind, training):
    mlp = sigmoid_mlp(normalization=kind).train(training)
    loss = dp.nn.mse(mlp(X), T)
    loss.name = "L"
    before = mlp.state_dict()
    shown = boxes(draw(loss, model=mlp).svg)
    assert set(shown) == {"X", "A1", "A2", "T", "L"}
    assert "Norm(3" in shown["A1"]
    assert "Norm" not in shown["A2"]
    after = mlp.state_dict()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_weight_that_is_used_elsewhere_stays_outside(network):
    mlp, _ = network
    loss = dp.nn.mse(mlp(X), T) + (mlp.layers[0].weight ** 2).sum()
    shown = boxes(draw(loss, model=mlp).svg)
    assert "W1" in shown
    assert shown["A1"].startswith("A1 = layers.0(X, W1)")


def test_fold_by_name():
    a, b, g = micrograd_example()
    h = (a * b + 1).tanh()
    h.name = "h"
    shown = boxes(draw(h * g, fold=["h"]).svg)
    assert shown["h"].startswith("h = 3 operations(a, b)")
    assert "g" in shown


def test_depth_cuts_and_says_so():
    *_, g = micrograd_example()
    drawing = draw(g, depth=1)
    assert len(drawing.picture.boxes) == 3
    assert [box.hidden for box in drawing.picture.boxes] == [1, 1, 0]
    assert drawing.svg.count("⋯") == str(drawing).count("⋯") == 2


def test_a_part_by_name_keeps_the_names_of_the_whole():
    *_, g = micrograd_example()
    g.backward()
    whole = boxes(draw(g).svg)
    part = boxes(draw(g, at="v4").svg)
    assert set(part) == {"a", "b", "v2", "v3", "v4"}
    near = boxes(draw(g, 1, at="v21").svg)
    assert set(near) == {"v21", "v10", "v20"}
    cut = {name: text.removesuffix(" ⋯") for name, text in near.items()}
    assert (part | cut).items() <= whole.items()
    mlp = sigmoid_mlp()
    inner = draw(dp.nn.mse(mlp(X), T), model=mlp, at="A1", open=True)
    assert set(boxes(inner.svg)) == {"X", "W1", "b1", "Z1", "A1"}


def test_the_tree():
    x = dp.Value(2.0, name="x")
    y = x * x + [1.0, 2.0]
    assert str(draw(y)).splitlines() == [
        "v2 = v1 + c1  (2,)  data [5, 6]",
        "├─ v1 = x · x  data 4",
        "│  ├─ x  data 2",
        "│  └─ x (above)",
        "└─ c1  (2,)  data [1, 2]",
    ]


def test_five_hundred_nodes():
    loss = five_hundred()
    loss.backward()
    drawing = draw(loss)
    assert len(drawing.picture.boxes) > 500
    assert len(drawing.svg) < 500_000
    assert len(boxes(drawing.svg)) == len(drawing.picture.boxes)
    assert str(drawing).splitlines()[-1].startswith("… ")


def test_clear_errors(network):
    mlp, loss = network
    with pytest.raises(TypeError, match=r"draw takes a Value, not 1\.0"):
        draw(1.0)
    with pytest.raises(TypeError, match=r"model must be a dp.nn.Module"):
        draw(loss, model=[mlp])
    with pytest.raises(ValueError, match=r"no layer to open is called layers.7; there are: .*1"):
        draw(loss, model=mlp, open=["layers.7"])
    with pytest.raises(ValueError, match=r"no Value is called q; there are: A1, A2, W1, .* Z2, b1"):
        draw(loss, model=mlp, at="q")
    with pytest.raises(ValueError, match="no Value to fold is called q; there are: v1, x1"):
        draw(dp.Value(1.0) * 2, fold=["q"])
    x = dp.Value(1.0)
    for _ in range(3000):
        x = x * 1.5
    with pytest.raises(ValueError, match="3001 nodes to draw, and a picture holds 2000: give a"):
        draw(x)
    assert len(draw(x, depth=5).picture.boxes) == 6


def test_jupyter_shows_small_graphs_by_themselves(tmp_path):
    x = dp.Value(2.0)
    y = x * x
    bundle = y._repr_mimebundle_()
    assert bundle["text/plain"] == repr(y)
    fitting = draw(y).svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)
    assert bundle["image/svg+xml"] == fitting  # no wider than the cell
    assert x._repr_mimebundle_() is None
    assert five_hundred()._repr_mimebundle_() is None
    shown = draw(y)._repr_mimebundle_(include=None, exclude=None)
    assert shown == {"image/svg+xml": fitting, "text/plain": str(draw(y))}
    draw(y).save(tmp_path / "y.svg")
    assert (tmp_path / "y.svg").read_text(encoding="utf-8") == draw(y).svg
    assert repr(draw(y)) == "<drawing of 2 boxes: .svg, .save(path), print()>"


def test_importing_deltaprop_leaves_the_pictures_alone():
    code = "import sys, deltaprop; assert 'deltaprop.viz' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
