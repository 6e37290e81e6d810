"""Pictures of explanations: where a number comes from, and why this answer and not that."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.plots.style import BLUE, INK, LINE, ORANGE, QUIET, Words, diverging, drawing, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tongtou.explanation import Explanation
    from tongtou.explanation.blocks import Block
    from tongtou.explanation.neurons import NeuronTrace
    from tongtou.explanation.why import Why

_MOST_NEURONS = 16
"""Circles in a column."""
_MOST_LINES = 12
_SIDE = 11.0
"""Of the picture, in neurons."""
_TILES = 3


def trace(
    e: Explanation,
    layer: int,
    neuron: int,
    figure: Figure | None = None,
    *,
    n_terms: int = 5,
    language: str | None = None,
) -> Figure:
    """Draw the network with one example in it, and one neuron's equation opened.

    Each circle is a neuron, the darker the higher its activation stands in its layer. Lines show
    the largest terms of the neuron: orange excites it, blue inhibits it, wider is larger. Beside
    it stands its equation with its numbers, which add up as they are shown.

    Parameters
    ----------
    e : Explanation
        Of `tongtou.explain`.
    layer, neuron : int
        Layer 1 … L, neuron 0 … n_l - 1.
    figure : matplotlib Figure or SubFigure, optional
        Where to draw; a new one by default.
    n_terms : int
        Terms to write out; the others are summed.
    language : "en" or "zh", optional
        Of the labels; that of `tongtou.i18n` by default.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    IndexError
        There is no such neuron.
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> e = tt.explain(tt.Network([4, 3, 2]), np.ones(4))
    >>> figure = tt.plots.trace(e, 2, 1, language="en")
    >>> figure.axes[1].get_title(loc="left")
    'Neuron 1 of layer 2'
    """
    opened = e.neuron(layer, neuron)
    words = Words(language)
    with drawing(words):
        figure = figure or sheet(10.5, 4.8)
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        _draw_network(left, e, layer, neuron, words)
        _draw_equation(right, e, opened, n_terms, words)
    return figure


def _draw_network(ax: Axes, e: Explanation, layer: int, j: int, words: Words) -> None:
    _bare(ax)
    height = float(_MOST_NEURONS)
    start, step = 0.0, 5.5
    picture = _picture_of(e)
    if picture is not None:
        side = _SIDE
        ax.imshow(
            picture,
            cmap="gray_r",
            extent=(0, side, (height - side) / 2, (height + side) / 2),
            zorder=1,
        )
        ax.add_patch(_box(0, (height - side) / 2, side, side))
        start = side
        ax.text(
            side / 2, (height - side) / 2 - 0.5, _size_of(e), ha="center", va="top", color=QUIET
        )
        fan = [(side, (height + side) / 2), (side + step - 0.6, height - 0.1)]
        fan += [(side + step - 0.6, 0.1), (side, (height - side) / 2)]
        ax.add_patch(_polygon(fan))
    places = [_places(e, number, layer, j) for number in range(len(e.a))]
    first = 1 if picture is not None else 0
    x_of = {
        number: start + step * (number - first + (1 if first else 0.3))
        for number in range(first, len(e.a))
    }
    _draw_lines(ax, e, layer, j, places, x_of)
    for number in range(first, len(e.a)):
        marked = j if number == layer else None
        _draw_column(ax, e, number, places[number], x_of[number], marked)
        title = words("plot.layer_number", layer=number) if number else words("plot.input")
        if len(places[number]) < len(e.a[number]):
            title += f"\n{len(places[number])} / {len(e.a[number]):,}"
        ax.text(x_of[number], height + 0.9, title, ha="center", va="bottom", color=QUIET)
    ax.set_xlim(-0.5, x_of[len(e.a) - 1] + 3.2)
    ax.set_ylim(-1.6, height + 2.2)
    ax.set_aspect("equal")
    said = words("plot.answer", answer=words.name(e.answer, "?"))
    ax.set_title(said if e.network.is_classifier else "")


def _places(e: Explanation, number: int, layer: int, j: int) -> dict[int, float]:
    """Return the height of each neuron of a layer that is drawn; the first one is on top.

    Of a wide layer those that matter most for neuron j of `layer`: what its largest terms come
    from, and itself.
    """
    n = len(e.a[number])
    shown = list(range(n))
    if n > _MOST_NEURONS:
        most = _MOST_NEURONS - 1  # one place is for the dots
        shown = shown[:most]
        if number == layer - 1:
            shown = sorted(e.neuron(layer, j).terms["i"][:most].tolist())
        elif number == layer and j not in shown:
            shown[-1] = j
    top = (_MOST_NEURONS + min(n, _MOST_NEURONS)) / 2 - 0.5
    return {one: top - row for row, one in enumerate(shown)}


def _draw_column(
    ax: Axes, e: Explanation, layer: int, places: dict[int, float], x: float, marked: int | None
) -> None:
    from matplotlib.patches import Circle

    a = e.a[layer].astype(np.float64)
    low, high = min(float(a.min()), 0.0), float(a.max())
    for j, y in places.items():
        share = (float(a[j]) - low) / (high - low) if high > low else 0.0
        edge, width = (ORANGE, 2.4) if j == marked else (QUIET, 0.7)
        grey = str(1 - 0.85 * share)
        ax.add_patch(Circle((x, y), 0.4, facecolor=grey, edgecolor=edge, linewidth=width, zorder=3))
        if layer == e.n_layers:
            name = str(e.output_name(j))
            ax.text(x + 0.7, y, name, va="center", fontsize=9, color=INK)
    if len(e.a[layer]) > len(places):
        ax.text(x, min(places.values()) - 1, "⋮", ha="center", va="center", color=QUIET)


def _draw_lines(
    ax: Axes,
    e: Explanation,
    layer: int,
    j: int,
    places: list[dict[int, float]],
    x_of: dict[int, float],
) -> None:
    """Draw the largest terms as lines from where they come from."""
    terms = e.neuron(layer, j).terms
    end = (x_of[layer], places[layer][j])
    drawn = 0
    largest = max(float(abs(terms["wa"][0])), 1e-30) if len(terms) else 1.0
    for i, _, _, wa in terms.tolist():
        start = _start(e, layer, i, places, x_of)
        if start is None or wa == 0:
            continue
        ax.plot(
            *zip(start, end, strict=True),
            color=ORANGE if wa > 0 else BLUE,
            linewidth=0.4 + 4 * abs(wa) / largest,
            alpha=0.75,
            zorder=2,
            solid_capstyle="round",
        )
        drawn += 1
        if drawn == _MOST_LINES:
            break


def _start(
    e: Explanation, layer: int, i: int, places: list[dict[int, float]], x_of: dict[int, float]
) -> tuple[float, float] | None:
    if layer > 1 or 0 in x_of:
        y = places[layer - 1].get(i)
        return None if y is None else (x_of[layer - 1], y)
    row, column = np.unravel_index(i, e.input_shape)[:2]
    rows, columns = e.input_shape[:2]
    top = (_MOST_NEURONS + _SIDE) / 2
    return float(_SIDE * (column + 0.5) / columns), float(top - _SIDE * (row + 0.5) / rows)


def _draw_equation(ax: Axes, e: Explanation, opened: NeuronTrace, n: int, words: Words) -> None:
    """Draw the equation: a line a term, its figure, a bar, where it comes from."""
    from tongtou.explanation.equations import function_text
    from tongtou.explanation.formulas import number

    def bracketed(value: Decimal) -> str:
        return f"({number(value)})" if value < 0 else number(value)

    said = opened.figures(n)
    rows = [(said.bias, words("explain.bias"))]
    for one, i in zip(said.terms, opened.terms["i"].tolist(), strict=False):
        label = _label(e, opened.layer - 1, i, words)
        rows.append((one.product, f"{bracketed(one.w)} × {bracketed(one.a)}   {label}"))
    if said.n_others or said.others:
        rows.append((said.others, _others(said.n_others, said.n_zero, words)))
    _bare(ax)
    ax.set_title(words("plot.neuron_title", j=said.j, layer=said.layer))
    largest = max(abs(float(value)) for value in (*(value for value, _ in rows), said.z)) or 1.0
    for place, (value, label) in enumerate(rows):
        _draw_row(ax, -place, float(value) / largest, number(value, "+"), label)
    below, name = -len(rows), f"[{said.layer}][{said.j}]"
    ax.plot([0, 10], [below + 0.62] * 2, color=QUIET, linewidth=0.8)
    _draw_row(ax, below, float(said.z) / largest, number(said.z, "+"), f"z{name}", bold=True)
    last = f"a{name} = {function_text(said)}"
    if said.activation.name != "linear":
        last += f" {said.equals} {number(said.a)}"
    ax.text(0, below - 1.2, last, va="center", fontsize=11, color=INK)
    ax.set_xlim(-0.1, 10)
    ax.set_ylim(below - 1.9, 0.9)


def _label(e: Explanation, layer: int, i: int, words: Words) -> str:
    """Return what a term's activation is called, in the language of the picture."""
    if layer:
        return f"a[{layer}][{i}]"
    one = e.input(i)
    if one.place and not one.name:
        return words("explain.pixel", place=", ".join(map(str, one.place)))
    return words.name(one.label, f"a[0][{i}]")


def _others(n: int, n_zero: int, words: Words) -> str:
    if n == 0:
        return words("explain.rounding")
    if n_zero == 0:
        return words("explain.others", n=f"{n:,}")
    return words("explain.others_zero", n=f"{n:,}", n_zero=f"{n_zero:,}")


def _draw_row(
    ax: Axes, y: float, share: float, figure: str, label: str, *, bold: bool = False
) -> None:
    weight = "bold" if bold else "normal"
    ax.text(1.45, y, figure, ha="right", va="center", fontsize=10, weight=weight)
    middle, half = 2.9, 1.2
    ax.barh(y, half * share, 0.5, left=middle, color=ORANGE if share > 0 else BLUE)
    ax.plot([middle] * 2, [y - 0.36, y + 0.36], color=QUIET, linewidth=0.8)
    ax.text(4.35, y, label, va="center", fontsize=9.5, color=INK if bold else QUIET, weight=weight)


# ---------------------------------------------------------------- why


def why(why: Why, figure: Figure | None = None, *, language: str | None = None) -> Figure:
    """Draw why this answer and not that: blocks that pull for and against, and what is left.

    Each block is what one neuron of the last hidden layer gives to the difference of the two
    weighted sums, a_k (W_pk - W_qk), as wide as it is large. Blocks that speak for the answer lie
    to the right, those for the other to the left; the net is what is left of both. Beside it the
    share of each input; below, the largest blocks opened to the inputs.

    Parameters
    ----------
    why : Why
        Of `Explanation.why`.
    figure, language
        As for `trace`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np, tongtou as tt
    >>> e = tt.explain(tt.Network([16, 3, 2]), np.ones((4, 4)))
    >>> figure = tt.plots.why(e.why(1, over=0), language="en")
    >>> figure.axes[2].get_title(loc="left")
    'Why 1 and not 0'
    """
    words = Words(language)
    names = (words.name(why.answer, "p"), words.name(why.over, "q"))
    with drawing(words):
        figure = figure or sheet(10.5, 5.4)
        parts: Any = figure.subfigures(1, 2, width_ratios=[1, 2.5])
        left, right = parts
        e = why.explanation
        above, below = left.subplots(2, 1)
        picture = _picture_of(e)
        if picture is not None:
            above.imshow(picture, cmap="gray_r")
            _framed(above, words("plot.example"))
        else:
            above.set_visible(False)
        _draw_shares(below, why, words, names)
        upper, lower = right.subfigures(2, 1, height_ratios=[1.15, 1])
        _draw_tug(upper.subplots(), why, words, names)
        _draw_blocks(lower, why, words, names)
    return figure


def _draw_shares(ax: Axes, why: Why, words: Words, names: tuple[str, str]) -> None:
    values = why.picture
    if values.ndim >= 2:
        _draw_signed(ax, values, words("plot.shares"))
        ax.set_xlabel(words("plot.share_sign", answer=names[0], over=names[1]), fontsize=8)
        return
    largest = why.inputs.largest(8).terms
    labels = [words.name(why.explanation.input(i).label, i) for i, _ in largest]
    shares = [value for _, value in largest]
    ax.barh(range(len(shares)), shares, color=[ORANGE if one > 0 else BLUE for one in shares])
    ax.set_yticks(range(len(shares)), labels)
    ax.invert_yaxis()
    ax.grid(False)
    ax.axvline(0, color=QUIET, linewidth=0.8)
    ax.set_title(words("plot.shares"))


def _draw_tug(ax: Axes, why: Why, words: Words, names: tuple[str, str]) -> None:
    """Draw the blocks for to the right, the blocks against to the left, and the net below."""
    from matplotlib.patches import Rectangle

    order = why.terms.order()
    ends = {1: 0.0, -1: 0.0}
    reach = max(why.pull_for, -why.pull_against, 1e-30)
    for k in order.tolist():
        value = float(why.terms.values[k])
        if value == 0:
            continue
        side = 1 if value > 0 else -1
        start = ends[side]
        ends[side] += value
        colour = ORANGE if value > 0 else BLUE
        at = min(start, ends[side])
        ax.add_patch(
            Rectangle((at, 1), abs(value), 1, facecolor=colour, edgecolor="white", linewidth=1.2)
        )
        label = words("plot.biases") if k == why.terms.n - 1 else str(k)
        if abs(value) > 0.035 * 2 * reach * max(len(label) / 2, 1):
            ax.text(at + abs(value) / 2, 1.5, label, ha="center", va="center", color="white",
                    fontsize=9, weight="bold")  # fmt: skip
    net = why.net
    ax.add_patch(Rectangle((min(net, 0), 0.1), abs(net), 0.55, facecolor=INK, edgecolor="none"))
    ax.text(net + (0.02 if net >= 0 else -0.02) * reach, 0.38, words("plot.net", net=_plus(net)),
            ha="left" if net >= 0 else "right", va="center", weight="bold")  # fmt: skip
    ax.plot([0, 0], [0, 2.25], color=QUIET, linewidth=1)
    for name, edge, x, pull, colour in (
        (names[0], "right", reach, why.pull_for, ORANGE),
        (names[1], "left", -reach, why.pull_against, BLUE),
    ):
        label = words("plot.pull", name=name, pull=_plus(pull))
        ax.text(x, 2.28, label, ha=edge, va="bottom", color=colour, weight="bold")
    times = why.cancellation
    if np.isfinite(times):
        said = words("plot.cancels", gross=f"{why.gross:.3g}", times=f"{times:.2g}")
        ax.text(0, -0.42, said, ha="center", va="top", color=QUIET, fontsize=9)
    ax.set_xlim(-1.04 * reach, 1.04 * reach)
    ax.set_ylim(-0.95, 2.9)
    _bare(ax)
    ax.set_title(words("plot.why", answer=names[0], over=names[1]))


def _draw_blocks(figure: Any, why: Why, words: Words, names: tuple[str, str]) -> None:
    """Draw the inputs' shares of the largest blocks for and against."""
    chosen: list[Block] = []
    for sign in (1, -1):
        chosen += [one for one in why.blocks if sign * one.value > 0][:_TILES]
    shape = why.picture.shape
    if len(shape) < 2 or why.explanation.n_layers == 1 or not chosen:
        axes = figure.subplots()
        axes.set_visible(False)
        return
    for ax, block in zip(np.ravel(figure.subplots(1, len(chosen))), chosen, strict=True):
        name = names[0] if block.value > 0 else names[1]
        title = words("plot.block", layer=block.layer, j=block.j, name=name)
        _draw_signed(ax, block.inputs.values.reshape(shape), title, size=8)
        ax.set_xlabel(_plus(block.value), fontsize=9, color=ORANGE if block.value > 0 else BLUE)


def _draw_signed(ax: Axes, values: NDArray[Any], title: str, size: float = 12) -> None:
    drawn = values.sum(-1) if values.ndim == 3 else values
    sizes = np.abs(drawn[drawn != 0])
    scale = float(np.percentile(sizes, 97)) if sizes.size else 1.0
    ax.imshow(drawn, cmap=diverging(), vmin=-scale, vmax=scale)
    _framed(ax, title, size)


def _framed(ax: Axes, title: str, size: float = 12) -> None:
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(LINE)
    ax.set_title(title, fontsize=size, weight="bold" if size > 9 else "normal", pad=5)


def _bare(ax: Axes) -> None:
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def _box(x: float, y: float, width: float, height: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, fill=False, edgecolor=QUIET, linewidth=0.8)


def _polygon(corners: list[tuple[float, float]]) -> Any:
    from matplotlib.patches import Polygon

    return Polygon(corners, facecolor=LINE, alpha=0.35, edgecolor="none", zorder=0)


def _picture_of(e: Explanation) -> NDArray[np.float64] | None:
    """Return the example as greys, where it is a picture."""
    if len(e.input_shape) < 2:
        return None
    picture = np.asarray(e.a[0], np.float64).reshape(e.input_shape)
    return picture.mean(-1) if picture.ndim == 3 else picture


def _size_of(e: Explanation) -> str:
    return " × ".join(map(str, e.input_shape))


def _plus(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
