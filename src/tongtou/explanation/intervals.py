"""Intervals by the bootstrap, and numbers as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

N_DRAWS: Final = 4000
FEWEST: Final = 5
"""Fewer neurons than these give no interval."""


class Interval(NamedTuple):
    """A mean and where 95 % of its bootstrap means lie; None where there are too few values."""

    mean: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return self._asdict()


def mean_interval(values: NDArray[Any], rng: np.random.Generator) -> Interval:
    """Return the mean and its 95 % percentile bootstrap interval over the values.

    Parameters
    ----------
    values : ndarray, shape (n,)
    rng : numpy.random.Generator

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", section 13.3.

    Examples
    --------
    >>> mean_interval(np.ones(8), np.random.default_rng(0))
    Interval(mean=1.0, low=1.0, high=1.0)
    """
    return difference_interval(values, np.zeros(1), rng)


def difference_interval(
    values: NDArray[Any], others: NDArray[Any], rng: np.random.Generator
) -> Interval:
    """Return mean(values) - mean(others) with its interval, both drawn anew."""
    mean = float(values.mean() - others.mean()) if len(values) else 0.0
    if len(values) < FEWEST:
        return Interval(mean, None, None)
    draws = _means(values, rng) - _means(others, rng)
    low, high = np.quantile(draws, (0.025, 0.975)).tolist()
    return Interval(mean, low, high)


def _means(values: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    means: NDArray[np.float64] = values[rng.integers(0, len(values), (N_DRAWS, len(values)))].mean(
        axis=1
    )
    return means


def number_or_none(value: float | None) -> float | None:
    """Return the number, None for NaN and infinity."""
    return None if value is None or not math.isfinite(value) else float(value)


def numbers_or_none(values: Sequence[Any] | NDArray[Any]) -> list[float | None]:
    """Return a list of `number_or_none`."""
    return [number_or_none(float(one)) for one in values]
