"""Which of the darker pixels are the strokes of the digit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tongtou.images.planes import Plane, label_regions

_FAINTEST = 0.06  # of the paper's brightness: below this a mark is a shadow
_EDGE_OF_INK = 0.35  # of the strength of ink: blurred edges of strokes reach down to here
_SPECK = 0.04  # of the longest side of the page
_SMALLEST_PART = 0.03  # of the ink of the body


class InkLevels(NamedTuple):
    """The values that tell ink from paper."""

    paper: float  # what bare paper has on the average
    noise: float  # its standard deviation
    strength: float  # what ink has; 0 where there is none


def measure_ink(ink: Plane) -> InkLevels:
    """Tell ink from paper by the values of a picture in which paper is near 0 and ink above.

    Otsu's threshold gives the share of the paper, so that a digit which fills its picture does not
    pass for noise; the quartiles of that share give the paper's level and noise.
    """
    step = max(1, round(max(ink.shape) / 160))
    values = np.sort(ink[::step, ::step], axis=None)
    share = float((values <= _otsu(values)).mean())
    low, paper, high = (
        float(values[int(q * share * (len(values) - 1))]) for q in (0.25, 0.5, 0.75)
    )
    noise = (high - low) / 1.349
    dark = values[values > paper + max(5 * noise, _FAINTEST)].astype(np.float64) - paper
    strength = float((dark**4).sum() / (dark**3).sum()) if len(dark) else 0.0
    return InkLevels(paper, noise, strength)


def _otsu(values: NDArray[np.float32]) -> float:
    """The threshold between two classes that leaves the least variance within them."""
    counts, edges = np.histogram(values, 128)
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)[:-1]
    below = np.cumsum(counts)[:-1]
    above = len(values) - below
    filled = np.maximum(below * above, 1)
    between = (sums * len(values) - sums[-1] * below) ** 2 / filled
    return float(edges[1:][between.argmax()])


class Strokes(NamedTuple):
    """The pixels that belong to the digit."""

    mask: NDArray[np.bool_]
    top: int
    bottom: int  # one past the last row
    left: int
    right: int


def choose_strokes(ink: Plane, noise: Plane, levels: InkLevels) -> Strokes | None:
    """The regions of ink that make up one digit; None where there is no ink.

    The region with most ink is the body. Others belong to it if they are near and no specks: the
    parts of a broken 5. A region that lies along the border for half its length is the table
    beside the paper, a shadow or a finger, if any region lies free.
    """
    mask = ink > levels.paper + np.maximum(_EDGE_OF_INK * levels.strength, 4 * noise)
    labels, n = label_regions(mask)
    if n == 0:
        return None
    y, x = np.nonzero(mask)
    region = labels[y, x]
    values = ink[y, x] - levels.paper
    mass = np.bincount(region, np.maximum(values - 0.5*levels.strength,0), n)
    strong = np.bincount(region, values > 0.6 * levels.strength, n) / np.bincount(region, minlength=n)
    top, left = np.full(n, ink.shape[0]), np.full(n, ink.shape[1])
    bottom, right = np.zeros(n, int), np.zeros(n, int)
    np.minimum.at(top, region, y)
    np.minimum.at(left, region, x)
    np.maximum.at(bottom, region, y + 1)
    np.maximum.at(right, region, x + 1)
    size = np.maximum(bottom - top, right - left)

    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    contact = np.bincount(border[border >= 0], minlength=n)
    along_border = contact > 0.5 * size
    likely = strong > 0.2
    if not likely.any():
        likely[:] = True
    free = likely & ~along_border & (size > _SPECK * max(ink.shape))
    body = int(np.where(free if free.any() else likely, mass, 0).argmax())

    reach = 0.35 * size[body]
    near = (left < right[body] + reach) & (right > left[body] - reach)
    near &= (top < bottom[body] + reach) & (bottom > top[body] - reach)
    parts = likely & near & (mass > _SMALLEST_PART * mass[body])
    if contact[body] == 0:
        parts &= contact == 0
    return Strokes(
        mask & np.append(parts, False)[labels],
        int(top[parts].min()),
        int(bottom[parts].max()),
        int(left[parts].min()),
        int(right[parts].max()),
    )
