"""A table's file or data frame → its raw columns and answers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou.datasets.tables import Table
from tongtou.errors import DataError
from tongtou.preprocessing import frames
from tongtou.preprocessing.columns import Column
from tongtou.preprocessing.frames import Frame, Place, Source
from tongtou.preprocessing.reading import columns_of, kinds_of
from tongtou.preprocessing.texts import MISSING, Reading

# Whole numbers that run from 0 or 1 without a gap are classes while they are no more than these.
_MOST_COUNTED_CLASSES = 20


def read(
    source: Source,
    targets: tuple[str, ...],
    left_out: set[str],
    told: dict[str, str],
    kind: str | None,
    missing: tuple[str, ...] | None,
    decimal: str,
    separator: str | None,
    encoding: str,
    most_levels: int,
) -> Table:
    """Return the table; parameters and errors as of `tongtou.datasets.table`."""
    reading = Reading(MISSING if missing is None else missing, decimal)
    with frames.opened(
        source, lambda name: name not in left_out, separator=separator, encoding=encoding
    ) as frame:
        frames.require([*targets, *told, *left_out], frame)
        used = [column for column in frame.types if column not in left_out]
        _require_names(used, frame)
        if kind == "classes":
            told |= {name: told.get(name, "category") for name in targets}
        kinds = kinds_of(frame, used, told, reading)
        read = columns_of(frame, kinds, reading)
    answers = [read.pop(one) for one in targets]
    _refuse_many_levels(read, most_levels, frame)
    for one in answers:
        _check_answers(one, frame.place)
    y, classes = _answers(answers, kind, frame, reading)
    is_file = isinstance(source, (str, os.PathLike))
    name = os.path.basename(os.fspath(source)) if is_file else ""
    rows = np.arange(len(y))
    return Table(read, y, targets, classes, reading, frame.place, rows, name=name)


def _require_names(used: list[str], frame: Frame) -> None:
    if "" in used:
        place = list(frame.types).index("") + 1
        raise DataError(
            f"{frame.name}: column {place} has no name. If it only counts the rows, as pandas "
            "writes it, say drop=['']; else give it a name in the first line."
        )


def _refuse_many_levels(columns: dict[str, Column], most: int, frame: Frame) -> None:
    for name, column in columns.items():
        if len(column.levels) > most:
            shown = ", ".join(f"{level!r:.30}" for level in column.levels[:3])
            raise DataError(
                f"{frame.name}: column {name!r} holds {len(column.levels)} different texts "
                f"({shown}, …), each of which would be an input; at most {most} are taken. Leave "
                f"it out with drop=[{name!r}], say how its dates are written with "
                f"columns={{{name!r}: '%d.%m.%Y'}}, or allow more with most_levels=…."
            )


def _check_answers(column: Column, place: Place) -> None:
    if column.missing.any():
        n, row = int(column.missing.sum()), int(np.argmax(column.missing))
        more = f" (and {n - 1} more rows)" if n > 1 else ""
        raise DataError(
            f"{place(row)}, column {column.name!r}: the target has no value{more}, so there is "
            "nothing to learn from such rows. Take them out."
        )


def _answers(
    columns: list[Column], kind: str | None, frame: Frame, reading: Reading
) -> tuple[NDArray[Any], tuple[Any, ...]]:
    """Return y and the names of the classes, none for numbers."""
    first = columns[0]
    if len(columns) > 1 or kind == "numbers":
        for one in columns:
            if one.kind not in ("number", "boolean"):
                raise DataError(
                    f"{frame.name}: expected the target {one.name!r} to hold numbers; it is a "
                    f"{one.kind}. A single target may be classes."
                )
        return _numbers(columns, frame)
    if first.kind == "date":
        raise DataError(
            f"{frame.name}: the target {first.name!r} holds dates; a network predicts classes or "
            "numbers. Turn it into a number of days first."
        )
    values = first.values
    classes: tuple[Any, ...]
    if first.kind == "category":
        classes, y = first.levels, values.astype(np.int64)
        numbers = [
            one for one in classes if one.isascii() and one.isdigit() and str(int(one)) == one
        ]
        if kind == "classes" and len(numbers) == len(classes):
            # "10" comes after "9", and classes that are numbers are named by numbers.
            order = np.argsort([int(one) for one in classes], kind="stable")
            classes = tuple(int(classes[place]) for place in order)
            y = np.argsort(order)[y]
    elif first.kind == "boolean":
        found, y = np.unique(values, return_inverse=True)
        classes = tuple(bool(one) for one in found)
    elif _counts(values):
        found, y = np.unique(values, return_inverse=True)
        classes = tuple(int(one) for one in found)
    else:
        return _numbers(columns, frame)
    if len(classes) < 2:
        raise DataError(
            f"{frame.name}: expected at least two classes in the target {first.name!r}; all "
            f"{len(values)} rows are {classes[0]!r}. Give rows of another class too."
        )
    return y.astype(np.int64), classes


def _counts(values: NDArray[Any]) -> bool:
    """Return whether the numbers are 0, 1, 2 … or 1, 2, 3 …, few, and none left out."""
    low, high = values.min(), values.max()
    if low not in (0, 1) or high >= low + _MOST_COUNTED_CLASSES or high == low:
        return False
    return bool((values == np.floor(values)).all()) and len(np.unique(values)) == high - low + 1


def _numbers(columns: list[Column], frame: Frame) -> tuple[NDArray[Any], tuple[Any, ...]]:
    for one in columns:
        if one.values.min() == one.values.max():
            raise DataError(
                f"{frame.name}: the target {one.name!r} is {one.values[0]:g} in all "
                f"{len(one.values)} rows, so there is nothing to learn. Give rows that differ."
            )
    return np.stack([one.values for one in columns], axis=1), ()
