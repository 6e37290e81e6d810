"""A table's raw rows → X, by what training rows taught."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tongtou.choices import listed
from tongtou.errors import DataError
from tongtou.preprocessing import frames
from tongtou.preprocessing.columns import Column
from tongtou.preprocessing.parts import PARTS, CategoryPart, Part
from tongtou.preprocessing.reading import columns_of
from tongtou.preprocessing.targets import Target
from tongtou.preprocessing.texts import Reading

if TYPE_CHECKING:
    from tongtou.datasets.dataset import Dataset

_CONSTANT, _EMPTY = "constant", "empty"


@dataclass(frozen=True)
class TablePreprocessing:
    """What was learnt from the training rows of a table; saved with the network.

    `Table.split` and `Table.prepared` make it; `transform` uses it on raw rows, `answers` on what
    the network says of them.

    Parameters
    ----------
    parts : tuple of Part
        One for each column that is used, in the order of X.
    target : Target
        The answers.
    reading : Reading
        Which texts are missing values, and the decimal sign.
    dropped : tuple of (str, str)
        Columns left out, and why: "constant" or "empty" in the training rows.

    Examples
    --------
    >>> import tongtou as tt
    >>> rows = {"size": [50, 70, 90], "town": ["Ulm", "Bonn", "Ulm"], "price": [100, 150, 200]}
    >>> train = tt.datasets.table(rows, target="price").prepared()
    >>> train.preprocessing.feature_names
    ('size', 'town = Bonn', 'town = Ulm')
    >>> train.preprocessing.transform({"size": [70], "town": ["Ulm"]})
    array([[0., 0., 1.]], dtype=float32)
    >>> train.preprocessing.transform({"size": [70], "town": ["Ulmm"]})
    Traceback (most recent call last):
        ...
    tongtou.errors.DataError: the dict: row 0 (counted from 0), column 'town': 'Ulmm' was not among the 2 categories of the training rows. Did you mean 'Ulm'? Correct it, or use transform(…, strict=False), which takes it for none of them.
    """  # noqa: E501 - a message is one line

    parts: tuple[Part, ...]
    target: Target
    reading: Reading
    dropped: tuple[tuple[str, str], ...] = ()

    @classmethod
    def learnt(
        cls, columns: Mapping[str, Column], target: Target, reading: Reading
    ) -> TablePreprocessing:
        """Return what these rows teach; they are the training rows and no others.

        Raises
        ------
        DataError
            No column differs between the rows, so that there is nothing to learn from.
        """
        found = [PARTS[column.kind].learnt(column) for column in columns.values()]
        dropped = tuple(
            (part.name, _EMPTY if columns[part.name].missing.all() else _CONSTANT)
            for part in found
            if not part.n_columns
        )
        parts = tuple(part for part in found if part.n_columns)
        if not parts:
            names = ", ".join(map(repr, columns))
            raise DataError(
                "expected a column that differs between the training rows; "
                f"{names + ' cannot tell them apart' if names else 'there is only the target'}. "
                "Give a table with other columns, or more rows."
            )
        return cls(parts, target, reading, dropped)

    # ---------------------------------------------------------------- what it is

    @property
    def n_in(self) -> int:
        """How many columns X has."""
        return sum(part.n_columns for part in self.parts)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each column of X."""
        return tuple(name for part in self.parts for name in part.feature_names())

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each column that was left out."""
        why = {_CONSTANT: "says the same in all training rows", _EMPTY: "is empty"}
        return tuple(
            f"column {name!r} {why[reason]} and is left out" for name, reason in self.dropped
        )

    def __repr__(self) -> str:
        left_out = f", {len(self.dropped)} left out" if self.dropped else ""
        return (
            f"TablePreprocessing({len(self.parts)} columns{left_out} → {self.n_in} inputs, "
            f"{' and '.join(map(repr, self.target.names))}: {self.target.kind})"
        )

    # ---------------------------------------------------------------- what it does

    def transform(
        self,
        source: frames.Source,
        *,
        strict: bool = True,
        dtype: DTypeLike = np.float32,
        separator: str | None = None,
        encoding: str = "utf-8",
    ) -> NDArray[Any]:
        """Return X for raw rows, which need no column of answers.

        Parameters
        ----------
        source : path, data frame or dict of sequences
            With at least the columns that were learnt from; others are not read.
        strict : bool, default True
            False takes an unknown category for none of the known ones and a missing value, where
            training rows had none, for the mean, and warns how many there were.
        dtype : dtype, default float32
        separator, encoding
            As for `tongtou.datasets.table`.

        Returns
        -------
        ndarray, shape (n, n_in)

        Raises
        ------
        DataError
            A column is missing; a value is of another kind, unknown, or missing where no training
            row lacked it. The message names row and column.
        MissingExtraError
            Polars is not installed.
        """
        kinds = {part.name: part.told_kind for part in self.parts}
        with frames.opened(
            source, kinds.__contains__, separator=separator, encoding=encoding
        ) as frame:
            columns = columns_of(frame, kinds, self.reading)
        return self.encoded(columns, frame.place, strict=strict, dtype=dtype)

    def examples(
        self,
        source: frames.Source,
        *,
        strict: bool = True,
        dtype: DTypeLike = np.float32,
        separator: str | None = None,
        encoding: str = "utf-8",
    ) -> Dataset:
        """Return a Dataset of raw rows that have their answers, to measure a network on.

        Parameters
        ----------
        source, strict, dtype, separator, encoding
            As for `transform`; the columns of answers are needed besides.

        Returns
        -------
        Dataset
            X and y as the network takes them; the classes are those that were learnt, even where
            these rows have only some of them.

        Raises
        ------
        DataError
            As `transform`; or an answer is missing, or is a class that was not learnt.
        """
        from tongtou.datasets.dataset import Dataset

        kinds = {part.name: part.told_kind for part in self.parts} | self.target.kinds()
        with frames.opened(
            source, kinds.__contains__, separator=separator, encoding=encoding
        ) as frame:
            columns = columns_of(frame, kinds, self.reading)
        X = self.encoded(columns, frame.place, strict=strict, dtype=dtype)
        y = self.target.encoded(self.target.taken(columns, frame.place))
        is_file = isinstance(source, (str, os.PathLike))
        name = os.path.basename(os.fspath(source)) if is_file else ""
        return Dataset(
            X, y, self.target.classes, name=name, preprocessing=self, rows=np.arange(len(X))
        )

    def answers(self, outputs: ArrayLike) -> NDArray[Any]:
        """Return the label of each row, or numbers in the table's own units; see `Target`."""
        return self.target.answers(outputs)

    def encoded(
        self,
        columns: Mapping[str, Column],
        place: Callable[[int], str],
        *,
        strict: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> NDArray[Any]:
        """Return X for columns read before; `place` says in words where a row is."""
        if np.dtype(dtype).kind != "f":
            raise ValueError(
                f"dtype must be float32 or float64, for numbers are standardised; it is {dtype!r}."
            )
        n = len(columns[self.parts[0].name])
        X = np.empty((n, self.n_in), dtype)
        told: list[str] = []
        at = 0
        for part in self.parts:
            column = columns[part.name]
            told += _surprises(part, column, place, strict)
            blocks = part.encoded(column)
            if part.missing:
                blocks.append(column.missing.astype(np.float64))
            for block in blocks:
                with np.errstate(over="ignore"):
                    X[:, at] = block
                at += 1
            _refuse_overflow(X[:, at - len(blocks) : at], part, column, place)
        if told:
            warnings.warn("; ".join(told) + ".", UserWarning, stacklevel=3)
        return X

    def describe(self) -> dict[str, Any]:
        """Return it as JSON has it; `from_description` brings it back."""
        return {
            "kind": "table",
            "columns": [part.describe() for part in self.parts],
            "target": self.target.describe(),
            "missing": list(self.reading.missing),
            "decimal": self.reading.decimal,
            "dropped": [list(pair) for pair in self.dropped],
        }


def _surprises(part: Part, column: Column, place: Callable[[int], str], strict: bool) -> list[str]:
    """Refuse, or tell in one sentence each, what no training row had."""
    told = []
    lenient = "or use transform(…, strict=False), which takes it for"
    if isinstance(part, CategoryPart):
        unknown = part.places(column) == -2
        if unknown.any():
            row = int(np.argmax(unknown))
            value = column.levels[column.values[row]]
            near = difflib.get_close_matches(value, part.levels, n=3)
            hint = (
                f" Did you mean {' or '.join(map(repr, near))}?"
                if near
                else (f" They are {listed(part.levels)}.")
            )
            what = f"{place(row)}, column {part.name!r}: {value!r:.80} was not among the "
            what += f"{len(part.levels)} categories of the training rows"
            if strict:
                raise DataError(f"{what}.{hint} Correct it, {lenient} none of them.")
            told.append(_with_others(what, int(unknown.sum()), "taken for none of them"))
    missing = column.missing
    if missing.any() and not part.missing:
        row = int(np.argmax(missing))
        what = f"{place(row)}, column {part.name!r}: no value, and no training row lacked one"
        mean = "none of the categories" if isinstance(part, CategoryPart) else "the mean"
        if strict:
            raise DataError(f"{what}. Fill it in, {lenient} {mean}.")
        told.append(_with_others(what, int(missing.sum()), f"taken for {mean}"))
    return told


def _with_others(what: str, n: int, done: str) -> str:
    return f"{what}{f' (and {n - 1} more rows)' if n > 1 else ''}; {done}"


def _refuse_overflow(
    X: NDArray[Any], part: Part, column: Column, place: Callable[[int], str]
) -> None:
    bad = ~np.isfinite(X)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise DataError(
            f"{place(row)}, column {part.name!r}: {column.values[row]} lies so far from the "
            f"training rows that it cannot be written in {X.dtype}. Correct it."
        )
