"""Small grey pictures drawn with characters.

One character cell is about twice as tall as wide, so it shows two pixels, one above the other.
With colours it is an upper half block, its two greys chosen freely; without, a character about as
full of ink as the two pixels together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.style import Style
from rich.text import Text

Grey = NDArray[np.uint8]

_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:-=+*#%@"


def picture(pixels: Grey, console: Console) -> Text:
    """Return pixels (height, width), 0 paper … 255 ink, as lines for that console.

    In colours ink is white on black as in MNIST, whatever the background of the terminal; without,
    ink is the colour the terminal writes in.
    """
    pixels = np.pad(pixels, ((0, len(pixels) % 2), (0, 0)))
    upper, lower = pixels[0::2], pixels[1::2]
    if console.color_system in ("256", "truecolor"):
        return _half_blocks(upper, lower)
    shades = _SHADES if console.encoding.startswith("utf") else _ASCII_SHADES
    ink = (upper.astype(np.float64) + lower) / 510
    number = np.minimum((ink * len(shades)).astype(int), len(shades) - 1)
    # Faint ink still shows: the first shade stands for bare paper alone.
    number[(number == 0) & (ink > 0.5 / len(shades))] = 1
    return Text("\n".join("".join(shades[i] for i in row) for row in number.tolist()))


def _half_blocks(upper: Grey, lower: Grey) -> Text:
    drawing = Text()
    for row, (above, below) in enumerate(zip(upper.tolist(), lower.tolist(), strict=True)):
        if row:
            drawing.append("\n")
        for a, b in zip(above, below, strict=True):
            style = Style.parse(f"rgb({a},{a},{a}) on rgb({b},{b},{b})")
            drawing.append("▀", style=style)
    return drawing


def cut_out(pixels: Grey, height: int, width: int) -> Grey:
    """Return the ink alone, in the middle of (height, width), made smaller where it is too large.

    Aspect is kept; each new pixel is the mean of the area it covers.
    """
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    result = np.zeros((height, width), np.uint8)
    if len(rows) == 0:
        return result
    ink = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = min(1, height / ink.shape[0], width / ink.shape[1])
    if scale < 1:
        high, wide = (max(1, int(n * scale)) for n in ink.shape)
        mean = _shares(ink.shape[0], high) @ ink @ _shares(ink.shape[1], wide).T
        ink = np.rint(mean).astype(np.uint8)
    top, left = (height - ink.shape[0]) // 2, (width - ink.shape[1]) // 2
    result[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return result


def _shares(n_from: int, n_to: int) -> NDArray[Any]:
    """Return (n_to, n_from): which share of each new pixel comes from each old one."""
    edges = np.linspace(0, n_from, n_to + 1)[:, None]
    old = np.arange(n_from)
    overlap = np.clip(np.minimum(edges[1:], old + 1) - np.maximum(edges[:-1], old), 0, None)
    shares: NDArray[Any] = overlap / overlap.sum(1, keepdims=True)
    return shares


def bar(share: float, width: int, console: Console) -> str:
    """Return a bar of at most `width` cells, to an eighth of a cell, for a share from 0 to 1."""
    share = min(max(share, 0.0), 1.0)
    if not console.encoding.startswith("utf"):
        return "#" * round(share * width)
    whole, eighths = divmod(round(share * width * 8), 8)
    return "█" * whole + " ▏▎▍▌▋▊▉"[eighths].strip()
