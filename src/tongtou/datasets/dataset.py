"""A table of examples with what is known about it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import DataError, ShapeError

if TYPE_CHECKING:
    from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing

_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples and their answers, kept in the type they came in.

    Parameters
    ----------
    X : ndarray or SciPy sparse matrix, shape (n, n_in)
        One example a row; uint8 pixels stay uint8. Lists and data frames become arrays. A
        memory map stays one: nothing of it is read until it is needed. Sparse matrices become CSR
        and stay sparse.
    y : ndarray, shape (n,) or (n, n_out)
        Class numbers 0 … n_classes-1 (integers), or real targets.
    classes : tuple, optional
        The name of each class, in the order of the outputs; empty for real targets.
    shape : tuple of int, optional
        The shape of one example before its rows were joined: (28, 28) for MNIST.
    name : str, optional
        What to call it in reports.
    files : ndarray of str, shape (n,), optional
        The file each example came from.
    preprocessing : TablePreprocessing or PicturePreprocessing, optional
        How raw rows or pictures became X; `tongtou.fit` hands it to the network.
    rows : ndarray of int, shape (n,), optional
        The row of the table each example came from, counted from 0.

    Raises
    ------
    ShapeError
        X is not two-dimensional, counts disagree, or `shape` does not multiply to n_in.
    DataError
        There is no example, a class number has no name, or two classes have the same.

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
    files: NDArray[Any] | None = None
    preprocessing: TablePreprocessing | PicturePreprocessing | None = None
    rows: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        for name in ("X", "y"):
            object.__setattr__(self, name, _as_array(getattr(self, name), name))
        for name in ("classes", "shape"):  # numpy.unique gives the names as an array
            given: Any = getattr(self, name)
            listed = given.tolist() if isinstance(given, np.ndarray) else given
            object.__setattr__(self, name, () if listed is None else tuple(listed))
        if is_sparse(self.X):
            object.__setattr__(self, "X", _as_csr(self.X))
        n = self.X.shape[0] if self.X.ndim else 0  # a sparse matrix has no len
        if self.X.ndim != 2:
            raise ShapeError(
                f"X must have shape (n, n_in), one example a row; it has shape {self.X.shape}. "
                "Reshape it, for pictures with X.reshape(len(X), -1)."
            )
        if is_sparse(self.y):
            raise ShapeError("y must be an array; it is a sparse matrix. Use y.toarray().")
        if self.y.ndim == 0:
            raise ShapeError("y must hold one answer an example; it is a single number.")
        if n != len(self.y):
            raise ShapeError(f"X has {n} rows but y has {len(self.y)}; they must agree.")
        if n == 0:
            raise DataError("the dataset holds no example; at least one is needed.")
        for what, origins in (("files", self.files), ("rows", self.rows)):
            if origins is not None and len(origins) != n:
                raise ShapeError(f"X has {n} rows but {what} has {len(origins)}; they must agree.")
        if self.shape and math.prod(self.shape) != self.X.shape[1]:
            raise ShapeError(f"shape {self.shape} does not make {self.X.shape[1]} values a row.")
        if len(set(map(str, self.classes))) < len(self.classes):
            raise DataError(f"each class must have a name of its own; classes are {self.classes}.")
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
        return int(self.X.shape[0])

    @property
    def n_in(self) -> int:
        """How many values one example has: the first of a network's sizes."""
        return int(self.X.shape[1])

    @property
    def n_out(self) -> int:
        """How many classes or real targets there are: the last of a network's sizes."""
        if self.y.ndim > 1:
            return int(math.prod(self.y.shape[1:]))
        if self.classes:
            return len(self.classes)
        return int(self.y.max()) + 1 if self.y.dtype.kind in "biu" else 1

    def __getitem__(self, rows: slice | NDArray[Any]) -> Dataset:
        """The dataset of these rows: a slice (no copy), a boolean mask or row numbers."""
        if isinstance(rows, (int, np.integer)):
            raise TypeError(f"take rows with a slice or an array, for one row [{rows}:{rows + 1}].")
        return Dataset(
            self.X[rows],
            self.y[rows],
            self.classes,
            self.shape,
            self.name,
            None if self.files is None else self.files[rows],
            self.preprocessing,
            None if self.rows is None else self.rows[rows],
        )

    @cached_property
    def fingerprint(self) -> str:
        """BLAKE2b-128 of dtype, shape and bytes of X and y, in hexadecimal.

        Of a sparse X its entries count, in order, with their columns and where each row ends; a
        sparse matrix and the same numbers in full have different fingerprints.
        """
        digest = hashlib.blake2b(digest_size=16)
        if is_sparse(self.X):
            X: Any = self.X
            if not X.has_canonical_format:
                X = X.copy()
                X.sum_duplicates()
            digest.update(f"csr{X.shape}".encode())
            # The width of the indices is a matter of size and of who made them.
            for indices in (X.indptr, X.indices):
                _update(digest, indices, np.dtype(np.int64))
            arrays = (X.data, self.y)
        else:
            arrays = (self.X, self.y)
        for array in arrays:
            _update(digest, array, array.dtype)
        return digest.hexdigest()

    def __repr__(self) -> str:
        kind = f"classes={len(self.classes)}" if self.classes else f"y{self.y.shape[1:]}"
        shape = f", shape={self.shape}" if self.shape else ""
        sparse = " sparse" if is_sparse(self.X) else ""
        return f"Dataset(n={len(self)}, n_in={self.n_in}, {self.X.dtype}{sparse}, {kind}{shape})"


def is_sparse(array: object) -> bool:
    """Return whether it is one of SciPy's sparse matrices or arrays, without importing SciPy."""
    return hasattr(array, "tocsr") and hasattr(array, "nnz")


def _as_array(values: Any, name: str) -> Any:
    if isinstance(values, np.ndarray) or is_sparse(values):
        return values
    try:
        return np.asarray(values)
    except ValueError as error:  # lists of different lengths
        raise ShapeError(
            f"{name} must be a table whose rows are all of one length ({error})."
        ) from error


def _as_csr(X: Any) -> Any:
    if X.ndim != 2:
        raise ShapeError(f"X must have shape (n, n_in), one example a row; it has shape {X.shape}.")
    return X.tocsr()


def _update(digest: Any, array: NDArray[Any], dtype: np.dtype[Any]) -> None:
    """Add dtype, shape and bytes in blocks, so that a memory map is never copied whole."""
    digest.update(f"{dtype.str}{array.shape}".encode())
    row_bytes = max(1, array.nbytes // max(1, len(array)))
    n_rows = max(1, _BLOCK_BYTES // row_bytes)
    for start in range(0, len(array), n_rows):
        block = np.ascontiguousarray(array[start : start + n_rows], dtype)
        if block.size:
            digest.update(block.data)
