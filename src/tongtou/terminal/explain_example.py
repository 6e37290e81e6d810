"""Which example `tongtou explain` is about: a picture, a row of a table, a digit of the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tongtou import datasets
from tongtou.errors import DataError
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.preprocessing import TablePreprocessing
from tongtou.terminal.console import UserError, one_line
from tongtou.terminal.examples import EMBEDDED_SIZES, refuse_file_form
from tongtou.terminal.predict_pictures import reader


@dataclass(frozen=True)
class Asked:
    """One example as the network takes it.

    Attributes
    ----------
    name : str
        What to call it.
    x : ndarray
        A picture in its shape, or (n_in,).
    is_picture : bool
    is_class : object
        The right answer, where it is known; otherwise None.
    """

    name: str
    x: NDArray[Any]
    is_picture: bool
    is_class: Any = None


def asked_for(
    net: Network, model: Path, example: str, row: int | None, form: dict[str, Any]
) -> Asked:
    """Return the example that a word of the command line means.

    Raises
    ------
    UserError, DataError
        There is none, or it is not for this network.
    """
    path = Path(example)
    if isinstance(net.preprocessing, TablePreprocessing):
        return _row_of(net, model, path, row, form)
    if row is not None:
        raise UserError(text("error.not_a_table_model", option="--row", file=model))
    refuse_file_form(form["separator"], form["encoding"])
    if example.isdecimal() and not path.exists():
        return _embedded(net, int(example))
    if path.is_dir():
        raise UserError(text("error.one_picture", folder=path))
    return Asked(example, reader(net, model)(path), is_picture=True)


def _embedded(net: Network, number: int) -> Asked:
    if (net.sizes[0], net.sizes[-1]) != EMBEDDED_SIZES or net.preprocessing is not None:
        n_in, n_out = net.sizes[0], net.sizes[-1]
        raise UserError(text("error.not_for_test_digits", n_in=f"{n_in:,}", n_out=f"{n_out:,}"))
    test = datasets.mnist().test
    if number >= len(test):
        raise UserError(text("error.no_test_digit", number=number, last=len(test) - 1))
    name = text("explain_command.test_digit", number=f"{number:,}")
    return Asked(name, test.X[number].reshape(test.shape), True, int(test.y[number]))


def _row_of(net: Network, model: Path, path: Path, row: int | None, form: dict[str, Any]) -> Asked:
    learnt = net.preprocessing
    assert isinstance(learnt, TablePreprocessing)
    if path.is_dir() or not path.exists():
        raise UserError(text("error.no_data", file=path))
    try:
        X = learnt.transform(
            path,
            strict=True,
            dtype=net.dtype,
            separator=form["separator"],
            encoding=form["encoding"] or "utf-8",
        )
    except DataError as error:
        raise UserError(error) from error
    if row is None:
        if len(X) != 1:
            raise UserError(text("error.which_row", file=path, n=f"{len(X):,}"))
        row = 1
    if row > len(X):
        raise UserError(text("error.no_such_row", file=path, row=f"{row:,}", n=f"{len(X):,}"))
    name = text("explain_command.table_row", file=one_line(path), row=f"{row:,}")
    return Asked(name, X[row - 1], is_picture=False)
