"""The page in headless Chromium, with real keys, clicks and touches.

It takes the browser that the system has (Debian's package `chromium`), which no package
registry for Python offers: without one, or without the extra `browser`, these are skipped.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import deltaprop as dp
from deltaprop.viz import play
from deltaprop.viz.drawing import plain
from deltaprop.viz.notation import entries, number

from .graphs import HOSTILE, T, X, five_hundred, hostile, micrograd_example, sigmoid_mlp, story

playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra browser")
Page, expect = playwright.Page, playwright.expect

_OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# what stands on the page: the step, each box's gradient line by line, the formulas
_SHOWN = """() => [
  document.getElementById("count").textContent,
  [...document.querySelectorAll(".node")].map(
    n => [...n.querySelectorAll(".grad")].map(t => t.textContent).filter(t => t)),
  [...document.querySelectorAll("#lines .formula")].map(e => e.getAttribute("aria-label")),
]"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=path, args=_OFFLINE)
        yield found
        found.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page of the player; at the end there must have been no error on it."""
    errors: list[str] = []

    def opened(loss: Any, model: Any = None, **options: Any) -> tuple[Page, dict[str, Any]]:
        path = play(loss, tmp_path / "page.html", model)
        options = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce"} | options
        page = browser.new_page(**options)
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda r: errors.append(r.url) if r.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page, story(path)

    yield opened
    assert errors == []


@pytest.mark.parametrize("name", [*HOSTILE[:8], *HOSTILE[11:22]], ids=ascii)
def test_hostile_names_do_nothing(visit, name):
    """No request, no error of the policy, every step plays, and the name stands there."""
    page, told = visit(hostile(name))
    title = page.title()
    assert title.startswith("Backpropagation through")
    assert page.evaluate("document.scripts.length") == 2
    assert page.evaluate("document.querySelectorAll('body > *').length") == 6
    assert page.evaluate("document.querySelectorAll('.node').length") == len(told["boxes"])
    for _ in told["steps"]:
        page.keyboard.press("ArrowRight")
    assert step(page) == len(told["steps"]) - 1
    assert page.title() == title
    if len(name) < 100:
        label = page.locator("#view svg").first.get_attribute("aria-label")
        assert plain(name).replace("\r", "\n") in label


def test_what_is_put_into_the_page_does_not_run(browser, tmp_path):
    """Were a name to become markup, the policy would stop it."""
    path = play(hostile("MARK"), tmp_path / "page.html")
    evil = "<script>document.title='seen'</script><img src=x onerror=\"document.title='seen'\">"
    evil += "<style>body{opacity:0.5}</style><b style='opacity:0.25' id='styled'>b</b>"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('<main id="panel"', evil + '<main id="panel"'), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.keyboard.press("ArrowRight")
    assert step(page) == 1
    assert page.title() != "seen"
    assert page.evaluate("getComputedStyle(document.body).opacity") == "1"
    assert page.evaluate("getComputedStyle(document.getElementById('styled')).opacity") == "1"


def test_a_notebook_shows_the_page(browser, tmp_path):
    errors: list[str] = []
    path = play(micrograd_example()[2], tmp_path / "page.html")
    page = browser.new_page()
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content(f"<!DOCTYPE html><p>cell</p>{path._repr_html_()}")
    frame = page.frame_locator("iframe")
    expect(frame.locator("#count")).to_have_text(re.compile("^1 / "))
    frame.locator("#next").click()
    expect(frame.locator("#count")).to_have_text(re.compile("^2 / "))
    assert page.title() == ""
    assert errors == []


def step(page: Page) -> int:
    return int(page.locator("#count").inner_text().split(" / ")[0]) - 1


def test_every_step_by_keyboard_and_the_numbers_are_the_values(visit):
    a, b, g = micrograd_example()
    page, told = visit(g)
    count, grads_then = len(told["steps"]), {}
    for i, wanted in enumerate(told["steps"]):
        step_now, grads, formulas = page.evaluate(_SHOWN)
        assert step_now == f"{i + 1} / {count}"
        for line in wanted.get("lines", []):
            grads_then[line["to"]] = line["rows"]
            assert line["rule"] in formulas
            assert line.get("result", formulas[0]) in formulas
        assert grads == [grads_then.get(k, []) for k in range(len(told["boxes"]))]
        page.keyboard.press("ArrowRight")
    g.backward()
    _, last, _ = page.evaluate(_SHOWN)
    assert last[0] == [number(a.grad)] == ["138.8"]
    assert last[1] == [number(b.grad)] == ["645.6"]
    page.keyboard.press("ArrowLeft")
    assert step(page) == count - 2
    page.keyboard.press("Home")
    assert page.evaluate(_SHOWN)[:2] == [f"1 / {count}", [[] for _ in told["boxes"]]]
    page.keyboard.press("End")
    assert page.evaluate(_SHOWN)[:2] == [f"{count} / {count}", last]


def test_mouse_slider_and_player(visit):
    *_, g = micrograd_example()
    page, told = visit(g)
    last = len(told["steps"]) - 1
    page.click("#next")
    page.click("#next")
    assert step(page) == 2
    page.click("#back")
    assert step(page) == 1
    page.locator("#slider").fill("30")
    assert step(page) == 30
    assert "Backward pass" in page.locator("#phase").inner_text()
    page.keyboard.press("ArrowRight")  # the slider has the focus, and moves by one
    assert step(page) == 31
    page.click("#end")
    assert step(page) == last
    page.evaluate("location.hash = '7'")
    assert step(page) == 6
    page.click("#home")
    page.locator("#n10").click()
    assert told["steps"][step(page)]["at"] == [10]
    page.select_option("#speed", "500")
    page.keyboard.press("Home")
    page.locator("#speed").blur()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    expect(page.locator("#count")).to_have_text(re.compile("^3 "))
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    width = float(page.locator("#view > svg").get_attribute("width"))
    page.click("#in")
    assert float(page.locator("#view > svg").get_attribute("width")) == pytest.approx(1.25 * width)
    page.click("#fit")
    assert page.evaluate("view.scrollWidth <= view.clientWidth")


def test_the_current_box_and_its_edges_are_marked_and_in_view(visit):
    page, told = visit(five_hundred())
    for i in (100, 500):
        wanted = told["steps"][i]
        page.locator("#slider").fill(str(i))
        marked = page.locator(".node.now").evaluate_all("all => all.map(n => n.id)")
        assert marked == [f"n{k}" for k in wanted["at"]]
        edges = page.locator(".edge.now").evaluate_all("all => all.map(e => e.id)")
        used = wanted.get("edges") or [line["edge"] for line in wanted["lines"]]
        assert sorted(edges) == sorted(f"e{k}" for k in used)
        box, view = (
            page.locator(f"#{marked[0]}").bounding_box(),
            page.locator("#view").bounding_box(),
        )
        assert view["x"] <= box["x"] + box["width"] / 2 <= view["x"] + view["width"]
        assert view["y"] <= box["y"] + box["height"] / 2 <= view["y"] + view["height"]


def test_an_mlp_on_a_phone(visit):
    mlp = sigmoid_mlp()
    page, told = visit(dp.nn.mse(mlp(X), T), mlp, viewport={"width": 360, "height": 740},
                       has_touch=True, is_mobile=True)  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in page.locator("button:visible").all():
        size = button.bounding_box()
        assert min(size["width"], size["height"]) >= 44
        assert size["x"] + size["width"] <= 360
        assert size["y"] + size["height"] <= 740
        assert button.get_attribute("aria-label")
    cards: list[str] = []
    for _ in told["steps"]:
        cards += page.locator(".card").all_inner_texts()
        for fraction in page.locator(".fraction").all_inner_texts():
            assert re.fullmatch(r"∂L\s*∂(L|[AWbZ]\s*[12])", fraction)
        page.tap("#next")
    assert len(cards) == 6
    assert all("✓ agrees with autodiff" in card for card in cards)


def test_a_network_is_in_view_as_a_whole_on_a_laptop(visit):
    mlp = sigmoid_mlp()
    page, _ = visit(dp.nn.mse(mlp(X), T), mlp, viewport={"width": 1280, "height": 800})
    assert page.evaluate(
        "view.scrollWidth <= view.clientWidth && view.scrollHeight <= view.clientHeight"
    )
    widths = page.locator(".node").evaluate_all(
        "all => all.map(n => n.getBoundingClientRect().width)"
    )
    assert min(widths) > 25
    page.set_viewport_size({"width": 830, "height": 640})  # in the documentation
    assert page.evaluate("view.scrollWidth <= view.clientWidth")


def test_matrices_stand_one_by_one(visit):
    mlp = sigmoid_mlp()
    page, told = visit(dp.nn.mse(mlp(X), T), mlp)
    seen = []
    for _ in told["steps"]:
        for formula in page.locator("#lines .formula").all():
            texts = re.findall(r"\[\[.*?\]\]|\[[^[]*?\]", formula.get_attribute("aria-label"))
            wanted = [re.findall(r"[−\d.e]+", text) for text in texts]
            shown = [m.locator("span").all_inner_texts() for m in formula.locator(".matrix").all()]
            assert shown == wanted
            seen += shown
        page.keyboard.press("ArrowRight")
    assert len(seen) > 30
    grads = page.locator("#lines .formula").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert grads[::2] == ["dL/dW1", "dL/db1", "dL/dW2", "dL/db2"]
    boxes = {box["name"]: box for box in told["boxes"]}
    for name, shown in zip(("W1", "b1", "W2", "b2"), grads[1::2], strict=True):
        assert shown == entries(np.array(ast.literal_eval(boxes[name]["grad"])))


def test_what_travels_along_the_edges(visit):
    *_, g = micrograd_example()
    page, told = visit(g)
    for i, wanted in enumerate(told["steps"]):
        page.locator("#slider").fill(str(i))
        sent = [line["result"] for line in wanted.get("lines", []) if "edge" in line]
        assert page.locator(".cargo").all_text_contents() == sent
    mlp = sigmoid_mlp()
    page, told = visit(dp.nn.mse(mlp(X), T), mlp)
    page.locator("#slider").fill("9")
    assert page.locator(".cargo").all_text_contents() == ["3×3", "3×1", "−0.02903"]


def test_a_strip_lies_above_and_a_large_graph_has_a_map(visit):
    *_, g = micrograd_example()
    page, _ = visit(g)
    view, panel = (page.locator(f"#{name}").bounding_box() for name in ("view", "panel"))
    assert view["y"] + view["height"] <= panel["y"]
    assert view["width"] == panel["width"] == 1200
    assert page.locator("#map").is_hidden()
    page.set_viewport_size({"width": 700, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    page, told = visit(five_hundred())
    view, panel = (page.locator(f"#{name}").bounding_box() for name in ("view", "panel"))
    assert view["x"] + view["width"] <= panel["x"]
    assert page.locator("#map .now").count() == len(told["steps"][0]["at"])
    page.locator("#map").click(position={"x": 180, "y": 60})
    assert page.evaluate("view.scrollLeft") > 3000


_FAULTS = """() => {
  const svg = document.querySelector("svg"), faults = [], to = svg.getScreenCTM();
  const boxes = [...svg.querySelectorAll(".node")].map(g => {
    const { left, right, top, bottom } = g.querySelector(".box").getBoundingClientRect();
    return { g, left, right, top, bottom };
  });
  const inside = (p, b, rim) =>
    p.x > b.left + rim && p.x < b.right - rim && p.y > b.top + rim && p.y < b.bottom - rim;
  boxes.forEach((b, i) => {
    for (const t of b.g.querySelectorAll("text")) {
      const r = t.getBoundingClientRect();
      const fits = r.left >= b.left && r.right < b.right - 2 && r.bottom < b.bottom + 1;
      if (t.textContent !== "⋯" && !fits)
        faults.push(`clipped: ${t.textContent}`);
    }
    for (const c of boxes.slice(i + 1))
      if (b.left < c.right && c.left < b.right && b.top < c.bottom && c.top < b.bottom)
        faults.push(`overlap: ${b.g.id} ${c.g.id}`);
  });
  for (const e of svg.querySelectorAll(".edge")) {
    const length = e.getTotalLength(), n = Math.ceil(length / 15), all = e.getBoundingClientRect();
    const near = boxes.filter(b =>
      b.left < all.right && all.left < b.right && b.top < all.bottom && all.top < b.bottom);
    for (let i = 0; i <= n; i++) {
      const p = e.getPointAtLength(length * i / n).matrixTransform(to);
      const crossed = near.find(b => inside(p, b, 2));
      if (crossed) { faults.push(`${e.id} through ${crossed.g.id}`); break; }
    }
  }
  return faults;
}"""


def drawings() -> Iterator[Any]:
    *_, g = micrograd_example()
    g.backward()
    mlp = sigmoid_mlp()
    loss = dp.nn.mse(mlp(X), T)
    loss.backward()
    x, w = dp.Value(np.arange(6.0).reshape(2, 3), name="x"), dp.Value(np.ones((3, 2)))
    mixed = dp.numpy.where((x @ w) > 4, np.log(x @ w + 1), 0).sum() + (x[0] * x[1]).mean()
    large = five_hundred()
    large.backward()
    yield from (dp.draw(g), dp.draw(g, 2), dp.draw(g, at="v12"), dp.draw(mixed), dp.draw(large))
    yield from (dp.draw(loss), dp.draw(loss, model=mlp), dp.draw(loss, model=mlp, open=True))


def test_drawings_clip_no_text_and_no_edge_runs_through_a_box(browser, tmp_path):
    page = browser.new_page()
    for drawing in drawings():
        drawing.save(tmp_path / "graph.svg")
        page.goto((tmp_path / "graph.svg").as_uri())
        assert page.evaluate(_FAULTS) == []


def test_the_theme_is_that_of_the_page_around(browser, tmp_path):
    *_, g = micrograd_example()
    play(g, tmp_path / "page.html")
    (tmp_path / "around.html").write_text(
        '<html data-theme="dark"><iframe src="page.html"></iframe></html>', encoding="utf-8"
    )
    page = browser.new_page(color_scheme="light")
    files = {f"http://around/{path.name}": path for path in tmp_path.glob("*.html")}
    page.route("http://around/*", lambda route: route.fulfill(path=files[route.request.url]))
    page.goto("http://around/around.html")
    inside = page.frames[1]
    for theme, paper in (("dark", "rgb(13, 15, 18)"), ("light", "rgb(241, 243, 245)")):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        expect(inside.locator("body")).to_have_css("background-color", paper)


def test_light_and_dark(visit):
    *_, g = micrograd_example()
    page, _ = visit(g)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colors = page.evaluate(
            "[document.body, document.body].map((e, i) => getComputedStyle(e)["
            "['color', 'backgroundColor'][i]])"
        )
        ink, paper = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in colors]
        assert (paper - ink > 500) if scheme == "light" else (ink - paper > 500)
