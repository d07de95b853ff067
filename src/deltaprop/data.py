"""What a Value may hold: conversion of input data, with errors that say what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Node, as_array, is_known, raw
from .options import brief


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
            f"ragged data: the rows of {brief(data)} differ in length; a Value holds a rectangular "
            "array: pad the rows, or make a Value of each"
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


def known_dtype(dtype: Any) -> np.dtype[Any]:
    """Return a dtype; a TypeError says what one is."""
    try:
        return np.dtype(dtype)
    except TypeError as error:
        raise TypeError(
            f"dtype must be one of NumPy's, e.g. numpy.float32, got {brief(dtype)}"
        ) from error


def variable_data(data: Any, dtype: Any, copy: bool) -> Any:
    """Return `data` as a floating NumPy scalar, or as a new floating ndarray."""
    if isinstance(data, Node):
        if not data.is_constant:
            raise TypeError("Value() of a Value would cut its gradient; say v.detach() to do so")
        data = raw(data)
    array = rectangular(float(data) if type(data) is int else data)
    kind = array.dtype.kind
    if kind not in "fciu":
        raise TypeError(
            f"a Value holds floating numbers, got {brief(data)}, of dtype {array.dtype}. "
            "Convert it first, or use deltaprop.constant for data without a gradient"
        )
    wanted = known_dtype(dtype) if dtype is not None else array.dtype
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
