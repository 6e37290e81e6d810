"""A column of a table as it was read: its values, and which of them are missing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

KINDS = ("number", "boolean", "category", "date")


@dataclass(frozen=True, eq=False)
class Column:
    """The values of one column, all of one kind.

    Parameters
    ----------
    name : str
        As in the table's first line.
    kind : str
        number, boolean, category or date.
    values : ndarray, shape (n,)
        number, boolean: float64, NaN where missing. category: int32, the place in `levels`, -1
        where missing. date: datetime64[us], NaT where missing.
    levels : tuple of str
        The different values of a category, sorted.
    form : str
        How dates are written, as strftime has it; empty for ISO 8601.
    """

    name: str
    kind: str
    values: NDArray[Any]
    levels: tuple[str, ...] = ()
    form: str = ""

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no value, (n,)."""
        if self.kind == "category":
            missing: NDArray[np.bool_] = self.values < 0
            return missing
        is_nothing = np.isnat if self.kind == "date" else np.isnan
        return np.asarray(is_nothing(self.values))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Column:
        """The column of these rows."""
        return replace(self, values=self.values[rows])
