"""What a neuron's activation has to do with the class of an example, and with other neurons."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[np.float64]


class ByClass(NamedTuple):
    """The activations of a layer by the class of the example.

    Attributes
    ----------
    counts : ndarray of int, shape (n_classes,)
    means : ndarray of float64, shape (n_classes, n_l)
        NaN for a class that the data have no example of.
    eta_squared : ndarray of float64, shape (n_l,)
        0 … 1; NaN for a neuron that is constant.
    best : ndarray of int, shape (n_l,)
        The class of the largest mean; of equals the first.
    """

    counts: NDArray[np.int64]
    means: Wide
    eta_squared: Wide
    best: NDArray[np.int64]


def by_class(A: NDArray[Any], classes: NDArray[Any], n_classes: int) -> ByClass:
    """Return mean activation by class, and how much of the spread the class explains.

    ::

        eta² = Σ_c n_c (mean_c - mean)² / Σ_i (a_i - mean)²

    0: all classes excite it alike; 1: its activation is the same for every example of a class, and
    not for all classes.

    Parameters
    ----------
    A : ndarray, shape (n, n_l)
    classes : ndarray of int, shape (n,)
        0 … n_classes - 1.
    n_classes : int

    References
    ----------
    Fisher (1925), "Statistical Methods for Research Workers", section 45: the correlation ratio.

    Examples
    --------
    >>> by_class(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0, 0, 1, 1]), 2).eta_squared
    array([1.])
    """
    counts = np.bincount(classes, minlength=n_classes)
    members = (classes == np.arange(n_classes)[:, None]).astype(np.float64)
    wide = A.astype(np.float64)
    mean = wide.mean(axis=0)
    deviations = wide - mean
    sums = members @ deviations  # (n_classes, n_l)
    total = np.square(deviations).sum(axis=0)
    seen = counts > 0
    between = (np.square(sums[seen]) / counts[seen, None]).sum(axis=0)
    still = is_constant(A)
    eta_squared = np.where(still, np.nan, between / np.where(still, 1, total))
    means = np.where(seen[:, None], mean + sums / np.maximum(counts, 1)[:, None], np.nan)
    return ByClass(counts, means, np.minimum(eta_squared, 1.0), np.nanargmax(means, axis=0))


def is_constant(A: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each column of A whether it is the same for all examples, but for rounding.

    Largest minus smallest is at most 10⁻⁶ times the largest absolute value.
    """
    low, high = A.min(axis=0), A.max(axis=0)
    still: NDArray[np.bool_] = high - low <= 1e-6 * np.maximum(np.abs(low), np.abs(high))
    return still


class Pair(NamedTuple):
    """Two neurons of a layer that say the same: r is the correlation of their activations."""

    j: int
    k: int
    r: float

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return self._asdict()


def correlations(A: NDArray[Any]) -> Wide:
    """Return Pearson's correlation of each pair of columns; NaN with a constant one.

    Parameters
    ----------
    A : ndarray, shape (n, n_l)

    Returns
    -------
    ndarray of float64, shape (n_l, n_l)
    """
    deviations = A.astype(np.float64) - A.mean(axis=0, dtype=np.float64)
    products = deviations.T @ deviations
    size = np.sqrt(np.diag(products))
    still = is_constant(A)
    size = np.where(still | (size == 0), np.nan, size)
    found: Wide = np.clip(products / size / size[:, None], -1, 1)
    return found


def redundant_pairs(r: Wide, threshold: float) -> tuple[Pair, ...]:
    """Return the pairs with abs(r) ≥ threshold, closest first; of equals the first."""
    j, k = np.nonzero(np.triu(np.abs(np.nan_to_num(r)) >= threshold, 1))
    pairs = [Pair(*one) for one in zip(j.tolist(), k.tolist(), r[j, k].tolist(), strict=True)]
    return tuple(sorted(pairs, key=lambda one: -abs(one.r)))
