"""Tables of the command line: parameters by layer, the confusion matrix, names with values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal.console import LONGEST_LINE, one_line, wrapped

_NAME_WIDTH = 13
_SHOWN_CONFUSIONS = 10


def indented(thing: RenderableType) -> Padding:
    """Return a thing two cells to the right, as everything below a heading is."""
    return Padding(thing, (0, 0, 0, 2))


def names_and_values(pairs: Iterable[tuple[str, str]], width: int) -> RenderableType:
    """Return lines of a name and its value, values below one another."""
    rows = list(pairs)
    longest = max(_NAME_WIDTH, *(cell_len(name) for name, _ in rows))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", min_width=longest, no_wrap=True)
    table.add_column()
    for name, value in rows:
        room = max(min(width, LONGEST_LINE) - longest - 4, 20)
        table.add_row(name, "\n".join(wrapped(one_line(value), room)))
    return indented(table)


def layer_name(net: Network, number: int) -> str:
    """Return what to call layer 1 … L."""
    n_layers = len(net.layers)
    return text("layer.output") if number == n_layers else text("layer.hidden", number=number)


def parameters(net: Network) -> RenderableType:
    """Return the number of weights and biases of each layer, and of all together."""
    table = Table.grid(padding=(0, 3, 0, 0))
    titles = (
        text("layer.title"),
        text("layer.neurons"),
        text("layer.weights"),
        text("layer.biases"),
        text("layer.parameters"),
        text("layer.activation"),
    )
    for place in range(len(titles)):
        table.add_column(justify="right" if 0 < place < 5 else "left", no_wrap=True)
    table.add_row(*(Text(title, style="dim") for title in titles))
    widest = max(len(f"{layer.W.size:,}") for layer in net.layers)
    for number, layer in enumerate(net.layers, start=1):
        table.add_row(
            layer_name(net, number),
            f"{layer.n_out:,}",
            f"{layer.n_in:,} × {layer.n_out:,} = {layer.W.size:>{widest},}",
            f"{layer.b.size:,}",
            f"{layer.n_parameters:,}",
            layer.activation.name,
        )
    n_weights = sum(layer.W.size for layer in net.layers)
    n_biases = sum(layer.b.size for layer in net.layers)
    totals = ("", f"{n_weights:,}", f"{n_biases:,}", f"{net.n_parameters:,}", "")
    table.add_row(*(Text(one, style="bold") for one in (text("layer.total"), *totals)))
    return indented(table)


def confusion_matrix(
    confusion: NDArray[np.int64], names: Sequence[str], console: Console
) -> RenderableType | None:
    """Return the matrix with each class's share said right, or None where it is too wide."""
    widest = max(len(f"{confusion.max()}"), *(cell_len(name) for name in names), 3)
    last = text("confusion.right")
    width = 2 + max(map(cell_len, names)) + len(names) * (widest + 1) + 3 + max(cell_len(last), 6)
    if width > console.width:
        return None
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right", style="bold", no_wrap=True)
    for _ in names:
        table.add_column(justify="right", min_width=widest, no_wrap=True)
    table.add_column(justify="right", min_width=cell_len(last) + 2, no_wrap=True)
    table.add_row("", *(Text(name, style="bold") for name in names), Text(last, style="dim"))
    for row, name in enumerate(names):
        n = int(confusion[row].sum())
        cells = [
            _count(int(confusion[row, column]), n, row == column) for column in range(len(names))
        ]
        right = f"{confusion[row, row] / n:.1%}" if n else ""
        table.add_row(name, *cells, Text(right, style="dim"))
    return indented(table)


def _count(count: int, n: int, is_right: bool) -> Text:
    """Return a number of the matrix: right ones green, those from one in a hundred on red."""
    if count == 0:
        return Text("·", style="dim")
    if is_right:
        return Text(str(count), style="bold green")
    return Text(str(count), style="red" if count >= 0.01 * n else "")


def confusions(confusion: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    """Return the most frequent confusions as sentences, for classes too many for a matrix."""
    counts = confusion.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:_SHOWN_CONFUSIONS]
    pairs = [divmod(int(place), len(names)) for place in order]
    return [
        text("confusion.pair", is_class=names[a], said_class=names[b], count=f"{counts[a, b]:,}")
        for a, b in pairs
        if counts[a, b]
    ]


def class_names(net: Network, n_classes: int) -> list[str]:
    """Return the name of each class, its number where it has none."""
    if len(net.classes) == n_classes:
        return [one_line(name) for name in net.classes]
    return [str(number) for number in range(n_classes)]


def as_confidence(net: Network, output: float) -> str:
    """Return an output as a share of 1 where it lies between 0 and 1, otherwise as a number."""
    if net.layers[-1].activation.name in ("sigmoid", "softmax", "step"):
        return f"{output:.1%}"
    return f"{output:.3g}"
