"""A network of scalar Values, one node for every sum and product: micrograd's API.

Slow and transparent: nothing is hidden in an array. After A. Karpathy's micrograd, whose users
change only the import.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..habits import explain
from ..options import brief, generator, sequence, whole
from ..value import Value
from .initializers import Rng


class ScalarModule:
    """Base class: an object with parameters.

    Examples
    --------
    >>> from deltaprop.nn.scalar import Neuron, ScalarModule
    >>> isinstance(Neuron(2), ScalarModule)
    True
    """

    def __init_subclass__(cls) -> None:
        explain(cls)

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        for p in self.parameters():
            p.zero_grad()

    def parameters(self) -> list[Value]:
        """The scalar Values to be trained."""
        return []


class Neuron(ScalarModule):
    """relu(w . x + b), or w . x + b if not `nonlin`; the weights start uniform in [-1, 1).

    Parameters
    ----------
    nin : int
        The number of inputs.
    nonlin : bool, optional
        Whether neurons end in relu.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.

    Examples
    --------
    >>> from deltaprop.nn.scalar import Neuron
    >>> Neuron(2, rng=0)
    ReLUNeuron(2)
    """

    def __init__(self, nin: int, nonlin: bool = True, rng: Rng = None) -> None:
        source = generator(rng)
        self.w: list[Value] = [Value(w) for w in source.uniform(-1, 1, whole("nin", nin)).tolist()]
        self.b: Value = Value(0.0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Any]) -> Any:
        """The neuron's output, a scalar Value; x holds numbers or scalar Values."""
        if not hasattr(x, "__len__"):
            raise TypeError(f"{self!r} takes a list of {len(self.w)} inputs, got {brief(x)}")
        if len(x) != len(self.w):
            raise ValueError(f"{self!r} takes {len(self.w)} inputs, but got {len(x)}")
        z: Any = self.b
        for w, xi in zip(self.w, x, strict=True):
            z = z + w * xi
        return z.relu() if self.nonlin else z

    def parameters(self) -> list[Value]:
        """The weights and the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(ScalarModule):
    """`nout` neurons that see the same inputs.

    Parameters
    ----------
    nin : int
        The number of inputs.
    nout : int
        The number of neurons.
    nonlin : bool, optional
        Whether neurons end in relu.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.

    Examples
    --------
    >>> from deltaprop.nn.scalar import Layer
    >>> layer = Layer(2, 3, rng=0)
    >>> len(layer([1.0, 2.0])), len(layer.parameters())
    (3, 9)
    """

    def __init__(self, nin: int, nout: int, nonlin: bool = True, rng: Rng = None) -> None:
        source = generator(rng)
        width = range(whole("nout", nout))
        self.neurons: list[Neuron] = [Neuron(nin, nonlin, source) for _ in width]

    def __call__(self, x: Sequence[Any]) -> Any:
        """The neurons' outputs as a list; the output itself if there is one neuron."""
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def parameters(self) -> list[Value]:
        """Return the parameters of the neurons, in order."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class ScalarMLP(ScalarModule):
    """Layers of relu neurons (of linear ones if not `nonlin`), and a linear last one.

    Parameters
    ----------
    nin : int
        The number of inputs.
    nouts : sequence of int
        The number of neurons of each layer.
    nonlin : bool, optional
        Whether neurons end in relu.
    rng : Generator, int or None, optional
        The source of randomness, or its seed.

    Examples
    --------
    >>> from deltaprop.nn.scalar import ScalarMLP
    >>> model = ScalarMLP(3, [4, 4, 1], rng=0)
    >>> len(model.parameters())
    41
    >>> loss = (model([2.0, 3.0, -1.0]) - 1.0) ** 2
    >>> loss.backward()
    """

    def __init__(
        self, nin: int, nouts: Sequence[int], nonlin: bool = True, rng: Rng = None
    ) -> None:
        source = generator(rng)
        sizes = [nin, *sequence("nouts", nouts, write=f"write MLP({nin!r}, [4, 1])")]
        if len(sizes) < 2:
            raise ValueError("nouts must have a width for each layer, got []: write MLP(2, [4, 1])")
        last = len(sizes) - 2
        self.layers: list[Layer] = [
            Layer(sizes[i], sizes[i + 1], nonlin and i < last, source) for i in range(last + 1)
        ]

    def __call__(self, x: Sequence[Any]) -> Any:
        """The outputs as a list of scalar Values; the Value itself if there is one."""
        for layer in self.layers[:-1]:
            x = layer(x)
            if not isinstance(x, list):  # a hidden layer of one neuron
                x = [x]
        return self.layers[-1](x)

    def parameters(self) -> list[Value]:
        """Return the parameters of the layers, in order."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


Module, MLP = ScalarModule, ScalarMLP  # the names that micrograd gives them

__all__ = ["MLP", "Layer", "Module", "Neuron", "ScalarMLP", "ScalarModule"]


def __dir__() -> list[str]:
    return __all__
