"""Exact binomial bounds: how bad a share can be, seen how few of how many."""

from __future__ import annotations

import math

import numpy as np

from tongtou.settings import checked_number, checked_whole

_STEPS = 80
"""Halvings of an interval of length 1: below the last bit of a float64."""


def at_most(k: int, n: int, p: float) -> float:
    """Return the probability of at most k wrong ones among n, each wrong with probability p.

    ::

        P(K <= k) = sum_{j=0}^{k} C(n, j) p^j (1 - p)^(n - j)

    Parameters
    ----------
    k, n : int
        0 <= k <= n.
    p : float
        0 … 1.

    Returns
    -------
    float
        To about 12 digits: the terms are added from their logarithms.

    Examples
    --------
    >>> round(at_most(1, 2, 0.5), 12)
    0.75
    """
    if k >= n or p <= 0:
        return 1.0
    if p >= 1:
        return 0.0
    j = np.arange(1, k + 1)
    # log C(n, j) - log C(n, j-1) = log (n - j + 1) / j
    log_terms = n * math.log1p(-p) + np.concatenate(
        [[0.0], np.cumsum(np.log((n - j + 1) / j) + math.log(p) - math.log1p(-p))]
    )
    most = float(log_terms.max())
    return min(1.0, math.exp(most) * float(np.exp(log_terms - most).sum()))


def upper_bound(k: int, n: int, level: float = 0.95) -> float:
    """Return the Clopper–Pearson upper bound of a share of which k in n were seen.

    The largest p under which seeing so few is not rarer than 1 - level::

        sum_{j=0}^{k} C(n, j) p^j (1 - p)^(n - j) = 1 - level

    It is above the true share in at least `level` of all samples, whatever n and the share are.

    Parameters
    ----------
    k, n : int
        0 <= k <= n.
    level : float
        Between 0 and 1; one-sided.

    Returns
    -------
    float
        0 … 1; 1 where k = n.

    Raises
    ------
    ValueError
        The counts or the level are out of their range.

    References
    ----------
    Clopper and Pearson (1934), "The use of confidence or fiducial limits illustrated in the case
    of the binomial", Biometrika 26.

    Examples
    --------
    >>> round(upper_bound(0, 299), 5)      # the rule of three
    0.00997
    """
    n = checked_whole("n", n, 0)
    k = checked_whole("k", k, 0)
    checked_number("level", level, 0.0, 1.0, above=True, below=True)
    if k > n:
        raise ValueError(f"k must be at most n; they are {k} and {n}.")
    if k == n:
        return 1.0
    low, high = k / n, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if at_most(k, n, middle) > 1 - level:
            low = middle
        else:
            high = middle
    return high
