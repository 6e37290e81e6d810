"""Strokes of any size → 28×28 pixels as MNIST has them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tongtou.images.planes import Plane, resize, spread

FIELD, BOX = 28, 20

# Strokes of MNIST are 2.5 pixels of the box wide; 1 % of the digits have less than 1.4 (measured on
# the 10,000 test digits with stroke_width).
_THIN, _MADE_AS_THICK = 1.4, 2.0
_FINE_ENOUGH = 40  # pixels; a smaller picture does not tell a thin stroke from a coarse one


def stroke_width(ink: Plane) -> float:
    """The mean width of strokes in pixels: twice the area over the outline.

    On a grid the outline is counted in steps along the axes, 4/π too many for a line that runs in
    all directions.
    """
    mask = np.pad(ink > 0.5, 1)
    steps = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    return 2 * int(np.count_nonzero(mask)) / max(steps * np.pi / 4, 1.0)


def find_box(ink: Plane) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the ink, the last two one past it.

    In a large picture an edge is a blurred slope and lies where half the ink is reached. In one of
    MNIST's own size each pixel is a cell, and any ink in it counts.
    """
    threshold = float(ink.max()) * (0.5 if max(ink.shape) >= _FINE_ENOUGH else 0.01)
    inside = ink > threshold
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def thicken(ink: Plane) -> Plane:
    """Strokes of a pen too thin for 20 pixels are widened until they are visible there."""
    left, top, right, bottom = find_box(ink)
    pixel = max(right - left, bottom - top) / BOX
    width = stroke_width(ink) / pixel
    if pixel * BOX < _FINE_ENOUGH or width >= _THIN:
        return ink
    radius = round((_MADE_AS_THICK - width) / 2 * pixel)
    return spread(np.pad(ink, radius), radius)


def scale_to_box(ink: Plane) -> Plane:
    """The ink's bounding box, scaled with its aspect kept until its longer side has 20 pixels."""
    left, top, right, bottom = box = find_box(ink)
    scale = BOX / max(right - left, bottom - top)
    shape = max(1, round((bottom - top) * scale)), max(1, round((right - left) * scale))
    return resize(ink, shape, box)


def centre(small: Plane) -> NDArray[np.uint8]:
    """Put `small` into a field of 28×28 with its centre of mass in the middle, as MNIST does.

    Rows and columns are shifted by whole pixels, so that edges stay as sharp as they are. In all
    of MNIST the centre of mass, in row and column numbers from 0, lies between 13.5 and 14.5:
    what MNIST calls the middle is pixel 14, half a pixel beyond the middle of 0 … 27.
    """
    height, width = small.shape
    mass = float(small.sum())
    row = float(small.sum(axis=1) @ np.arange(height)) / mass
    column = float(small.sum(axis=0) @ np.arange(width)) / mass
    top = min(max(round(FIELD / 2 - row), 0), FIELD - height)
    left = min(max(round(FIELD / 2 - column), 0), FIELD - width)
    field = np.zeros((FIELD, FIELD), np.uint8)
    field[top : top + height, left : left + width] = np.rint(small.clip(0, 1) * 255)
    return field
