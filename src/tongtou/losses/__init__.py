"""Loss functions: one number that says how wrong the outputs are.

Symbols: a the outputs (n, n_out), y the targets (n, n_out), C_i the loss of example i; the loss
of a batch is the mean C = (1/n) sum_i C_i, or with weights w_i of the examples
C = sum_i w_i C_i / sum_i w_i. The functions here speak of single examples: the 1/n enters once,
in the backward pass (docs/notation.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tongtou.choices import choose
from tongtou.errors import DataError, ShapeError
from tongtou.losses.base import Loss
from tongtou.losses.likelihoods import BinaryCrossEntropy, CrossEntropy, Poisson
from tongtou.losses.squares import (
    HalfSumOfSquaredErrors,
    Huber,
    MeanSquaredError,
    SumOfSquaredErrors,
)

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "HalfSumOfSquaredErrors",
    "Huber",
    "Loss",
    "MeanSquaredError",
    "Poisson",
    "SumOfSquaredErrors",
    "from_description",
    "loss",
    "one_hot",
]

LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        one.name: one
        for one in (
            SumOfSquaredErrors(),
            MeanSquaredError(),
            CrossEntropy(),
            HalfSumOfSquaredErrors(),
            Huber(),
            Poisson(),
            BinaryCrossEntropy(),
        )
    }
)
"""Every loss by its name."""


def loss(name_or_object: str | Loss) -> Loss:
    """Return the loss of this name; a Loss is returned as it is.

    Raises
    ------
    ValueError
        No loss has this name; the message lists the known ones and the nearest.

    Examples
    --------
    >>> loss("mse")
    MeanSquaredError()
    >>> loss(Huber(delta=2))
    Huber(delta=2.0)
    """
    if isinstance(name_or_object, Loss):
        return name_or_object
    return choose("loss", name_or_object, LOSSES)


def from_description(description: Mapping[str, Any] | str) -> Loss:
    """Return the loss that `Loss.describe` described; a name alone is one without a parameter.

    Raises
    ------
    ValueError
        The description names no known loss, or holds what that loss does not have.

    Examples
    --------
    >>> from_description({"name": "huber", "parameter": 2.0})
    Huber(delta=2.0)
    """
    if isinstance(description, str):
        return choose("loss", description, LOSSES)
    if not isinstance(description, Mapping):
        raise ValueError(
            f'a loss is described by a mapping such as {{"name": "sse"}}; this is {description!r}.'
        )
    plain = choose("loss", description.get("name"), LOSSES)
    rest = {key: value for key, value in description.items() if key != "name"}
    if not rest:
        return plain
    if isinstance(plain, Huber) and set(rest) == {"parameter"}:
        return Huber(delta=rest["parameter"])
    raise ValueError(
        f"the description of {plain.name!r} may hold {sorted(plain.describe())}; "
        f"this one holds {sorted(map(str, description))}. Remove the others."
    )


def one_hot(labels: ArrayLike, n_out: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Turn class numbers into targets: y[i, labels[i]] = 1, everything else 0.

    Parameters
    ----------
    labels : array_like of int, shape (n,)
        Class numbers 0 … n_out-1.
    n_out : int
        How many outputs there are.
    dtype : dtype, default float64
        The type of the targets.

    Returns
    -------
    ndarray, shape (n, n_out)

    Raises
    ------
    ShapeError
        The labels are not one-dimensional.
    DataError
        A label is not an integer, or outside 0 … n_out-1.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    numbers = np.asarray(labels)
    if numbers.ndim != 1:
        raise ShapeError(
            f"labels must have shape (n,), one class number an example; they have shape "
            f"{numbers.shape}. Targets with one column an output are used as they are."
        )
    if numbers.size and numbers.dtype.kind not in "iu":
        raise DataError(
            f"labels must be integers 0 … {n_out - 1}; they are {numbers.dtype}. "
            "Number the classes, or give real targets of shape (n, n_out)."
        )
    outside = (numbers < 0) | (numbers >= n_out)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"labels must lie in 0 … {n_out - 1} for {n_out} outputs; label {row} is "
            f"{int(numbers[row])}. Correct it, or build a network with more outputs."
        )
    y = np.zeros((len(numbers), n_out), dtype)
    y[np.arange(len(numbers)), numbers.astype(np.intp)] = 1
    return y
