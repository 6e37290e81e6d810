"""One HTML file about a network: what it is, how good, how sure, where it errs. Extra ``report``.

`write` makes it; `gather` returns the same numbers as plain data. The file needs no network and no
other file, and holds both languages.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from tongtou import atomic
from tongtou.datasets.dataset import Dataset
from tongtou.extras import need

if TYPE_CHECKING:
    from tongtou.history import History

__all__ = ["Written", "gather", "write"]


@dataclass(frozen=True)
class Written:
    """A report that lies on the disk.

    Attributes
    ----------
    path : str
    n_bytes : int
        Its size.
    findings : dict
        What is in it, ready for JSON: see docs/report.md.
    """

    path: str
    n_bytes: int
    findings: dict[str, Any]


def write(
    net: Any,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    path: str | os.PathLike[str],
    *,
    train: Dataset | tuple[ArrayLike, ArrayLike] | None = None,
    history: History | None = None,
    seed: int = 0,
) -> Written:
    """Write a report of a network as one self-contained HTML file.

    Parameters
    ----------
    net : Network, fitted estimator, or Pipeline that ends in one
    data : Dataset or (X, y)
        What it is measured on: examples that it was not trained on.
    path : str or os.PathLike
        Of the file; one that is there is replaced in one step.
    train : Dataset or (X, y), optional
        All rows that it was trained on, those held out included; with them the report says how
        healthy the network is, and whether test rows had been learnt.
    history : History, optional
        How it was trained; by default what the network remembers.
    seed : int
        Of everything that is drawn at random: examples shown, shuffles, bootstrap samples.

    Returns
    -------
    Written

    Raises
    ------
    MissingExtraError
        Jinja2 is not installed: ``pip install 'tongtou[report]'``.
    ShapeError, DataError
        The data do not fit the network.
    OSError
        The file cannot be written; nothing was.

    Examples
    --------
    >>> import pathlib, tempfile, tongtou as tt
    >>> from tongtou import report
    >>> net = tt.Network([784, 16, 10])
    >>> digits = tt.datasets.mnist().test[:300]
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> report.write(net, digits, path).findings["quality"]["n"]
    300
    >>> path.read_text("utf-8")[:15]
    '<!doctype html>'
    """
    need("jinja2", "report")  # said before anything is computed
    from tongtou.report.gathering import gathered, subject_of
    from tongtou.report.page import html_of
    from tongtou.report.pictures_shown import pictures_of

    name = os.fspath(path)
    subject = subject_of(net, data, seed)
    findings, seen = gathered(subject, history, train)
    content = html_of(findings, pictures_of(subject, findings, seen)).encode()
    atomic.write_whole(name, content)
    return Written(name, len(content), findings)


def gather(
    net: Any,
    data: Dataset | tuple[ArrayLike, ArrayLike],
    *,
    train: Dataset | tuple[ArrayLike, ArrayLike] | None = None,
    history: History | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return everything that a report shows, as plain data; parameters as for `write`.

    Returns
    -------
    dict
        Ready for JSON; docs/report.md defines each quantity.

    Raises
    ------
    ShapeError, DataError
        The data do not fit the network.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> from tongtou import report
    >>> net = tt.Network([2, 2], output="softmax", loss="cross_entropy", initializer="zeros")
    >>> found = report.gather(net, (np.eye(2), [0, 1]))
    >>> found["quality"]["accuracy"]["value"]
    0.5
    """
    from tongtou.report.gathering import gathered, subject_of

    return gathered(subject_of(net, data, seed), history, train)[0]
