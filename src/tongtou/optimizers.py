"""Optimisers: how a gradient becomes a step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: each batch moves the parameters against its mean gradient.

    ::

        theta = theta - eta * dC/dtheta,        C = (1/n) sum of C_i over the batch

    Parameters
    ----------
    learning_rate : float
        eta, greater than 0. Too small is slow; too large jumps past the minimum.

    Raises
    ------
    ValueError
        The rate is not a finite number above 0.

    Notes
    -----
    The loss sse is a sum over the outputs, so it takes a smaller rate than mse by their number.
    With a batch of all examples this is gradient descent itself.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method".

    Examples
    --------
    >>> SGD(learning_rate=1.5)
    SGD(learning_rate=1.5)
    """

    learning_rate: float = 0.1

    def __post_init__(self) -> None:
        rate = self.learning_rate
        number = isinstance(rate, (int, float, np.integer, np.floating))
        if not number or isinstance(rate, bool) or not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"learning_rate must be a finite number above 0; it is {rate!r}.")
        object.__setattr__(self, "learning_rate", float(rate))

    def describe(self) -> dict[str, Any]:
        """Return the JSON-ready description of this optimiser."""
        return {"name": "sgd", "learning_rate": self.learning_rate}
