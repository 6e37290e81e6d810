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


_FOR, _AGAINST = (240, 140, 60), (70, 165, 230)
"""Orange and blue, told apart with every kind of colour vision."""
FOR_STYLE, AGAINST_STYLE = "rgb(240,140,60)", "rgb(70,165,230)"


def signed_picture(values: NDArray[Any], size: float, console: Console) -> Text:
    """Return values (height, width) as lines: orange above 0, blue below, black at 0.

    Without colours the sizes alone are drawn, so draw what is above and below 0 each by itself.

    Parameters
    ----------
    size : float
        What is drawn at full strength.
    """
    share = np.clip(values / size, -1, 1) if size else np.zeros(values.shape)
    if not coloured(console):
        return picture(np.rint(255 * np.abs(share) ** 0.7).astype(np.uint8), console)
    share = np.pad(share, ((0, len(share) % 2), (0, 0)))
    drawing = Text()
    for row, (above, below) in enumerate(zip(share[0::2], share[1::2], strict=True)):
        if row:
            drawing.append("\n")
        for a, b in zip(above.tolist(), below.tolist(), strict=True):
            drawing.append("▀", style=Style.parse(f"{_shade(a)} on {_shade(b)}"))
    return drawing


def coloured(console: Console) -> bool:
    """Return whether greys and shades of colours can be shown."""
    return console.color_system in ("256", "truecolor")


def _shade(share: float) -> str:
    strength = abs(share) ** 0.7  # faint shares still show
    parts = (round(strength * part) for part in (_FOR if share > 0 else _AGAINST))
    return f"rgb({','.join(map(str, parts))})"


def shrunk(values: NDArray[Any], width: int) -> NDArray[Any]:
    """Return values (height, width) at most that wide, each new one the mean of what it covers."""
    scale = width / values.shape[1]
    if scale >= 1:
        return values
    high, wide = (max(1, int(n * scale)) for n in values.shape)
    fewer: NDArray[Any] = _shares(values.shape[0], high) @ values @ _shares(values.shape[1], wide).T
    return fewer


def rows_with_ink(*drawings: NDArray[Any]) -> slice:
    """Return the rows where any of several drawings has something, and one line around them."""
    filled = np.flatnonzero(np.any([(np.abs(one) > 0).any(1) for one in drawings], axis=0))
    if not len(filled):
        return slice(0, 2)
    # two pixels are a line: begin with an even one, as the whole picture does
    return slice(max(int(filled[0]) // 2 * 2 - 2, 0), int(filled[-1]) // 2 * 2 + 4)


def diverging_bar(share: float, half: int, console: Console) -> Text:
    """Return a bar from an axis in the middle: to the right above 0, to the left below.

    Parameters
    ----------
    share : float
        -1 … 1.
    half : int
        Cells on either side of the axis.
    """
    is_plain = not console.encoding.startswith("utf")
    whole, rest = divmod(round(min(abs(share), 1.0) * half * 2), 2)
    block, axis = ("#", "|") if is_plain else ("█", "│")
    if share >= 0:
        drawn = block * whole + ("#" if is_plain else "▌") * rest
        line = Text(" " * half + axis).append(drawn, style=FOR_STYLE)
        return line.append(" " * (half - len(drawn)))
    drawn = ("#" if is_plain else "▐") * rest + block * whole
    line = Text(" " * (half - len(drawn))).append(drawn, style=AGAINST_STYLE)
    return line.append(axis + " " * half)
