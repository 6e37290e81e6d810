"""Small pictures inside the page: ink on whatever paper lies below, as PNG in data URIs."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BLUE, ORANGE = (31, 126, 196), (222, 116, 22)
"""Of weights above and below 0; 3:1 at least on the page's light and on its dark paper."""
_STEPS = 24


def png(picture: Image.Image) -> str:
    """Return a picture as a data URI."""
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def grey_levels(x: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an example as 8-bit pixels of its shape; numbers of 0 … 1 are stretched to 0 … 255."""
    array = np.asarray(x)
    if array.dtype != np.uint8:
        wide = array.astype(np.float64)
        low, high = min(0.0, float(wide.min())), max(1.0, float(wide.max()))
        array = np.rint(255 * (wide - low) / (high - low)).astype(np.uint8)
    return array.reshape(shape)


def ink(pixels: NDArray[np.uint8]) -> Image.Image:
    """Return grey pixels as black ink of that density, on nothing; colours as they are."""
    if pixels.ndim == 3 and pixels.shape[2] == 3:
        return Image.fromarray(pixels, "RGB")
    flat = pixels.reshape(pixels.shape[:2])
    levels = np.rint(flat / 255 * 15).astype(np.uint8)
    picture = Image.fromarray(levels, "P")
    picture.putpalette([0] * 48)
    picture.info["transparency"] = bytes(range(0, 256, 17))
    return picture


def wall(pictures: list[NDArray[np.uint8]], n_across: int, gap: int) -> NDArray[np.uint8]:
    """Return pictures of one size side by side, `gap` pixels of nothing around each."""
    h, w = pictures[0].shape[:2]
    n_down = -(-len(pictures) // n_across)
    size = (n_down * (h + 2 * gap), n_across * (w + 2 * gap), *pictures[0].shape[2:])
    whole = np.zeros(size, np.uint8)
    for place, one in enumerate(pictures):
        top = (place // n_across) * (h + 2 * gap) + gap
        left = (place % n_across) * (w + 2 * gap) + gap
        whole[top : top + h, left : left + w] = one
    return whole


def signed(weights: NDArray[Any]) -> Image.Image:
    """Return weights (h, w) as ink: blue above 0, orange below, the denser the larger."""
    most = float(np.abs(weights).max()) or 1.0
    level = np.rint(weights / most * _STEPS).astype(np.int64)
    picture = Image.fromarray((level + _STEPS).astype(np.uint8), "P")
    sides = [ORANGE] * _STEPS + [BLUE] * (_STEPS + 1)
    picture.putpalette([channel for colour in sides for channel in colour])
    strength = np.abs(np.arange(-_STEPS, _STEPS + 1)) / _STEPS
    picture.info["transparency"] = bytes(np.rint(255 * strength).astype(np.uint8).tolist())
    return picture
