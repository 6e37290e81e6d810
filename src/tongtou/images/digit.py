"""From a picture of a handwritten digit to 28×28 pixels as MNIST has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import DataError
from tongtou.images.mnist_form import centre, find_box, scale_to_box, thicken
from tongtou.images.paper import estimate_paper
from tongtou.images.planes import Plane, fit_within, resize, spread
from tongtou.images.reading import read_picture
from tongtou.images.ruling import find_ruling
from tongtou.images.strokes import InkLevels, Strokes, choose_strokes, measure_ink

_PAGES = (320, 160, 80)
_CLOSE_UP = 128
_CLEAR = 8.0


@dataclass(frozen=True, eq=False)
class _Page:
    grey: Plane
    paper: Plane
    inverted: bool
    ink: Plane
    ruling: NDArray[np.bool_]
    levels: InkLevels
    strokes: Strokes


def _read_page(grey: Plane, longest: int) -> _Page | None:
    small = resize(grey, fit_within(grey.shape, longest)) if max(grey.shape) > longest else grey
    paper, inverted = estimate_paper(small)
    ink = 1 - (1 - small if inverted else small) / paper
    levels = measure_ink(ink)
    if levels.strength == 0:
        return None
    ruling = find_ruling(ink - levels.paper, levels.strength)
    ruled = ink
    if ruling.any():
        ruled = np.where(ruling, levels.paper, ink).astype(np.float32)
        levels = measure_ink(ruled)
        if levels.strength == 0:
            return None
    noise = measure_ink(ink * paper).noise / paper
    strokes = choose_strokes(ruled, noise, levels) if levels.strength else None
    if strokes is None:
        return None
    return _Page(small, paper, inverted, ink, ruling, levels, strokes)


def to_digit(source: Any, debug=None) -> NDArray[np.uint8]:
    grey = read_picture(source).grey
    page = None
    for longest in _PAGES:
        page = _read_page(grey, longest) or page
        if (page and page.levels.strength > _CLEAR * page.levels.noise) or max(grey.shape)<longest:
            break
    if page is None:
        raise DataError("blank")
    ink, box = _close_up(grey, page)
    thick = thicken(ink)
    small = scale_to_box(thick)
    pixels = centre(small)
    if debug is not None:
        debug.extend([grey, page.paper, page.ink, page.ruling>0, page.strokes.mask, ink, pixels])
    return pixels


def _close_up(grey: Plane, page: _Page):
    """The strokes, from 0 paper to 1 ink, cut out of the picture at a higher resolution."""
    height, width = page.grey.shape
    strokes = page.strokes
    margin = 4
    left, top = max(strokes.left - margin, 0), max(strokes.top - margin, 0)
    right, bottom = min(strokes.right + margin, width), min(strokes.bottom + margin, height)
    up, across = grey.shape[0] / height, grey.shape[1] / width
    box = (left * across, top * up, right * across, bottom * up)
    shape = fit_within((round((bottom - top) * up), round((right - left) * across)), _CLOSE_UP)
    while True:
        def part(plane: Plane) -> Plane:
            return resize(plane, shape, (left, top, right, bottom))

        close = resize(grey, shape, box)
        ink = 1 - (1 - close if page.inverted else close) / part(page.paper) - page.levels.paper
        kept = part(spread(page.strokes.mask.astype(np.float32), 1))
        bare = ink[kept < 0.01]
        noise = 1.4826 * float(np.median(np.abs(bare - np.median(bare)))) if len(bare) else 0.0
        if noise * _CLEAR < page.levels.strength or max(shape) < 50:
            break
        shape = fit_within(shape, max(shape) // 2)
    lines = part(page.ruling.astype(np.float32))
    levels = page.levels
    dark = ink[(kept > 0.5) & (lines < .5) & (ink > 0.5 * levels.strength)]
    strength = float(np.percentile(dark, 85)) if len(dark) else levels.strength
    foot = min(3 * noise, 0.3 * strength)
    value = ((ink - foot) / (strength - foot)).clip(0, 1)
    return (value * kept * (1-lines)).astype(np.float32), box
