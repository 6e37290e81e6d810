"""to_digit: the way from a picture to the network's input, and every station of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tongtou.errors import DataError
from tongtou.images.mnist_form import centre, find_box, scale_to_box, thicken
from tongtou.images.paper import estimate_paper
from tongtou.images.planes import Plane, fit_within, resize, spread
from tongtou.images.reading import read_picture
from tongtou.images.ruling import find_ruling
from tongtou.images.strokes import InkLevels, Strokes, choose_strokes, measure_ink

_PAGE = 320  # pixels on the longest side where paper, lines and strokes are told apart
_SMALLEST_PAGE = 60
_CLOSE_UP = 128  # pixels on the longest side of what is scaled to 20: six times as fine
_SMALLEST_CLOSE_UP = 40
_CLEAR = 8.0  # ink so many times stronger than the noise of the paper is not mistaken for it


class Step(NamedTuple):
    """One station on the way from the picture to the digit."""

    key: str
    """Its short name, to look its title up with; the keys are listed at :class:`Digit`."""
    array: NDArray[np.uint8]
    """The picture as it is there, for display, 0 … 255."""


@dataclass(frozen=True, eq=False)
class Digit:
    """A digit as MNIST has it, and how it came about. ``np.asarray(digit)`` gives its pixels.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (28, 28)
        0 paper … 255 ink, in a box of 20×20, its centre of mass in the middle.
    inverted : bool
        Whether the ink was lighter than the paper.
    box : tuple of int
        (left, top, right, bottom) of the ink in pixels of the upright source picture, the last two
        one past it.
    steps : tuple of Step
        The pictures in between, in order: ``grey`` the source, upright and opaque; ``paper`` its
        estimated brightness without ink; ``ink`` what is darker (or lighter) than the paper;
        ``strokes`` that without ruled lines, specks and the table's edge; ``box`` cut out;
        ``thick`` only where a pen was too thin for 20 pixels; ``scaled`` to 20 pixels; ``centred``
        in 28×28.
    """

    pixels: NDArray[np.uint8]
    inverted: bool
    box: tuple[int, int, int, int]
    steps: tuple[Step, ...]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.pixels, dtype=dtype) if copy else np.asarray(self.pixels, dtype=dtype)

    def __repr__(self) -> str:
        kind = "light on dark" if self.inverted else "dark on light"
        return f"Digit({kind}, box={self.box}, steps={[step.key for step in self.steps]})"


def to_digit(source: Any) -> Digit:
    """Turn a picture of one handwritten digit into 28×28 pixels as MNIST has them.

    As MNIST was made: the ink's bounding box is scaled, aspect kept and antialiased, into 20×20,
    and placed in 28×28 with its centre of mass in the middle (pixel 14, as measured on MNIST).

    Parameters
    ----------
    source : path, bytes, open file, PIL image or array
        A PNG, JPEG, WebP, BMP or GIF picture; or an array of shape (height, width), or (height,
        width, channels) with grey and alpha, RGB or RGBA, of uint8 0 … 255, float 0 … 1 or bool.
        Dark on light or light on dark; transparent or not; a drawing, a scan, or a photo of paper
        that is shaded, rough, lined or squared. What is 28×28 from MNIST already stays nearly as
        it is.

    Returns
    -------
    Digit
        ``.pixels`` uint8 (28, 28), 0 paper … 255 ink; ``.steps`` for display; ``.inverted``,
        ``.box``.

    Raises
    ------
    DataError
        There is no ink in the picture; it cannot be read; or the array has another shape or other
        values than expected (NaN).
    MissingExtraError
        Pillow is not installed.

    Notes
    -----
    The body of ink and the parts close to it count as one digit: the largest where there are
    several. About 10 ms for a photo, most of it for the page in 320 pixels.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> paper = np.full((90, 60), 255, np.uint8)
    >>> paper[20:70, 30:36] = 0
    >>> digit = tt.images.to_digit(paper)
    >>> digit.pixels.shape, int(digit.pixels.max()), digit.box
    ((28, 28), 255, (30, 20, 36, 70))
    """
    picture = read_picture(source)
    page = _read_page(resize(picture.grey, fit_within(picture.grey.shape, _PAGE)))
    if page is None:
        raise _no_ink(picture.name)
    ink, place = _close_up(picture.grey, page)
    if not ink.any():
        raise _no_ink(picture.name)
    thick = thicken(ink)
    scaled = scale_to_box(thick)
    pixels = centre(scaled)

    left, top, right, bottom = find_box(ink)
    relative = page.ink / page.levels.strength
    mask = resize(page.strokes.mask, relative.shape)
    steps = [
        ("grey", picture.grey),
        ("paper", 1 - page.paper if page.inverted else page.paper),
        ("ink", relative),
        ("strokes", relative * mask * ~page.ruling),
        ("box", ink[top:bottom, left:right]),
        *([("thick", thick)] if thick is not ink else []),
        ("scaled", scaled),
    ]
    shown = [Step(key, np.rint(plane.clip(0, 1) * 255).astype(np.uint8)) for key, plane in steps]

    width, height = picture.size
    columns, rows = (place[2] - place[0]) / ink.shape[1], (place[3] - place[1]) / ink.shape[0]
    box = (
        round((place[0] + left * columns) * width),
        round((place[1] + top * rows) * height),
        round((place[0] + right * columns) * width),
        round((place[1] + bottom * rows) * height),
    )
    return Digit(pixels, page.inverted, box, (*shown, Step("centred", pixels)))


def _no_ink(name: str) -> DataError:
    return DataError(
        f"{name}: expected a digit, ink at least 6 % darker or lighter than its paper; nothing in "
        "the picture is, except perhaps specks, lines or noise. Write with a darker pen, take the "
        "photo in more light, or cut the digit out."
    )


class _Page(NamedTuple):
    """The whole picture, small, with paper and ink told apart."""

    paper: Plane
    inverted: bool
    ink: Plane  # 0 paper, 1 where nothing of its light is left
    ruling: NDArray[np.bool_]
    levels: InkLevels
    strokes: Strokes  # their mask may be coarser than the page


def _read_page(grey: Plane) -> _Page | None:
    """Find the ink on the page; None where there is none."""
    paper, inverted = estimate_paper(grey)
    ink = 1 - (1 - grey if inverted else grey) / paper
    levels = measure_ink(ink)
    ink -= levels.paper
    ruling = find_ruling(ink, levels.strength or 1.0)
    bare = np.where(ruling, np.float32(0), ink)

    # Where noise hides the ink, look at it from farther away, which averages the noise.
    found = None
    longest = max(bare.shape)
    while True:
        levels = measure_ink(bare)
        if levels.strength > 0:
            # A camera's noise is the same in light and shade; as a part of the paper's light it is
            # larger where there is less light.
            light = resize(paper, bare.shape)
            noise = measure_ink(bare * light).noise / light
            strokes = choose_strokes(bare, levels.strength, noise)
            if strokes is not None:
                found = _Page(paper, inverted, ink, ruling, levels, strokes)
                if levels.strength > _CLEAR * levels.noise:
                    return found
        longest //= 2
        if longest < _SMALLEST_PAGE:
            return found
        bare = resize(bare, fit_within(bare.shape, longest))


def _close_up(grey: Plane, page: _Page) -> tuple[Plane, tuple[float, float, float, float]]:
    """The strokes from 0 (paper) to 1 (ink), cut out of the picture before it was made small.

    Returns
    -------
    ndarray
        The cutting.
    tuple of float
        (left, top, right, bottom): its place in the picture, as parts of the sides.
    """
    strokes, margin = page.strokes, 4
    height, width = strokes.mask.shape
    place = (
        max(strokes.left - margin, 0) / width,
        max(strokes.top - margin, 0) / height,
        min(strokes.right + margin, width) / width,
        min(strokes.bottom + margin, height) / height,
    )

    def cut(plane: NDArray[Any], shape: tuple[int, int]) -> Plane:
        rows, columns = plane.shape
        box = (place[0] * columns, place[1] * rows, place[2] * columns, place[3] * rows)
        return resize(plane, shape, box)

    full_height, full_width = grey.shape
    shape = (
        max(1, round((place[3] - place[1]) * full_height)),
        max(1, round((place[2] - place[0]) * full_width)),
    )
    longest = _CLOSE_UP
    while True:
        shape = fit_within(shape, longest)
        close = cut(grey, shape)
        ink = 1 - (1 - close if page.inverted else close) / cut(page.paper, shape)
        # Blurred edges of strokes reach a little beyond the mask.
        kept = cut(spread(strokes.mask, 1), shape)
        bare = ink[kept < 0.01]
        level = measure_ink(bare[None]) if bare.size else InkLevels(0.0, 0.0, 0.0)
        longest = max(shape) // 2
        if level.noise * _CLEAR < page.levels.strength or longest < _SMALLEST_CLOSE_UP:
            break
    kept = kept * (1 - cut(page.ruling, shape))
    ink -= level.paper
    dark = ink[(kept > 0.5) & (ink > page.levels.strength / 2)]
    strength = float(np.percentile(dark, 60)) if dark.size else page.levels.strength
    foot = min(1.5 * level.noise, 0.2 * strength)
    value = ((ink - foot) / (strength - foot)).clip(0, 1) * kept
    return value.astype(np.float32), place
