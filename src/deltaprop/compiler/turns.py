"""Turns: one thread at a time records, or runs what has to do with variables; and all is undone.

A recording changes much for a moment: variables hold symbols, generators draw, the garbage
collector rests. An interrupt may come at any line, also where a block ends and puts things back.
So whatever is changed is noted before, and put back by two blocks, one around the other: a signal
can break off only one of them. (A `with` statement is not enough: a signal may come before its
exit is called.)
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import repeat, starmap
from operator import call
from queue import SimpleQueue
from threading import RLock, Thread, current_thread, main_thread
from typing import Any

# Takes all that an iterator gives. If no Python code runs for that, a signal waits until the end.
consume: Callable[[Iterable[Any]], Any] = partial(deque, maxlen=0)

_changed: list[tuple[Any, ...]] = []  # what undoes the changes: functions and their arguments


class _Turn:
    """Whose turn it is: that of the thread that holds the lock."""

    lock: Any = RLock()


def exclusively(function: Callable[..., Any], *args: Any) -> Any:
    """Call the function while no other thread does so.

    A function that is called like that may call another one. At the end the lock is free, even
    if a signal came in the moment in which it was let go.
    """
    lock = _Turn.lock
    if lock._is_owned():
        return function(*args)
    try:
        with lock:
            return function(*args)
    finally:
        if lock._is_owned():
            lock.release()


def undone(function: Callable[..., Any], *args: Any) -> Any:
    """Call the function, and undo what it has changed: for the thread whose turn it is."""
    mark = len(_changed)
    try:
        try:
            return function(*args)
        finally:
            _undo(mark)
    finally:
        _undo(mark)


def change(owner: Any, name: str, new: Any, before: Any) -> None:
    """Set an attribute for a while: until what `undone` called ends."""
    _changed.append((setattr, owner, name, before))
    setattr(owner, name, new)


def afterwards(function: Callable[..., Any], *args: Any) -> None:
    """Have this called when what `undone` called ends, the last first; perhaps twice."""
    _changed.append((function, *args))


def _undo(mark: int) -> None:
    consume(starmap(call, reversed(_changed[mark:])))
    del _changed[mark:]


def uncollected(function: Callable[..., Any], *args: Any) -> Any:
    """Call the function without looking for garbage: what it records is here to stay, and looking
    for garbage in it would take half the time.
    """
    if gc.isenabled():
        afterwards(gc.enable)
        gc.disable()
    return function(*args)


@cache
def threads() -> int:
    """How many threads can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _tasks(_: int) -> SimpleQueue[Any]:
    """What threads of a process wait for."""
    tasks: SimpleQueue[Any] = SimpleQueue()
    for _ in range(threads() + 1):
        Thread(target=_works, args=(tasks,), daemon=True).start()
    return tasks


def _works(tasks: SimpleQueue[Any]) -> None:
    while True:
        done, function, *args = tasks.get()
        try:
            done.put(function(*args))
        except BaseException as error:
            done.put(error)


def beside(tasks: Iterable[Sequence[Any]], function: Callable[..., Any], *args: Any) -> None:
    """Call the function while other threads do the tasks, which all end before this ends."""
    # a process that was forked has threads of its own
    queue, done = _tasks(os.getpid()), SimpleQueue[Any]()
    rows = [(done, *task) for task in tasks]
    begun: list[Any] = []
    came: list[Any] = []
    try:
        try:
            begun.extend(map(queue.put, rows))
            function(*args)
        finally:
            came.extend(starmap(done.get, repeat((), len(begun))))
    finally:
        # again, if a signal came while it waited
        came.extend(starmap(done.get, repeat((), len(begun) - len(came))))
    for error in came:
        if isinstance(error, BaseException):
            raise error


def steadily(function: Callable[..., Any], *args: Any) -> None:
    """Call the function where no signal comes: they come to the main thread alone."""
    if current_thread() is main_thread():
        beside([(function, *args)], int)
    else:
        function(*args)


def _forked() -> None:
    """In a child process no other thread will end what it has begun."""
    if not _Turn.lock._is_owned():
        _undo(0)
        _Turn.lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
