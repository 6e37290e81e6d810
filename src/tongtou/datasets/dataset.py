"""A table of examples with what is known about it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import DataError, ShapeError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples and their answers, kept in the type they came in.

    Parameters
    ----------
    X : ndarray, shape (n, n_in)
        One example a row; uint8 pixels stay uint8.
    y : ndarray, shape (n,) or (n, n_out)
        Class numbers 0 … n_classes-1 (integers), or real targets.
    classes : tuple, optional
        The name of each class, in the order of the outputs; empty for real targets.
    shape : tuple of int, optional
        The shape of one example before its rows were joined: (28, 28) for MNIST.
    name : str, optional
        What to call it in reports.

    Raises
    ------
    ShapeError
        X is not two-dimensional, counts disagree, or `shape` does not multiply to n_in.
    DataError
        There is no example, or a class number has no name.

    Examples
    --------
    >>> import numpy as np
    >>> from tongtou.datasets import Dataset
    >>> Dataset(np.zeros((3, 4), np.uint8), np.array([0, 1, 0]), classes=(0, 1), shape=(2, 2))
    Dataset(n=3, n_in=4, uint8, classes=2, shape=(2, 2))
    """

    X: NDArray[Any]
    y: NDArray[Any]
    classes: tuple[Any, ...] = ()
    shape: tuple[int, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if self.X.ndim != 2:
            raise ShapeError(
                f"X must have shape (n, n_in), one example a row; it has shape {self.X.shape}. "
                "Reshape it, for pictures with X.reshape(len(X), -1)."
            )
        if self.y.ndim == 0:
            raise ShapeError("y must hold one answer an example; it is a single number.")
        if len(self.X) != len(self.y):
            raise ShapeError(f"X has {len(self.X)} rows but y has {len(self.y)}; they must agree.")
        if len(self.X) == 0:
            raise DataError("the dataset holds no example; at least one is needed.")
        if self.shape and math.prod(self.shape) != self.X.shape[1]:
            raise ShapeError(f"shape {self.shape} does not make {self.X.shape[1]} values a row.")
        if self.classes and self.y.ndim == 1:
            if self.y.dtype.kind not in "biu":
                raise DataError(
                    f"class numbers must be integers; y has dtype {self.y.dtype}. "
                    "Number the classes 0, 1, …, or leave classes=() for real targets."
                )
            low, high = int(self.y.min()), int(self.y.max())
            if low < 0 or high >= len(self.classes):
                raise DataError(
                    f"class numbers must lie in 0 … {len(self.classes) - 1}; "
                    f"y holds {low} … {high}."
                )

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Dataset:
        """The dataset of these rows: a slice (no copy), a boolean mask or row numbers."""
        if isinstance(rows, (int, np.integer)):
            raise TypeError(f"take rows with a slice or an array, for one row [{rows}:{rows + 1}].")
        return Dataset(self.X[rows], self.y[rows], self.classes, self.shape, self.name)

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE2b-128 of dtype, shape and bytes of X and y, in hexadecimal."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.X, self.y):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        kind = f"classes={len(self.classes)}" if self.classes else f"y{self.y.shape[1:]}"
        shape = f", shape={self.shape}" if self.shape else ""
        return f"Dataset(n={len(self)}, n_in={self.X.shape[1]}, {self.X.dtype}, {kind}{shape})"
