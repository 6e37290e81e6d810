"""Checking what a user hands in: X and y, once, at the boundary."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError, ShapeError
from tongtou.evaluation import MAX_PACKED_INPUTS, Blueprint, as_float64
from tongtou.losses import one_hot

Examples: TypeAlias = Dataset | tuple[ArrayLike, ArrayLike]
"""What training and measuring take: a Dataset, or a pair (X, y)."""


def all_finite(array: NDArray[Any]) -> bool:
    """Return whether no element is NaN or infinite; large arrays without a temporary one."""
    if array.size < 10_000:
        return bool(np.isfinite(array).all())
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()  # finite, unless something in it is not, or the sum overflows
    return bool(np.isfinite(total)) or bool(np.isfinite(array).all())


def as_array(values: ArrayLike | Dataset, name: str = "X") -> NDArray[Any]:
    """Return the values as an array; of a Dataset its X.

    Raises
    ------
    ShapeError
        Its rows have different lengths.
    """
    if isinstance(values, Dataset):
        return values.X
    try:
        return np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise ShapeError(
            f"{name} must be a table whose rows are all of one length ({error})."
        ) from error


def checked_inputs(X: ArrayLike | Dataset, blueprint: Blueprint) -> NDArray[Any]:
    """Return X as a C-ordered (n, n_in) array, uint8 or of the network's dtype.

    uint8 (and bool, as 0 and 255) are pixels and stay 8 bits wide; all other numbers are used as
    they are. Pictures (n, height, width) are joined row by row.

    Raises
    ------
    ShapeError
        X has not n_in values an example.
    DataError
        X holds no numbers, or NaN or infinity.
    """
    n_in = blueprint.sizes[0]
    array = as_array(X)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "uif":
        raise DataError(
            f"X must hold numbers; it holds {array.dtype}. "
            "Turn categories into numbers first, and take rows with missing values out."
        )
    if array.ndim > 2 and int(np.prod(array.shape[1:])) == n_in:
        array = array.reshape(len(array), n_in)
    if array.ndim != 2 or array.shape[1] != n_in:
        raise ShapeError(
            f"X must have shape (n, {n_in}), one example a row; it has shape {array.shape}."
            + (" For a single example use x.reshape(1, -1)." if array.size == n_in else "")
        )
    if array.dtype == np.uint8 and n_in > MAX_PACKED_INPUTS:
        array = as_float64(array)
    if array.dtype != np.uint8:
        given = array
        if array.dtype != blueprint.dtype:
            with np.errstate(over="ignore"):
                array = array.astype(blueprint.dtype)
        if not all_finite(array):
            row, column = np.argwhere(~np.isfinite(array))[0]
            raise DataError(
                f"X must be finite in {blueprint.dtype}; row {row}, column {column} is "
                f"{given[row, column]}. Replace or remove such values first."
            )
    return np.ascontiguousarray(array)


def checked_answers(y: ArrayLike, n: int, blueprint: Blueprint) -> NDArray[Any]:
    """Return y as class numbers int32 (n,), or as dense targets (n, n_out) of the network's dtype.

    Raises
    ------
    ShapeError
        The number of rows or of columns is not the network's.
    DataError
        A class number lies outside 0 … n_out - 1, a target is NaN or infinite, or the loss does
        not take such targets.
    """
    n_out = blueprint.sizes[-1]
    array = as_array(y, "y")
    if array.dtype.kind not in "uifb":
        raise DataError(
            f"y must hold class numbers 0 … {n_out - 1} or real targets; it holds {array.dtype}. "
            "Number the classes first: classes, y = numpy.unique(y, return_inverse=True)."
        )
    if array.ndim not in (1, 2) or len(array) != n:
        raise ShapeError(
            f"y must have {n} rows, one for each of X, and one or two dimensions; "
            f"it has shape {array.shape}."
        )
    if array.ndim == 1 and array.dtype.kind in "uib" and n_out > 1:
        low, high = (int(array.min()), int(array.max())) if n else (0, 0)
        if low < 0 or high >= n_out:
            raise DataError(
                f"class numbers must lie in 0 … {n_out - 1} for {n_out} outputs; y holds "
                f"{low} … {high}. Correct them, or build a network with more outputs."
            )
        return np.ascontiguousarray(array, np.int32)
    with np.errstate(over="ignore"):
        dense = array.reshape(n, -1).astype(blueprint.dtype)
    if dense.shape[1] != n_out:
        raise ShapeError(
            f"real targets must have shape (n, {n_out}), one column an output; "
            f"y has shape {array.shape}. Class numbers must be integers."
        )
    if not np.isfinite(dense).all():
        row = int(np.argwhere(~np.isfinite(dense))[0][0])
        raise DataError(
            f"y must be finite in {blueprint.dtype}; row {row} is {array[row]}. "
            "Remove such rows first."
        )
    blueprint.loss.check_targets(dense)
    return np.ascontiguousarray(dense)


def checked_examples(
    X: ArrayLike | Dataset, y: ArrayLike | None, blueprint: Blueprint
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return X and y checked, from a Dataset or from both; there must be at least one example."""
    if isinstance(X, Dataset):
        if y is not None:
            raise ValueError("a Dataset brings its own y; give the Dataset alone, or X and y.")
        y = X.y
    elif y is None:
        raise ValueError("y is missing; give a Dataset, or both X and y.")
    inputs = checked_inputs(X, blueprint)
    if len(inputs) == 0:
        raise DataError("there is no example; at least one is needed.")
    return inputs, checked_answers(y, len(inputs), blueprint)


def dense_answers(y: NDArray[Any], n_out: int) -> NDArray[Any]:
    """Return checked answers as dense targets (n, n_out)."""
    return one_hot(y, n_out, np.float32) if y.ndim == 1 else y
