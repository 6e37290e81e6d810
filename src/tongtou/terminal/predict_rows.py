"""What ``tongtou predict`` shows of a table: an answer a row, as a page or a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from tongtou import __version__, atomic
from tongtou.errors import DataError
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.preprocessing import TablePreprocessing
from tongtou.terminal.console import UserError, heading, one_line, say, show, show_json
from tongtou.terminal.findings import answers
from tongtou.terminal.residuals import number
from tongtou.terminal.results import class_of
from tongtou.terminal.tables import as_confidence, indented

_MOST_SHOWN = 30


def run(
    net: Network,
    model: Path,
    paths: Sequence[Path],
    out: Path | None,
    strict: bool,
    form: dict[str, Any],
    abstain: float | None,
    as_json: bool,
) -> int:
    """Show or write the answer for each row of one table; return the exit code."""
    if len(paths) > 1:
        raise UserError(text("error.one_table", first=paths[0], second=paths[1]))
    learnt = net.preprocessing
    assert isinstance(learnt, TablePreprocessing)
    source = paths[0]
    if source.is_dir() or not source.exists():
        raise UserError(text("error.no_data", file=source))
    try:
        X = learnt.transform(source, strict=strict, dtype=net.dtype, **form)
    except DataError as error:
        hint = text("error.lenient") if "strict=False" in str(error) else ""
        raise UserError(f"{error}{hint}") from error
    columns = _columns(net, learnt, net.predict_proba(X))
    told = None if abstain is None else net.predict(X, abstain=abstain)
    whole = dict(columns)
    if told is not None:
        whole[_free("verdict", columns)] = told.verdicts.tolist()
    if out is not None:
        _write(out, whole)
    if as_json:
        rows = [dict(zip(whole, row, strict=True)) for row in _rows(whole)]
        document = {"tongtou": __version__, "model": str(model), "table": str(source)}
        show_json(document | {"out": None if out is None else str(out), "rows": rows})
    elif out is not None:
        say(text("predict.written", n=f"{len(X):,}", file=out))
    else:
        _show(source, net, columns, [] if told is None else told.words())
        if told is not None:
            say(told.promise.words(), style="dim")
    return 0


def _columns(
    net: Network, learnt: TablePreprocessing, outputs: NDArray[Any]
) -> dict[str, list[Any]]:
    """Return the columns of the answer: the target's own, and for classes how sure it is."""
    told = learnt.answers(outputs)
    target = learnt.target
    if not target.classes:
        numbers = told.reshape(len(outputs), -1)
        return {name: numbers[:, place].tolist() for place, name in enumerate(target.names)}
    _, confidence = answers(outputs)
    columns = {
        target.names[0]: told.tolist(),
        _free("confidence", target.names): confidence.tolist(),
    }
    if outputs.shape[1] > 1:
        for place in range(outputs.shape[1]):
            name = f"p({class_of(net, place)})"
            columns[_free(name, columns)] = outputs[:, place].tolist()
    return columns


def _free(name: str, taken: Any) -> str:
    while name in taken:
        name += "_"
    return name


def _rows(columns: dict[str, list[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*columns.values(), strict=True))


def _write(path: Path, columns: dict[str, list[Any]]) -> None:
    page = io.StringIO(newline="")
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        [f"{one:.9g}" if isinstance(one, float) else one for one in row] for row in _rows(columns)
    )
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(text("error.not_writable", file=path, folder=path.parent))
    try:
        atomic.write_whole(str(path), page.getvalue().encode())
    except OSError as error:
        raise UserError(text("error.not_written", file=path, reason=error.strerror)) from error


def _show(source: Path, net: Network, columns: dict[str, list[Any]], words: Sequence[str]) -> None:
    n = len(next(iter(columns.values())))
    heading(text("predict.rows_title", file=source, n=f"{n:,}"), first=True)
    shown = {name: cells for name, cells in columns.items() if not name.startswith("p(")}
    table = Table.grid(padding=(0, 3, 0, 0))
    for _ in range(len(shown) + 1 + bool(words)):
        table.add_column(justify="right", no_wrap=True)
    has_classes = len(shown) < len(columns) or bool(net.classes)
    titles = [text("residual.row"), *map(one_line, shown)]
    if has_classes:
        titles[-1] = text("predict.confidence")
    if words:
        titles.append(text("predict.verdict"))
    table.add_row(*(Text(title, style="dim") for title in titles))
    for place in range(min(n, _MOST_SHOWN)):
        cells = [_cell(column[place]) for column in shown.values()]
        if has_classes:
            cells[-1] = as_confidence(net, float(list(shown.values())[-1][place]))
        if words:
            cells.append(one_line(words[place]))
        table.add_row(f"{place + 1:,}", *cells)
    show(indented(table))
    if n > _MOST_SHOWN:
        say(text("predict.more_rows", n=f"{n - _MOST_SHOWN:,}"))


def _cell(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    return one_line(value)
