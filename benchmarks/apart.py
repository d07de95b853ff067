"""Contenders in processes of their own: what one keeps in memory and threads is not another's."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

from benchmarks.timing import Contender, fair_garbage_collection

_SPAWNED: Any = get_context("spawn")


class Apart(Contender):
    """A contender whose call is made, repeated and timed in a process that this one starts.

    Parameters
    ----------
    name : str
    make : callable
        A function of a module: ``make(*arguments)`` returns the call.

    Raises
    ------
    ImportError
        If `make` raised it. After any other error the process ends, with its traceback.
    """

    def __init__(self, name: str, make: Callable[..., Callable[[], Any]], *arguments: Any) -> None:
        self.name = name
        self._pipe, theirs = _SPAWNED.Pipe()
        _SPAWNED.Process(target=_serve, args=(theirs, make, arguments), daemon=True).start()
        theirs.close()
        if error := self._pipe.recv():
            raise ImportError(error)

    def seconds(self, number: int) -> float:
        return float(self._asked("seconds", number))

    def rest(self) -> None:
        self._asked("rest")

    def close(self) -> None:
        """End the process."""
        self._pipe.close()

    def _asked(self, *what: Any) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


def _serve(pipe: Any, make: Callable[..., Callable[[], Any]], arguments: Any) -> None:
    """Make the call, say why if that is impossible, and do what is asked until nobody asks."""
    try:
        contender = Contender("", make(*arguments))
    except ImportError as error:
        pipe.send(str(error))
        return
    pipe.send("")
    with fair_garbage_collection():
        while True:
            try:
                method, *given = pipe.recv()
            except EOFError:
                return
            pipe.send(getattr(contender, method)(*given))
