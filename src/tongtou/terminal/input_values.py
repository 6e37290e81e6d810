"""The inputs of a network that learnt from a table, in the table's own words and units."""

from __future__ import annotations

from tongtou.explanation import Explanation
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.preprocessing.parts import CategoryPart, NumberPart, Part
from tongtou.terminal.console import one_line
from tongtou.terminal.residuals import number


def named_value(e: Explanation, i: int) -> str:
    """Return what is called input i, and its value: "size = 62.3", "town = Bonn: no"."""
    name, value = one_line(e.input(i).label), float(e.a[0][i])
    joint = ": " if is_level(e.network, i) else " = "
    return f"{name}{joint}{told(e.network, i, value)}"


def told(net: Network, i: int, value: float) -> str:
    """Return the value of input i as the table has it: standardised numbers in their units."""
    part = _part_of(net, i)
    if isinstance(part, NumberPart) and not _is_missing(net, i):
        return number(part.mean + part.sd * value)
    if is_level(net, i) and value in (0.0, 1.0):
        return text("explain_command.yes") if value else text("explain_command.no")
    return number(value)


def is_level(net: Network, i: int) -> bool:
    """Return whether input i says whether a category is a certain one, or a value missing."""
    return isinstance(_part_of(net, i), CategoryPart) or _is_missing(net, i)


def _is_missing(net: Network, i: int) -> bool:
    part, place = _place(net, i)
    return part is not None and place == len(part.labels())


def _part_of(net: Network, i: int) -> Part | None:
    return _place(net, i)[0]


def _place(net: Network, i: int) -> tuple[Part | None, int]:
    """Return the part that input i belongs to, and its place in it; None where there is none."""
    parts = getattr(net.preprocessing, "parts", ())
    for part in parts:
        if i < part.n_columns:
            return part, i
        i -= part.n_columns
    return None, i
