"""The columns that a table's network was trained on: their inputs, and their values read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.choices import choose
from tongtou.errors import DataError
from tongtou.evaluation import as_float64
from tongtou.explanation.lessons import Lesson
from tongtou.preprocessing import TablePreprocessing
from tongtou.preprocessing.columns import Column
from tongtou.preprocessing.parts import BooleanPart, CategoryPart, DatePart, NumberPart, Part

if TYPE_CHECKING:
    from tongtou.network import Network

_DAY_S = 86_400


@dataclass(frozen=True)
class Feature:
    """A column of the table, and the inputs that were made of it.

    Attributes
    ----------
    name : str
    kind : str
        number, boolean, category, date; or input, where nobody told what it is.
    inputs : tuple of int
        Columns of X, which stand for one thing and are changed together.
    part : Part or None
        How raw values become inputs.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    part: Part | None = None

    def values(self, X: NDArray[Any]) -> list[Any]:
        """Return the raw value of each row of X, ready for JSON; None where missing.

        Read back from the inputs, so a number is off by the rounding of their dtype.
        """
        block = X[:, list(self.inputs)].astype(np.float64)
        part = self.part
        if part is None:
            return [float(v) for v in block[:, 0]]
        missing = block[:, -1] >= 0.5 if part.missing else np.zeros(len(X), np.bool_)
        if isinstance(part, CategoryPart):
            levels = [*part.levels, None]
            one = block[:, : len(part.levels)]
            places = np.where(one.max(axis=1) >= 0.5, one.argmax(axis=1), len(part.levels))
            return [levels[place] for place in places]
        read: list[Any]
        if isinstance(part, NumberPart):
            known = part.mean + part.sd * (block[:, 0] if part.sd else 0.0 * block[:, 0])
            read = [significant(v) for v in known]
        elif isinstance(part, BooleanPart):
            read = [bool(v >= 0.5) for v in block[:, 0]]
        elif isinstance(part, DatePart) and "days" in part.parts:
            finest = 1 if "time" in part.parts else _DAY_S
            read = [_iso(part.mean + part.sd * v, finest) for v in block[:, 0]]
        else:
            read = [None] * len(X)
        return [None if gone else value for value, gone in zip(read, missing, strict=True)]

    def encoded(self, values: list[Any]) -> NDArray[np.float64]:
        """Return the inputs of raw values, (len(values), len(inputs)).

        Raises
        ------
        DataError
            A category was not learnt.
        """
        part = self.part
        if part is None:
            return np.array(values, np.float64)[:, None]
        column = _column(part, values)
        blocks = part.encoded(column)
        if part.missing:
            blocks.append(column.missing.astype(np.float64))
        return np.stack(blocks, axis=1)


def _column(part: Part, values: list[Any]) -> Column:
    if isinstance(part, CategoryPart):
        places = {level: place for place, level in enumerate(part.levels)} | {None: -1}
        unknown = [one for one in values if one not in places]
        if unknown:
            raise DataError(
                f"column {part.name!r} has the categories {', '.join(map(repr, part.levels))}; "
                f"{unknown[0]!r} is none of them."
            )
        codes = np.array([places[one] for one in values], np.int32)
        return Column(part.name, "category", codes, part.levels)
    if isinstance(part, DatePart):
        when = np.array([np.datetime64("NaT") if v is None else v for v in values])
        return Column(part.name, "date", when.astype("datetime64[us]"))
    numbers = np.array([np.nan if v is None else v for v in values], np.float64)
    return Column(part.name, part.kind, numbers)


def features_of(net: Network) -> tuple[Feature, ...]:
    """Return the columns of the table that a network takes; without one each input by itself.

    Examples
    --------
    >>> import tongtou as tt
    >>> [one.name for one in features_of(tt.Network([2, 1]))]
    ['x0', 'x1']
    """
    table = net.preprocessing
    if not isinstance(table, TablePreprocessing):
        return tuple(Feature(f"x{i}", "input", (i,)) for i in range(net.sizes[0]))
    found, at = [], 0
    for part in table.parts:
        found.append(Feature(part.name, part.kind, tuple(range(at, at + part.n_columns)), part))
        at += part.n_columns
    return tuple(found)


def feature_named(net: Network, name: object) -> Feature:
    """Return a column by its name or its place.

    Raises
    ------
    ValueError
        There is none such; the message lists the known ones.
    """
    known = features_of(net)
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        if not 0 <= name < len(known):
            raise ValueError(f"columns are numbered 0 … {len(known) - 1}; got {name}.")
        return known[int(name)]
    return choose("column", name, {one.name: one for one in known})


def some_rows(
    lesson: Lesson, most: int, random: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return inputs (dense, as the network sees them), answers and places of at most so many rows.

    Where there are more they are chosen at random, without putting one back, and stay in order.
    """
    n = lesson.inputs.shape[0]
    rows = np.arange(n) if n <= most else np.sort(random.permutation(n)[:most])
    picked: Any = lesson.inputs if n <= most else lesson.inputs[rows]
    dense = picked.toarray() if hasattr(picked, "toarray") else picked
    return as_float64(dense).astype(lesson.network.dtype), lesson.answers[rows], rows


def significant(value: float, digits: int = 6) -> float:
    """Return a number rounded to so many digits: what float32 can tell of it."""
    return float(f"{value:.{digits}g}")


def _iso(days: float, finest: int) -> str:
    # rounded, since standardised float32 days are no exact midnights
    seconds = round(days * _DAY_S / finest) * finest
    said = str(np.datetime64(seconds, "s"))
    return said.removesuffix("T00:00:00")
