"""What all pictures share: colours that everybody can tell apart, fonts, and words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from tongtou import i18n
from tongtou.extras import need

if TYPE_CHECKING:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
"""From the palette of Okabe and Ito (2008), told apart with every kind of colour vision."""
SERIES = (BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00")
INK, QUIET, LINE = "#1a1a1a", "#6b6b6b", "#d9d9d9"

_CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "PingFang SC",
    "Microsoft YaHei",
    "Hiragino Sans GB",
    "Heiti SC",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Noto Sans CJK JP",
    "Arial Unicode MS",
)

_STYLE: dict[str, Any] = {
    "axes.edgecolor": QUIET,
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": None,  # filled in once matplotlib is there
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlepad": 12,
    "axes.unicode_minus": True,
    "figure.facecolor": "white",
    "font.size": 10,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 2,
    "savefig.dpi": 150,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


@cache
def chinese_font() -> str | None:
    """Return the name of an installed font that has Chinese characters, or None."""
    manager = need("matplotlib.font_manager", "plot").fontManager
    installed = {font.name for font in manager.ttflist}
    return next((name for name in _CHINESE_FONTS if name in installed), None)


@cache
def diverging() -> LinearSegmentedColormap:
    """Return the map for weights: blue below 0, white at 0, orange above."""
    colours = ["#00324e", BLUE, "#8cc4e4", "#ffffff", "#f3b685", ORANGE, "#5c2800"]
    built: LinearSegmentedColormap = need(
        "matplotlib.colors", "plot"
    ).LinearSegmentedColormap.from_list("tongtou", colours)
    return built


class Words:
    """The texts of one picture, in one language, and what its font can write."""

    def __init__(self, language: str | None) -> None:
        wanted = i18n.language() if language is None else language
        if wanted not in i18n.LANGUAGES:
            raise ValueError(
                f"language must be one of {', '.join(i18n.LANGUAGES)}; got {language!r}."
            )
        self.font = chinese_font()
        self.language = "en" if wanted == "zh" and self.font is None else wanted

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key, with ``{names}`` filled in."""
        return i18n.catalogue(self.language)[key].format(**values)

    @property
    def families(self) -> list[str]:
        """Fonts, the first that has a character being used for it."""
        if self.font is None:
            return ["DejaVu Sans"]
        pair = [self.font, "DejaVu Sans"]
        return pair if self.language == "zh" else pair[::-1]

    def name(self, thing: object, otherwise: object) -> str:
        """Return what a class is called, or something else where no font can write that."""
        said = str(thing)
        return said if all(ord(one) in _writable() for one in said) else str(otherwise)


@cache
def _writable() -> frozenset[int]:
    """Code points that the fonts in use have."""
    manager = need("matplotlib.font_manager", "plot")
    points: set[int] = set()
    for name in filter(None, ("DejaVu Sans", chinese_font())):
        path = manager.findfont(manager.FontProperties(family=[name]))
        points |= set(manager.get_font(path).get_charmap())
    return frozenset(points)


@contextmanager
def drawing(words: Words) -> Iterator[None]:
    """Set fonts and colours while a picture is being drawn, and put back what was there."""
    matplotlib = need("matplotlib", "plot")
    cycler = matplotlib.rcsetup.cycler("color", SERIES)
    with matplotlib.rc_context(_STYLE | {"font.family": words.families, "axes.prop_cycle": cycler}):
        yield


def sheet(width: float, height: float) -> Figure:
    """Return a new figure of that size in inches, which Jupyter can show."""
    need("matplotlib.figure", "plot")  # says in one sentence what is missing
    from tongtou.plots.sheet import Sheet

    figure = Sheet(figsize=(width, height), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.12, h_pad=0.1)
    return figure
