"""What a table's network is to say: classes, or numbers in units of their own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.errors import DataError, ShapeError
from tongtou.preprocessing.columns import Column
from tongtou.preprocessing.parts import mean_and_sd


@dataclass(frozen=True)
class Target:
    """How answers become what a network learns, and its outputs answers again.

    Parameters
    ----------
    names : tuple of str
        The columns that hold the answers.
    classes : tuple
        The name of each class, in the order of the outputs; empty for numbers.
    means, sds : tuple of float
        Of each column of numbers: the network learns (y - mean) / sd. 0 and 1 leave y as it is.

    Examples
    --------
    >>> target = Target(("price",), means=(300.0,), sds=(100.0,))
    >>> target.encoded([[250.0], [400.0]])
    array([[-0.5],
           [ 1. ]])
    >>> target.answers([[0.0], [1.0]])
    array([300., 400.])
    >>> Target(("flower",), classes=("lily", "rose")).answers([[0.1, 0.9]])
    array(['rose'], dtype='<U4')
    """

    names: tuple[str, ...]
    classes: tuple[Any, ...] = ()
    means: tuple[float, ...] = ()
    sds: tuple[float, ...] = ()

    @classmethod
    def learnt(
        cls, names: Sequence[str], y: NDArray[Any], classes: tuple[Any, ...], scaled: bool
    ) -> Target:
        """Return the target that the answers of training rows teach."""
        if classes:
            return cls(tuple(names), classes)
        pairs = [mean_and_sd(one) if scaled else (0.0, 1.0) for one in y.T]
        # Answers that are all alike in these rows have no spread to divide by.
        return cls(
            tuple(names), (), tuple(m for m, _ in pairs), tuple(sd or 1.0 for _, sd in pairs)
        )

    @property
    def kind(self) -> str:
        """What is predicted: classes or numbers."""
        return "classes" if self.classes else "numbers"

    def fits(self, n_out: int) -> bool:
        """Return whether a network with so many outputs can say it."""
        n = len(self.classes)
        return n_out in ((n, 1) if n == 2 else (n,)) if n else n_out == len(self.names)

    def encoded(self, y: ArrayLike) -> NDArray[Any]:
        """Return what the network learns: class numbers as they are, numbers standardised."""
        array = np.asarray(y)
        if self.classes:
            return array
        scaled: NDArray[np.float64] = (array - np.array(self.means)) / np.array(self.sds)
        return scaled

    def kinds(self) -> dict[str, tuple[str, str]]:
        """Return the kind of each column of answers, as `columns_of` takes it."""
        of_class = {bool: "boolean", int: "number", str: "category"}
        kind = of_class[type(self.classes[0])] if self.classes else "number"
        return dict.fromkeys(self.names, (kind, ""))

    def taken(self, columns: Mapping[str, Column], place: Callable[[int], str]) -> NDArray[Any]:
        """Return y of raw answers: class numbers, or numbers in their own units (n, n_out).

        Raises
        ------
        DataError
            An answer is missing, or is a class that was not learnt; the message names its row.
        """
        found = [columns[name] for name in self.names]
        for column in found:
            if column.missing.any():
                row = int(np.argmax(column.missing))
                raise DataError(
                    f"{place(row)}, column {column.name!r}: the target has no value. Fill it in, "
                    "or take such rows out."
                )
        if not self.classes:
            return np.stack([column.values for column in found], axis=1)
        column = found[0]
        said = [*column.levels] if column.kind == "category" else np.unique(column.values).tolist()
        known = {name: number for number, name in enumerate(self.classes)}
        numbers = np.array([known.get(name, -1) for name in said], np.int64)
        codes = column.values
        if column.kind != "category":
            codes = np.searchsorted(said, codes)
        y: NDArray[np.int64] = numbers[codes]
        if (y < 0).any():
            row = int(np.argmax(y < 0))
            name = said[int(codes[row])]
            near = difflib.get_close_matches(str(name), map(str, self.classes), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"{place(row)}, column {column.name!r}: {name!r:.80} is none of the "
                f"{len(self.classes)} classes that were learnt.{hint} Correct it, or take the row "
                "out."
            )
        return y

    def answers(self, outputs: ArrayLike) -> NDArray[Any]:
        """Return the label of each row, or numbers in the units of the table.

        Parameters
        ----------
        outputs : array_like, shape (n, n_out)
            What `Network.predict_proba` returns.

        Returns
        -------
        ndarray, shape (n,), or (n, n_out) where there are several columns of answers

        Raises
        ------
        ShapeError
            The outputs are not as many as the answers need.
        """
        array = np.asarray(outputs)
        if array.ndim != 2 or not self.fits(array.shape[1]):
            n = len(self.classes) or len(self.names)
            raise ShapeError(
                f"outputs must have shape (n, {n}), one column for each of the {self.kind}; "
                f"they have shape {array.shape}."
            )
        if not self.classes:
            numbers: NDArray[Any] = array * np.array(self.sds) + np.array(self.means)
            return numbers[:, 0] if len(self.names) == 1 else numbers
        one = array.shape[1] == 1
        places = (array[:, 0] >= 0.5).astype(np.int64) if one else array.argmax(axis=1)
        said: NDArray[Any] = np.asarray(self.classes)[places]
        return said

    def describe(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        if self.classes:
            return {"names": list(self.names), "classes": list(self.classes)}
        return {"names": list(self.names), "means": list(self.means), "sds": list(self.sds)}
