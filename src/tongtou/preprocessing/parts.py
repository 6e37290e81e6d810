"""What becomes of each kind of column: the numbers learnt from training rows, and their use.

==========  =====================================================================================
number      (x - mean) / sd; 0 where missing
boolean     0 or 1; the share of ones where missing
category    one column a level, 1 where the row has it; "missing" is a level of its own
date        (days since 1970 - mean) / sd; weekday, month and time of day as points on a circle
any         1 where missing, if training rows had missing values
==========  =====================================================================================

A column that says the same in all training rows is left out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from tongtou.preprocessing.columns import Column

Float = NDArray[np.float64]
SomePart = TypeVar("SomePart", bound="Part")

DATE_PARTS = ("days", "weekday", "month", "time")
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Part(ABC):
    """What was learnt of one column.

    Parameters
    ----------
    name : str
        Of the column.
    missing : bool
        Whether training rows lacked a value; then a column of X says so.
    """

    name: str
    missing: bool

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def learnt(cls: type[SomePart], column: Column) -> SomePart:
        """Return the part that these training rows teach."""

    @property
    def told_kind(self) -> tuple[str, str]:
        """The kind of column, and how its dates are written."""
        return self.kind, ""

    @abstractmethod
    def labels(self) -> list[str]:
        """Return what each column of X made of this one says, "missing" not among them."""

    @abstractmethod
    def encoded(self, column: Column) -> list[Float]:
        """Return the columns of X, those of `labels`, for any rows."""

    def feature_names(self) -> list[str]:
        """Return a name for each column of X."""
        names = [f"{self.name} {label}".rstrip() for label in self.labels()]
        return [*names, f"{self.name} is missing"] if self.missing else names

    @property
    def n_columns(self) -> int:
        """How many columns of X it makes."""
        return len(self.labels()) + self.missing

    def describe(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"kind": self.kind, **asdict(self)}


def mean_and_sd(values: Float) -> tuple[float, float]:
    """Return the mean and the standard deviation (divided by n), 0.0 for equal values.

    Equal values give exactly 0, which rounding in the mean would otherwise hide. Values so large
    that their squares overflow are brought down by a power of two first, which changes no digit.
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 0.0
    exponent = max(math.frexp(max(-low, high))[1], -1000)
    scaled = np.ldexp(values, -exponent)
    mean, sd = float(scaled.mean()), float(scaled.std())
    return math.ldexp(mean, exponent), min(math.ldexp(sd, exponent), np.finfo(float).max)


@dataclass(frozen=True)
class NumberPart(Part):
    """z = (x - mean) / sd; with sd = 0 only whether it is missing counts."""

    mean: float
    sd: float
    kind: ClassVar[str] = "number"

    @classmethod
    def learnt(cls, column: Column) -> NumberPart:
        """Mean and sd of the values that are there; of none, 0 and 0."""
        there = column.values[~column.missing]
        has_missing = len(there) < len(column)
        if len(there) == 0:
            return cls(column.name, False, 0.0, 0.0)
        return cls(column.name, has_missing, *mean_and_sd(there))

    def labels(self) -> list[str]:
        """One column, unless all are alike."""
        return [""] if self.sd else []

    def encoded(self, column: Column) -> list[Float]:
        """z, 0 where missing."""
        return [_standardised(column.values, self.mean, self.sd)] if self.sd else []


@dataclass(frozen=True)
class BooleanPart(Part):
    """0 or 1."""

    share: float
    kind: ClassVar[str] = "boolean"

    @classmethod
    def learnt(cls, column: Column) -> BooleanPart:
        """The share of ones among the values that are there."""
        there = column.values[~column.missing]
        if len(there) == 0:
            return cls(column.name, False, 0.0)
        return cls(column.name, len(there) < len(column), float(there.mean()))

    def labels(self) -> list[str]:
        """One column, unless all are alike."""
        return [""] if 0 < self.share < 1 else []

    def encoded(self, column: Column) -> list[Float]:
        """0 or 1, the share of ones where missing."""
        return [np.nan_to_num(column.values, nan=self.share)] if self.labels() else []


@dataclass(frozen=True)
class CategoryPart(Part):
    """One column a level."""

    levels: tuple[str, ...]
    kind: ClassVar[str] = "category"

    @classmethod
    def learnt(cls, column: Column) -> CategoryPart:
        """The levels that these rows have, sorted; a single one says nothing."""
        codes = np.unique(column.values)
        has_missing = bool(codes.size and codes[0] < 0)
        levels = tuple(column.levels[code] for code in codes.tolist() if code >= 0)
        if len(levels) + has_missing < 2:
            return cls(column.name, False, ())
        return cls(column.name, has_missing, levels)

    def labels(self) -> list[str]:
        """One a level."""
        return [f"= {level}" for level in self.levels]

    def encoded(self, column: Column) -> list[Float]:
        """1 where the row has the level; an unknown level is none of them."""
        place = self.places(column)
        return [(place == number).astype(np.float64) for number in range(len(self.levels))]

    def places(self, column: Column) -> NDArray[np.int64]:
        """Return each row's place in `levels`; -1 where missing, -2 where unknown."""
        known = {level: number for number, level in enumerate(self.levels)}
        of_code = [known.get(level, -2) for level in column.levels]
        places: NDArray[np.int64] = np.array([*of_code, -1])[column.values]  # code -1: the last
        return places


@dataclass(frozen=True)
class DatePart(Part):
    """A date as numbers: how late, and where in the week, the year and the day."""

    mean: float
    sd: float
    parts: tuple[str, ...]
    form: str = ""
    kind: ClassVar[str] = "date"

    @property
    def told_kind(self) -> tuple[str, str]:
        """The kind of column, and how its dates are written."""
        return self.kind, self.form

    @classmethod
    def learnt(cls, column: Column) -> DatePart:
        """Mean and sd in days, and the parts in which the dates differ."""
        there = column[~column.missing]
        if len(there) == 0:
            return cls(column.name, False, 0.0, 0.0, (), column.form)
        mean, sd = mean_and_sd(_days(there.values))
        differs = {"days": sd > 0, "time": bool((_time(there.values) != 0).any())}
        differs["weekday"] = bool(np.ptp(_weekday(there.values)) > 0)
        differs["month"] = bool(np.ptp(_month(there.values)) > 0)
        parts = tuple(part for part in DATE_PARTS if differs[part])
        return cls(column.name, len(there) < len(column), mean, sd, parts, column.form)

    def labels(self) -> list[str]:
        """Days one column, each circle two."""
        circles = [f"{p} {f}" for p in self.parts if p != "days" for f in ("sin", "cos")]
        return ["days", *circles] if "days" in self.parts else circles

    def encoded(self, column: Column) -> list[Float]:
        """Days standardised, sine and cosine of each circle; all 0 where missing."""
        missing = column.missing
        values = np.where(missing, np.datetime64(0, "us"), column.values)
        columns = [_standardised(_days(values), self.mean, self.sd)] if "days" in self.parts else []
        for part in self.parts:
            if part != "days":
                turn = {"weekday": _weekday, "month": _month, "time": _time}[part](values)
                columns += [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
        for one in columns:
            one[missing] = 0
        return columns


def _standardised(values: Float, mean: float, sd: float) -> Float:
    with np.errstate(over="ignore"):
        z: Float = (values - mean) / sd
    z[np.isnan(z)] = 0
    return z


def _days(values: NDArray[Any]) -> Float:
    """Days since 1 January 1970, with their fraction."""
    return values.astype(np.int64) / _DAY_US


def _weekday(values: NDArray[Any]) -> Float:
    """0 for Monday … 6/7 for Sunday, as a share of the circle; 1 January 1970 was a Thursday."""
    return (values.astype(np.int64) // _DAY_US + 3) % 7 / 7


def _month(values: NDArray[Any]) -> Float:
    """0 for January … 11/12 for December."""
    return values.astype("datetime64[M]").astype(np.int64) % 12 / 12


def _time(values: NDArray[Any]) -> Float:
    """The share of the day that has passed."""
    return values.astype(np.int64) % _DAY_US / _DAY_US


PARTS: Mapping[str, type[Part]] = {
    one.kind: one for one in (NumberPart, BooleanPart, CategoryPart, DatePart)
}
"""The part of each kind of column."""
