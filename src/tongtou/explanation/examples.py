"""What a user hands in to be explained: a network or an estimator, and one example."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.boundary import as_array, checked_inputs
from tongtou.choices import listed
from tongtou.datasets.dataset import is_sparse
from tongtou.errors import DataError, ShapeError
from tongtou.evaluation import as_float64
from tongtou.network import Network


@dataclass(frozen=True)
class Example:
    """One example as a network sees it.

    Attributes
    ----------
    network : Network
        A copy, which stays as it is when the original goes on learning.
    inputs : ndarray, shape (1, n_in)
        As `tongtou.boundary.checked_inputs` returns it.
    shape : tuple of int
        Of the picture, where it is one.
    names : tuple of str
        Of the inputs, where they have names.
    """

    network: Network
    inputs: NDArray[Any]
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    def as_float64(self) -> NDArray[np.float64]:
        """Return the numbers that the network sees, (n_in,): a pixel u is u / 255."""
        numbers: NDArray[np.float64] = as_float64(self.inputs)[0]
        return numbers


def example_of(model: Any, x: Any) -> Example:
    """Return one example of a network, or of a fitted estimator, checked.

    Parameters
    ----------
    model : Network, or estimator with ``network_``, or scikit-learn Pipeline that ends in one
    x : array_like of n_in values in any shape, or one raw row of a table
        As a dict {column: value} or a data frame of one row, where the network was trained on a
        table.

    Raises
    ------
    TypeError
        The model is neither.
    ShapeError, DataError
        x is not one example of this network.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> example_of(tt.Network([4, 1]), np.zeros((2, 2), np.uint8)).shape
    (2, 2)
    """
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        before, model = model[:-1], model[-1]
        if len(before):
            x = before.transform(x if hasattr(x, "columns") else _as_row(x))
    if isinstance(model, Network):
        return _of_network(model, x)
    if not hasattr(model, "_connected"):
        raise TypeError(
            "expected a Network, or an MLPClassifier or MLPRegressor of tongtou.estimators; "
            f"got {type(model).__name__}."
        )
    if not hasattr(model, "coefs_"):
        raise ValueError(f"this {type(model).__name__} is not fitted yet. Call fit(X, y) first.")
    net = model._connected()
    names = tuple(map(str, getattr(model, "feature_names_in_", ())))
    row = _row_of(net, _in_order(x, names))
    example = _of_checked(net, model._inputs(row.reshape(1, -1), net), row, names)
    given = getattr(model, "input_shape", None)
    if given and not example.shape:
        example = Example(example.network, example.inputs, tuple(given), names)
    return example


def _of_network(net: Network, x: Any) -> Example:
    names = tuple(getattr(net.preprocessing, "feature_names", ()))
    if isinstance(x, Mapping) or (hasattr(x, "columns") and names):
        transform = getattr(net.preprocessing, "transform", None)
        if not names or transform is None:
            raise DataError(
                "a row with named columns needs a network that was trained on a table; this one "
                f"was not. Give its {net.sizes[0]} inputs as numbers."
            )
        if isinstance(x, Mapping):
            x = {name: _as_column(value) for name, value in x.items()}
        x = transform(x, dtype=net.dtype)
        if len(x) != 1:
            raise ShapeError(f"expected one row of the table; got {len(x)}. Give one of them.")
    row = _row_of(net, x)
    return _of_checked(net, row.reshape(1, -1), row, names)


def _of_checked(net: Network, row: Any, given: Any, names: tuple[str, ...]) -> Example:
    inputs = checked_inputs(row, net.blueprint)
    shape = tuple(given.shape[1:] if given.shape[0] == 1 else given.shape)
    if len(shape) < 2:
        shape = tuple(net.input_shape)
    return Example(copy.copy(net), inputs, shape, names)


def _row_of(net: Network, x: Any) -> Any:
    """Return x as an array of n_in values, in the shape that it came in."""
    array = as_array(x, "x")
    if is_sparse(array):
        array = array.toarray()  # type: ignore[attr-defined]
    n_in = net.sizes[0]
    if array.size != n_in:
        raise ShapeError(
            f"expected one example of {n_in} values; got an array of shape {array.shape}."
            + (" Explain one row at a time." if array.size and array.size % n_in == 0 else "")
        )
    return array if array.ndim else array.reshape(1)


def _as_row(x: Any) -> Any:
    return x if is_sparse(x) else np.asarray(x).reshape(1, -1)


def _as_column(value: Any) -> Any:
    """Return a single value of a dict as the column of one row."""
    single = isinstance(value, str) or not hasattr(value, "__len__")
    return [value] if single else value


def _in_order(x: Any, names: tuple[str, ...]) -> Any:
    """Return the values of a data frame's row, or of a dict, in the order they were learnt in."""
    if isinstance(x, Mapping):
        known = set(x)
        values = x
    elif names and (hasattr(x, "columns") or (hasattr(x, "index") and hasattr(x, "to_numpy"))):
        known = set(x.columns if hasattr(x, "columns") else x.index)
        values = x
    else:
        return x
    missing = [name for name in names if name not in known]
    if missing or not names:
        raise DataError(
            f"expected the columns that were learnt from, {listed(names) or 'which had no names'}; "
            f"missing are {listed(missing) or 'their names'}. Give x as an array in their order."
        )
    if isinstance(values, Mapping):
        return np.array([np.ravel(values[name])[0] for name in names])
    return values[list(names)].to_numpy()
