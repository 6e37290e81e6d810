"""A table of one's own: a CSV, TSV or Parquet file, or a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tongtou import randomness
from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.settings import checked_whole

if TYPE_CHECKING:
    from tongtou.preprocessing import TablePreprocessing
    from tongtou.preprocessing.columns import Column
    from tongtou.preprocessing.frames import Place, Source
    from tongtou.preprocessing.texts import Reading


@dataclass(frozen=True, eq=False)
class Table:
    """The raw columns of a table: nothing is standardised, filled in or encoded yet.

    That is learnt from training rows alone, so it comes after choosing them: `split`, or
    ``table[rows].prepared()``.

    Parameters
    ----------
    columns : dict of str to Column
        The inputs.
    y : ndarray
        Class numbers int64 (n,), or numbers float64 (n, n_out) in their own units.
    target : tuple of str
        The names of the columns that hold the answers.
    classes : tuple
        The name of each class; empty for numbers.
    reading : Reading
        How texts were read.
    place : Place
        Where the table came from, for messages.
    rows : ndarray of int, shape (n,)
        The row of the table that each row here is.
    scale_target : bool
        Whether the network is to learn standardised numbers.
    name : str
        What to call it in reports.
    """

    columns: dict[str, Column]
    y: NDArray[Any]
    target: tuple[str, ...]
    classes: tuple[Any, ...]
    reading: Reading
    place: Place
    rows: NDArray[Any]
    scale_target: bool = True
    name: str = ""

    @property
    def kind(self) -> str:
        """What is predicted: classes or numbers."""
        return "classes" if self.classes else "numbers"

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Table:
        """The table of these rows: a slice, a boolean mask or row numbers."""
        if isinstance(rows, (int, np.integer)):
            raise TypeError(f"take rows with a slice or an array, for one row [{rows}:{rows + 1}].")
        return Table(
            {name: column[rows] for name, column in self.columns.items()},
            self.y[rows],
            self.target,
            self.classes,
            self.reading,
            self.place,
            self.rows[rows],
            self.scale_target,
            self.name,
        )

    def split(
        self, share: float = 0.2, seed: int = 0, *, dtype: DTypeLike = np.float32
    ) -> tuple[Dataset, Dataset]:
        """Return training and test data, transformed by what the training rows alone teach.

        Parameters
        ----------
        share : float
            Of the rows, for the test: between 0 and 1.
        seed : int
            The same seed gives the same rows.
        dtype : dtype, default float32
            Of X.

        Returns
        -------
        train, test : Dataset
            Each with `preprocessing`. Each class is in both in proportion, to within one row.

        Raises
        ------
        ValueError
            The share leaves no row on one side.
        DataError
            No column differs between the training rows.

        Warns
        -----
        UserWarning
            A test row holds a category, or lacks a value, as no training row does.

        Notes
        -----
        Rows are taken at random. Where they follow each other in time, split by time instead:
        ``train = table[:800].prepared(); test = table[800:].prepared(train.preprocessing)``.
        """
        train, test = self.split_rows(share, seed)
        learnt = self[train]._learnt()
        return (
            self[train].prepared(learnt, dtype=dtype),
            self[test].prepared(learnt, strict=False, dtype=dtype),
        )

    def split_rows(self, share: float = 0.2, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the row numbers of the training and of the test rows of `split`, ascending."""
        n = len(self)
        number = isinstance(share, (int, float, np.integer, np.floating))
        n_test = round(share * n) if number and 0 < share < 1 else 0
        if not 0 < n_test < n:
            raise ValueError(
                f"share must be between 0 and 1 and leave rows on both sides; {share!r} of {n} "
                f"rows takes {n_test}."
            )
        order = randomness.order(seed, 0, n, randomness.SPLIT).astype(np.int64)
        if self.classes:
            order = order[np.argsort(self.y[order], kind="stable")]
        # Evenly spaced places take from each class its share; without classes they are random.
        places = ((np.arange(n_test) + 0.5) * n / n_test).astype(np.int64)
        is_test = np.zeros(n, np.bool_)
        is_test[order[places]] = True
        return np.flatnonzero(~is_test), np.flatnonzero(is_test)

    def prepared(
        self,
        preprocessing: TablePreprocessing | None = None,
        *,
        strict: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> Dataset:
        """Return these rows as a Dataset, by what was learnt elsewhere or by what they teach.

        Parameters
        ----------
        preprocessing : TablePreprocessing, optional
            Learnt from training rows; left out, these are the training rows.
        strict, dtype
            As for `TablePreprocessing.transform`.

        Raises
        ------
        DataError
            As `TablePreprocessing.transform`; or the preprocessing is of other columns.
        """
        preprocessing = preprocessing or self._learnt()
        for part in preprocessing.parts:
            if part.name not in self.columns or self.columns[part.name].kind != part.kind:
                raise DataError(
                    f"the preprocessing was learnt from a table with a column {part.name!r} of the "
                    f"kind {part.kind}, which this table lacks. Read both alike."
                )
        if (preprocessing.target.names, preprocessing.target.classes) != (
            self.target,
            self.classes,
        ):
            raise DataError(
                f"the preprocessing was learnt for {preprocessing.target.names} with the classes "
                f"{preprocessing.target.classes}; this table has {self.target} with "
                f"{self.classes}. Read one table and take its rows."
            )
        X = preprocessing.encoded(
            self.columns, lambda row: self.place(int(self.rows[row])), strict=strict, dtype=dtype
        )
        y = preprocessing.target.encoded(self.y)
        return Dataset(
            X, y, self.classes, name=self.name, preprocessing=preprocessing, rows=self.rows
        )

    def _learnt(self) -> TablePreprocessing:
        from tongtou.preprocessing import TablePreprocessing, Target

        target = Target.learnt(self.target, self.y, self.classes, self.scale_target)
        return TablePreprocessing.learnt(self.columns, target, self.reading)

    def __repr__(self) -> str:
        said = f"{len(self.classes)} classes" if self.classes else "numbers"
        return (
            f"Table(n={len(self)}, {len(self.columns)} columns, "
            f"{' and '.join(map(repr, self.target))}: {said})"
        )


def table(
    source: Source,
    *,
    target: str | Sequence[str],
    drop: Iterable[str] = (),
    columns: Mapping[str, str] | None = None,
    kind: str | None = None,
    scale_target: bool = True,
    missing: Iterable[str] | None = None,
    decimal: str = ".",
    separator: str | None = None,
    encoding: str = "utf-8",
    most_levels: int = 100,
    name: str = "",
) -> Table:
    """Read a table of examples, one a row, with the answers in one of its columns.

    Parameters
    ----------
    source : path, Polars or pandas DataFrame, or dict of sequences
        Files are CSV, TSV or Parquet (``.parquet``, ``.pq``). The first line of a text file names
        the columns.
    target : str or sequence of str
        The column of answers; several only for numbers.
    drop : iterable of str
        Columns that are not read.
    columns : dict, optional
        Kinds of columns that shall not be guessed: number, boolean, category or date; or how its
        dates are written: ``{"zip": "category", "sold": "%d.%m.%Y"}``.
    kind : "classes" or "numbers", optional
        What is to be predicted. Left out: classes for texts, truth values, and whole numbers that
        run from 0 or 1 without a gap and are at most 20; else numbers.
    scale_target : bool
        Whether numbers to predict are standardised for the network. False for Poisson and other
        losses that need them as they are.
    missing : iterable of str, optional
        Texts that stand for a missing value; an empty field always does. Left out: NA, N/A, n/a,
        #N/A, <NA>, NaN, nan, NULL, null and ?.
    decimal : "." or ","
        The decimal sign in text.
    separator : str, optional
        Between the fields of a text file; left out, the one of comma, semicolon, tab and bar that
        parts the first line most often (in ``.tsv`` the tab).
    encoding : str
        Of a text file.
    most_levels : int
        How many different texts a category may have, each of which is an input.
    name : str
        What to call it in reports; left out, the file's name.

    Returns
    -------
    Table
        The raw columns. `Table.split` gives what `tongtou.fit` takes.

    Raises
    ------
    DataError
        The file cannot be read; a line has too few or too many fields; two columns have one name;
        a number column holds a text; a category has too many levels; the target is missing
        somewhere, all alike, or has one class. The message names line and column.
    MissingExtraError
        Polars is not installed: ``pip install 'tongtou[tables]'``.

    Notes
    -----
    A text file is gone through three times: to count its fields, to find the kinds of its columns,
    and to read those that are used. Only these are kept, 8 bytes a value (4 for categories), twice
    that while they are read; the file may be larger than memory as long as they are not.
    docs/data.md tells what becomes of each kind of column.

    Examples
    --------
    >>> import tongtou as tt
    >>> rows = {"size": [50, 70, 90, 60], "town": ["Ulm", "Bonn", "Ulm", None]}
    >>> table = tt.datasets.table(rows | {"price": [100.5, 150, 200, 120]}, target="price")
    >>> table
    Table(n=4, 2 columns, 'price': numbers)
    >>> train = table.prepared()
    >>> train.X.shape, train.preprocessing.feature_names
    ((4, 4), ('size', 'town = Bonn', 'town = Ulm', 'town is missing'))
    """
    # Whoever has no table need not wait for its reader whenever Tongtou is imported.
    from tongtou.datasets.table_reading import read

    targets = _names("target", target)
    left_out = set(_names("drop", drop))
    if kind not in (None, "classes", "numbers"):
        raise ValueError(f"kind must be 'classes' or 'numbers'; it is {kind!r}.")
    if not targets or left_out & set(targets) or len(set(targets)) < len(targets):
        raise ValueError(
            f"target must name columns that are not dropped, each of them once; it is {target!r}."
        )
    most_levels = checked_whole("most_levels", most_levels, 1)
    found = read(
        source,
        targets,
        left_out,
        dict(columns or {}),
        kind,
        None if missing is None else _names("missing", missing),
        decimal,
        separator,
        encoding,
        most_levels,
    )
    return replace(found, scale_target=scale_target, name=name or found.name)


def _names(what: str, given: object) -> tuple[str, ...]:
    """Return a text, or several, as a tuple of texts."""
    names = (given,) if isinstance(given, str) else given
    if isinstance(names, Iterable):
        listed = tuple(names)
        if all(isinstance(one, str) for one in listed):
            return listed
    raise ValueError(
        f"{what} must be a text or several, such as {what}='price'; it is {given!r}. Columns "
        "that are named by numbers are called by their digits: '2'."
    )
