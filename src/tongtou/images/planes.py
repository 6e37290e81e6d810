"""Small operations on planes (2-D float32 arrays) that NumPy alone does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Scalar = TypeVar("Scalar", np.float32, np.bool_)


def resize(
    plane: NDArray[Any],
    shape: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> Plane:
    """Antialiased `plane`, or its part `box` (left, top, right, bottom), at another shape.

    Downwards each new pixel is the mean of the area it covers; upwards it is interpolated.
    """
    from PIL import Image

    height, width = shape
    if box is None and plane.shape == shape:
        return plane.astype(np.float32, copy=False)
    left, top, right, bottom = box or (0, 0, plane.shape[1], plane.shape[0])
    shrinks = width <= right - left and height <= bottom - top
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(
        image.resize(
            (width, height),
            Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR,
            box=(left, top, right, bottom),
        )
    )


def fit_within(shape: tuple[int, int], longest: int) -> tuple[int, int]:
    """`shape` scaled down, aspect kept, so that no side is longer than `longest`."""
    scale = min(1.0, longest / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def spread(
    plane: NDArray[Scalar],
    radius: int,
    larger: Callable[..., Any] = np.maximum,
    axes: tuple[int, ...] = (0, 1),
) -> NDArray[Scalar]:
    """The largest value within `radius` rows and columns; with np.minimum the smallest.

    Doubling the reach in each step needs log2(radius) steps, where a sliding window needs radius.
    """
    for axis in axes:
        plane = np.moveaxis(plane, axis, 0)
        reach = 0
        while reach < min(radius, len(plane) - 1):
            step = min(max(1, reach), radius - reach, len(plane) - 1)
            wider = plane.copy()
            larger(plane[step:], wider[:-step], out=wider[:-step])
            larger(plane[:-step], wider[step:], out=wider[step:])
            plane, reach = wider, reach + step
        plane = np.moveaxis(plane, 0, axis)
    return plane


def label_regions(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    """Number the connected regions of `mask`, diagonal neighbours included.

    Returns
    -------
    ndarray of intp, shape of `mask`
        0 … n-1 in the regions, -1 elsewhere.
    int
        n, the number of regions.

    Notes
    -----
    Pixels that follow each other in a row form a run; runs are few. Two runs of neighbouring rows
    that touch are linked. Each link gives the smaller number to the chief of the other's run, then
    every run takes the number of its chief's chief; both are repeated until nothing changes.
    """
    height, width = mask.shape
    # A gap after each row keeps runs from passing into the next row.
    gapped = np.zeros((height, width + 2), np.int8)
    gapped[:, 1:-1] = mask
    change = np.diff(gapped.ravel(), prepend=np.int8(0))
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    n_runs = len(starts)

    # Moved one row up, the runs a run touches start before its end and end after its start.
    stride = width + 2
    first = np.searchsorted(ends + stride, starts, side="left")
    last = np.searchsorted(starts + stride, ends, side="right")
    counts = np.maximum(last - first, 0)
    below = np.repeat(np.arange(n_runs), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    above = np.repeat(first, counts) + offsets

    chief = np.arange(n_runs)
    while True:
        smaller = np.minimum(chief[above], chief[below])
        before = chief.copy()
        for runs in (above, below):
            np.minimum.at(chief, chief[runs], smaller)
            np.minimum.at(chief, runs, smaller)
        chief = chief[chief]
        if np.array_equal(chief, before):
            break
    chiefs, numbers = np.unique(chief, return_inverse=True)

    labels = np.full(height * stride, -1, np.intp)
    labels[np.repeat(starts, ends - starts) + _counts_from_zero(ends - starts)] = np.repeat(
        numbers, ends - starts
    )
    return labels.reshape(height, stride)[:, 1:-1], len(chiefs)


def _counts_from_zero(lengths: NDArray[np.intp]) -> NDArray[np.intp]:
    """0 … length-1 for each length, one after another."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
