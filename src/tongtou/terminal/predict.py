"""``tongtou predict``: what a saved network says of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tongtou import __version__, images
from tongtou.errors import DataError
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal import examples
from tongtou.terminal.console import UserError, complain, heading, output, show, show_json
from tongtou.terminal.findings import answers
from tongtou.terminal.pictures import bar, picture
from tongtou.terminal.results import class_of
from tongtou.terminal.tables import as_confidence, class_names, indented

_SIDE = 28
_BAR_WIDTH = 24
_MOST_BARS = 12


def run(paths: Sequence[Path], model: Path, as_json: bool) -> int:
    """Show what the network says of each picture; return the exit code.

    A picture that cannot be read is complained about and does not stop the others.
    """
    if not paths:
        raise UserError(text("error.no_picture"))
    net = examples.model(model)
    if net.sizes[0] != _SIDE**2 or net.input_shape not in ((), (_SIDE, _SIDE), (_SIDE**2,)):
        raise UserError(text("error.not_for_pictures", file=model, n_in=f"{net.sizes[0]:,}"))
    code = n_shown = 0
    documents: list[dict[str, Any]] = []
    for path in paths:
        try:
            pixels = images.to_digit(path).pixels
        except DataError as error:
            complain(str(error))
            documents.append({"picture": str(path), "error": str(error)})
            code = 2
            continue
        outputs = net.predict_proba(pixels.reshape(1, -1))
        if as_json:
            documents.append(_document(net, path, outputs))
        else:
            _show(net, path, pixels, outputs, first=not n_shown)
            n_shown += 1
    if as_json:
        show_json({"tongtou": __version__, "model": str(model), "pictures": documents})
    return code


def _document(net: Network, path: Path, outputs: NDArray[Any]) -> dict[str, Any]:
    said, confidence = answers(outputs)
    return {
        "picture": str(path),
        "answer": class_of(net, int(said[0])),
        "confidence": float(confidence[0]),
        "confidences": {
            str(class_of(net, number)): float(output) for number, output in enumerate(outputs[0])
        },
    }


def _show(
    net: Network, path: Path, pixels: NDArray[np.uint8], outputs: NDArray[Any], *, first: bool
) -> None:
    said, confidence = answers(outputs)
    names = class_names(net, max(outputs.shape[1], 2))
    answer = text(
        "predict.answer",
        file=path,
        said_class=names[int(said[0])],
        confidence=as_confidence(net, float(confidence[0])),
    )
    heading(answer, first=first)
    console = output()
    beside = Table.grid(padding=(0, 3, 0, 0))
    beside.add_column(no_wrap=True)
    beside.add_column(vertical="middle")
    beside.add_row(picture(pixels, console), _bars(net, outputs[0], names, console))
    show(indented(beside))


def _bars(
    net: Network, outputs: NDArray[Any], names: Sequence[str], console: Console
) -> RenderableType:
    """Return a line for each class, for the likeliest where they are many."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(min_width=_BAR_WIDTH, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    order = range(len(outputs))
    if len(outputs) > _MOST_BARS:
        order = np.argsort(-outputs, kind="stable")[:_MOST_BARS].tolist()
    best = int(outputs.argmax())
    for number in order:
        value = float(outputs[number])
        style = "bold green" if number == best else ""
        length = value if math.isfinite(value) else 0.0
        table.add_row(
            Text(names[number], style=style),
            Text(bar(length, _BAR_WIDTH, console), style=style or "cyan"),
            Text(as_confidence(net, value), style=style),
        )
    return table
