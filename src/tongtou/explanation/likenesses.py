"""Rows that stand in two sets: exact duplicates, and near duplicates with none overlooked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.datasets.dataset import is_sparse
from tongtou.evaluation import PIXEL_SCALE
from tongtou.explanation.thresholds import N_COMPARED, N_USUAL, NEAR

Rows = NDArray[Any]

_BLOCK = 8192
_PAIRS = 1024
_DIRECTIONS = 32
_MOST_DENSE = 40_000_000
"""Numbers of a sparse matrix that are written out in full, at most."""


def keys_of(X: Any) -> list[bytes]:
    """Return for each row bytes that are equal exactly where rows are.

    Examples
    --------
    >>> first, second = keys_of(np.array([[0.0, 1.0], [-0.0, 1.0]]))
    >>> first == second
    True
    """
    if is_sparse(X):
        X = X.copy()
        X.sum_duplicates()
        X.eliminate_zeros()
        starts = X.indptr
        return [
            X.indices[a:b].astype(np.int64).tobytes() + X.data[a:b].tobytes()
            for a, b in pairwise(starts)
        ]
    table = np.ascontiguousarray(X if X.dtype == np.uint8 else X + X.dtype.type(0))  # -0 is 0
    width = table.shape[1] * table.itemsize
    joined = table.tobytes()
    return [joined[at : at + width] for at in range(0, len(joined), width)]


@dataclass(frozen=True)
class Near:
    """Near duplicates of some rows among others.

    Attributes
    ----------
    n_compared : int
        Rows that were compared.
    usual : float
        The median distance to the nearest of some training rows.
    limit : float
        Distance below which a pair is near: a fifth of the usual one.
    pairs : list of (row, training row, distance)
        For each row that has one its nearest; exact duplicates are not among them.
    """

    n_compared: int
    usual: float
    limit: float
    pairs: list[tuple[int, int, float]]


class Neighbours:
    """Training rows among which near duplicates of others are sought.

    ::

        distance(x, t) = ||x - t||_2        columns of a table divided by their deviation
        near           = 0 < distance < NEAR usual
        usual          = median over x of the distance to the nearest of 2,000 rows of train

    Distances within a subspace of orthonormal directions are never larger than in full, so pairs
    that are far apart in 32 of them need not be looked at further: none is overlooked.

    Parameters
    ----------
    train : ndarray or CSR matrix, shape (n, n_in)
    seed : int
        Of the rows that are drawn.
    """

    def __init__(self, train: Any, seed: int) -> None:
        self._train, self._seed = train, seed
        some = np.sort(np.random.default_rng(seed).permutation(train.shape[0])[:N_USUAL])
        base = _numbers(train[some])
        self._scale = None if train.dtype == np.uint8 else _deviations(base)
        self._middle = base.mean(axis=0)  # far from 0 a difference of squares keeps few digits
        self._base = self._scaled(base)
        self._directions = _directions(self._base)
        self._short = np.concatenate(
            [
                self._scaled(_numbers(train[at : at + _BLOCK])) @ self._directions
                for at in range(0, train.shape[0], _BLOCK)
            ]
        )

    def near(self, X: Any, left_out: set[int]) -> Near | None:
        """Return the near duplicates of at most 500 rows of X; None where rows do not differ.

        Parameters
        ----------
        X : ndarray or CSR matrix, shape (n, n_in)
        left_out : set of int
            Rows that are not looked at: those with an exact duplicate.
        """
        kept = np.array([k for k in range(X.shape[0]) if k not in left_out], np.int64)
        if not len(kept):
            return None
        rows = np.sort(np.random.default_rng(self._seed).permutation(kept)[:N_COMPARED])
        here = self._scaled(_numbers(X[rows]))
        usual = float(np.median(np.sqrt(np.maximum(_squares(here, self._base), 0)).min(axis=1)))
        limit = NEAR * usual
        if not limit > 0:
            return None
        short = here @ self._directions
        lengths = np.square(here).sum(axis=1)
        pairs: dict[int, tuple[int, float]] = {}
        for at in range(0, len(self._short), _BLOCK):
            squares = _squares(short, self._short[at : at + _BLOCK])
            # The second term is what rounding of float32 may add to a squared distance.
            close = np.flatnonzero(squares < limit**2 + 1e-5 * lengths[:, None])
            for some in range(0, len(close), _PAIRS):
                i, j = np.divmod(close[some : some + _PAIRS], squares.shape[1])
                others = self._scaled(_numbers(self._train[at + j]))
                apart = np.sqrt(np.square(here[i] - others, dtype=np.float64).sum(axis=1))
                for k in np.flatnonzero((apart > 0) & (apart < limit)).tolist():
                    row, distance = int(i[k]), float(apart[k])
                    if row not in pairs or distance < pairs[row][1]:
                        pairs[row] = (at + int(j[k]), distance)
        found = [(int(rows[i]), j, distance) for i, (j, distance) in sorted(pairs.items())]
        return Near(len(rows), usual, limit, found)

    def _scaled(self, numbers: Rows) -> Rows:
        moved: Rows = numbers - self._middle
        return moved if self._scale is None else moved / self._scale


def neighbours_of(train: Any, seed: int) -> Neighbours | None:
    """Return the neighbours; None where rows are sparse and too wide to write out."""
    if is_sparse(train) and (train.shape[0] + N_COMPARED) * train.shape[1] > _MOST_DENSE:
        return None
    return Neighbours(train, seed)


def chance_of(train: Any) -> float:
    """Return how many equal rows a row would find if the columns were independent.

    ::

        n prod_j sum_v p_j(v)^2          p_j(v) the share of the value v in column j

    For a table of a few yes-or-no columns this is large: equal rows are no leak there.
    """
    rows = train[: min(train.shape[0], N_USUAL)]
    X = rows.toarray() if is_sparse(rows) else np.asarray(rows)
    total = float(np.log(train.shape[0]))
    for column in X.T:
        counts = np.unique(column, return_counts=True)[1]
        total += float(np.log(np.square(counts / counts.sum()).sum()))
        if total < -30:
            return 0.0
    return float(np.exp(total))


def _numbers(X: Any) -> Rows:
    """Return the rows as the network sees them, in float32: uint8 scaled."""
    if is_sparse(X):
        X = X.toarray()
    wide: Rows = X.astype(np.float32)
    return wide * np.float32(PIXEL_SCALE) if X.dtype == np.uint8 else wide


def _deviations(base: Rows) -> Rows:
    deviation = base.std(axis=0, dtype=np.float64)
    return np.where(deviation > 0, deviation, 1.0).astype(np.float32)


def _squares(a: Rows, b: Rows) -> Rows:
    """Return the squared distance of every row of a to every row of b."""
    squares: Rows = np.square(a).sum(1)[:, None] - 2 * (a @ b.T) + np.square(b).sum(1)[None, :]
    return squares


def _directions(base: Rows) -> Rows:
    """Return orthonormal columns along which rows differ most."""
    if base.shape[1] <= _DIRECTIONS:
        return np.eye(base.shape[1], dtype=np.float32)
    centred = (base[:200] - base[:200].mean(axis=0)).astype(np.float64)
    _, _, V = np.linalg.svd(centred, full_matrices=False)
    return np.ascontiguousarray(V[:_DIRECTIONS].T.astype(np.float32))
