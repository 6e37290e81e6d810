"""What `tongtou explain` shows of changes that turn the answer: a stroke, a flip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from tongtou.explanation import Explanation
from tongtou.explanation.strokes import Stroke
from tongtou.i18n import text
from tongtou.terminal.console import heading, one_line, output, show
from tongtou.terminal.explain_sums import aside
from tongtou.terminal.input_values import told
from tongtou.terminal.pictures import Grey, picture, rows_with_ink, shrunk
from tongtou.terminal.tables import as_confidence, indented

_MOST_WIDE = 56
_SHOWN_INPUTS = 5


def show_change(found: Any, e: Explanation) -> None:
    """Show a stroke or a flip: its sentence, and the picture before and after."""
    key = "explain_command.stroke" if isinstance(found, Stroke) else "explain_command.flip"
    heading(text(key))
    said = str(found)
    aside(said[:1].upper() + said[1:])
    if not found.found:
        return
    if len(e.input_shape) > 1:
        _show_pictures(found, e)
    else:
        _show_inputs(found, e)
    if not isinstance(found, Stroke) and len(e.input_shape) > 1:
        aside(text("explain_command.flip_lesson"))


def _show_pictures(found: Any, e: Explanation) -> None:
    console = output()
    width = min(_MOST_WIDE, (console.width - 2 - 3) // 2)
    table = Table.grid(padding=(0, 3, 0, 0))
    captions = (
        _caption(e, found.was, found.before, "explain_command.before"),
        _caption(e, found.answer, found.after, "explain_command.after"),
    )
    table.add_row(*captions)
    before, after = (_grey(one.reshape(e.input_shape), width) for one in (e.x, found.picture))
    kept = rows_with_ink(before, after)
    table.add_row(picture(before[kept], console), picture(after[kept], console))
    show("", indented(table))


def _caption(e: Explanation, answer: Any, outputs: NDArray[Any], key: str) -> Text:
    confidence = float(outputs.max())
    if len(outputs) == 1:
        confidence = max(confidence, 1 - confidence)
    said = text(key, answer=answer, confidence=as_confidence(e.network, confidence))
    return Text(said, style="bold")


def _grey(pixels: NDArray[Any], width: int) -> Grey:
    if pixels.dtype != np.uint8:
        pixels = 255 * np.asarray(pixels, np.float64)
    if pixels.ndim == 3:
        pixels = pixels.mean(-1)
    small = shrunk(pixels.astype(np.float64), width)
    grey: Grey = np.rint(np.clip(small, 0, 255)).astype(np.uint8)
    return grey


def _show_inputs(found: Any, e: Explanation) -> None:
    """Show the inputs of a table's row that move most."""
    table = Table.grid(padding=(0, 3, 0, 0))
    for justify in ("left", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    titles = (
        text("explain_command.input"),
        text("explain_command.was"),
        text("explain_command.becomes"),
    )
    table.add_row(*(Text(title, style="dim") for title in titles))
    change = np.ravel(found.change)
    for i in np.argsort(-np.abs(change), kind="stable")[:_SHOWN_INPUTS]:
        at = float(e.a[0][i])
        values = (told(e.network, int(i), one) for one in (at, at + float(change[i])))
        table.add_row(one_line(e.input(int(i)).label), *values)
    show("", indented(table))
