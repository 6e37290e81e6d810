"""Curves: loss and accuracy by epoch, gradients by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.boundary import Examples
from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.extras import need
from tongtou.history import History
from tongtou.plots.style import BLUE, ORANGE, SERIES, Words, drawing, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tongtou.network import Network

_WIDE = 30
"""From this ratio of largest to smallest on, an axis is logarithmic."""


def loss_curves(history: History, ax: Axes | None = None, *, language: str | None = None) -> Figure:
    """Draw the loss of each epoch: of what was learnt from and, where there is, what was held out.

    A dot marks the epoch whose held-out loss is lowest: what comes after it is learning by heart.

    Parameters
    ----------
    history : History
        What `tongtou.fit` returned, with at least one finished epoch.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    language : "en" or "zh", optional
        Of the labels; that of `tongtou.i18n` by default.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    DataError
        No epoch was finished, or it is no History.

    Notes
    -----
    The training loss of an epoch is the mean over its steps, each before it was made, so it lags
    the held-out loss, which is measured after the epoch, by half an epoch. The axis is logarithmic
    where the largest loss is 30 times the smallest.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou import plots
    >>> net = tt.Network([2, 3, 2])
    >>> history = tt.fit(net, ([[0.0, 1.0], [1.0, 0.0]], [0, 1]), epochs=5)
    >>> plots.loss_curves(history, language="en").axes[0].get_xlabel()
    'epoch'
    """
    words = Words(language)
    found = _columns(history, "loss", "val_loss")
    with drawing(words):
        ax = ax if ax is not None else sheet(7, 4).subplots()
        _curves(ax, history, found, words)
        values = np.concatenate(found)
        values = values[np.isfinite(values)]
        if len(values) and values.min() > 0 and values.max() >= _WIDE * values.min():
            ax.set_yscale("log")
        elif len(values) and values.min() >= 0:
            ax.set_ylim(bottom=0)
        held = found[1]
        if np.isfinite(held).any() and len(held) > 1:
            best = int(np.nanargmin(held))
            epoch = history.column("epoch")[best]
            ax.plot(epoch, held[best], "o", color=ORANGE, markersize=7, clip_on=False, zorder=4)
            # its own line below the title: beside the dot it would meet the curves
            ax.set_title(
                words("plot.best", epoch=epoch), fontsize=9, color=ORANGE, loc="right", weight=400
            )
        ax.set_title(words("plot.loss_title"))
    return _figure(ax)


def accuracy_curves(
    history: History, ax: Axes | None = None, *, language: str | None = None
) -> Figure:
    """Draw the accuracy of each epoch: of what was learnt from and what was held out.

    Parameters, returns and raises are those of `loss_curves`; DataError also where the run had no
    classes, so that there is no accuracy.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou import plots
    >>> net = tt.Network([2, 3, 2])
    >>> history = tt.fit(net, ([[0.0, 1.0], [1.0, 0.0]], [0, 1]), epochs=5)
    >>> len(plots.accuracy_curves(history).axes[0].lines)
    1
    """
    words = Words(language)
    found = _columns(history, "accuracy", "val_accuracy")
    if not np.isfinite(np.concatenate(found)).any():
        raise DataError("the run recorded no accuracy: its targets are numbers; use loss_curves.")
    with drawing(words):
        ax = ax if ax is not None else sheet(7, 4).subplots()
        _curves(ax, history, found, words)
        ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g} %")
        ax.set_title(words("plot.accuracy_title"))
    return _figure(ax)


def gradients_by_layer(
    nets: Network | Mapping[str, Network],
    data: Examples,
    ax: Axes | None = None,
    *,
    language: str | None = None,
) -> Figure:
    """Draw how large the gradient of the weights is in each layer.

    ::

        size[l] = sqrt(mean over the weights of layer l of (dC/dW[l])²)

    A line that falls towards the first layer by powers of ten is a vanishing gradient: those
    layers hardly learn.

    Parameters
    ----------
    nets : Network, or mapping of names to networks
        Several are drawn beside one another.
    data : Dataset or (X, y)
        The examples whose mean loss C is differentiated; a few hundred are enough.
    ax, language
        As for `loss_curves`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    ShapeError, DataError
        As for `Network.gradients`.

    Notes
    -----
    The axis is logarithmic; a layer whose gradient is exactly 0 has no point on it.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou import plots
    >>> deep = tt.Network([2, 8, 8, 8, 2])
    >>> figure = plots.gradients_by_layer(deep, ([[0.0, 1.0], [1.0, 0.0]], [0, 1]))
    >>> len(figure.axes[0].lines[0].get_xdata())
    4
    """
    words = Words(language)
    several = nets if isinstance(nets, Mapping) else {"": nets}
    with drawing(words):
        ax = ax if ax is not None else sheet(7, 4).subplots()
        longest = 0
        for (name, net), colour in zip(several.items(), _cycle(len(several)), strict=True):
            X, y = (data, None) if isinstance(data, Dataset) else data
            sizes = [math.sqrt(float(np.square(g.W, dtype=np.float64).mean())) for g in
                     net.gradients(X, y)]  # fmt: skip
            layers = np.arange(1, len(sizes) + 1)
            shown = np.where(np.array(sizes) > 0, sizes, np.nan)
            ax.plot(layers, shown, "o-", color=colour, label=name)
            longest = max(longest, len(sizes))
            if name and np.isfinite(shown).any():
                _label(ax, layers[np.isfinite(shown)][-1], shown[np.isfinite(shown)][-1],
                       words.name(name, ""), colour)  # fmt: skip
        ax.set_yscale("log")
        low, high = ax.get_ylim()  # whole powers of ten: a falling line is judged by these
        ax.set_ylim(10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high)))
        ax.set_xticks(np.arange(1, longest + 1))
        ax.set_xlabel(words("plot.layer"))
        ax.set_ylabel(words("plot.gradient_size"))
        ax.set_title(words("plot.gradients"))
    return _figure(ax)


def _columns(history: History, *names: str) -> list[NDArray[np.float64]]:
    """Return columns of the history, NaN where nothing was measured."""
    if not isinstance(history, History):
        raise DataError(
            "a history is needed, as fit returns it and a trained network keeps it (net.history); "
            f"got {type(history).__name__}."
        )
    if not history.epochs:
        raise DataError("the history holds no finished epoch, so there is no curve to draw.")
    return [np.array(history.column(name), np.float64) for name in names]


def _curves(ax: Axes, history: History, found: Sequence[NDArray[np.float64]], words: Words) -> None:
    """Draw both columns over the epochs, each named at its end."""
    epochs = np.array(history.column("epoch"))
    dots: dict[str, Any] = {"marker": "o", "markersize": 5} if len(epochs) < 12 else {}
    ends = []
    for values, colour, key in (
        (found[0], BLUE, "plot.training"),
        (found[1], ORANGE, "plot.held_out"),
    ):
        measured = np.isfinite(values)
        if measured.any():
            label = words(key)
            ax.plot(
                epochs[measured], values[measured], color=colour, label=label, clip_on=False, **dots
            )
            ends.append((label, colour, epochs[measured][-1], values[measured][-1]))
    upper_first = sorted(ends, key=lambda end: -end[3])
    for place, (label, colour, x, y) in enumerate(upper_first):
        # two ends may lie on one another: the upper one is named above, the lower one below
        shift = 0 if len(ends) == 1 else 5 - 10 * place
        _label(ax, x, y, label, colour, shift)
    ax.set_xlabel(words("plot.epoch"))
    ax.xaxis.set_major_locator(need("matplotlib.ticker", "plot").MaxNLocator(integer=True))
    if len(epochs) > 1:
        ax.set_xlim(epochs[0], epochs[-1])


def _label(ax: Axes, x: float, y: float, said: str, colour: str, shift: float = 0) -> None:
    ax.annotate(
        said, (x, y), xytext=(8, shift), textcoords="offset points", color=colour,
        va="center", annotation_clip=False, weight="bold",
    )  # fmt: skip


def _cycle(n: int) -> list[str]:
    return [SERIES[i % len(SERIES)] for i in range(n)]


def _figure(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    if figure is None:  # an Axes taken out of its figure has none
        raise ValueError("ax belongs to no figure; give axes that were made by a figure.")
    return figure
