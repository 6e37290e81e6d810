"""How well one oriented edge or bar fits a picture: every position, angle and scale of a family."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Wide = NDArray[np.float64]

WAVELENGTHS: Final = (4, 5, 6.5, 8, 10, 13, 16)
"""From crest to crest across the edge, in units of 1/28 of the shorter side: pixels of a digit."""
ELONGATIONS: Final = (1, 1.5, 2.2)
"""How many times as far it reaches along itself as across."""
N_ANGLES: Final = 12
"""Spread evenly over half a turn."""
REACH: Final = 0.4
"""Standard deviation of the envelope across, in wavelengths: one crest and its two neighbours."""
SPACING: Final = 2
"""From one middle to the next, along both sides, in units."""
_SHORTEST = 3.0  # a wave of less than three pixels is none


class EdgeFit(NamedTuple):
    """The edge or bar that fits a picture best.

    Attributes
    ----------
    fit : float
        R² of the least squares fit, 0 … 1; 0 for a picture that is constant.
    kind : "edge" or "bar"
        Whether the odd (light beside dark) or the even profile (a line between two of the other
        sign) has the larger share.
    row, column : float
        Its middle, (0, 0) in the middle of the first pixel.
    angle : float
        Of the line, in degrees 0 … 180, from a row's direction, clockwise as the picture is seen.
    wavelength : float
        In pixels.
    elongation : float
    picture : ndarray, shape (height, width)
        The fitted edge; 0 outside the support.
    """

    fit: float
    kind: str
    row: float
    column: float
    angle: float
    wavelength: float
    elongation: float
    picture: NDArray[Any]

    def to_dict(self, picture: bool = True) -> dict[str, Any]:
        """Return it ready for JSON."""
        found: dict[str, Any] = self._asdict()
        found["picture"] = self.picture.tolist() if picture else None
        return found


class _Wave(NamedTuple):
    """One angle and scale: its even and odd profile around a middle."""

    angle: float
    wavelength: float
    elongation: float
    even: Wide
    odd: Wide


@dataclass(frozen=True, eq=False)
class Support:
    """The pixels that count, of a picture of (height, width).

    Attributes
    ----------
    mask : ndarray of bool, shape (height, width)
    """

    mask: NDArray[np.bool_]

    @property
    def unit(self) -> float:
        """One 28th of the shorter side, in pixels."""
        return float(min(self.mask.shape)) / 28

    def middles(self) -> NDArray[np.int64]:
        """Return the middles that are tried, (n, 2): every 2 units, within the support."""
        step = max(1, round(SPACING * self.unit))
        rows, columns = np.nonzero(self.mask[::step, ::step])
        return np.stack([rows, columns], axis=1) * step

    def standardised(self, pictures: NDArray[Any]) -> NDArray[np.float32]:
        """Return the pixels of the support, (n, n_pixels), each row of mean 0 and norm 1 (or 0)."""
        return _standardised(pictures[:, self.mask].astype(np.float64)).astype(np.float32)


def _standardised(rows: NDArray[Any]) -> NDArray[Any]:
    rows = rows - rows.mean(axis=1, keepdims=True)
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    # what is left of a constant row is rounding
    still = size <= 1e-12
    return np.where(still, 0, rows / np.where(still, 1, size))


def _waves(support: Support) -> Iterator[_Wave]:
    """Yield every angle and scale, on a plane that holds the picture around any middle."""
    height, width = support.mask.shape
    i, j = np.mgrid[1 - height : height, 1 - width : width].astype(np.float64)
    for wavelength in WAVELENGTHS:
        size = wavelength * support.unit
        if size < _SHORTEST:
            continue
        for elongation in ELONGATIONS:
            for k in range(N_ANGLES):
                angle = math.pi * k / N_ANGLES
                profiles = _profiles(i, j, angle, size, elongation)
                yield _Wave(math.degrees(angle), size, elongation, *profiles)


def _profiles(
    i: Wide, j: Wide, angle: float, wavelength: float, elongation: float
) -> tuple[Wide, Wide]:
    """Return the even and the odd profile at i rows below and j columns right of the middle."""
    across = math.cos(angle) * i - math.sin(angle) * j
    along = math.sin(angle) * i + math.cos(angle) * j
    reach = REACH * wavelength
    envelope = np.exp(-((across / reach) ** 2 + (along / (elongation * reach)) ** 2) / 2)
    wave = 2 * math.pi * across / wavelength
    return envelope * np.cos(wave), envelope * np.sin(wave)


def best_fits(pictures: NDArray[Any], support: Support) -> tuple[Wide, NDArray[np.int64]]:
    """Return the fit of the best edge or bar for each picture, and which it is.

    ::

        fit = max over the family of R²,    w = c + p even + q odd + rest within the support
        even, odd = exp(-(u/(0.4 λ))²/2 - (v/(0.4 e λ))²/2) times cos, sin (2π u/λ)

    u across and v along the edge. c, p and q are free, so the phase is: a bar, an edge and all
    between are one template.

    Parameters
    ----------
    pictures : ndarray, shape (n, height, width)
    support : Support

    Returns
    -------
    fits : ndarray of float64, shape (n,)
        0 … 1.
    which : ndarray of int, shape (n,)
        Number of the template: wave times middles plus middle.

    Notes
    -----
    An edge of this form that lies between the family's members has a fit of about 0.9.
    One matrix product a wave: 2 · 252 waves · n_middles · n_pixels · n multiplications; for
    n = 1,000 digits' weights about one and a half seconds.
    """
    height, width = support.mask.shape
    rows = support.standardised(pictures)
    middles = support.middles()
    pixels = np.argwhere(support.mask)
    places = (height - 1 + pixels[None, :, 0] - middles[:, None, 0]) * (2 * width - 1) + (
        width - 1 + pixels[None, :, 1] - middles[:, None, 1]
    )
    fits = np.zeros(len(rows), np.float32)
    which = np.zeros(len(rows), np.int64)
    for number, wave in enumerate(_waves(support)):
        even = wave.even.astype(np.float32).ravel()[places]
        odd = wave.odd.astype(np.float32).ravel()[places]
        # rows have mean 0, so templates need not
        p, q = even @ rows.T, odd @ rows.T  # (n_middles, n)
        ee, eo, oo = (_covariance(*pair) for pair in ((even, even), (even, odd), (odd, odd)))
        # Cauchy and Schwarz: the determinant is 0 where even and odd are the same shape
        determinant = np.maximum(ee * oo - eo * eo, 1e-6 * ee * oo + 1e-30)
        weights = (np.stack([oo, -2 * eo, ee]) / determinant)[:, :, None].astype(np.float32)
        shares = weights[0] * p * p + weights[1] * p * q + weights[2] * q * q
        at = shares.argmax(axis=0)
        best = shares[at, np.arange(len(rows))]
        better = best > fits
        fits[better] = best[better]
        which[better] = number * len(middles) + at[better]
    return np.minimum(fits.astype(np.float64), 1.0), which


def _covariance(a: NDArray[Any], b: NDArray[Any]) -> Wide:
    """Return Σ (a - mean a)(b - mean b) of each row."""
    products: Wide = np.einsum("mp,mp->m", a, b).astype(np.float64)
    products -= a.sum(axis=1, dtype=np.float64) * b.mean(axis=1, dtype=np.float64)
    return products


def described(
    pictures: NDArray[Any], support: Support, fits: Wide, which: NDArray[np.int64]
) -> list[EdgeFit]:
    """Return what `best_fits` found in words and pictures, one for each picture.

    The templates' middles lie 2 units apart, which is half a short wave, the difference between
    edge and bar. So the one found is moved by up to a unit to where it fits best before it is
    described; `fit` stays that of the family, to be compared with others.
    """
    middles = support.middles()
    angles = [(one.angle, one.wavelength, one.elongation) for one in _waves(support)]
    pixels = np.argwhere(support.mask).T.astype(np.float64)
    moves = np.linspace(-1, 1, 5) * support.unit
    found = []
    for picture, fit, template in zip(pictures, fits.tolist(), which.tolist(), strict=True):
        angle, wavelength, elongation = angles[template // len(middles)]
        y = picture[support.mask].astype(np.float64)
        y = y - y.mean()
        least, best = np.inf, ("bar", 0.0, 0.0, np.zeros(len(y)))
        for move in product(moves, moves):
            row, column = (middles[template % len(middles)] + move).tolist()
            even, odd = _profiles(
                pixels[0] - row, pixels[1] - column, math.radians(angle), wavelength, elongation
            )
            M = np.stack([np.ones_like(y), even, odd], axis=1)
            (level, p, q), *_ = np.linalg.lstsq(M, y, rcond=None)
            drawn = p * even + q * odd
            rest = float(np.square(y - level - drawn).sum())
            if rest < least:
                least, best = rest, ("edge" if abs(q) > abs(p) else "bar", row, column, drawn)
        kind, row, column, drawn = best
        plane = np.zeros(support.mask.shape)
        plane[support.mask] = drawn
        found.append(EdgeFit(fit, kind, row, column, angle, wavelength, float(elongation), plane))
    return found
