"""Drawn loops and strokes, in pairs of the same ink, to ask neurons of deeper layers about."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[np.float64]

# In units of 1/28 of the shorter side: pixels of a digit.
PEN: Final = 2.2
RADII: Final = (2.2, 2.8, 3.4)
"""The shorter half axis of a loop: those in 6, 8 and 9."""
ELONGATIONS: Final = (1.15, 1.35)
N_TILTS: Final = 4
OFFSETS: Final = (-4.0, 0.0, 4.0)
"""Of the middles from the middle of the picture, down and sideways."""
TURNS: Final = (0.0, 60.0, -120.0)
"""By how many degrees a stroke bends from its start to its end."""
_N_POINTS = 33


class Shapes(NamedTuple):
    """Loops and strokes, loop k and stroke k of the same ink and, as far as it fits, in one place.

    Attributes
    ----------
    loops, strokes : ndarray of float64, shape (n, height, width)
        How much of each pixel is covered, 0 … 1.
    """

    loops: Wide
    strokes: Wide


@lru_cache(maxsize=4)
def drawn_shapes(height: int, width: int) -> Shapes:
    """Return 216 loops and 216 strokes, each about the size of a digit's parts.

    A loop is an ellipse of 3 sizes, 2 elongations, 4 tilts, its middle in 9 places. Its stroke is
    an arc as long as the ellipse's line, less the ink of its round ends, straight or bent, in the
    same place, moved inwards where it would leave the picture.

    Parameters
    ----------
    height, width : int
        Of the picture, in pixels.

    Examples
    --------
    >>> loops, strokes = drawn_shapes(28, 28)
    >>> loops.shape, bool(abs(loops.sum() / strokes.sum() - 1) < 0.02)
    ((216, 28, 28), True)
    """
    k = max(1, min(height, width) // 28)
    if k > 1:  # drawn small, each pixel a square of k by k
        small = drawn_shapes(height // k, width // k)
        margins = ((0, 0), (0, height % k), (0, width % k))
        return Shapes(*(np.pad(one.repeat(k, axis=1).repeat(k, axis=2), margins) for one in small))
    unit = min(height, width) / 28
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    t = np.linspace(0, 2 * math.pi, _N_POINTS)
    loops, strokes = [], []
    family = product(RADII, ELONGATIONS, range(N_TILTS), OFFSETS, OFFSETS)
    for number, (radius, elongation, turns, down, right) in enumerate(family):
        tilt = math.pi * turns / N_TILTS
        middle = centre + unit * np.array([down, right])
        a, b = elongation * radius, radius
        ellipse = unit * np.stack([b * np.sin(t), a * np.cos(t)], axis=1)
        loop = middle + _turned(ellipse, tilt)
        line = np.linalg.norm(np.diff(loop, axis=0), axis=1).sum()
        # two half discs with a soft edge of one pixel hold π (pen²/4 + 1/12)
        turn = TURNS[(number + number // 3 + number // 9) % 3]  # each at every place and tilt
        ends = math.pi * (PEN * unit / 4 + 1 / (12 * PEN * unit))
        arc = _arc(line - ends, math.radians(turn))
        stroke = _inside(middle + _turned(arc, tilt), height, width, PEN * unit / 2)
        loops.append(_covered(loop, height, width, PEN * unit))
        strokes.append(_covered(stroke, height, width, PEN * unit))
    return Shapes(np.array(loops), np.array(strokes))


def _arc(length: float, turn: float) -> Wide:
    """Return points (row, column) along an arc that bends by `turn`, its middle at 0."""
    s = np.linspace(-0.5, 0.5, _N_POINTS)
    step = length / (_N_POINTS - 1)
    direction = turn * (s[:-1] + s[1:]) / 2
    moves = step * np.stack([np.sin(direction), np.cos(direction)], axis=1)
    points = np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
    middled: Wide = points - (points.max(axis=0) + points.min(axis=0)) / 2
    return middled


def _turned(points: Wide, angle: float) -> Wide:
    c, s = math.cos(angle), math.sin(angle)
    turned: Wide = points @ np.array([[c, -s], [s, c]])
    return turned


def _inside(points: Wide, height: int, width: int, margin: float) -> Wide:
    """Return the points moved so that the pen stays within the picture, where it can."""
    high = np.array([height - 1, width - 1]) - margin
    points = points - np.maximum(points.max(axis=0) - high, 0)
    moved: Wide = points + np.maximum(margin - points.min(axis=0), 0)
    return moved


def _covered(points: Wide, height: int, width: int, pen: float) -> Wide:
    """Return how much of each pixel a pen along the points covers: its edge is one pixel soft."""
    pixels = np.moveaxis(np.indices((height, width)), 0, -1).astype(np.float64)[:, :, None]
    starts, ways = points[:-1], np.diff(points, axis=0)
    lengths = np.maximum((ways**2).sum(axis=1), 1e-12)
    t = np.clip(((pixels - starts) * ways).sum(axis=-1) / lengths, 0, 1)
    distance = np.linalg.norm(pixels - starts - t[..., None] * ways, axis=-1).min(axis=-1)
    cover: Wide = np.clip(max(pen, 1.0) / 2 + 0.5 - distance, 0, 1)
    return cover
