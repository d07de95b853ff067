"use strict";
const story = JSON.parse(document.getElementById("story").textContent);
const steps = story.steps, root = document.documentElement;
const $ = id => document.getElementById(id);
const svg = document.querySelector("#view > svg"), view = $("view");
const nodes = story.boxes.map((_, i) => $("n" + i)), edges = [...svg.querySelectorAll(".edge")];
const touch = matchMedia("(hover: none)").matches, moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
const names = new Set(story.boxes.map(box => box.name));
let now = 0, timer = 0, scale = 1;

// When each box is computed, and the step of the sweep that passes it or first reaches it.
const made = new Map(), passed = new Map();
steps.forEach((step, i) => {
  if (step.phase === "forward") step.at.forEach(n => made.set(n, i));
  else step.at.concat((step.lines || []).map(line => line.to)).forEach(n => {
    if (!passed.has(n) || step.at.includes(n)) passed.set(n, i);
  });
});
const turn = steps.findIndex(step => step.phase === "reverse");

// ---- formulas: text in, fractions, subscripts and matrices out ----
const TOKEN = /d([^\s\/()[\],]+)\/d([^\s\/()[\],]+)|(\[(?:\[[^[\]]*\](?:, )?)+\]|\[[\s\d,.()−+eijnaf…TrueFals]*\])|\^(\([^)]*\)|[^\s)]+)|(ᵀ)|([\p{Lu}\p{Ll}_]+\d+)(?![\p{Lu}\p{Ll}\d_])/gu;

function element(tag, css, ...children) {
  const e = document.createElement(tag);
  if (css) e.className = css;
  e.append(...children);
  return e;
}

function name(text) {
  const [, letters, digits] = /^([\p{L}_]+?)_?(\d+)$/u.exec(text) || [];
  return digits ? element("span", "", letters, element("sub", "", digits)) : element("span", "", text);
}

function matrix(text) {
  const rows = text.startsWith("[[") ? text.slice(1, -1).match(/\[[^\]]*\]/g) || [] : [text];
  const cells = rows.map(row => row.slice(1, -1).split(", "));
  const grid = element("span", "matrix", ...cells.flat().map(c => element("span", "", c)));
  grid.style.gridTemplateColumns = `repeat(${cells[0]?.length || 1}, auto)`;
  return grid;
}

function typeset(text, css = "formula") {
  const out = element("span", css);
  let end = 0;
  for (const m of text.matchAll(TOKEN)) {
    const [all, top, below, array, power, transposed, named] = m;
    let made = null;
    if (below) made = element("span", "fraction", element("span", "", "∂", name(top)), element("span", "", "∂", name(below)));
    else if (array && !(/[\p{L}\])]$/u.test(text.slice(0, m.index)))) made = matrix(array);
    else if (power) made = element("sup", "", power);
    else if (transposed) made = element("sup", "", "T");
    else if (named && (names.has(named) || /^[δdeWbNYshuγβ]+\d+$/.test(named))) made = name(named);
    if (!made) continue;
    out.append(text.slice(end, m.index), made);
    end = m.index + all.length;
  }
  out.append(text.slice(end));
  out.setAttribute("role", "img");
  out.setAttribute("aria-label", text);
  return out;
}

function block(line, css) {
  const out = element("div", "line " + (css || ""));
  out.append(element("div", "", typeset(line.rule)));
  if (line.numbers && line.numbers !== line.result) out.append(element("div", "", "= ", typeset(line.numbers)));
  if (line.result) out.append(element("div", "", "= ", typeset(line.result, "formula answer")));
  return out;
}

const note = (...text) => element("div", "note", ...text);

function hint() {
  const key = text => element("kbd", "", text);
  return touch
    ? note("Tap the buttons, swipe over this text, or tap a box to go to its step.")
    : note(key("→"), " ", key("←"), " step, ", key("Space"), " plays, ", key("Home"), " ", key("End"), " go to the ends, ",
      key("+"), " ", key("−"), " ", key("0"), " zoom; a click on a box goes to its step.");
}

// ---- the panel ----
function tell(step) {
  const forward = step.phase === "forward", first = (step.at.length && story.boxes[step.at[0]]) || null;
  root.className = step.phase;
  root.style.setProperty("--now", `var(--${step.phase})`);
  $("phase").textContent = forward ? "Forward pass: compute" : "Backward pass: pass the gradient back";
  const lines = $("lines");
  lines.replaceChildren();
  $("panel").scrollTop = 0;
  if (forward || !step.lines) {
    $("head").replaceChildren(step.op ? typeset(first.name, "") : step.rule, step.op ? element("small", "", ` by ${step.op}`) : "");
    if (step.op) lines.append(block(step));
    else if (forward) lines.append(note("These are given. The next steps show each operation compute its result from them."), hint());
    else lines.append(...step.totals.map(total => element("div", "line", typeset(total.rule), " = ", typeset(total.result, "formula answer"))), note("Each gradient says how fast " + story.root + " changes with that Value. An optimiser now steps against the gradient."));
    return;
  }
  $("head").replaceChildren(step.op ? "Back through " : "Start at ", typeset(steps[made.get(step.at[0])].rule, ""));
  const written = step.lines.filter(line => line.rule);
  for (const line of written) {
    const out = block(line), target = story.boxes[line.to].name;
    if (line.total) out.append(note("the sum so far: ", typeset(`d${story.root}/d${target} = ${line.total}`)));
    if (step.op && line.done) out.append(note("complete: every operation that uses ", typeset(target, ""), " has contributed"));
    const pair = element("div", "pair", out);
    lines.append(pair);
    if (line.card) {
      const card = block(line.card, "card");
      card.prepend(note("The layer-delta formula for this gradient:"));
      card.append(note(line.card.agree ? `✓ agrees with autodiff, to ${line.card.ulps} ulp` : `✗ differs from autodiff by ${line.card.ulps} ulp`));
      pair.append(card);
    }
  }
  const rest = step.lines.length - written.length;
  if (rest) lines.append(note(`… and ${rest} more contributions`));
}

// ---- the graph ----
function paint(step) {
  const grads = new Map(), paid = new Set();
  for (const s of steps.slice(turn, now + 1)) for (const line of s.lines || []) {
    grads.set(line.to, line.rows);
    paid.add(line.edge);
  }
  const touched = new Set((step.lines || []).map(line => line.to));
  nodes.forEach((node, i) => {
    node.classList.toggle("wait", made.get(i) > now);
    node.classList.toggle("now", step.at.includes(i));
    node.classList.toggle("touched", touched.has(i) && !step.at.includes(i));
    const rows = grads.get(i);
    node.querySelectorAll(".grad").forEach((span, k) => {
      span.textContent = rows?.[k] ?? "";
      span.parentNode.classList.toggle("none", !rows);
    });
    marks[i].setAttribute("class", step.at.includes(i) ? "now" : (step.phase === "forward" ? made.get(i) <= now : rows) ? "done" : "");
    if (node.classList.contains("constant")) return;
    node.setAttribute("aria-label", story.boxes[i].name + (made.get(i) > now ? ", not computed yet" : "") + (rows ? `, gradient ${rows.join(" ")}` : ""));
  });
  svg.querySelectorAll(".carried").forEach(e => e.remove());
  const active = new Map((step.lines || []).map(line => [line.edge, line.load]));
  (step.edges || []).forEach(e => active.set(e, ""));
  edges.forEach((edge, i) => {
    edge.classList.toggle("now", active.has(i));
    edge.classList.toggle("paid", paid.has(i) && !active.has(i));
    if (active.get(i)) carry(edge, active.get(i));
  });
}

function carry(edge, text) {
  // the number that travels back along the edge, to where it is added
  const make = tag => document.createElementNS(svg.namespaceURI, tag);
  const group = make("g"), label = make("text"), pill = make("rect"), length = edge.getTotalLength();
  const half = text.length * 3.7 + 6;
  group.setAttribute("class", "carried");
  label.setAttribute("class", "cargo");
  label.setAttribute("y", 4);
  label.textContent = text;
  for (const [k, v] of Object.entries({ class: "pill", x: -half, y: -10, width: 2 * half, height: 20, rx: 10 })) pill.setAttribute(k, v);
  group.append(pill, label);
  if (moves) {
    const motion = make("animateMotion");
    for (const [k, v] of Object.entries({ path: edge.getAttribute("d"), dur: "0.8s", keyPoints: "1;0.45", keyTimes: "0;1", calcMode: "linear", fill: "freeze", begin: "indefinite" })) motion.setAttribute(k, v);
    group.append(motion);
    svg.append(group);
    motion.beginElement();
  } else {
    const p = edge.getPointAtLength(length * 0.45);
    group.setAttribute("transform", `translate(${p.x},${p.y})`);
    svg.append(group);
  }
}

function follow(step) {
  const wanted = step.at.length > 3 ? [] : step.at.concat((step.lines || []).map(line => line.to)).slice(0, 4);
  if (!wanted.length) return;
  const box = view.getBoundingClientRect();
  const all = wanted.map(i => nodes[i].getBoundingClientRect());
  const middle = (low, high, from, size) => {
    const a = Math.min(...all.map(r => r[low])), b = Math.max(...all.map(r => r[high]));
    const one = all[0];
    return (b - a > size ? (one[low] + one[high]) / 2 : (a + b) / 2) - from - size / 2;
  };
  view.scrollBy({ left: middle("left", "right", box.left, box.width), top: middle("top", "bottom", box.top, box.height), behavior: moves ? "smooth" : "auto" });
}

// ---- the map: where in a large graph we are ----
const map = $("map"), marks = nodes.map(node => {
  const box = node.querySelector(".box"), mark = document.createElementNS(svg.namespaceURI, "rect");
  const at = node.transform.baseVal.getItem(0).matrix;
  for (const [k, v] of Object.entries({ x: at.e, y: at.f, width: box.width.baseVal.value, height: box.height.baseVal.value })) mark.setAttribute(k, v);
  return mark;
});
const seen = document.createElementNS(svg.namespaceURI, "rect");
seen.setAttribute("class", "seen");
map.append(...marks, seen);
map.setAttribute("viewBox", svg.getAttribute("viewBox"));

function look() {
  const { x, y, width, height } = svg.viewBox.baseVal;
  const part = { x: x + view.scrollLeft / scale, y: y + view.scrollTop / scale, width: Math.min(width, view.clientWidth / scale), height: Math.min(height, view.clientHeight / scale) };
  for (const [k, v] of Object.entries(part)) seen.setAttribute(k, v);
  map.style.visibility = width * height * scale * scale > 3 * view.clientWidth * view.clientHeight ? "" : "hidden";
}

map.addEventListener("click", event => {
  const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
  const { x, y } = svg.viewBox.baseVal;
  view.scrollTo({ left: (p.x - x) * scale - view.clientWidth / 2, top: (p.y - y) * scale - view.clientHeight / 2 });
});
view.addEventListener("scroll", look);

function zoom(factor) {
  scale = Math.min(3, Math.max(0.1, factor));
  const { width, height } = svg.viewBox.baseVal;
  svg.setAttribute("width", width * scale);
  svg.setAttribute("height", height * scale);
  look();
}

function whole() {
  const { width, height } = svg.viewBox.baseVal;
  const high = document.body.classList.contains("wide") ? innerHeight * 0.52 : view.clientHeight;
  return Math.min(1.6, (view.clientWidth - 8) / width, (high - 8) / height);
}

function arrange() {
  const { width, height } = svg.viewBox.baseVal;
  const wide = width > 2 * height && innerWidth > 800 && innerHeight > 560;
  document.body.classList.toggle("wide", wide);
  const readable = wide ? Math.min(1, Math.max(0.75, 0.42 * innerHeight / height)) : 0.85;
  zoom(whole() < 0.3 ? readable : whole());
}

// ---- the controls ----
function go(i) {
  now = Math.min(steps.length - 1, Math.max(0, i));
  const step = steps[now];
  $("slider").value = now;
  $("slider").setAttribute("aria-valuetext", `step ${now + 1} of ${steps.length}, ${step.phase}`);
  $("count").textContent = `${now + 1} / ${steps.length}`;
  tell(step);
  paint(step);
  follow(step);
  if (now === steps.length - 1) pause();
}

function pause() {
  clearInterval(timer);
  timer = 0;
  $("play").setAttribute("aria-label", "Play");
}

function play() {
  if (timer) return pause();
  if (now === steps.length - 1) go(0);
  timer = setInterval(() => go(now + 1), Number($("speed").value));
  $("play").setAttribute("aria-label", "Pause");
}

function walk(i) {
  pause();
  go(i);
}

const actions = {
  home: () => walk(0), back: () => walk(now - 1), play, next: () => walk(now + 1), end: () => walk(steps.length - 1),
  out: () => { zoom(scale / 1.25); follow(steps[now]); }, in: () => { zoom(scale * 1.25); follow(steps[now]); }, fit: () => zoom(whole()),
};
const keys = { ArrowRight: "next", ArrowLeft: "back", " ": "play", Home: "home", End: "end", "+": "in", "-": "out", "0": "fit" };
for (const [id, act] of Object.entries(actions)) $(id).addEventListener("click", act);
$("slider").max = steps.length - 1;
$("slider").addEventListener("input", event => walk(Number(event.target.value)));
$("speed").addEventListener("change", () => { if (timer) { pause(); play(); } });
addEventListener("keydown", event => {
  const own = event.target.id === "slider" && event.key !== " " || event.target.id === "speed";
  const pressed = event.key === " " && event.target.matches?.("button:focus-visible");
  if (own || pressed || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  actions[keys[event.key]]();
});
svg.setAttribute("role", "group");
nodes.forEach((node, i) => {
  node.setAttribute("role", "button");
  node.addEventListener("click", () => walk((steps[now].phase === "forward" ? made : passed).get(i) ?? now));
});
let swipe = null;
$("panel").addEventListener("touchstart", event => { swipe = event.touches[0]; }, { passive: true });
$("panel").addEventListener("touchend", event => {
  const end = event.changedTouches[0], dx = end.clientX - swipe.clientX, dy = end.clientY - swipe.clientY;
  if (Math.abs(dx) > 60 && Math.abs(dx) > 2 * Math.abs(dy) && !event.target.closest(".line")) walk(now + (dx < 0 ? 1 : -1));
}, { passive: true });
const parts = $("phases").children;
parts[0].style.flex = `${turn - 0.5} 1 0`;
parts[1].style.flex = `${steps.length - turn - 0.5} 1 0`;
addEventListener("resize", () => { arrange(); follow(steps[now]); });
const linked = () => go((parseInt(location.hash.slice(1)) || 1) - 1);
addEventListener("hashchange", linked);
// ---- the theme of a page around this one, such as the documentation ----
try {
  const around = parent.document.documentElement, match = () => { root.dataset.theme = around.dataset.theme || ""; };
  if (parent !== window) new MutationObserver(match).observe(around, { attributeFilter: ["data-theme"] });
  if (parent !== window) match();
} catch { /* it may not be read from here, as in a notebook: then the system's theme counts */ }
arrange();
linked();
