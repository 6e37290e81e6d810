"""Which of the darker pixels are the strokes of the digit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tongtou.images.planes import Plane, label_regions

_FAINTEST = 0.06  # of the paper's brightness: below this a mark is a shadow
_EDGE_OF_INK = 0.35  # of the strength of ink: blurred edges of strokes reach down to here

# A digit is larger than this: in pixels; in parts of the page's longest side; and in such parts
# times its strength, so that a fainter mark must be larger.
_SPECK_PIXELS, _SPECK, _FAINT_SPECK = 5, 0.02, 0.008

_SMALLEST_PART = 0.03  # of the ink of the body
_FLATTEST = 5  # times as wide as high: the rest of a ruled line
_REACH = 0.25  # of the longer side of the parts so far: what is nearer belongs to them


class InkLevels(NamedTuple):
    """The values that tell ink from paper."""

    paper: float  # what bare paper has on the average
    noise: float  # its standard deviation
    strength: float  # what ink has above the paper; 0 where there is none


def measure_ink(ink: Plane) -> InkLevels:
    """Tell ink from paper by the values of a picture in which paper is near 0 and ink above.

    Where the values fall into two classes, the lower one is paper, so that a digit which fills its
    picture does not pass for noise; else nearly all is paper. The quartiles of the paper give its
    level and noise; but what differs little from pixel to pixel, as a table beside the sheet, is no
    noise. The strength is a mean of what lies well above them, weighted so that a little strong
    ink counts for more than much of a faint shadow.
    """
    step = max(1, round(max(ink.shape) / 120)) if min(ink.shape) > 1 else 1
    some = ink[::step, ::step].ravel().astype(np.float64)
    values = np.sort(some)
    n_paper = _count_lower_class(values)
    low, paper, high = (float(values[int(q * (n_paper - 1))]) for q in (0.25, 0.5, 0.75))
    # Of a normal distribution the quartiles lie 1.35 sigma apart, and half of all differences of
    # two values are below 0.95 sigma.
    noise = (high - low) / 1.349
    if len(some) > 1:
        noise = min(noise, 3 * float(np.median(np.abs(np.diff(some)))) / 0.954)
    dark = values[values > paper + max(5 * noise, _FAINTEST)] - paper
    strength = float((dark**4).sum() / (dark**3).sum()) if len(dark) else 0.0
    return InkLevels(paper, noise, strength)


def _count_lower_class(values: NDArray[np.float64]) -> int:
    """How many of the sorted values are in the lower of two classes; all, where there is but one.

    Otsu (1979): the cut at n of N maximises the variance between the classes,
    (n/N)(1 - n/N)(mean above - mean below)². Cut in two, a normal distribution has 64 % of its
    variance there, an even one 75 %.
    """
    N = len(values)
    n = np.arange(1, N)
    sums = np.cumsum(values)
    between = (sums[:-1] * N - sums[-1] * n) ** 2 / (n * (N - n)) / N**2
    if N < 2 or between.max() <= 0.75 * values.var():
        return N
    return int(n[between.argmax()])


class Strokes(NamedTuple):
    """The pixels that belong to the digit, and their bounds."""

    mask: NDArray[np.bool_]
    top: int
    bottom: int  # one past the last row
    left: int
    right: int  # one past the last column


def choose_strokes(ink: Plane, strength: float, noise: Plane) -> Strokes | None:
    """The regions of ink that make up one digit; None where there are only specks.

    The region with most ink is the body. Others belong to it if they are near and no specks: the
    parts of a broken 5. A region that lies along the border for half its length is the table
    beside the paper, a shadow or a finger, if any other lies free.

    Parameters
    ----------
    ink : ndarray
        Paper near 0, ink above.
    strength : float
        What ink has.
    noise : ndarray, shape of `ink`
        The standard deviation of bare paper at each pixel.
    """
    mask = ink > np.maximum(max(_EDGE_OF_INK * strength, _FAINTEST), 4 * noise)
    labels, n = label_regions(mask)
    y, x = np.nonzero(mask)
    region, values = labels[y, x], ink[y, x]
    pixels = np.bincount(region, minlength=n)
    mass = np.bincount(region, np.maximum(values - strength / 2, 0), n)
    top, bottom = np.full(n, ink.shape[0]), np.zeros(n, np.intp)
    left, right = np.full(n, ink.shape[1]), np.zeros(n, np.intp)
    np.minimum.at(top, region, y)
    np.maximum.at(bottom, region, y + 1)
    np.minimum.at(left, region, x)
    np.maximum.at(right, region, x + 1)
    size = np.maximum(bottom - top, right - left)

    # Shadows, and what is left of ruled lines, are faint throughout.
    dark = np.bincount(region, values > 0.6 * strength, n) > 0.2 * pixels
    longest = max(ink.shape)
    speck = min(
        max(_SPECK_PIXELS, _SPECK * longest, _FAINT_SPECK * longest / strength), longest / 4
    )
    likely = dark & (size >= speck)
    likely &= right - left < _FLATTEST * (bottom - top)
    if not likely.any():
        return None
    sides = [labels[0], labels[-1], labels[:, 0], labels[:, -1]]
    contacts = np.stack([np.bincount(side[side >= 0], minlength=n) for side in sides])
    contact = contacts.sum(axis=0)
    free = likely & (contact <= size / 2)
    candidates = free if free.any() else likely & (contacts.max(axis=0) <= 0.75 * size)
    if not candidates.any():
        return None
    body = int(np.where(candidates, mass, -1).argmax())

    possible = dark & (mass > _SMALLEST_PART * mass[body])
    if contact[body] == 0:
        possible &= contact == 0
    parts = np.arange(n) == body
    while True:
        x0, x1, y0, y1 = (
            left[parts].min(),
            right[parts].max(),
            top[parts].min(),
            bottom[parts].max(),
        )
        reach = _REACH * max(x1 - x0, y1 - y0)
        near = (
            (left < x1 + reach) & (right > x0 - reach) & (top < y1 + reach) & (bottom > y0 - reach)
        )
        more = parts | (possible & near)
        if (more == parts).all():
            break
        parts = more
    return Strokes(mask & np.append(parts, False)[labels], int(y0), int(y1), int(x0), int(x1))
