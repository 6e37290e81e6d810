"""Is it like what was learnt? A Gaussian along principal components, and what they leave over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_ALL = 1024
"""Up to so many inputs their covariance is taken whole; beyond, singular vectors of a sample."""
_SAMPLE = 2048
TYPICAL = 16
"""Dimensions from which on the middle of a Gaussian is empty, so that lower bounds make sense."""
_NEGLIGIBLE = 1e-6
"""Of the largest variance: directions with less say nothing, but what is left over."""


@dataclass(frozen=True, eq=False)
class Density:
    """A Gaussian density in a few directions, and the room outside of them.

    ::

        c        = components (x - mean)
        within   = sum_k (c_k / scale_k)^2
        residual = |x - mean|^2 - sum_k c_k^2        0 where less than 1e-6 sum_k scale_k^2

    An example is like those learnt from where both lie between their bounds. The lower bounds are
    there because no example lies near the middle of a Gaussian of many dimensions: a white page is
    nearer to the mean digit than any digit is.

    Attributes
    ----------
    mean : ndarray of float32, shape (d,)
    components : ndarray of float32, shape (k, d)
        Orthonormal rows, those of the largest variance.
    scale : ndarray of float32, shape (k,)
        Standard deviations along them, in the examples learnt from.
    within, residual : tuple of two floats, or None
        The least and the largest of examples; residual is None where nothing is left over.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    scale: NDArray[np.float32]
    within: tuple[float, float] = (0.0, np.inf)
    residual: tuple[float, float] | None = None

    @classmethod
    def of(cls, x: NDArray[Any], most: int) -> Density:
        """Return the density of examples x (n, d), in at most `most` directions, without bounds."""
        n, d = x.shape
        mean = x.mean(axis=0, dtype=np.float64)
        if d <= _ALL:
            centred = x - mean.astype(x.dtype)
            variances, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64) / n)
            variances, vectors = variances[::-1], vectors.T[::-1]
        else:
            rows = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64))
            _, singular, vectors = np.linalg.svd(x[rows] - mean, full_matrices=False)
            variances = singular**2 / len(rows)
        telling = int((variances > _NEGLIGIBLE * max(float(variances[0]), 1e-30)).sum())
        k = max(1, min(most, telling))
        left = telling > k or len(variances) < d  # more directions than are kept
        vectors = vectors[:k]
        # The largest element of each is positive, so that signs do not depend on LAPACK.
        signs = np.sign(vectors[np.arange(k), np.abs(vectors).argmax(axis=1)])
        return cls(
            mean.astype(np.float32),
            np.ascontiguousarray(vectors * signs[:, None], np.float32),
            np.sqrt(np.maximum(variances[:k], 1e-30)).astype(np.float32),
            residual=(0.0, np.inf) if left or k < d else None,
        )

    def distances(self, x: NDArray[Any]) -> list[Array]:
        """Return within, and residual where there is one, of each row of x (n, d)."""
        centred = x.astype(np.float64) - self.mean
        c = centred @ self._across
        within: Array = ((c / self.scale) ** 2).sum(axis=1)
        if self.residual is None:
            return [within]
        residual: Array = (centred**2).sum(axis=1) - (c**2).sum(axis=1)
        # What rounding leaves over is nothing: rows of a table may lie in a plane.
        floor = _NEGLIGIBLE * float((self.scale.astype(np.float64) ** 2).sum())
        return [within, np.where(residual < floor, 0.0, residual)]

    @cached_property
    def _across(self) -> Array:
        return self.components.T.astype(np.float64)

    @property
    def dimensions(self) -> list[int]:
        """Over how many directions each of `distances` is a sum."""
        k, d = self.components.shape
        return [k] if self.residual is None else [k, d - k]

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of `distances`, in the same order."""
        return [self.within] if self.residual is None else [self.within, self.residual]

    def bounded(self, bounds: list[tuple[float, float]]) -> Density:
        """Return it with these bounds."""
        residual = None if self.residual is None else bounds[1]
        return replace(self, within=bounds[0], residual=residual)

    def excess(self, x: NDArray[Any]) -> Array:
        """Return how many times a distance is beyond its bound: above 1 is novel, (n,)."""
        each = []
        for distance, (low, high) in zip(self.distances(x), self.bounds, strict=True):
            each.append(np.maximum(distance / max(high, 1e-30), low / np.maximum(distance, 1e-30)))
        most: Array = np.max(each, axis=0)
        return most

    def to_dict(self) -> dict[str, Any]:
        """Return its numbers ready for JSON, without the tensors."""
        return {
            "n_in": len(self.mean),
            "components": len(self.scale),
            "within": list(self.within),
            "residual": None if self.residual is None else list(self.residual),
        }
