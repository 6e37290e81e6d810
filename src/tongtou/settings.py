"""Settings: checking what a user sets, and telling a set of them as a description and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import numpy as np

from tongtou.choices import choose

Item = TypeVar("Item")


def checked_number(
    name: str,
    value: object,
    low: float,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
) -> float:
    """Return the value as a float; it must be finite and lie in low … high.

    Parameters
    ----------
    name : str
        What it is called, for the message.
    value : object
        What the user gave.
    low, high : float
        The range, both ends included.
    above, below : bool
        Leave `low`, `high` itself out.

    Raises
    ------
    ValueError
        The value is no number, not finite, or outside its range.

    Examples
    --------
    >>> checked_number("l2", 1, 0.0)
    1.0
    """
    kinds = (int, float, np.integer, np.floating)
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    number = float(value) if fits else math.nan  # type: ignore[arg-type]
    if (
        math.isfinite(number)
        and (low < number if above else low <= number)
        and (number < high if below else number <= high)
    ):
        return number
    if high == math.inf:
        span = f"above {low:g}" if above else f"from {low:g} on"
    else:
        span = f"{'above ' if above else ''}{low:g} … {'below ' if below else ''}{high:g}"
    raise ValueError(f"{name} must be a finite number {span}; it is {value!r}.")


def checked_whole(name: str, value: object, low: int) -> int:
    """Return the value as an int, when it is a whole number from `low` on.

    Raises
    ------
    ValueError
        It is not.

    Examples
    --------
    >>> checked_whole("patience", 3, 0)
    3
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be a whole number from {low} on; it is {value!r}.")
    if value < low:
        raise ValueError(f"{name} must be at least {low}; it is {value}.")
    return int(value)


def settings_of(one: Any, *always: str) -> dict[str, Any]:
    """Return the settings of a dataclass that differ from their defaults, and those in `always`.

    What a description leaves out is at its default.
    """
    return {
        f.name: getattr(one, f.name)
        for f in fields(one)
        if f.compare
        and (f.name in always or f.default is MISSING or getattr(one, f.name) != f.default)
    }


def rebuilt(description: object, kind: str, known: Mapping[str, type[Item]]) -> Item:
    """Return ``known[name](…)`` from a description {"name": name, setting: value, …}.

    Raises
    ------
    ValueError
        It is no such description, or its name or a setting is unknown or out of its range.
    """
    if not isinstance(description, Mapping) or "name" not in description:
        raise ValueError(
            f"the {kind} must be described by its name and its settings; this is {description!r}."
        )
    chosen: type[Any] = choose(kind, description["name"], known)
    given = {str(key): value for key, value in description.items() if key != "name"}
    names = sorted(f.name for f in fields(chosen) if f.init)
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(
            f"the {kind} {description['name']!r} has no setting {unknown[0]!r}; it has "
            f"{', '.join(names)}."
        )
    made: Item = chosen(**given)
    return made
