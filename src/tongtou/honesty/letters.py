"""Letters that no digit looks like: printed in several fonts, and written with a pen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tongtou.extras import need
from tongtou.honesty.pens import BOX, framed, inked
from tongtou.images.mnist_form import centre, scale_to_box

Pixels = NDArray[np.uint8]

LETTERS: Final = "ACEFHKLMNPRTUVWXYacdefhkmnrtuvwx"
"""Left out are those that are written like a digit: O o Q D as 0, I i l j J as 1, Z z as 2, B as 8,
S s as 5, G b as 6, g q y as 9, p as a 9 with a tail."""

FONTS: Final = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif",
    "DejaVuSerif-Italic", "DejaVuSerif-Bold", "STIXGeneral", "STIXGeneralBol",
    "STIXGeneralItalic", "cmr10", "cmss10", "cmtt10", "cmb10",
)  # fmt: skip
"""Of those that come with Matplotlib; STIX and Computer Modern are Knuth's and the journals'."""

_TALL = 64  # pixels of a printed letter before it is scaled
_POINTS = 40  # of a pen's stroke

# Strokes on a square of side 1, y downwards; a stroke is a line through its points.
_ARC = [(0.0, 0.0), (0.7, 0.0), (0.95, 0.12), (0.95, 0.38), (0.7, 0.5), (0.0, 0.5)]
_PATHS: Final[dict[str, list[list[tuple[float, float]]]]] = {
    "A": [[(0, 1), (0.5, 0), (1, 1)], [(0.2, 0.65), (0.8, 0.65)]],
    "E": [[(1, 0), (0, 0), (0, 1), (1, 1)], [(0, 0.5), (0.8, 0.5)]],
    "F": [[(1, 0), (0, 0), (0, 1)], [(0, 0.5), (0.75, 0.5)]],
    "H": [[(0, 0), (0, 1)], [(1, 0), (1, 1)], [(0, 0.5), (1, 0.5)]],
    "K": [[(0, 0), (0, 1)], [(1, 0), (0, 0.55)], [(0.25, 0.4), (1, 1)]],
    "M": [[(0, 1), (0.1, 0), (0.5, 0.6), (0.9, 0), (1, 1)]],
    "N": [[(0, 1), (0, 0), (1, 1), (1, 0)]],
    "P": [[(0, 1), (0, 0)], _ARC],
    "R": [[(0, 1), (0, 0)], _ARC, [(0.4, 0.5), (1, 1)]],
    "T": [[(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]],
    "U": [[(0, 0), (0, 0.7), (0.2, 0.95), (0.5, 1), (0.8, 0.95), (1, 0.7), (1, 0)]],
    "V": [[(0, 0), (0.5, 1), (1, 0)]],
    "W": [[(0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)]],
    "X": [[(0, 0), (1, 1)], [(1, 0), (0, 1)]],
    "Y": [[(0, 0), (0.5, 0.5), (1, 0)], [(0.5, 0.5), (0.5, 1)]],
    "h": [[(0, 0), (0, 1)], [(0, 0.6), (0.4, 0.42), (0.8, 0.5), (0.9, 0.7), (0.9, 1)]],
    "k": [[(0, 0), (0, 1)], [(0.75, 0.4), (0, 0.75)], [(0.25, 0.62), (0.8, 1)]],
    "m": [
        [(0, 0.4), (0, 1)],
        [(0, 0.5), (0.25, 0.4), (0.5, 0.5), (0.5, 1)],
        [(0.5, 0.5), (0.75, 0.4), (1, 0.5), (1, 1)],
    ],
    "n": [[(0, 0), (0, 1)], [(0, 0.3), (0.4, 0), (0.8, 0.1), (1, 0.4), (1, 1)]],
    "w": [[(0, 0), (0.2, 0.9), (0.35, 0.9), (0.5, 0.3), (0.65, 0.9), (0.8, 0.9), (1, 0)]],
}
_MOST_STROKES = 3


def printed(n: int, rng: np.random.Generator) -> Pixels:
    """Return n letters of `FONTS` in MNIST's form, upright to within 8 degrees, (n, 784).

    Raises
    ------
    MissingExtraError
        Matplotlib, which brings the fonts, is not installed.
    """
    need("matplotlib", "plot")
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = [ImageFont.truetype(folder / f"{name}.ttf", _TALL) for name in FONTS]
    made = np.empty((n, 784), np.uint8)
    for k in range(n):
        sheet = Image.new("L", (2 * _TALL, 2 * _TALL))
        letter = LETTERS[k % len(LETTERS)]
        font = fonts[k // len(LETTERS) % len(fonts)]
        ImageDraw.Draw(sheet).text((_TALL, _TALL), letter, fill=255, font=font, anchor="mm")
        turned = sheet.rotate(rng.uniform(-8, 8), Image.Resampling.BILINEAR)
        made[k] = in_form(np.asarray(turned))
    return made


def written(n: int, rng: np.random.Generator) -> Pixels:
    """Return n letters written with a pen, each point of their strokes a little off, (n, 784)."""
    points = np.zeros((n, _MOST_STROKES * _POINTS, 2))
    drawn = np.zeros((n, _MOST_STROKES * _POINTS), np.bool_)
    names = list(_PATHS)
    for k in range(n):
        for number, path in enumerate(_PATHS[names[k % len(names)]]):
            knots = np.array(path) + rng.normal(0, 0.05, (len(path), 2))
            part = slice(number * _POINTS, (number + 1) * _POINTS)
            points[k, part], drawn[k, part] = _along(knots), True
    slant = rng.uniform(-0.3, 0.3, (n, 1))
    points[..., 0] = points[..., 0] * rng.uniform(0.6, 1.0, (n, 1)) - slant * points[..., 1]
    return inked(framed(points, drawn), drawn, rng.uniform(1.5, 3.5, n))


def _along(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points at equal distances along a line through these."""
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    at = np.linspace(0, lengths[-1], _POINTS)
    return np.stack([np.interp(at, lengths, knots[:, axis]) for axis in (0, 1)], axis=1)


def in_form(picture: NDArray[Any]) -> Pixels:
    """Return white ink on black, of any size, scaled into 20×20 and centred by mass, (784,)."""
    inside = picture > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    cut = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = scale_to_box(np.pad(cut, BOX).astype(np.float32) / np.float32(255))
    return centre(small).reshape(-1)
