"""Examples on disk, larger than memory perhaps: which are streamed, and how they are cut.

Training visits windows of rows that follow each other, in an order drawn anew for each epoch, and
draws the order within a window anew at each visit. That is not a full shuffle: examples of one
batch always come from one window. Where the rows of a file are sorted (by class, by day), mix them
once while writing it.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou import randomness
from tongtou.boundary import all_finite, checked_inputs
from tongtou.errors import DataError
from tongtou.evaluation import MAX_PACKED_INPUTS, Blueprint

WINDOW_BYTES = 1 << 26
"""About how large a window is in memory."""

MEMORY_SHARE = 0.5
"""An array in memory that takes more than this share of the machine's is streamed too: packing all
of it at once would need as much again."""


def is_streamed(X: object) -> bool:
    """Return whether X is read window by window: a large memory map, or very large."""
    if not isinstance(X, np.ndarray) or X.ndim < 2 or X.nbytes <= WINDOW_BYTES:
        return False
    return _is_map(X) or X.nbytes > MEMORY_SHARE * _memory_bytes()


def _is_map(X: NDArray[Any]) -> bool:
    """Return whether the numbers lie in a file, in whatever view of a memory map."""
    base: Any = X
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return isinstance(base, mmap.mmap)


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def input_dtype(X: Any, blueprint: Blueprint) -> np.dtype[Any]:
    """Return the kind of number X is turned into: uint8 for pixels, or the network's own."""
    pixels = X.dtype in (np.uint8, np.bool_) and blueprint.sizes[0] <= MAX_PACKED_INPUTS
    return np.dtype(np.uint8) if pixels else blueprint.dtype


def row_bytes(X: NDArray[Any], blueprint: Blueprint) -> int:
    """Return what an example of X takes in memory: its own bytes, or those it is turned into."""
    kind = input_dtype(X, blueprint)
    on_the_way = 8 if kind != np.uint8 and X.dtype in (np.uint8, np.bool_) else 1
    return blueprint.sizes[0] * max(X.dtype.itemsize, kind.itemsize, on_the_way)


def blocks(X: NDArray[Any], blueprint: Blueprint, n_bytes: int) -> Iterator[tuple[int, int]]:
    """Cut the rows of X into pieces (begin, end) of about n_bytes."""
    n = max(1, n_bytes // row_bytes(X, blueprint))
    for begin in range(0, len(X), n):
        yield begin, min(begin + n, len(X))


def check_finite(X: NDArray[Any], blueprint: Blueprint) -> None:
    """Read all of X once and refuse NaN and infinity, before anything is trained.

    Raises
    ------
    DataError
        A number is not finite in the network's dtype; the message names row and column.
    """
    if X.dtype.kind != "f":
        return
    for begin, end in blocks(X, blueprint, WINDOW_BYTES // 4):
        given = X[begin:end].reshape(end - begin, -1)
        with np.errstate(over="ignore"):
            block = given.astype(blueprint.dtype, copy=False)
        if not all_finite(block):
            row, column = np.argwhere(~np.isfinite(block))[0]
            raise DataError(
                f"X must be finite in {blueprint.dtype}; row {begin + row}, column {column} is "
                f"{given[row, column]}. Replace or remove such values first."
            )


@dataclass(frozen=True)
class Windows:
    """How the rows that are learnt from are cut.

    Parameters
    ----------
    rows : ndarray of uint32
        Their numbers in X, rising.
    size : int
        Rows of a window, a multiple of the batch size: only the last window ends in a partial
        batch.
    batch_size, seed : int
    shuffle : bool
    """

    rows: NDArray[np.uint32]
    size: int
    batch_size: int
    seed: int
    shuffle: bool

    @property
    def n_windows(self) -> int:
        """How many there are."""
        return -(-len(self.rows) // self.size)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of all windows together."""
        return -(-len(self.rows) // self.batch_size)

    def rows_of(self, window: int) -> NDArray[np.uint32]:
        """Return the numbers of a window's rows."""
        return self.rows[window * self.size : (window + 1) * self.size]

    def steps_of(self, window: int) -> int:
        """Return how many batches a window has."""
        return -(-len(self.rows_of(window)) // self.batch_size)

    def order(self, epoch: int) -> NDArray[np.uint32]:
        """Return the order in which an epoch visits the windows."""
        if not self.shuffle:
            return np.arange(self.n_windows, dtype=np.uint32)
        return randomness.order(self.seed, epoch, self.n_windows, randomness.WINDOWS)


def cut(
    X: NDArray[Any],
    rows: NDArray[np.uint32],
    blueprint: Blueprint,
    batch_size: int,
    seed: int,
    shuffle: bool,
) -> Windows:
    """Return windows of about WINDOW_BYTES.

    Raises
    ------
    ValueError
        A batch is larger than a window.
    """
    most = max(1, WINDOW_BYTES // row_bytes(X, blueprint))
    if batch_size > most:
        raise ValueError(
            f"batch_size must be at most {most:,} here, the examples that a window of streamed "
            f"data holds; it is {batch_size:,}. Or load X into memory (numpy.array(X)) if it fits."
        )
    return Windows(rows, most // batch_size * batch_size, batch_size, seed, shuffle)


def loaded(X: NDArray[Any], begin: int, end: int, blueprint: Blueprint) -> NDArray[Any]:
    """Return the rows begin … end - 1 as the engine takes them; a view of the file where it can."""
    part = X[begin:end]
    return checked_inputs(np.asarray(part) if isinstance(part, np.ndarray) else part, blueprint)
