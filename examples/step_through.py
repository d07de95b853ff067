"""One step of backpropagation to look at: drawings, and pages that step through it.

A network 2-3-1 with sigmoids computes its outputs for the four rows of XOR, each with a target T.
From its loss, the mean of (A2 - T)^2, the example makes

    step_through.svg    the graph, with the data and the gradient of each Value
    layers.svg          the same with one box for each layer
    step_through.html   a page that steps through the forward and backward passes, rule by rule, and
                        shows the layer-delta formulas beside the rules
    micrograd.html      a page for the expression of micrograd's README
    step_through.png    the gradients by the formulas and by autodiff

The pages open in a browser and work offline.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from _script import figure, parser, progress, save

import deltaprop as dp
from deltaprop.viz import plot_deltas

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
T = np.array([[0.0], [1.0], [1.0], [0.0]])


def expression() -> dp.Value:
    """Return the g of micrograd's README: dg/da is 138.8338, dg/db 645.5773."""
    a, b = dp.Value(-4.0, name="a"), dp.Value(2.0, name="b")
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.name = "g"
    return g


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Draw, write the pages, print; return the loss, and how far formulas and autodiff differ."""
    options = parser(__doc__ or "")
    options.add_argument("--hidden", type=int, default=3, help="units of the hidden layer (3)")
    args = options.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)

    network = dp.nn.MLP([2, args.hidden, 1], "sigmoid", output="sigmoid", rng=args.seed)
    loss = dp.nn.mse(network(X), T)
    loss.name = "L"
    loss.backward()
    by_layers = dp.draw(loss, model=network)
    print(f"{by_layers}\n")
    comparison = dp.deltas.compare(network, X, T)
    print(f"{comparison}\n")

    writers = {
        "step_through.svg": dp.draw(loss, model=network, open=True).save,
        "layers.svg": by_layers.save,
        "step_through.html": lambda path: dp.play(loss, path, network),
        "micrograd.html": lambda path: dp.play(expression(), path),
    }
    for name, write in progress(writers.items(), "writing"):
        write(args.output / name)
    for name in writers:
        print(f"written: {args.output / name}")

    picture = figure(11, 4, f"Gradients of a network {network.sizes} before training")
    plot_deltas(comparison, axes=picture.subplots(1, 2))
    save(picture, args.output, "step_through")
    return {"loss": loss.item(), "ulps": comparison.largest}


if __name__ == "__main__":
    main()
