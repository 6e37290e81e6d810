"""Reading what a user wrote behind an option; refusals are in the user's language."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

import typer

from tongtou.i18n import text


class Sizes(tuple[int, ...]):
    """Neurons of each hidden layer, the first first; empty for none."""

    __slots__ = ()

    def __str__(self) -> str:
        return ",".join(map(str, self))


def whole(least: int, most: int | None = None) -> Callable[[Any], int]:
    """Return a reader of whole numbers from `least` on, up to `most`."""

    def read(value: Any) -> int:
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if number < least:
            raise typer.BadParameter(text("error.whole", least=least, value=value))
        if most is not None and number > most:
            raise typer.BadParameter(text("error.whole_most", most=most, value=value))
        return number

    return read


def positive(value: Any) -> float:
    """Read a number above 0."""
    number = _number(value)
    if not number > 0:
        raise typer.BadParameter(text("error.positive", value=value))
    return number


def share_or_count(value: Any) -> float:
    """Read a share from 0 to 1, or a whole number."""
    number = _number(value)
    if not number >= 0 or (number >= 1 and number != int(number)):
        raise typer.BadParameter(text("error.share", value=value))
    return number


def _number(value: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def sizes(value: Any) -> Sizes:
    """Read neurons of hidden layers with commas between, Chinese ones too; "0" for no layer."""
    if isinstance(value, Sizes):
        return value
    parts = str(value).replace("，", ",").split(",")
    try:
        numbers = Sizes(int(part) for part in parts)
    except ValueError:
        numbers = Sizes([-1])
    if numbers == (0,):
        return Sizes()
    if min(numbers) < 1:
        raise typer.BadParameter(text("error.sizes", value=value))
    return numbers


def one_of(names: Iterable[str]) -> Callable[[Any], str]:
    """Return a reader of one of these names."""
    known = list(names)

    def read(value: Any) -> str:
        name = str(value)
        if name in known:
            return name
        near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
        hint = text("error.did_you_mean", name=near[0]) if near else ""
        raise typer.BadParameter(text("error.one_of", names=", ".join(known), value=name) + hint)

    return read
