"""What a network is trained beside, so that it has seen what is no digit: made from digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import DataError, ShapeError
from tongtou.honesty.pens import FIELD, framed, inked

_POINTS = 40
"""Of one stroke, which is seldom longer than 40 pixels."""
_STROKES = 4
_ARCS = 0.4
"""The share of strokes that are arcs."""
_BLOCK = 4096
Pixels = NDArray[np.uint8]


def non_digits(X: NDArray[np.uint8], y: NDArray[np.integer], n: int, *, seed: int = 0) -> Pixels:
    """Return pictures that are no digits, made from digits by a rule.

    In turns: random strokes of a pen, straight, bent and round (every second picture); two halves
    of digits of different classes, side by side or one above the other; the tiles of a digit
    scrambled; noise (even, sparse, smooth, a digit's own pixels shuffled, one grey all over).

    Parameters
    ----------
    X : ndarray of uint8, shape (m, 784)
        Digits to make them from: training digits, never others.
    y : ndarray of int, shape (m,)
        Their classes, of which there are at least two.
    n : int
        How many to make.
    seed : int
        The same seed and digits give the same pictures.

    Returns
    -------
    ndarray of uint8, shape (n, 784)
        Row k is of kind ``_TURNS[k % 6]``.

    Raises
    ------
    ShapeError
        X are not pictures of 28×28 pixels.
    DataError
        The digits are all of one class.

    Notes
    -----
    About 0.1 ms a picture. A scribble may happen to be a digit, which costs the network that learns
    from it a little accuracy; how much is measured in docs/explain.md.

    Examples
    --------
    >>> import tongtou as tt
    >>> digits = tt.datasets.mnist().train[:100]
    >>> non_digits(digits.X, digits.y, 8, seed=1).shape
    (8, 784)
    """
    if X.ndim != 2 or X.shape[1] != FIELD * FIELD or X.dtype != np.uint8:
        raise ShapeError(
            "non-digits are made from pictures of 28×28 uint8 pixels, (n, 784); these have the "
            f"shape {X.shape} and the type {X.dtype}."
        )
    if len(np.unique(y)) < 2:
        raise DataError(
            "non-digits are spliced from digits of different classes; these are all of one class."
        )
    rng = np.random.default_rng(seed)
    made = np.empty((n, FIELD * FIELD), np.uint8)
    turns = np.arange(n) % len(_TURNS)
    for name, make in KINDS.items():
        rows = np.flatnonzero(np.isin(turns, np.flatnonzero(name == _TURNS)))
        if len(rows):
            made[rows] = make(X, y, len(rows), rng)
    return made


def _strokes(X: Pixels, y: NDArray[np.integer], n: int, rng: np.random.Generator) -> Pixels:
    blocks = [
        scribbles(min(_BLOCK, n - at), rng) for at in range(0, n, _BLOCK)
    ]  # several hundred bytes a point while it is drawn
    return np.concatenate(blocks)


def scribbles(n: int, rng: np.random.Generator) -> Pixels:
    """Return n drawings of one to four random strokes each, straight, bent or round."""
    shape = (n, _STROKES, 2)
    start, end = rng.random(shape), rng.random(shape)
    # Two thirds go from corner to corner of a coarse grid, as signs that are written do.
    on_grid = rng.random((n, 1, 1)) < 2 / 3
    for ends in (start, end):
        ends[...] = np.where(on_grid, _snapped(ends, rng), ends)
    # A third begin where the one before has ended, a third at a place on it.
    way = rng.random((n, _STROKES, 1))
    for k in range(1, _STROKES):
        share = np.where(on_grid[:, 0], 0.5 * rng.integers(0, 3, (n, 1)), rng.random((n, 1)))
        on = start[:, k - 1] + share * (end[:, k - 1] - start[:, k - 1])
        start[:, k] = np.where(way[:, k] < 1 / 3, end[:, k - 1], start[:, k])
        start[:, k] = np.where(way[:, k] > 2 / 3, on, start[:, k])
    # Half of them run along an axis.
    along = rng.random((n, _STROKES))
    end[..., 0] = np.where(along < 0.25, start[..., 0], end[..., 0])
    end[..., 1] = np.where(along > 0.75, start[..., 1], end[..., 1])
    short = np.abs(end - start).max(axis=-1) < 0.3  # a dot is turned into a line
    end[short, 1] = (start[short, 1] + 0.5) % 1
    bend = np.where(rng.random((n, _STROKES, 1)) < 0.6, 0.0, rng.normal(0, 0.4, (n, _STROKES, 1)))
    across = np.stack([start[..., 1] - end[..., 1], end[..., 0] - start[..., 0]], axis=-1)
    middle = (start + end) / 2 + 2 * bend * across
    t = np.linspace(0, 1, _POINTS)[:, None]
    curve = (  # (n, strokes, points, 2): Bézier's of second degree
        (1 - t) ** 2 * start[:, :, None]
        + 2 * t * (1 - t) * middle[:, :, None]
        + t**2 * end[:, :, None]
    )
    is_arc = rng.random((n, _STROKES)) < _ARCS
    n_strokes = rng.integers(1, _STROKES + 1, (n, 1))
    is_arc[:, :1] |= n_strokes == 1  # a single straight stroke would be a 1
    curve = np.where(is_arc[:, :, None, None], _arcs(n, rng), curve)
    drawn = np.repeat(np.arange(_STROKES) < n_strokes, _POINTS, axis=1)
    aspect = np.exp(rng.normal(0, 0.35, (n, 1, 1))) ** np.array([1.0, -1.0])
    points = curve.reshape(n, _STROKES * _POINTS, 2) * aspect
    return inked(framed(points, drawn), drawn, rng.uniform(1.2, 4.5, n))


def _arcs(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Parts of ellipses, a third to four fifths of one, open to any side."""
    shape = (n, _STROKES, 1)
    middle = 0.5 * rng.integers(0, 3, (*shape, 2)) * 0.5 + 0.25 + rng.normal(0, 0.05, (*shape, 2))
    radius = rng.choice([0.25, 0.5], (*shape, 2)) * rng.uniform(0.8, 1.2, (*shape, 2))
    start = np.pi / 2 * rng.integers(0, 4, shape) + rng.normal(0, 0.4, shape)
    sweep = np.pi * rng.uniform(0.7, 1.6, shape) * rng.choice([-1, 1], shape)
    angle = start + sweep * np.linspace(0, 1, _POINTS)
    points: NDArray[np.float64] = middle + radius * np.stack(
        [np.cos(angle), np.sin(angle)], axis=-1
    )
    return points


def _snapped(places: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    snapped: NDArray[np.float64] = np.rint(places * 2.98 - 0.49) / 2
    return snapped + rng.normal(0, 0.03, places.shape)


def _spliced(X: Pixels, y: NDArray[np.integer], n: int, rng: np.random.Generator) -> Pixels:
    first = rng.integers(0, len(X), n)
    second = rng.integers(0, len(X), n)
    while (same := y[first] == y[second]).any():
        second[same] = rng.integers(0, len(X), int(same.sum()))
    pictures, others = (X[rows].reshape(n, FIELD, FIELD) for rows in (first, second))
    cut = rng.integers(11, 18, n)
    sideways = rng.random(n) < 0.5
    grid = np.arange(FIELD)
    of_first = grid < cut[:, None]
    mask = np.where(sideways[:, None, None], of_first[:, None, :], of_first[:, :, None])
    spliced: Pixels = np.where(mask, pictures, others).reshape(n, FIELD * FIELD)
    return spliced


def _scrambled(X: Pixels, y: NDArray[np.integer], n: int, rng: np.random.Generator) -> Pixels:
    pictures = X[rng.integers(0, len(X), n)]
    out = np.empty_like(pictures)
    for parts in (2, 4):
        side = FIELD // parts
        chosen = np.flatnonzero(np.arange(n) % 2 == (parts == 4))
        tiles = pictures[chosen].reshape(-1, parts, side, parts, side).swapaxes(2, 3)
        tiles = tiles.reshape(len(chosen), parts * parts, side * side)
        order = rng.permuted(np.tile(np.arange(parts**2), (len(chosen), 1)), axis=1)
        fixed = (order == np.arange(parts**2)).all(axis=1)
        order[fixed] = np.roll(order[fixed], 1, axis=1)
        tiles = np.take_along_axis(tiles, order[:, :, None], axis=1)
        tiles = tiles.reshape(-1, parts, parts, side, side).swapaxes(2, 3)
        out[chosen] = tiles.reshape(len(chosen), FIELD * FIELD)
    return out


def _noise(X: Pixels, y: NDArray[np.integer], n: int, rng: np.random.Generator) -> Pixels:
    noise = rng.integers(0, 256, (n, FIELD, FIELD)).astype(np.float64)
    kind = np.arange(n) % 5
    box = rng.random(n) < 0.5
    sparse = rng.random((n, FIELD, FIELD)) < rng.uniform(0.05, 0.5, (n, 1, 1))
    noise[kind == 1] *= sparse[kind == 1]
    smooth = np.stack([np.roll(noise, (j, k), (1, 2)) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    soft = smooth.mean(axis=0)
    soft = (soft - 127.5) * 4 + 127.5 * rng.uniform(0.2, 1.4, (n, 1, 1))
    noise[kind == 2] = soft[kind == 2].clip(0, 255)
    shuffled = rng.permuted(X[rng.integers(0, len(X), n)], axis=1).reshape(n, FIELD, FIELD)
    noise[kind == 3] = shuffled[kind == 3]
    noise[kind == 4] = rng.integers(0, 256, (n, 1, 1))[kind == 4]
    inside = np.zeros((FIELD, FIELD), np.bool_)
    inside[4:24, 4:24] = True
    noise[box & (kind != 4)] *= inside
    return noise.reshape(n, -1).astype(np.uint8)


KINDS: Final[dict[str, Callable[..., Pixels]]] = {
    "strokes": _strokes,
    "spliced": _spliced,
    "scrambled": _scrambled,
    "noise": _noise,
}
"""The kinds of non-digits by name."""

_TURNS: Final = np.array(["strokes", "spliced", "strokes", "scrambled", "strokes", "noise"])
"""In which order pictures are of which kind."""
