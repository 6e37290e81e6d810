"""The brightness of the paper everywhere, and whether the ink on it is darker or lighter."""

from __future__ import annotations

from typing import Any

import numpy as np

from tongtou.images.planes import Plane, fit_within, resize, spread

_COARSE = 96  # pixels on the longest side where only the light on the paper matters
_DARKEST = 0.02  # keeps ratios finite where a picture is black


def estimate_paper(grey: Plane) -> tuple[Plane, bool]:
    """The brightness the paper has beside and under the ink, and whether the ink is lighter.

    Notes
    -----
    A surface of second degree, fitted to the pixels that agree with it, follows the light across
    the picture. What it cannot follow, as the edge of a shadow or of the sheet, shows in the
    greyscale closing (the smallest of the largest values nearby), which fills whatever is darker
    than its surroundings and narrower than a third of the picture, as ink is, and keeps the rest.
    Ink is what differs from both, in the direction in which more of it differs more.

    Returns
    -------
    ndarray, shape of `grey`
        The paper of ``1 - grey`` where the ink is lighter, else of `grey`.
    bool
        True where the ink is lighter than the paper.
    """
    coarse = resize(grey, fit_within(grey.shape, _COARSE))
    light = _fit_light(coarse)
    radius = max(2, round(max(coarse.shape) / 6))

    inverted = _ink_is_lighter(grey)
    if inverted:
        coarse, light = 1 - coarse, 1 - light

    # Either closing lies above the paper somewhere: that of the picture at its dark borders, where
    # a slope looks like ink; that of the levelled one beside a shadow, which the surface smooths.
    light = np.maximum(light, _DARKEST)
    paper = np.minimum(light * _close(coarse / light, radius), _close(coarse, radius))
    paper = np.maximum(paper, _DARKEST)
    return resize(paper, grey.shape), inverted


def _ink_is_lighter(grey: Plane) -> bool:
    """Compare what is lighter than the median of its surroundings with what is darker.

    A median keeps the edges of shadows and of the sheet, and loses strokes of either kind. Beyond
    the border the picture is continued in two ways, which are wrong about different pictures: its
    mirror image makes most of a digit that fills the picture, its border pixels make most of the
    table around a sheet. The ratios of lighter to darker ink under both are multiplied.
    """
    coarse = resize(grey, fit_within(grey.shape, 48))
    odds = 1.0
    for reach, beyond in ((0.2, "symmetric"), (0.3, "edge")):
        difference = coarse - _median_nearby(coarse, round(reach * max(coarse.shape)), beyond)
        odds *= _evidence(difference) / _evidence(-difference)
    if 1 < odds < 10:  # a bold digit: in doubt, what is along the border is paper
        border = np.concatenate([coarse[0], coarse[-1], coarse[:, 0], coarse[:, -1]])
        return bool(np.median(border) < (coarse.min() + coarse.max()) / 2)
    return odds > 1


def _evidence(excess: Plane) -> float:
    """Strong differences count for more than wide ones: squares, of what is above doubt."""
    return float((np.maximum(excess - 0.03, 0) ** 2).sum()) + 0.01


def _median_nearby(plane: Plane, radius: int, beyond: Any) -> Plane:
    """The median along the rows, and of that along the columns: nearly that of the square."""
    for axis in (0, 1):
        margin = [(radius, radius) if axis == along else (0, 0) for along in (0, 1)]
        padded = np.pad(plane, margin, mode=beyond)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis)
        plane = np.partition(windows, radius, axis=-1)[..., radius]
    return np.asarray(plane, np.float32)


def _close(plane: Plane, radius: int) -> Plane:
    return spread(spread(plane, radius), radius, np.minimum)


def _fit_light(coarse: Plane) -> Plane:
    """The surface of second degree through the pixels of the majority."""
    height, width = coarse.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    some = (slice(None, None, 3),) * 2 if min(height, width) > 30 else ()  # enough for six numbers
    A, values = terms[some].reshape(-1, 6), coarse[some].ravel().astype(np.float64)
    surface = np.full_like(values, np.median(values))
    for _ in range(5):
        distance = np.abs(values - surface)
        keep = distance <= max(2.5 * float(np.median(distance)), 0.02)
        B = A[keep]
        # The small ridge decides what too few pixels leave open: a picture one pixel wide.
        solution = np.linalg.solve(B.T @ B + 1e-3 * np.eye(6), B.T @ values[keep])
        surface = A @ solution
    return np.asarray(terms @ solution, np.float32)
