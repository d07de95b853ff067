"""What a dense layer sends back to its input: the gradient, or what is mistaken for it.

With e = dL/dA, the error at a layer's output A = f(Z), Z = X W + b, backpropagation says

    delta = e * f'(Z)      dW = X^T delta      db = sum of delta      error to the input: delta W^T

"exact"    is this rule.
"rashid"   sends e W^T to the input, without f', and keeps f' in the layer's own dW and db
           (T. Rashid, "Make Your Own Neural Network", 2016).
"linear"   drops f' everywhere: delta = e.

The operations below define the two pseudo-gradients. What each operation sends back is linear in
the error that it receives, so second order and forward mode (the transpose of the reverse) are
defined too. In every mode the gradient of Z is the delta of the layer.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

from ..graph import Custom, Node
from ..graph.cotangent import ZERO
from ..graph.domains import case
from .activations import Activation, identity

Propagation: TypeAlias = Literal["exact", "rashid", "linear"]
PROPAGATIONS: tuple[Propagation, ...] = get_args(Propagation)

# What these operations return is what they were given, so it must not be written to later: hence
# their rules "need" it. The generated tests compare with true derivatives, so the cases are those
# in which the pseudo-gradient is true: f is the identity, or the input has no entries.

# "linear": the activation on the way forward, nothing on the way back
pass_error: Custom = Custom(
    "pass_error",
    lambda z, activation: activation(z),
    [lambda g, _y, z, activation: g],
    lambda tangents, _y, z, activation: tangents[0],
    decomposed=True,
    cases=[case((3, 4), activation=identity)],
)

# "rashid": Z hands nothing to the input, whose gradient is `cut` off; instead the activation's
# output hands it e W^T by the `bypass`. Z still gets the delta, and passes it to W and b.
cut: Custom = Custom(
    "cut",
    lambda x: x,
    [lambda _g, _y, x: ZERO],
    lambda tangents, _y, x: 0 * x,
    decomposed=True,
    cases=[case((3, 0))],
)
bypass: Custom = Custom(
    "bypass",
    lambda a, x, w: a,
    [lambda g, _y, a, _x, _w: g, lambda g, _y, _a, _x, w: g @ w.T, None],
    lambda tangents, _y, a, _x, w: _through(tangents, a, w),
    decomposed=True,
    cases=[case((3, 4), (3, 0), (0, 4))],
)


def _through(tangents: Any, a: Any, w: Any) -> Any:
    ta, tx, _ = tangents
    ta = 0 * a if ta is None else ta
    return ta if tx is None else ta + tx @ w


def activate(z: Any, activation: Activation, propagation: str) -> Any:
    """The activation of Z, with the derivative that `propagation` asks for.

    For "rashid" the input and the weights are found where Z recorded them: Z must have been
    computed from `cut(x)`, else there is no input to hand anything to.
    """
    if propagation == "linear":
        return pass_error(z, activation=activation)
    a = activation(z)
    source = z.args[0] if isinstance(z, Node) and z.args else None
    if propagation == "rashid" and isinstance(source, Node) and source.op is cut:
        return bypass(a, source.args[0], z.args[1])
    return a
