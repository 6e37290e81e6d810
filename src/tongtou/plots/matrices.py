"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tongtou.boundary import Examples
from tongtou.errors import ShapeError
from tongtou.extras import need
from tongtou.network import Network
from tongtou.plots.answers import answers
from tongtou.plots.curves import _figure
from tongtou.plots.style import BLUE, INK, ORANGE, QUIET, Words, drawing, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_MOST_WRITTEN = 25
"""Classes up to which each cell has room for its number."""


def confusion_matrix(
    net: Network | ArrayLike,
    data: Examples | None = None,
    ax: Axes | None = None,
    *,
    classes: Sequence[object] = (),
    language: str | None = None,
) -> Figure:
    """Draw which classes are taken for which: a row is what it is, a column what was said.

    Right answers stand on the diagonal, on pale blue. Wrong ones stand on orange, the stronger the
    larger their share of the row, so that the few mistakes of a good network are still seen.

    Parameters
    ----------
    net : Network, or array_like of int, shape (k, k)
        A network to be tested on `data`, or counts.
    data : Dataset or (X, y), optional
        Examples with class numbers; needed with a network.
    ax, language
        As for `loss_curves`.
    classes : sequence, optional
        What the classes are called; those of the network or the data by default.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        The counts are not square, or do not fit the classes.
    DataError
        The examples have no class numbers.
    ValueError
        A network without data, or counts with them.

    Examples
    --------
    >>> from tongtou import plots
    >>> figure = plots.confusion_matrix([[48, 2], [5, 45]], classes=["cat", "dog"], language="en")
    >>> figure.axes[0].get_title(loc="left")
    '93.0 % of 100 right'
    """
    words = Words(language)
    counts, known = _counts(net, data)
    names = list(classes or known)
    k = len(counts)
    if len(names) != k:
        raise ShapeError(f"the matrix has {k} classes but {len(names)} are named.")
    labels = [words.name(name, number) for number, name in enumerate(names)]
    with drawing(words):
        side = min(max(0.52 * k, 3.2), 11)
        ax = ax if ax is not None else sheet(side + 1.6, side + 1).subplots()
        _cells(ax, counts)
        ax.set_xticks(range(k), labels, rotation=90 if max(map(len, labels)) > 4 else 0)
        ax.set_yticks(range(k), labels)
        ax.tick_params(length=0, colors=INK)
        ax.set_xlabel(words("plot.said_class"))
        ax.set_ylabel(words("plot.is_class"))
        n = int(counts.sum())
        right = f"{np.trace(counts) / n:.1%}".replace("%", " %") if n else "–"
        ax.set_title(words("plot.confusion", accuracy=right, n=f"{n:,}"))
    return _figure(ax)


def _counts(
    net: Network | ArrayLike, data: Examples | None
) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    if isinstance(net, Network):
        if data is None:
            raise ValueError("a network is tested on examples; give them as data.")
        found = answers(net, data)
        return found.counts, found.names
    if data is not None:
        raise ValueError("counts need no data; give a network to have it tested.")
    counts = np.asarray(net)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.dtype.kind not in "ui":
        raise ShapeError(
            f"counts must be whole numbers of shape (k, k); got {counts.dtype} of shape "
            f"{counts.shape}."
        )
    return counts.astype(np.int64), tuple(range(len(counts)))


def _cells(ax: Axes, counts: NDArray[np.int64]) -> None:
    """Colour each cell, and write its number where there is room."""
    k = len(counts)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    wrong = share * (1 - np.eye(k))
    colors = need("matplotlib.colors", "plot")
    white, orange, blue = (np.array(colors.to_rgb(c)) for c in ("white", ORANGE, BLUE))
    # the square root lifts one mistake in a hundred off the white
    strength = np.sqrt(wrong / max(wrong.max(), 0.02))[:, :, None]
    picture = white + 0.85 * strength * (orange - white)
    for i in range(k):
        picture[i, i] = white + 0.28 * share[i, i] * (blue - white)
    ax.imshow(picture, interpolation="nearest")
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5, axis="both")
    ax.tick_params(which="minor", length=0)
    if k > _MOST_WRITTEN:
        return
    size = 9.5 if counts.max() < 10_000 and k <= 12 else 7
    for (i, j), count in np.ndenumerate(counts):
        ax.text(
            j, i, str(count) if count else "·", ha="center", va="center", fontsize=size,
            color=INK if count else QUIET, weight="bold" if i == j else "normal",
        )  # fmt: skip
