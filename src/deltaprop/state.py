"""State: attributes that are kept in Values, where compiled functions read and write them."""

from __future__ import annotations

from typing import Any

from .graph import as_array, as_number, copied, raw
from .value import Value


class Kept:
    """An attribute, a number or an array, that is kept in a Value.

    A compiled function reads it anew in each call, and replaces it as the function does. Of a Value
    that is assigned, the data are kept.

    Examples
    --------
    >>> import deltaprop as dp
    >>> class Counter:
    ...     n = Kept("n")
    >>> counter = Counter()
    >>> counter.n = 0.0
    >>> @dp.compile
    ... def step():
    ...     counter.n += 1.0
    >>> step(), step(), counter.n
    (None, None, 2.0)
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        if self.name not in vars(owner):
            raise AttributeError(f"{type(owner).__name__!r} object has no attribute {self.name!r}")
        return data_of(vars(owner)[self.name])

    def __set__(self, owner: Any, new: Any) -> None:
        data = as_number(as_array(raw(new)))
        value = vars(owner).get(self.name)
        if value is None:
            vars(owner)[self.name] = Value.leaf(data)
        else:
            raw(value)
            value.write(data)


def data_of(value: Value) -> Any:
    """The data of a Value, a copy where a compiled function writes into them."""
    data = raw(value)
    return copied(data) if value.extra.exposed else data
