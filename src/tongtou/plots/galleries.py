"""Pictures in rows: examples, the surest wrong answers, the weights of neurons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError, ShapeError
from tongtou.plots.answers import answers
from tongtou.plots.style import GREEN, INK, ORANGE, Words, diverging, drawing, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tongtou.network import Network


def weight_images(
    net: Network,
    layer: int = 1,
    figure: Figure | None = None,
    *,
    neurons: Sequence[int] | None = None,
    language: str | None = None,
) -> Figure:
    """Draw the weights into the neurons of a layer.

    In layer 1 of a network for pictures each neuron's weights are a picture themselves: orange
    where ink excites it, blue where ink inhibits it. All share one scale with 0 in its middle, so
    that neurons can be compared. Other layers are drawn as the matrix W, one row a neuron.

    Parameters
    ----------
    net : Network
    layer : int
        1 … L.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one by default.
    neurons : sequence of int, optional
        Which, counted from 0; the first 64 by default.
    language : "en" or "zh", optional
        Of the labels; that of `tongtou.i18n` by default.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError
        There is no such layer or neuron.

    Notes
    -----
    The scale ends at the 99.5th percentile of the sizes shown. Pixels at the rim of MNIST are
    black in every digit: their weights never get a gradient and show the random start, unless a
    penalty took them away. Weights of a picture with channels are summed over these.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou import plots
    >>> figure = plots.weight_images(tt.Network([784, 16, 10]), language="en")
    >>> sum(len(ax.images) for ax in figure.axes if ax.get_label() != "<colorbar>")
    16
    """
    words = Words(language)
    if isinstance(layer, bool) or not 1 <= layer <= len(net.layers):
        raise ShapeError(f"layer must be 1 … {len(net.layers)}; it is {layer!r}.")
    W = net.layers[layer - 1].W
    chosen = list(range(min(len(W), 64)) if neurons is None else neurons)
    if not chosen or not all(0 <= j < len(W) for j in chosen):
        raise ShapeError(f"neurons must be numbers 0 … {len(W) - 1}; they are {chosen}.")
    W = np.asarray(W[chosen], np.float64)
    size = float(np.percentile(np.abs(W), 99.5)) or 1.0
    shape = _picture_shape(net) if layer == 1 else ()
    with drawing(words):
        scale: dict[str, Any] = {"cmap": diverging(), "vmin": -size, "vmax": size}
        if shape:
            columns = min(len(chosen), 8 if len(chosen) > 10 else 5)
            rows = math.ceil(len(chosen) / columns)
            figure = figure or sheet(1.15 * columns + 0.9, 1.25 * rows + 0.8)
            axes = _tiles(figure, rows, columns, len(chosen))
            for ax, weights, number in zip(axes, W, chosen, strict=True):
                picture = weights.reshape(shape)
                shown = ax.imshow(picture.sum(2) if picture.ndim == 3 else picture, **scale)
                ax.set_title(str(number), fontsize=9, weight="normal", pad=3, loc="center")
            holder: Any = figure.axes
        else:
            high, wide = W.shape
            figure = figure or sheet(min(0.3 * wide + 2, 11), min(0.3 * high + 1.4, 9))
            ax = figure.subplots()
            shown = ax.imshow(W, aspect="auto" if wide > 3 * high else "equal", **scale)
            ax.grid(False)
            if high <= 30:
                ax.set_yticks(range(high), list(map(str, chosen)))
            ax.set_xlabel(words("plot.neuron_of", layer=layer - 1))
            ax.set_ylabel(words("plot.neuron_of", layer=layer))
            holder = ax
        figure.suptitle(words("plot.weights", layer=layer), x=0.02, ha="left", weight="bold")
        bar = figure.colorbar(shown, ax=holder, shrink=0.8, aspect=28)
        bar.set_label(words("plot.weight_sign"))
        bar.outline.set_visible(False)
    return figure


def wrong_answers(
    net: Network,
    data: Dataset,
    figure: Figure | None = None,
    *,
    n: int = 12,
    language: str | None = None,
) -> Figure:
    """Draw the examples a network got wrong although it was sure, the surest first.

    Parameters
    ----------
    net : Network
    data : Dataset
        Pictures with class numbers.
    figure, language
        As for `weight_images`.
    n : int
        At most so many.

    Returns
    -------
    matplotlib Figure
        With one sentence instead of pictures when nothing was wrong.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError, DataError
        The data does not fit the network, has no classes, or is no pictures.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou import plots
    >>> mnist = tt.datasets.mnist()
    >>> untrained = tt.Network([784, 16, 10])
    >>> figure = plots.wrong_answers(untrained, mnist.test[:50], n=6)
    >>> len(figure.axes)
    6
    """
    words = Words(language)
    _require_dataset(data)
    found = answers(net, data)
    wrong = np.flatnonzero(found.said != found.right)
    wrong = wrong[np.argsort(-found.confidence[wrong], kind="stable")]
    shown = wrong[: _positive(n)]
    names = [words.name(name, number) for number, name in enumerate(found.names)]
    captions = [
        (
            words("wrong.is", is_class=names[found.right[row]]),
            words(
                "wrong.said",
                said_class=names[found.said[row]],
                confidence=f"{found.confidence[row]:.1%}",
            ),
        )
        for row in shown
    ]
    with drawing(words):
        if len(shown) == 0:
            figure = figure or sheet(5, 1)
            figure.text(0.5, 0.5, words("plot.none_wrong"), ha="center", va="center")
            return figure
        figure = _gallery(data, shown, captions, figure)
        title = words("plot.wrong", n=len(shown), n_wrong=f"{len(wrong):,}")
        figure.suptitle(title, x=0.02, ha="left", weight="bold")
    return figure


def examples(
    data: Dataset, figure: Figure | None = None, *, n: int = 24, language: str | None = None
) -> Figure:
    """Draw the first examples of a dataset of pictures, each with the name of its class.

    Parameters
    ----------
    data : Dataset
    figure, language
        As for `weight_images`.
    n : int
        At most so many; ``data[rows]`` chooses others.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    DataError
        The examples are no pictures.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou import plots
    >>> len(plots.examples(tt.datasets.mnist().train, n=8).axes)
    8
    """
    words = Words(language)
    _require_dataset(data)
    rows = np.arange(min(len(data), _positive(n)))
    captions = [("", "")] * len(rows)
    if data.y.ndim == 1:
        names = {int(y): data.classes[int(y)] if data.classes else y for y in data.y[rows]}
        captions = [(words.name(names[int(y)], y), "") for y in data.y[rows]]
    with drawing(words):
        return _gallery(data, rows, captions, figure, told="in ink")


def _require_dataset(data: object) -> None:
    if not isinstance(data, Dataset):
        raise DataError(
            "a Dataset is needed, which knows the shape of its pictures: tt.Dataset(X, y, "
            f"shape=(height, width)); got {type(data).__name__}."
        )


def _gallery(
    data: Dataset,
    rows: NDArray[Any],
    captions: Sequence[tuple[str, str]],
    figure: Figure | None,
    told: str = "in colour",
) -> Figure:
    """Draw some rows of the data, each below two lines: what it is, what was said."""
    shape = data.shape or _square(data.X.shape[1])
    if len(shape) not in (2, 3):
        raise DataError(
            "the examples must be pictures; give the Dataset their shape=(height, width)."
        )
    columns = min(len(rows), 8 if len(rows) > 12 else 6)
    high = math.ceil(len(rows) / columns)
    two = any(second for _, second in captions)
    figure = figure or sheet(1.35 * columns, (1.75 if two else 1.55) * high + (0.4 if two else 0))
    for ax, row, (first, second) in zip(
        _tiles(figure, high, columns, len(rows)), rows, captions, strict=True
    ):
        picture = data.X[row].reshape(shape)
        picture = picture[:, :, 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
        top = 255 if picture.dtype == np.uint8 else None
        ax.imshow(picture, cmap="gray_r" if picture.ndim == 2 else None, vmin=0, vmax=top)
        if second:
            ax.set_xlabel(second, fontsize=8.5, color=ORANGE, labelpad=4)
        ax.set_title(
            first,
            fontsize=9,
            pad=3,
            loc="center",
            weight="normal",
            color=INK if told == "in ink" else GREEN,
        )
    return figure


def _tiles(figure: Figure, rows: int, columns: int, n: int) -> list[Axes]:
    """Return n axes without ticks in rows and columns."""
    grid = figure.add_gridspec(rows, columns)
    axes = [figure.add_subplot(grid[divmod(i, columns)]) for i in range(n)]
    for ax in axes:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.grid(False)
        ax.spines[:].set_visible(True)
        ax.spines[:].set_color("#cccccc")
    return axes


def _picture_shape(net: Network) -> tuple[int, ...]:
    """Return the shape of the network's pictures; () where its inputs are none."""
    if net.input_shape:
        return net.input_shape if len(net.input_shape) in (2, 3) else ()
    return _square(net.sizes[0]) if net.sizes[0] >= 64 else ()


def _square(n: int) -> tuple[int, ...]:
    side = math.isqrt(n)
    return (side, side) if side * side == n else ()


def _positive(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"n must be a whole number from 1 on; it is {n!r}.")
    return int(n)
