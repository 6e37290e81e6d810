"""Losses of the error a - y, for real targets; and the lesson's, for digits too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tongtou.activations import Array
from tongtou.losses.base import Loss
from tongtou.settings import checked_number


@dataclass(frozen=True)
class SumOfSquaredErrors(Loss):
    """C_i = sum_j (a_ij - y_ij)^2: the lesson's loss, without 1/2 and without 1/n_out.

    Examples
    --------
    >>> import numpy as np
    >>> SumOfSquaredErrors().value(np.array([[0.5, 1.0]]), np.array([[1.0, 0.0]]))
    array([1.25])
    """

    name: ClassVar[str] = "sse"
    code: ClassVar[int] = 0

    def value(self, a: Array, y: Array) -> Array:
        """Return sum_j (a_ij - y_ij)^2."""
        value: Array = np.square(a - y).sum(axis=-1)  # (n,)
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = 2 (a_ij - y_ij)."""
        return 2 * (a - y)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """C_i = (1/n_out) sum_j (a_ij - y_ij)^2: sse, averaged over the outputs too."""

    name: ClassVar[str] = "mse"
    code: ClassVar[int] = 1

    def value(self, a: Array, y: Array) -> Array:
        """Return (1/n_out) sum_j (a_ij - y_ij)^2."""
        value: Array = np.square(a - y).mean(axis=-1)  # (n,)
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = (2/n_out) (a_ij - y_ij)."""
        n_out: int = a.shape[-1]
        return 2 / n_out * (a - y)


@dataclass(frozen=True)
class HalfSumOfSquaredErrors(Loss):
    """C_i = (1/2) sum_j (a_ij - y_ij)^2, whose gradient is a - y without a factor.

    Notes
    -----
    The gradient is that of scikit-learn's ``MLPRegressor``. With several outputs the value it
    reports is the mean over them; this is the sum, of which the gradient is the derivative.

    Examples
    --------
    >>> HalfSumOfSquaredErrors().value(np.array([[0.5, 1.0]]), np.array([[1.0, 0.0]]))
    array([0.625])
    """

    name: ClassVar[str] = "half_sse"
    code: ClassVar[int] = 3

    def value(self, a: Array, y: Array) -> Array:
        """Return (1/2) sum_j (a_ij - y_ij)^2."""
        value: Array = np.square(a - y).sum(axis=-1) / 2  # (n,)
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = a_ij - y_ij."""
        return a - y


@dataclass(frozen=True)
class Huber(Loss):
    """C_i = (1/n_out) sum_j h(a_ij - y_ij): squared for small errors, straight for large ones.

    ::

        h(d) = d^2 / 2                       where |d| <= delta
        h(d) = delta (|d| - delta / 2)       otherwise

    so that no single example, however far off, pulls harder than delta.

    Parameters
    ----------
    delta : float, default 1
        Where square and line meet, in units of the target; above 0.

    Raises
    ------
    ValueError
        delta is not a finite number above 0.

    Notes
    -----
    As PyTorch's ``HuberLoss``. Its ``SmoothL1Loss`` is this divided by delta. Scale the target
    first (`tt.datasets.table` does), or choose delta near the size of an ordinary error.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter".

    Examples
    --------
    >>> Huber(delta=1.0).value(np.array([[0.5, 4.0]]), np.array([[0.0, 0.0]]))  # 1/8 and 3 1/2
    array([1.8125])
    """

    delta: float = 1.0
    name: ClassVar[str] = "huber"
    code: ClassVar[int] = 4

    def __post_init__(self) -> None:
        delta = checked_number("delta of huber", self.delta, 0.0, above=True)
        object.__setattr__(self, "delta", delta)

    @property
    def parameter(self) -> float:
        """The delta."""
        return self.delta

    def value(self, a: Array, y: Array) -> Array:
        """Return (1/n_out) sum_j h(a_ij - y_ij), as q (|d| - q/2) with q = min(|d|, delta)."""
        size = np.abs(a - y)
        q = np.minimum(size, self.delta)
        value: Array = (q * (size - q / 2)).mean(axis=-1)  # (n,)
        return value

    def gradient(self, a: Array, y: Array) -> Array:
        """Return dC_i/da_ij = (1/n_out) (a_ij - y_ij), held within -delta … delta."""
        n_out: int = a.shape[-1]
        return np.clip(a - y, -self.delta, self.delta) / n_out

    def bends(self, a: Array, y: Array) -> NDArray[np.bool_]:
        """Return which errors lie on the straight pieces."""
        bends: NDArray[np.bool_] = np.abs(a - y) > self.delta
        return bends

    def describe(self) -> dict[str, Any]:
        """Return name and delta."""
        return {"name": self.name, "parameter": self.delta}
