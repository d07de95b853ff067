"""What a Value may hold: conversion of input data, with errors that say what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Node, as_array, is_known, raw


def shown(held: Any) -> Any:
    """Return the data for reading, not for writing."""
    if isinstance(held, np.ndarray):
        held = held.view()
        held.flags.writeable = False
    return held


def rectangular(data: Any) -> Any:
    """Return an ndarray of nested lists, or raise an error that says what is wrong with them."""
    if type(data) is np.ndarray:
        return data
    try:
        return as_array(data)
    except ValueError as error:
        raise TypeError(
            f"ragged data: the rows of {_short(data)} differ in length; "
            "a Value holds a rectangular array"
        ) from error


def numbers(data: Any, dtype: Any) -> Any:
    """Return a new array of another dtype, of real or complex numbers.

    Raises
    ------
    TypeError
        If the data are text, times or objects.
    """
    array = rectangular(data)
    if array.dtype.kind not in ("biufc" if dtype.kind == "c" else "biuf"):
        raise TypeError(f"data must be numbers of {dtype}, got {array.dtype}: convert them first")
    return array.astype(dtype)


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."


def variable_data(data: Any, dtype: Any, copy: bool) -> Any:
    """Return `data` as a floating NumPy scalar, or as a new floating ndarray."""
    if isinstance(data, Node):
        if not data.is_constant:
            raise TypeError("Value() of a Value would cut its gradient; say v.detach() to do so")
        data = raw(data)
    array = rectangular(float(data) if type(data) is int else data)
    kind = array.dtype.kind
    if kind not in "fciu":
        what = {"b": "bool", "O": "object", "U": "str", "S": "bytes"}.get(kind, str(array.dtype))
        raise TypeError(
            f"a Value holds floating numbers, got {what} data: {_short(data)}. "
            "Convert it first, or use deltaprop.constant for data without a gradient"
        )
    wanted = np.dtype(dtype) if dtype is not None else array.dtype
    if wanted.kind not in "fc":
        if dtype is not None:
            raise TypeError(f"a Value is floating or complex, not {wanted}; use deltaprop.constant")
        wanted = np.dtype(np.float64)
    if not is_known(array):
        return as_array(array, wanted)
    if not array.ndim:
        return wanted.type(array[()])
    if copy or wanted != array.dtype:
        return np.array(array, wanted)
    return array
