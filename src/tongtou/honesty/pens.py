"""Lines drawn by a pen, many at once: points along strokes → 28×28 pixels in MNIST's form."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FIELD: Final = 28
BOX: Final = 20
MIDDLE: Final = 14.0
"""The centre of mass of a digit of MNIST, in row and column numbers from 0."""


_FAR = 9.0
"""Pixels; more than any pen is wide."""


def framed(points: NDArray[np.float64], drawn: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the points of each drawing scaled into 20×20 and centred, as MNIST does.

    Parameters
    ----------
    points : ndarray of float64, shape (n, n_points, 2)
        x to the right, y downwards.
    drawn : ndarray of bool, shape (n, n_points)
        Which of them belong to the drawing; each has at least one.

    Returns
    -------
    ndarray of float64, shape (n, n_points, 2)
        The longer side is 20 less the width of a pen; the mean lies on pixel 14.
    """
    inside = drawn[:, :, None]
    low = np.where(inside, points, np.inf).min(axis=1)
    high = np.where(inside, points, -np.inf).max(axis=1)
    longer = np.maximum((high - low).max(axis=1), 1e-9)
    scaled = (points - low[:, None]) * ((BOX - 2.0) / longer)[:, None, None]
    mean = (scaled * inside).sum(axis=1) / inside.sum(axis=1)
    shift = MIDDLE - mean
    extent = (high - low) * ((BOX - 2.0) / longer)[:, None]
    shift = np.clip(shift, 1.0, FIELD - 2.0 - extent)  # the whole of it stays in the picture
    placed: NDArray[np.float64] = scaled + shift[:, None]
    return placed


def inked(
    points: NDArray[np.float64], drawn: NDArray[np.bool_], width: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return the drawings as pixels.

    ::

        ink(pixel) = min(1, max(0, width/2 + 1/2 - distance to the nearest point))

    Parameters
    ----------
    points, drawn
        As `framed` returns and takes them: in pixels; at most half a pixel apart along a stroke.
    width : ndarray of float64, shape (n,)
        Of the pen, 1 … 4 pixels.

    Returns
    -------
    ndarray of uint8, shape (n, 784)
    """
    n = len(points)
    nearest = np.full(n * FIELD * FIELD, _FAR, np.float32)
    where = np.nonzero(drawn)
    x, y = points[where].astype(np.float32).T
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    first = where[0] * (FIELD * FIELD)
    for dy in (-2, -1, 0, 1, 2):
        for dx in (-2, -1, 0, 1, 2):
            r, c = row + dy, column + dx
            held = (r >= 0) & (r < FIELD) & (c >= 0) & (c < FIELD)
            distance = np.sqrt((r - y) ** 2 + (c - x) ** 2)[held].astype(np.float32)
            np.minimum.at(nearest, (first + r * FIELD + c)[held], distance)
    ink = (width / 2 + 0.5)[:, None] - nearest.reshape(n, -1)
    pixels: NDArray[np.uint8] = np.rint(ink.clip(0, 1) * 255).astype(np.uint8)
    return pixels
