"""The page's numbers are the Values' own, and its formulas are true."""

from __future__ import annotations

import ast
import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import deltaprop as dp
from deltaprop.graph import REGISTRY, Elementwise, topological_order
from deltaprop.testing import strategies as dst
from deltaprop.viz import play
from deltaprop.viz.drawing import asset, plain
from deltaprop.viz.notation import brief
from deltaprop.viz.picture import Picture
from deltaprop.viz.player import Sweep, rules

from .. import oracles
from .graphs import HOSTILE, T, X, five_hundred, hostile, micrograd_example, sigmoid_mlp, story


def numbers(text: str) -> list:
    return ast.literal_eval(text)


def test_micrograds_example(tmp_path):
    a, b, g = micrograd_example()
    told = story(play(g, tmp_path / "page.html"))
    g.backward()
    by_name = {box["name"]: box for box in told["boxes"]}
    assert numbers(by_name["a"]["grad"]) == a.grad
    assert numbers(by_name["b"]["grad"]) == b.grad
    order = topological_order(g)
    assert [(numbers(box["data"]), numbers(box["grad"])) for box in told["boxes"]] == [
        (v.data, v.grad) for v in order
    ]
    forward = [s for s in told["steps"] if s["phase"] == "forward"]
    assert [i for s in forward for i in s["at"]] == [0, 1, *range(2, len(order))]
    assert [s["rule"] + " = " + s["numbers"] for s in forward if s["at"] == [19]] == [
        "v18 = b − a = 2 − (−4)"
    ]
    lines = [line["rule"] for s in told["steps"] for line in s.get("lines", [])]
    assert "dg/da += dg/dv2 · b" in lines
    assert "dg/dv21 += dg/dv22 · (2 · v21)" in lines
    assert len(told["steps"]) == 1 + 25 + 1 + 25 + 1


def test_the_steps_are_the_sweeps(tmp_path):
    """Each node once, after all that use it; running totals end at the gradient."""
    *_, g = micrograd_example()
    told = story(play(g, tmp_path / "page.html"))
    g.backward()
    sweep = [s for s in told["steps"] if s["phase"] == "reverse" and "op" in s]
    passed = [s["at"][0] for s in sweep]
    assert sorted(passed, reverse=True) == passed
    totals, done = {}, []
    for step in sweep:
        assert step["at"][0] == passed[0] or step["at"][0] in done
        for line in step["lines"]:
            assert line["to"] not in done
            totals[line["to"]] = line["rows"]
            if line.get("done"):
                done.append(line["to"])
    for place, node in enumerate(topological_order(g)[:-1]):
        assert totals[place] == [brief(node.grad)]
    assert sorted(done) == list(range(26))


@given(dst.expressions())
def test_numbers_of_any_graph(tmp_path_factory, case):
    f, xs = case
    values = [dp.Value(x) for x in xs]
    y = f(*values)
    loss = y.sum() if isinstance(y, dp.Value) and y.shape else y
    assume(isinstance(loss, dp.Value) and loss.op is not None and not np.iscomplexobj(loss.data))
    told = story(play(loss, tmp_path_factory.getbasetemp() / "any.html"))
    assert all(node.grad is None for node in topological_order(loss))
    loss.backward()
    wanted = [v.grad for v in topological_order(loss)]
    small = [repr(np.asarray(g).tolist()) for g in wanted if g is not None and np.size(g) <= 16]
    assert [box["grad"] for box in told["boxes"] if box["grad"]] == small


def as_python(text: str) -> str:
    """A formula of the page as code."""
    text = re.sub(r"dL/d(\w+)", lambda m: f"G[{m[1]!r}]", text)
    return text.replace("·", "*").replace("−", "-").replace("^", "**").replace("ᵀ", ".T")


def check_formulas(loss) -> int:
    """Evaluate what is written of each step, and compare with what the sweep sent."""
    picture = Picture(loss, called=[(loss, "L")])
    sweep, of = Sweep(picture), picture.names.of
    scope = dict(REGISTRY) | {"G": {}, "sum": np.sum, "mean": np.mean}
    for node in picture.order:
        scope[of(node)] = node.data
        scope["G"][of(node)] = sweep.grads.get(node.serial)
        scope |= {of(x): x for x in node.args if isinstance(x, np.ndarray)}
    checked = 0
    for node, sent in sweep.seen:
        written = rules(picture, node, sweep.grads[node.serial])
        for (rule, with_numbers), contribution in zip(written, sent, strict=True):
            into, _, formula = rule.partition(" += ")
            if contribution is None or "[" in into or re.search("∂|mask|vjp|where", rule):
                continue
            got = eval(as_python(formula), {}, scope)
            close = {"rtol": 1e-3, "atol": 1e-9}  # constants are written with four digits
            np.testing.assert_allclose(np.broadcast_to(got, np.shape(contribution)), contribution,
                                       **close)  # fmt: skip
            if not np.ndim(contribution) and with_numbers and "[" not in with_numbers:
                rounded = eval(as_python(with_numbers), {}, REGISTRY)
                assert rounded == pytest.approx(contribution, rel=2e-2, abs=1e-3)
            checked += 1
    return checked


TABLE = [
    op for op in REGISTRY.values()
    if isinstance(op, Elementwise) and op.domain and not {None} & set(op.partials)
]  # fmt: skip


@pytest.mark.parametrize("op", TABLE, ids=str)
def test_formulas_of_the_table_are_true(op):
    rng = np.random.default_rng(1)
    for _ in range(3):
        y = op(*[dp.Value(oracles.point(rng, (), domain)) for domain in op.domain])
        check_formulas(y * 0.7)


def test_formulas_of_layers_and_reductions_are_true():
    mlp = sigmoid_mlp(activation="tanh")
    a = dp.Value([[1.0, 2.0], [3.0, -4.0]])
    v = dp.Value([0.5, -1.5])
    for loss in (
        dp.nn.mse(mlp(X), T),
        dp.nn.binary_cross_entropy(mlp(X), T),
        (a @ v).sum() + a.mean() - (v * v).sum(),
        ((a - a.mean()) / (v + 3)).sum(),
        dp.numpy.linalg.inv(a).sum(),
        dp.nn.softmax(v).max() * a[0, 1],
    ):
        assert check_formulas(loss) >= 2


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy", "softmax_cross_entropy",
                                  "binary_cross_entropy_with_logits"])  # fmt: skip
@pytest.mark.parametrize("mode", ["exact", "rashid", "linear"])
def test_layer_deltas_stand_beside_their_steps(tmp_path, loss, mode):
    logits = loss.endswith("logits") or loss.startswith("softmax")
    output = "identity" if logits else "sigmoid"
    mlp = dp.nn.MLP([2, 4, 3, 2], activation="sigmoid", output=output, rng=1,
                    error_propagation=mode)  # fmt: skip
    target = np.eye(2)[[0, 1, 1]]
    value = dp.nn.LOSSES[loss](mlp(X), target)
    told = story(play(value, tmp_path / "page.html", mlp))
    names = [box["name"] for box in told["boxes"]]
    lines = [line for s in told["steps"] for line in s.get("lines", [])]
    beside = {names[line["to"]]: line["card"] for line in lines if "card" in line}
    layers = dp.deltas.layer_deltas(mlp, X, target, loss, mode).layers
    for k, layer in enumerate(layers, 1):
        for name, wanted in ((f"Z{k}", layer.delta), (f"W{k}", layer.dW), (f"b{k}", layer.db)):
            assert beside[name]["result"] == brief(wanted)
            assert beside[name]["agree"]
    assert beside["W2"]["rule"] == "dW2 = A1ᵀ @ δ2"
    hidden = {"exact": "δ2 = (δ3 @ W3ᵀ) ⊙ sigmoid′(Z2)", "linear": "δ2 = δ3 @ W3ᵀ"}
    assert mode == "rashid" or beside["Z2"]["rule"] == hidden[mode]


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_dropout_and_normalised_layers_have_formulas(tmp_path, normalization, dropout, mode):
    mlp = dp.nn.MLP([2, 4, 3, 1], "sigmoid", "sigmoid", dropout=dropout, rng=2,
                    normalization=normalization)  # fmt: skip
    getattr(mlp, mode)()
    loss = dp.nn.mse(mlp(np.tile(X, (2, 1))), np.tile(T, (2, 1)))
    told = story(play(loss, tmp_path / "page.html", mlp))
    names = [box["name"] for box in told["boxes"]]
    lines = [line for s in told["steps"] for line in s.get("lines", [])]
    beside = {names[line["to"]]: line["card"] for line in lines if "card" in line}
    norms = {f"norms.{k}.{part}" for k in (0, 1) for part in ("weight", "bias")}
    wanted = {name for name, _ in mlp.named_parameters()} & norms | {"Z1", "Z2", "Z3", "W1"}
    assert wanted <= beside.keys()
    assert all(card["agree"] for card in beside.values())
    assert ("⊙ c" in beside["Z1"]["rule"]) == bool(dropout and mode == "train")
    assert ("γ1" in beside["Z1"]["rule"]) == bool(normalization)
    if mode == "train" and normalization == "batch":
        with pytest.raises(ValueError, match=r"the model has changed since, for example by \.eval"):
            play(dp.nn.mse(mlp.eval()(X), T), tmp_path / "page.html", mlp.train())


def test_a_formula_that_differs_says_so():
    from deltaprop.viz.cards import Card

    card = Card("δ1 = x", "1", np.array([1.0, 2.0]))
    assert card.compared(np.array([1.0, 2.0]))["agree"]
    assert not card.compared(np.array([1.0, 2.001]))["agree"]
    assert not card.compared(np.array([1.0, np.nan]))["agree"]


def test_gradients_are_kept(tmp_path):
    a, b, g = micrograd_example()
    g.backward()
    a.grad = 7.0
    kept = a.grad, b.grad, g.grad
    told = story(play(g, tmp_path / "page.html"))
    assert (a.grad, b.grad, g.grad) == kept
    assert told["boxes"][0]["grad"] == "138.83381924198252"
    g.register_hook(lambda gradient: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        play(g, tmp_path / "page.html")
    assert (a.grad, b.grad, g.grad) == kept


def test_structural_zeros_scatters_and_long_rules(tmp_path):
    x = dp.Value([0.0, 2.0, 3.0], name="x")
    with np.errstate(divide="ignore"):
        y = dp.numpy.where(x.data > 0, dp.numpy.log(x), 0.0)
    loss = (y * x).sum() + x[1] * dp.nn.gelu(x[0]) + dp.numpy.maximum(x[2], 1.0)
    told = story(play(loss, tmp_path / "page.html"))
    text = [line.get("rule") for s in told["steps"] for line in s.get("lines", [])]
    assert any(t.startswith("dL/dx[1] += dL/dv") for t in text)
    assert any("∂" in t for t in text)
    loss.backward()
    assert numbers(told["boxes"][0]["grad"]) == x.grad.tolist()


def test_custom_gradients_and_checkpoints_are_played(tmp_path):
    @dp.custom_gradient
    def twice(x):
        return 2 * x, lambda g: 2 * g

    x = dp.Value(3.0, name="x")
    told = story(play(twice(x) * dp.checkpoint(lambda v: v * v)(x), tmp_path / "page.html"))
    assert numbers(told["boxes"][0]["grad"]) == 54.0
    text = [line["rule"] for s in told["steps"] for line in s.get("lines", [])]
    assert any("vjp of custom_gradient" in t for t in text)


def test_one_page_without_network_under_a_megabyte(tmp_path):
    loss = five_hundred()
    path = play(loss, tmp_path / "page.html")
    page = path.read_text(encoding="utf-8")
    told = story(path)
    assert len(told["boxes"]) > 500
    assert len(page.encode()) < 1_000_000
    assert not re.search(r"(src|href)=.?(https?:|//)|@import|fetch\(|XMLHttp", page)
    assert "default-src 'none'" in page


def test_text_from_users_stays_text(tmp_path):
    x = dp.Value(2.0, name="</script><b>")
    path = play(x * x, tmp_path / "page.html")
    assert story(path)["boxes"][0]["name"] == "</script><b>"
    assert path.read_text(encoding="utf-8").count("</script>") == 2
    assert "nan" in story(play(x * float("nan"), tmp_path / "nan.html"))["boxes"][-1]["data"]


class Tags(HTMLParser):
    """The elements of a page, with the names of their attributes, and its texts."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, _ in attrs]))

    def handle_data(self, data):
        self.texts.append(data)


def page_of(name, path):
    play(hostile(name), path)
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_names_are_inert(tmp_path, name):
    page, harmless = (page_of(n, tmp_path / "page.html") for n in (name, "harmless"))
    assert Tags(page).tags == Tags(harmless).tags
    assert abs(len(page) - len(harmless)) < 100 * (len(name) + 20)
    shown = plain(name)
    play(hostile(name), tmp_path / "page.html")
    assert plain(story(tmp_path / "page.html")["root"]).startswith(shown)
    kept = shown.replace("\r", "\n")
    assert any(kept in text.replace("\r", "\n") for text in Tags(page).texts)
    svg = dp.draw(hostile(name)).svg
    ElementTree.fromstring(svg)  # well-formed
    assert Tags(svg).tags == Tags(dp.draw(hostile("harmless")).svg).tags
    html = play(hostile(name), tmp_path / "page.html")._repr_html_()
    assert Tags(html).tags == [("iframe", ["srcdoc", "sandbox", "title", "style"])]


@given(st.text())
def test_any_name_is_inert(tmp_path_factory, name):
    path = tmp_path_factory.getbasetemp() / "named.html"
    tags = Tags(page_of("harmless", path)).tags
    assert Tags(page_of(name or "x", path)).tags == tags


def test_the_policy_lets_the_pages_own_script_and_style_run_alone(tmp_path):
    page = page_of("x", tmp_path / "page.html")
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', page)[1]
    for kind in ("script", "style"):
        (text,) = re.findall(f"<{kind}>(.*?)</{kind}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy
    assert "unsafe" not in policy
    assert "style=" not in page.replace(asset("player.js"), "")


def test_the_path_shows_the_page(tmp_path):
    path = play(hostile("x"), tmp_path / "page.html")
    assert isinstance(path, Path)
    assert path == tmp_path / "page.html"
    assert html.unescape(re.search('srcdoc="(.*?)"', path._repr_html_(), re.S)[1]) == (
        path.read_text(encoding="utf-8")
    )
    assert path.parent._repr_html_() is None
    path.unlink()
    assert path._repr_html_() is None


def test_clear_errors(tmp_path):
    mlp, path = sigmoid_mlp(), tmp_path / "page.html"
    with pytest.raises(TypeError, match="play takes the loss, a Value, not float"):
        play(1.0, path)
    with pytest.raises(ValueError, match="has no graph behind it"):
        play(dp.Value(1.0), path)
    with pytest.raises(ValueError, match=r"real scalar, but this Value has shape \(2,\)"):
        play(dp.Value([1.0, 2.0]) * 2, path)
    with pytest.raises(ValueError, match="applied once"):
        play(dp.nn.mse(mlp(mlp(X)[:, [0, 0]]), T), path, mlp)
    with pytest.raises(ValueError, match=r"know the losses mse, .* this loss is another"):
        play(dp.nn.mae(mlp(X), T), path, mlp)
    with pytest.raises(ValueError, match="nothing added"):
        play(dp.nn.mse(mlp(X), T) + 1.0, path, mlp)
    assert not path.exists()
