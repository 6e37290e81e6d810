"""The examples a network got wrong although it was sure, drawn side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath

import numpy as np
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tongtou.datasets import Dataset
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal.console import one_line
from tongtou.terminal.findings import WrongAnswer
from tongtou.terminal.pictures import cut_out, picture
from tongtou.terminal.tables import as_confidence, indented

SHOWN = 8
_TILE_WIDTH, _TILE_HEIGHT = 18, 22
_GAP = 2


def gallery(
    net: Network,
    data: Dataset,
    wrong: Sequence[WrongAnswer],
    names: Sequence[str],
    place: Callable[[int], int],
    console: Console,
) -> RenderableType:
    """Return rows of four, or eight where the terminal is wide enough, each with its caption.

    `place` gives the row of the user's own table, counted from 0.
    """
    room = (console.width - 2 + _GAP) // (_TILE_WIDTH + _GAP)
    in_a_row = next((n for n in (8, 4, 2) if n <= room), 1)
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for _ in range(in_a_row):
        table.add_column(no_wrap=True)
    for start in range(0, len(wrong), in_a_row):
        row = wrong[start : start + in_a_row]
        if start:
            table.add_row("")
        if _drawable(data):
            table.add_row(*(_tile(data, one.row, console) for one in row))
        table.add_row(*(_caption(net, one, names, _where(data, one.row, place)) for one in row))
    return indented(table)


def _drawable(data: Dataset) -> bool:
    return len(data.shape) == 2 and data.X.dtype == np.uint8


def _tile(data: Dataset, row: int, console: Console) -> Text:
    pixels = data.X[row].reshape(data.shape)
    ink = cut_out(pixels, _TILE_HEIGHT - 2, _TILE_WIDTH - 2)
    return picture(np.pad(ink, 1), console)


def _where(data: Dataset, row: int, place: Callable[[int], int]) -> str:
    """Return the file an example came from, or its row where nothing is drawn of it."""
    if data.files is not None:
        name = PurePath(one_line(data.files[row])).name
        while cell_len(name) > _TILE_WIDTH:
            name = f"…{name[2:]}"
        return name
    return "" if _drawable(data) else text("wrong.row", row=f"{place(row) + 1:,}")


def _caption(net: Network, one: WrongAnswer, names: Sequence[str], where: str) -> Text:
    """Return what it is, below that what the network said, and where to find it."""
    said = text(
        "wrong.said",
        said_class=names[one.said_class],
        confidence=as_confidence(net, one.confidence),
    )
    is_class = text("wrong.is", is_class=names[one.is_class])
    lines = Text().append(is_class, style="bold").append("\n").append(said, style="red")
    return lines.append(f"\n{where}", style="dim") if where else lines
