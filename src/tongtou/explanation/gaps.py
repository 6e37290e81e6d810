"""How far sums in float64 are from the kernel's own, and how far they may be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tongtou.activations import Array
from tongtou.dense import Dense


class Gap(NamedTuple):
    """How far the float64 terms of a layer are from the kernel's z, and what they may be.

    Attributes
    ----------
    found : ndarray of float64, shape (n_l,)
        abs(bias + sum of terms - z).
    bound : ndarray of float64, shape (n_l,)
        (n_in + 4) u (abs(bias) + sum of abs(terms)) + n_in t, with u = 2^-24 and t = 2^-149 in
        float32, 2^-53 and 2^-1074 in float64.
    """

    found: NDArray[np.float64]
    bound: NDArray[np.float64]


def gap_of(layer: Dense, a: Array, z: Array) -> Gap:
    """Return the gap of one layer.

    Parameters
    ----------
    layer : Dense
    a : ndarray, shape (n_in,)
        What comes in.
    z : ndarray, shape (n_out,)
        The kernel's weighted sums.

    Examples
    --------
    >>> import tongtou as tt
    >>> layer = tt.Network([2, 1]).layers[0]
    >>> layer.W, layer.b = [[2.0, 1.0]], [0.5]
    >>> gap = gap_of(layer, np.array([1.0, 3.0]), np.array([5.5], np.float32))
    >>> gap.found.tolist(), bool(gap.bound < 1e-5)
    ([0.0], True)
    """
    b = layer.b.astype(np.float64)
    products = layer.W.astype(np.float64) * a.astype(np.float64)
    found = np.abs(b + products.sum(axis=1) - z)
    gross = np.abs(b) + np.abs(products).sum(axis=1)
    kind = np.finfo(layer.W.dtype)
    n = layer.n_in
    bound = (n + 4) * float(kind.eps) / 2 * gross + n * float(kind.smallest_subnormal)
    return Gap(found, bound)
