"""Lines ruled across the paper: found, and taken out of the ink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.images.planes import Plane, resize

_STRIPS = 16
_MISSING = 5  # so many strips may miss a line: hidden by glare, or beyond the sheet
_STEEPEST = 0.1  # lines tilted by more than 6 degrees are left to the threshold
_SMALLEST_PAGE = 64  # pixels; below this a line is as thick as a stroke
_FAINTEST = 0.03


def find_ruling(ink: Plane, strength: float) -> NDArray[np.bool_]:
    """Where lines ruled across the paper lie free, not under a stroke.

    Notes
    -----
    A ruled line crosses the whole picture and is thin; no stroke of a digit is both. The picture
    is cut across the lines into strips; slid against each other by the slope of the lines, the
    strips agree in where they are dark. Darkness that most strips share, and that is gone a few
    pixels above and below, is a ruled line. The slope is the one that shows the lines best.

    A stroke on a line is seen by being clearly darker than the line, or, on lines as dark as ink,
    by going on above and below.
    """
    if min(ink.shape) < _SMALLEST_PAGE:
        return np.zeros(ink.shape, bool)
    across = _ruled_across(ink)
    down = _ruled_across(np.ascontiguousarray(ink.T)).T
    free = np.where((across > 0) | (down > 0), 0, ink) > strength / 2
    return _lies_free(ink, across, free, strength) | _lies_free(ink.T, down.T, free.T, strength).T


def _lies_free(ink: Plane, line: Plane, stroke: NDArray[np.bool_], strength: float) -> NDArray[np.bool_]:
    darker = (ink > (line + strength) / 2) & (line < 0.6 * strength)
    reach = 8
    padded = np.pad(stroke, ((reach, reach), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=0).any(-1)
    bridged = windows[: len(ink)] & windows[reach + 1 :]
    return (line > 0) & ~darker & ~bridged


def _ruled_across(ink: Plane) -> Plane:
    height, width = ink.shape
    strips = resize(ink, (height, _STRIPS)).T  # (strip, row)
    steepest = round(_STEEPEST * width)
    drifts = np.arange(-steepest, steepest + 1)  # rows from the left side to the right
    middles = (np.arange(_STRIPS) + 0.5) / _STRIPS - 0.5
    shifts = np.rint(drifts[:, None] * middles).astype(np.intp)  # (drift, strip)

    # Capped, a dark stroke in one strip weighs no more than a line does.
    capped = np.pad(np.minimum(strips, 0.3), ((0, 0), (steepest, steepest)), mode="edge")
    shared = np.zeros((len(drifts), height), np.float32)
    rows = np.lib.stride_tricks.sliding_window_view(capped, height, axis=1)
    for strip in range(_STRIPS):
        shared += rows[strip, steepest + shifts[:, strip]]
    drift = int((np.diff(shared, axis=1) ** 2).sum(axis=1).argmax())

    whole = np.pad(strips, ((0, 0), (steepest, steepest)), mode="edge")
    slid = np.stack([whole[k, steepest + s : steepest + s + height] for k, s in enumerate(shifts[drift])])
    level = np.sort(slid, axis=0)[_MISSING]  # (row,)
    ends = np.minimum(slid[:2].max(axis=0), slid[-2:].max(axis=0))
    level = np.minimum(level, ends)
    radius = max(1, height // 100)
    broad = _slide(_slide(level, radius, np.min), radius, np.max)
    thin = level - broad
    noise = 1.4826 * float(np.median(thin))
    thin = np.where(thin > max(_FAINTEST, 6 * noise), thin, 0)
    if not thin.any():
        return np.zeros_like(ink)
    # Lines are a little wider than where they are darkest, and drift within a strip.
    thin = _slide(thin, 2, np.max)
    shift = np.rint(drifts[drift] * ((np.arange(width) + 0.5) / width - 0.5)).astype(np.intp)
    rows_of = (np.arange(height)[:, None] - shift).clip(0, height - 1)  # (row, column)
    ruled: Plane = thin[rows_of].astype(np.float32)
    return ruled


def _slide(row: NDArray[Any], radius: int, reduce: Callable[..., Any]) -> NDArray[Any]:
    padded = np.pad(row, radius, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1)
    result: NDArray[Any] = reduce(windows, axis=-1)
    return result
