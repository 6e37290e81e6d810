"""A chart as a list of shapes with classes; the style sheet colours them, a template writes them.

Coordinates are those of the viewBox, 380 wide, so that 13 of them are a readable letter both on a
phone and in a column of a page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tongtou.report.words import Words, number, same

WIDE = 380.0


@dataclass
class Drawing:
    """Shapes in the order in which they are drawn.

    Attributes
    ----------
    wide, high : float
        Of the viewBox.
    title : Words
        What it shows, for those who cannot see it.
    shapes : list of dict
        `tag` and its attributes; "words" is the content, "title" what a pointer is told.
    """

    wide: float
    high: float
    title: Words
    shapes: list[dict[str, Any]] = field(default_factory=list)

    def add(self, tag: str, kind: str, **attributes: Any) -> None:
        """Add a shape of a class; underscores in names of attributes become hyphens."""
        named = {name.replace("_", "-"): _rounded(value) for name, value in attributes.items()}
        self.shapes.append({"tag": tag, "class": kind} | named)

    def line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """Add a straight line."""
        self.add("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)

    def path(self, kind: str, points: Sequence[tuple[float, float]], closed: bool = False) -> None:
        """Add a line through points."""
        if points:
            d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if closed else "")
            self.add("path", kind, d=d)

    def text(
        self, x: float, y: float, words: Words | str, kind: str = "", at: str = "start"
    ) -> None:
        """Add a text, its baseline at y; a name that had to be cut is told in whole."""
        self.add("text", kind, x=x, y=y, text_anchor=at)
        self.shapes[-1]["words"] = words if isinstance(words, Words) else same(words)

    def told(self, words: Words | str) -> None:
        """Say what the last shape is to whoever points at it."""
        self.shapes[-1]["title"] = words if isinstance(words, Words) else same(words)


def _rounded(value: Any) -> Any:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


@dataclass(frozen=True)
class Axis:
    """Where values lie: from `low` at `start` to `high` at `end`, evenly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value; one beyond the ends is put there."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, self.low))
        part = (value - low) / ((high - low) or 1.0)
        return self.start + (self.end - self.start) * min(max(part, 0.0), 1.0)

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values within the ends, at most so many."""
        if self.logarithmic:
            tens = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            found = [10.0**k for k in tens]
            if len(found) < 2:
                found = [
                    m * 10.0**k for k in range(min(tens, default=0) - 1, 12) for m in (1, 2, 5)
                ]
                found = [one for one in found if self.low <= one <= self.high]
            step = math.ceil(len(found) / most) or 1
            return found[::step]
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / most
        power = 10.0 ** math.floor(math.log10(rough))
        width = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first = math.ceil(self.low / width - 1e-9)
        last = math.floor(self.high / width + 1e-9)
        return [round(k * width, 12) for k in range(first, last + 1)]


def axis_over(values: Sequence[float], start: float, end: float, least: float = 0.0) -> Axis:
    """Return an axis that holds all values, with a little room."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or abs(high) * 0.1 or max(least, 1e-3)
    return Axis(low - room, high + room, start, end)


def tick_label(value: float) -> str:
    """Return a short number for an axis."""
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e-0", "e−").replace("e+0", "e").replace("-", "−")
    return number(value, 6)
