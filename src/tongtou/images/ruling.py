"""Lines ruled across the paper: found, so that they are not taken for ink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tongtou.images.planes import Plane, resize, spread

_STRIPS = 16
_MISSING = 5  # so many strips may miss a line: hidden by glare or by curling paper
_STEEPEST = 0.18  # lines tilted by more than 10 degrees are left to the threshold
_SMALLEST_PAGE = 64  # pixels; below this a line is as thick as a stroke
_FAINTEST = 0.03
_AS_DARK_AS_INK = 0.6  # of the strength of ink


def find_ruling(ink: Plane, strength: float) -> NDArray[np.bool_]:
    """Where lines ruled across the paper lie free, not under a stroke.

    A stroke on a line is seen by being clearly darker than the line; on lines as dark as ink, by
    going on beside them.

    Notes
    -----
    A ruled line crosses the whole picture and is thin; no stroke of a digit is both. The picture
    is cut across the lines into strips; slid against each other by the slope of the lines, the
    strips agree in where they are dark. Darkness that most strips share, and that is gone a few
    pixels above and below, is a ruled line. The slope is the one that shows the lines best.
    """
    nothing = np.zeros(ink.shape, np.bool_)
    if min(ink.shape) < _SMALLEST_PAGE or strength == 0:
        return nothing
    line = np.maximum(_ruled_across(ink), _ruled_across(np.ascontiguousarray(ink.T)).T)
    if not line.any():
        return nothing
    stroke = (line == 0) & (ink > strength / 2)
    # Closing fills the gaps that lines leave in strokes, and little else.
    gap = 3 + _thickest(ink)
    filled = spread(spread(stroke, gap), gap, np.minimum)
    darker = (ink > np.maximum(1.5 * line, (line + strength) / 2)) & (
        line < _AS_DARK_AS_INK * strength
    )
    free: NDArray[np.bool_] = (line > 0) & ~filled & ~darker
    return free


def _ruled_across(ink: Plane) -> Plane:
    """How dark the lines from the left side to the right are at each pixel; 0 beside them."""
    height, width = ink.shape
    strips = resize(ink, (height, _STRIPS)).T  # (strip, row)
    steepest = round(_STEEPEST * width)
    strips = np.pad(strips, ((0, 0), (steepest, steepest)), mode="edge")
    shift_to = np.lib.stride_tricks.sliding_window_view
    slid = shift_to(strips, height, axis=1)  # (strip, shift, row)
    drifts = np.arange(-steepest, steepest + 1, 2)  # rows from the left side to the right
    middles = (np.arange(_STRIPS) + 0.5) / _STRIPS - 0.5
    shifts = steepest + np.rint(drifts[:, None] * middles).astype(np.intp)  # (drift, strip)

    # Capped, a dark stroke in one strip weighs no more than a line does.
    capped = shift_to(np.minimum(strips, 0.3), height, axis=1)
    shared = np.zeros((len(drifts), height), np.float32)
    for strip in range(_STRIPS):
        shared += capped[strip, shifts[:, strip]]
    best = int((np.diff(shared, axis=1) ** 2).sum(axis=1).argmax())

    aligned = slid[np.arange(_STRIPS), shifts[best]]  # (strip, row)
    level = np.sort(aligned, axis=0)[_MISSING]
    ends = np.minimum(aligned[:2].max(axis=0), aligned[-2:].max(axis=0))
    level = np.minimum(level, ends)[:, None]  # strokes seldom reach both sides
    radius = _thickest(ink)
    thin = level - _open(level, radius)
    noise = 1.4826 * float(np.median(thin))
    is_line = spread(thin > max(_FAINTEST, 6 * noise), 1)
    if not is_line.any():
        return np.zeros_like(ink)

    # Then pixel by pixel: a stroke that many strips share is thick in most of its columns.
    column = (np.arange(width) + 0.5) / width - 0.5
    slope = np.rint(drifts[best] * column).astype(np.intp)
    row = np.arange(height)[:, None]
    some = np.arange(0, width, 3)
    straight = ink[(row + slope[some]).clip(0, height - 1), some]
    straight = spread(straight - _open(straight, radius + 1), 1, axes=(0,))
    middle, darkness = np.quantile(straight, (0.5, 0.75), axis=1, keepdims=True)
    is_line &= middle > np.median(middle) + _FAINTEST
    # A line is a little wider than where it is darkest.
    dark_rows: Plane = np.where(is_line, darkness, 0).astype(np.float32)[:, 0]
    line: Plane = spread(dark_rows[:, None], 1)[(row - slope).clip(0, height - 1), 0]
    return line


def _thickest(ink: Plane) -> int:
    """Half the thickness in pixels that a ruled line can have."""
    return max(1, int(max(ink.shape)) // 100)


def _open(plane: Plane, radius: int) -> Plane:
    """What is as high as `plane` and broader than 2·radius rows."""
    return spread(spread(plane, radius, np.minimum, axes=(0,)), radius, axes=(0,))
