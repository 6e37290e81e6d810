"""``tongtou features``: what the hidden neurons see, and whether they find edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from tongtou import __version__
from tongtou.explanation import Features, features
from tongtou.explanation.portraits import Portrait
from tongtou.i18n import text
from tongtou.terminal import examples
from tongtou.terminal.console import (
    heading,
    one_line,
    output,
    say,
    show,
    show_json,
    warnings_in_one_line,
)
from tongtou.terminal.parting import parted
from tongtou.terminal.pictures import coloured, shrunk, signed_picture
from tongtou.terminal.tables import indented

_MOST_ROWS = 20
_TILE = 14
_MOST_TILES = 40
_SELDOM = 0.05


def run(
    *,
    model: Path | None,
    source: Path | None,
    images: Path | None,
    labels: Path | None,
    separator: str | None,
    encoding: str | None,
    pictures: bool,
    seed: int,
    as_json: bool,
    **_: Any,
) -> int:
    """Look at the neurons and show; return the exit code."""
    path = model or Path(examples.DEFAULT_MODEL)
    net = examples.model(path)
    with warnings_in_one_line():
        data = examples.examples_for(net, path, source, (images, labels), separator, encoding)
        train, test = parted(net, data)
        looked_at = train if test is None else test
    found = features(net, looked_at, seed=seed)
    if as_json:
        document = {"tongtou": __version__, "model": str(path), "data": looked_at.name}
        show_json(document | found.to_dict(pictures=pictures))
        return 0
    n = text("features_command.looked", n=f"{found.n_examples:,}", data=one_line(looked_at.name))
    heading(text("features_command.title", file=path), first=True)
    say(n, style="dim")
    say(found.verdict())
    for number, neurons in enumerate(found.layers, start=1):
        _show_layer(number, neurons, found)
    show("")
    say(_legend(found), style="dim")
    return 0


def _legend(found: Features) -> str:
    """Return what the columns mean, those that are there."""
    parts = []
    if found.classes:
        parts += [text("features_command.legend_class")]
    if found.edges is not None:
        parts.append(text("features_command.legend_edge"))
    if found.loops:
        parts.append(text("features_command.legend_loops"))
    parts.append(text("features_command.legend_removal"))
    return "".join(parts).strip()


def _show_layer(number: int, neurons: tuple[Portrait, ...], found: Features) -> None:
    heading(text("features_command.layer", layer=number, n=f"{len(neurons):,}"))
    drawn = [one for one in neurons if one.picture_of == "weights"]
    if drawn and coloured(output()):
        show(indented(_tiles(drawn[:_MOST_TILES])), "")
    shown = neurons
    if len(neurons) > _MOST_ROWS:
        shown = tuple(sorted(neurons, key=_worth, reverse=True)[:_MOST_ROWS])
    show(indented(_table(shown)))
    if len(shown) < len(neurons):
        say(text("features_command.more", n=f"{len(neurons) - len(shown):,}"), style="dim")
    still = [one.j for one in neurons if one.is_constant]
    if still:
        say(text("features_command.constant", names=", ".join(map(str, still))))
    for pair in found.redundant[number - 1]:
        say(text("features_command.same", j=pair.j, k=pair.k, r=f"{pair.r:.2f}"))


def _worth(one: Portrait) -> float:
    """Return what a neuron's removal costs: in loss, which every network has."""
    removal = one.removal
    return 0.0 if removal is None else removal.held.loss - removal.now.loss


def _tiles(neurons: list[Portrait]) -> Table:
    """Return pictures of the weights in rows, each with its number; all on one scale."""
    console = output()
    in_a_row = max(console.width // (_TILE + 2), 1)
    images = [np.asarray(one.picture, np.float64) for one in neurons]
    small = [shrunk(one.sum(-1) if one.ndim == 3 else one, _TILE) for one in images]
    size = float(np.percentile(np.abs(small), 97))
    table = Table.grid(padding=(0, 2, 0, 0))
    for start in range(0, len(small), in_a_row):
        part = range(start, min(start + in_a_row, len(small)))
        table.add_row(*(signed_picture(small[k], size, console) for k in part))
        table.add_row(*(Text(str(neurons[k].j), style="dim") for k in part))
    return table


def _table(neurons: tuple[Portrait, ...]) -> Table:
    """Return a line a neuron; only columns that there is something to say in."""
    columns = [
        (text("features_command.neuron"), [str(one.j) for one in neurons]),
        (
            text("features_command.active_on"),
            [one_line(one.best_class) if one.best_class is not None else "" for one in neurons],
        ),
        (
            text("features_command.by_class"),
            ["" if one.eta_squared is None else f"{one.eta_squared:.0%}" for one in neurons],
        ),
        (text("features_command.edge") + "  ", [_edge(one) for one in neurons]),
        (
            text("features_command.loops"),
            ["" if one.loops is None else f"{one.loops:+.2f}".replace("-", "−") for one in neurons],
        ),
        (text("features_command.costs"), [_cost(one) for one in neurons]),
    ]
    table = Table.grid(padding=(0, 3, 0, 0))
    kept = [(title, cells) for title, cells in columns if any(cells)]
    for _ in kept:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(*(Text(title, style="dim") for title, _ in kept))
    for row in zip(*(cells for _, cells in kept), strict=True):
        table.add_row(*row)
    return table


def _is_edge(one: Portrait) -> bool:
    """Return whether an edge fits better than 95 % of random pictures just as smooth."""
    return one.edge is not None and one.edge_p is not None and one.edge_p <= _SELDOM


def _edge(one: Portrait) -> str:
    """Return how well the best edge or bar fits, marked where smooth noise seldom fits as well."""
    if one.edge is None:
        return ""
    mark = " *" if _is_edge(one) else "  "
    return f"{one.edge.fit:.0%}{mark}"


def _cost(one: Portrait) -> str:
    """Return what holding the neuron at its mean costs."""
    if one.removal is None:
        return ""
    now, held = one.removal.now, one.removal.held
    if now.accuracy is None or held.accuracy is None:
        return f"{held.loss - now.loss:+.3g}".replace("-", "−")
    points = 100 * (held.accuracy - now.accuracy)
    return text("features_command.points", points=f"{points:+.1f}".replace("-", "−"))
