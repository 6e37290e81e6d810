"""The family of strokes: straight lines of a pen, everywhere and in all directions."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tongtou.evaluation import PIXEL_SCALE

# All in units of 1/28 of the picture's shorter side: pixels, for a digit.
SPACING: Final = 2
"""From one middle of a stroke to the next, along both sides."""
LENGTHS: Final = (0, 3, 6, 9, 12)
"""From end to end of a stroke's centre line; 0 is a dot."""
N_DIRECTIONS: Final = 8
"""Spread evenly over half a turn."""
PEN_WIDTH: Final = 2.2


def pen_width(height: int, width: int) -> float:
    """Return the width of the pen in pixels, at least one: narrower it would cover none wholly."""
    return max(1.0, PEN_WIDTH * min(height, width) / 28)


Template = tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.int64]]


@lru_cache(maxsize=8)
def templates(height: int, width: int) -> list[Template]:
    """Return for each length and direction its cover around a middle, half the segment, middles.

    Entry (height - 1 + i, width - 1 + j) of a cover belongs to the pixel i rows below and j
    columns right of the middle; 255 is wholly covered.
    """
    unit = min(height, width) / 28
    i, j = np.mgrid[1 - height : height, 1 - width : width].astype(np.float64)
    found: list[Template] = []
    for length in LENGTHS:
        for k in range(N_DIRECTIONS if length else 1):
            angle = math.pi * k / N_DIRECTIONS
            along = np.array([math.sin(angle), math.cos(angle)])  # a row down, a column right
            half = length * unit / 2
            t = np.clip(i * along[0] + j * along[1], -half, half)
            distance = np.hypot(i - t * along[0], j - t * along[1])
            cover = np.clip(pen_width(height, width) / 2 + 0.5 - distance, 0, 1)
            middles = _middles(height, width, half * along)
            if len(middles):
                found.append((np.rint(cover * 255).astype(np.uint8), half * along, middles))
    return found


def _middles(height: int, width: int, half: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the middles (n, 2) of the strokes whose ends lie within the picture."""
    step = max(1, round(SPACING * min(height, width) / 28))
    sides = []
    for side, reach in zip((height, width), np.abs(half) - 1e-9, strict=True):
        at = np.arange(step // 2, side, step)
        sides.append(at[(at >= reach) & (at <= side - 1 - reach)])
    return np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)


def covers(
    template: NDArray[np.uint8], middles: NDArray[np.int64], form: tuple[int, ...], dtype: Any
) -> NDArray[Any]:
    """Return the cover of every stroke, (n, height, width[, 1])."""
    height, width = form[:2]
    windows = sliding_window_view(template, (height, width))
    cover: NDArray[Any] = windows[height - 1 - middles[:, 0], width - 1 - middles[:, 1]]
    if dtype != np.uint8:
        cover = cover.astype(dtype) * dtype.type(PIXEL_SCALE)
    return cover[..., None] if len(form) == 3 else cover
